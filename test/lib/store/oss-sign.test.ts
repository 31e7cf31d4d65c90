import OSS from 'ali-oss';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { v4Signer } from '../../../lib/store/oss-sign.ts';

type Query = Record<string, string | null>;
type Headers = Record<string, string>;
type AliOssSignature = (
  method: string,
  parts: { headers: Headers; queries: Query },
  bucket: string,
  key: string,
) => string;

function aliOss(accessKeySecret: string): AliOssSignature {
  const options = { accessKeyId: 'LTAI', accessKeySecret, region: 'oss-cn-hangzhou', authorizationV4: true };
  const client: unknown = new OSS(options);
  if (!isSigner(client)) throw new Error('ali-oss has no authorizationV4');
  return client.authorizationV4.bind(client);
}

function isSigner(client: unknown): client is { authorizationV4: AliOssSignature } {
  return typeof client === 'object' && client !== null && 'authorizationV4' in client;
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
const headers = fc.record({
  'x-oss-date': fc
    .date({ min: new Date('2000-01-01'), max: new Date('2099-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString().replace(/[-:]|\.\d+/g, '')),
  'x-oss-content-sha256': fc.constant('UNSIGNED-PAYLOAD'),
  'content-type': ascii,
  'content-md5': ascii,
  'content-length': fc.nat().map(String),
  'user-agent': ascii,
  'x-oss-security-token': ascii,
  'x-oss-meta-name': ascii,
});
const query = fc.dictionary(fc.stringMatching(/^[a-z]{1,12}$/), fc.option(ascii), { maxKeys: 5 });

describe('the V4 signature', () => {
  it('is the one that ali-oss makes, for any request', () => {
    fc.assert(
      fc.property(ascii, text, headers, query, (secret, key, someHeaders, someQuery) => {
        const accessKeySecret = `s${secret}s`;
        const sign = v4Signer({ accessKeyId: 'LTAI', accessKeySecret, region: 'cn-hangzhou' });
        const request = {
          method: 'POST',
          bucket: 'logs',
          key,
          headers: { ...someHeaders, 'x-oss-not-sent': undefined },
          query: { ...someQuery },
        };
        const queries = { ...someQuery };
        expect(sign(request)).toBe(
          aliOss(accessKeySecret)('POST', { headers: someHeaders, queries }, 'logs', key),
        );
      }),
    );
  });

  it('changes its key with the day', () => {
    const sign = v4Signer({ accessKeyId: 'LTAI', accessKeySecret: 'secret', region: 'cn-hangzhou' });
    const reference = aliOss('secret');
    for (const date of ['20261122T235959Z', '20261123T000000Z', '20261122T235959Z']) {
      const parts = { headers: { 'x-oss-date': date }, queries: { append: null, position: '0' } };
      const request = {
        method: 'POST',
        bucket: 'logs',
        key: 'a',
        headers: parts.headers,
        query: parts.queries,
      };
      expect(sign(request)).toBe(reference('POST', parts, 'logs', 'a'));
    }
  });
});
