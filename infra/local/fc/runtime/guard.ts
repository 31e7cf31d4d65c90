/**
 * Instance processes must not outlive the platform, not even when it is killed with SIGKILL. A frozen process cannot
 * notice that its parent is gone, so a tiny shell does: it reads lists of process groups, and when its input ends it
 * kills those of the last list and removes the platform's temporary directory.
 */
import { spawn } from 'node:child_process';

/** Each line replaces the list. A shell that is told to stop by Ctrl-C would leave the groups behind: it ignores it. */
const SCRIPT = `trap '' INT TERM HUP
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
rm -rf -- "$1"`;

export interface Guard {
  add(group: number): void;
  remove(group: number): void;
  /** Ends the guard, and with it whatever is still on its list. Resolves when it has done so. */
  close(): Promise<void>;
}

export function startGuard(tempDir: string): Guard {
  // A session of its own: it outlives the platform's terminal and process group.
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'guard', tempDir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve());
    shell.once('error', () => resolve());
  });
  shell.stdin.on('error', () => undefined);
  shell.unref();
  const groups = new Set<number>();
  const tell = () => shell.stdin.write(`${[...groups].join(' ')}\n`);
  return {
    add(group) {
      groups.add(group);
      tell();
    },
    remove(group) {
      groups.delete(group);
      tell();
    },
    async close() {
      shell.stdin.end();
      await exited;
    },
  };
}
