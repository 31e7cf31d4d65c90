import { closeSync, readFileSync } from 'node:fs';
import { Store } from '../../local/oss/disk/store.ts';
import { BUCKET } from './messages.ts';

/** Everything in the bucket, from the disk of a store that has ended: no client, no network and no fault between. */
export function objectsOn(dataDir: string): ReadonlyMap<string, Uint8Array> {
  const store = new Store(dataDir);
  try {
    const objects = store.buckets.get(BUCKET)?.objects.values() ?? [];
    return new Map([...objects].map(({ key, file, length }) => [key, contents(store.open(file), length)]));
  } finally {
    store.close();
  }
}

function contents(fd: number, length: number): Uint8Array {
  try {
    return readFileSync(fd).subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
