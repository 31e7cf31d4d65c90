/** A workspace in memory, and what an engine needs to make files in it. */
import type { Workspace } from '../../../lib/aggregator/workspace.ts';

export interface MemoryWorkspace extends Workspace {
  readonly files: Map<string, Uint8Array>;
}

export function memoryWorkspace(): MemoryWorkspace {
  const files = new Map<string, Uint8Array>();
  let directories = 0;
  const bytesOf = (path: string): Uint8Array => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new Error(`no file ${path}`);
    return bytes;
  };
  return {
    files,
    async within(use) {
      const directory = `/${directories++}`;
      try {
        return await use(directory);
      } finally {
        for (const path of files.keys()) if (path.startsWith(`${directory}/`)) files.delete(path);
      }
    },
    async write(path, pieces) {
      const all: Uint8Array[] = [];
      for await (const piece of pieces) all.push(piece);
      files.set(path, Buffer.concat(all));
    },
    async *read(path) {
      yield bytesOf(path);
    },
    async remove(path) {
      bytesOf(path);
      files.delete(path);
    },
  };
}
