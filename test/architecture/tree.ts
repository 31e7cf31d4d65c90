/** The repository's own text files. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.join(import.meta.dirname, '../..');

/** Every file that is tracked or would be, by path from the root; with `/`, sorted. */
export function tree(): ReadonlyMap<string, string> {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  return new Map(
    [...new Set(files)]
      .filter((file) => file !== '' && lstatSync(path.join(ROOT, file), { throwIfNoEntry: false })?.isFile())
      .sort()
      .map((file) => [file, readFileSync(path.join(ROOT, file), 'utf8')]),
  );
}
