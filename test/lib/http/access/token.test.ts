import { describe, expect, it } from 'vitest';
import { receipts } from '../support.ts';
import { accessBench, BEARER, bearer, OTHER_TOKEN, REFUSED, refusal, sha256, TOKEN } from './support.ts';

describe('a bearer token', () => {
  const both = [BEARER, { ...BEARER, name: 'other', sha256: sha256(OTHER_TOKEN).toUpperCase() }];

  it.each([
    ['as it is', `Bearer ${TOKEN}`, 'ci'],
    ['after the scheme in any case, and spaces', `bEARER   ${TOKEN}`, 'ci'],
    ['of several', `Bearer ${OTHER_TOKEN}`, 'other'],
  ])('is taken %s', async (_, authorization, credential) => {
    const { post, logged } = accessBench(both);
    expect((await post('/append/events', '1', { authorization })).status).toBe(200);
    expect(logged.at(-1)).toMatchObject({ credential });
  });

  it.each([
    ['another token', 'Bearer token-C1'],
    ['the hash in its place', `Bearer ${BEARER.sha256}`],
    ['only its beginning', `Bearer ${TOKEN.slice(0, -1)}`],
    ['more than it', `Bearer ${TOKEN}=`],
    ['it in another case', `Bearer ${TOKEN.toLowerCase()}`],
    ['no token', 'Bearer'],
    ['nothing', ''],
    ['another scheme', `Basic ${TOKEN}`],
    ['no scheme', TOKEN],
    ['two tokens', `Bearer ${TOKEN} ${TOKEN}`],
    ['two headers', `Bearer ${TOKEN}, Bearer ${TOKEN}`],
    ['it in quotes', `Bearer "${TOKEN}"`],
    ['a token that is too long', `Bearer ${'x'.repeat(9000)}`],
    ['spaces that are too many', `Bearer${' '.repeat(9000)}${TOKEN}`],
    ['something like a JWT', 'Bearer a.b.c'],
  ])('is refused: %s', async (_, authorization) => {
    const { post, appends } = accessBench(both);
    expect(await refusal(await post('/append/events', '1', { authorization }))).toEqual(REFUSED.token);
    expect(appends).toEqual([]);
  });

  it.each([0, 32, 63])('is known by its whole hash, digit %i too', async (at) => {
    const digit = (Number.parseInt(BEARER.sha256[at] ?? '', 16) ^ 1).toString(16);
    const near = BEARER.sha256.slice(0, at) + digit + BEARER.sha256.slice(at + 1);
    const { post } = accessBench([{ ...BEARER, sha256: near }]);
    expect(await refusal(await post('/append/events', '1', bearer(TOKEN)))).toEqual(REFUSED.token);
  });

  it('is refused in a header that came twice', async () => {
    const headers = new Headers(bearer(TOKEN));
    headers.append('authorization', `Bearer ${TOKEN}`);
    const { post } = accessBench(both);
    expect(await refusal(await post('/append/events', '1', headers))).toEqual(REFUSED.token);
  });

  it('is asked for where there is none', async () => {
    const { post } = accessBench(both);
    expect(await refusal(await post('/append/events', '1'))).toEqual(REFUSED.noToken);
    expect(await refusal(await post(`/append/events?access_token=${OTHER_TOKEN}`, '1'))).toEqual(
      REFUSED.noToken,
    );
  });

  it('leaves ids and sources to the caller', async () => {
    const { post } = accessBench(both);
    const response = await post('/append/events', '1', { ...bearer(TOKEN), 'idempotency-key': 'k' });
    expect(await receipts(response)).toMatchObject([{ id: 'k', source: 'http' }]);
  });
});
