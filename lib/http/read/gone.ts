/** What retention has removed is gone, and its tombstone says where it went (PROTOCOL.md §3.7). */
import type { Tombstone } from '../../append/tombstone.ts';
import { IntakeError, quote } from '../../intake/errors.ts';
import { tombstoneOf } from '../../reader.ts';
import type { StoreCall } from '../../store/port.ts';
import type { ObjectReader } from './answer.ts';

/** The same objects, but that a call for one that is a tombstone throws `IntakeError` `Gone`. */
export function withoutTombstones(store: ObjectReader): ObjectReader {
  async function refuse(object: string, type: string | null, call: StoreCall): Promise<void> {
    if (type === null || type === 'Appendable') return;
    const tombstone = await tombstoneOf(store, object, call);
    if (tombstone !== null) throw gone(object, tombstone);
  }
  return {
    async head(object, call) {
      const info = await store.head(object, call);
      if (info !== null) await refuse(object, info.type, call);
      return info;
    },
    async read(object, range, call) {
      const read = await store.read(object, range, call);
      if (read !== null) await refuse(object, read.type, call);
      return read;
    },
  };
}

function gone(object: string, { length, atMs, jobs }: Tombstone): IntakeError {
  const places = jobs.map(({ job, output }) => `${output} (${job})`).join(', ');
  const where = places === '' ? '' : ` Its records are in ${places}.`;
  return new IntakeError(
    'Gone',
    `The object ${quote(object)} was removed at ${new Date(atMs).toISOString()}; it had ${length} bytes.${where}`,
  );
}
