/**
 * Lists objects (OSS documentation, "ListObjectsV2"). Only commands do that: the role of the functions may not, and they
 * know the keys of their objects.
 */
import { XMLParser } from 'fast-xml-parser';
import * as z from 'zod';
import type { OssOptions } from '../../lib/store/oss.ts';
import { refusal } from '../../lib/store/oss-answer.ts';
import { ossClient } from '../../lib/store/oss-client.ts';

export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly length: number;
}

/** The objects whose keys start with `prefix`, in the order of their keys. */
export type ListObjects = (prefix: string) => AsyncIterable<ListedObject>;

const PAGE = '1000';
const TIMEOUT_MS = 60_000;

const page = z.object({
  ListBucketResult: z.object({
    IsTruncated: z.enum(['true', 'false']),
    Contents: z.array(z.object({ Key: z.string(), Size: z.string() })).default([]),
  }),
});
const xml = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => name === 'Contents',
});

/** Throws `StoreError`. */
export function ossList(options: OssOptions): ListObjects {
  const send = ossClient(options);
  return async function* list(prefix) {
    for (let after = ''; ; ) {
      const answer = await send(TIMEOUT_MS, (oss, ctx) => {
        // As parameters of the address: those of the query never get to the client.
        const subres = {
          'list-type': '2',
          prefix,
          'max-keys': PAGE,
          // XML cannot hold every character of a key.
          'encoding-type': 'url',
          ...(after !== '' && { 'start-after': after }),
        };
        const request: object = { subres, ctx };
        return oss.listV2({}, request);
      });
      if (answer.status !== 200) throw refusal(answer);
      const { Contents, IsTruncated } = page.parse(xml.parse(answer.body)).ListBucketResult;
      for (const { Key, Size } of Contents) {
        after = decodeURIComponent(Key.replaceAll('+', '%20'));
        yield { key: after, length: Number(Size) };
      }
      if (IsTruncated === 'false' || Contents.length === 0) return;
    }
  };
}
