/** A workspace on the local disk. */
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Workspace } from './workspace.ts';

const READ_BYTES = 1024 * 1024;

/** Below `root`, which is made if it is not there. What a run that was killed left in it is no harm but to the disk. */
export function diskWorkspace(root: string): Workspace {
  return {
    async within(use) {
      await mkdir(root, { recursive: true });
      const directory = await mkdtemp(path.join(root, 'claim-'));
      try {
        return await use(directory);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
    write: (file, pieces) => writeFile(file, pieces),
    read: (file) => createReadStream(file, { highWaterMark: READ_BYTES }),
    remove: (file) => rm(file),
  };
}
