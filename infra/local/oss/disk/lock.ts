/**
 * One process a data directory.
 *
 * The lock file names its holder: the process id and, where /proc tells it, when that process started, so that a
 * lock left behind by a killed process is recognised even if its id is in use again. A lock whose holder is gone is
 * taken over.
 */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';

/** Another process uses the data directory. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError';
  readonly pid: number;

  constructor(dataDir: string, pid: number) {
    super(
      `The data directory ${dataDir} is in use by process ${pid}. Stop it, or choose another data directory.`,
    );
    this.pid = pid;
  }
}

/** Locks the directory; the result unlocks it. Throws `DataDirInUseError`. */
export function lockDataDir(dataDir: string): () => void {
  const path = `${dataDir}/lock`;
  const mine = identity(process.pid);
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, mine);
  try {
    if (!link(draft, path)) {
      takeOver(dataDir, path);
      if (!link(draft, path)) throw new DataDirInUseError(dataDir, holderOf(read(path)));
    }
  } finally {
    unlinkSync(draft);
  }
  return () => unlinkSync(path);
}

/** Moves a dead holder's lock out of the way. Of several processes doing so, one moves it and the rest find none. */
function takeOver(dataDir: string, path: string): void {
  const seen = read(path);
  const pid = holderOf(seen);
  if (pid !== 0 && identity(pid) === seen) throw new DataDirInUseError(dataDir, pid);
  const grave = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, grave);
  } catch {
    return;
  }
  const moved = read(grave);
  if (moved !== seen) link(grave, path);
  unlinkSync(grave);
}

/** Creates the lock with its content in one step. False if there is one already. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function holderOf(lock: string): number {
  return Number(lock.split(' ')[0]) || 0;
}

/** `<pid> <start time>` of a running process, '' if there is none. The start time is empty outside Linux. */
function identity(pid: number): string {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return '';
  }
  // The process's name comes second, in parentheses, and may hold anything; the start time is the 22nd field.
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return `${pid} ${fields[19] ?? ''}`;
}
