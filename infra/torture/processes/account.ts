/** What is told of a broken promise, and what is kept to look into it. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { nameOf, type Violation } from './evidence.ts';
import type { Entry } from './journal.ts';
import type { Result } from './run.ts';

const ENTRIES_MAX = 60;
const TEXT_CHARS_MAX = 200;

/** The first violation, with all that happened to the jobs and writers that it is about. */
export function account({ violations, journal }: Result, violation: Violation, dir: string): string {
  const jobs = new Set(violation.calls.map(({ job }) => String(job.index)));
  const writers = new Set(violation.calls.map(({ writer }) => writer));
  const own = journal.entries.filter(({ call }) => call !== null && jobs.has(call.split('.')[0] ?? ''));
  const from = own[0]?.at ?? 0;
  const to = own.at(-1)?.at ?? -1;
  const about = journal.entries.filter(
    (entry) =>
      own.includes(entry) ||
      (entry.call === null &&
        entry.at >= from &&
        entry.at <= to &&
        (entry.writer === null || writers.has(entry.writer))),
  );
  const shown = about.slice(0, ENTRIES_MAX).map(lineOf);
  if (about.length > shown.length) shown.push(`… and ${about.length - shown.length} more`);
  const calls = violation.calls.map(nameOf).join(', ');
  return [
    `A promise is broken. ${violation.text}`,
    ...(shown.length === 0 ? [] : ['', `What happened to ${calls}:`, ...shown]),
    '',
    ...(violations.length > 1 ? [`${violations.length - 1} more are in violations.txt.`] : []),
    `Kept in ${dir}: violations.txt, journal.ndjson (all that was sent and answered), objects/ (all that was in the bucket).`,
  ].join('\n');
}

function lineOf({ ms, writer, call, text }: Entry): string {
  const who = writer ?? '';
  const what = call === null ? text : `call ${call} ${text}`;
  return `  ${String(ms).padStart(7)} ms  ${who.padEnd(5)} ${what.slice(0, TEXT_CHARS_MAX)}`;
}

/** Writes what the account speaks of into `dir`. */
export async function keep(dir: string, { violations, journal, evidence }: Result): Promise<void> {
  const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
  await writeFile(path.join(dir, 'violations.txt'), lines(violations.map(({ text }) => text)));
  const entries = journal.entries.map((entry) => JSON.stringify(entry));
  await writeFile(path.join(dir, 'journal.ndjson'), lines(entries));
  for (const [key, bytes] of evidence.objects) {
    const file = path.join(dir, 'objects', key);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
}
