/** All pages of a list. */
import type { Bucket, ListCall, ListedObject, ListPage } from './port.ts';

/** The objects whose keys begin with `prefix`, one request for each `limit` of them. Throws `StoreError`. */
export async function* objectsBelow(
  bucket: Pick<Bucket, 'list'>,
  prefix: string,
  call: ListCall,
): AsyncGenerator<ListedObject, void, undefined> {
  let next: string | null = call.startAfter ?? '';
  while (next !== null) {
    const page: ListPage = await bucket.list(prefix, { ...call, startAfter: next });
    yield* page.objects;
    next = page.next;
  }
}
