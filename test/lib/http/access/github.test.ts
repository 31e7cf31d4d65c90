import { describe, expect, it } from 'vitest';
import { receipts } from '../support.ts';
import { accessBench, EVENTS, GITHUB, REFUSED, refusal, signedGithub } from './support.ts';

describe('a delivery with X-Hub-Signature-256', () => {
  it('has the signature that GitHub gives as an example', () => {
    expect(signedGithub('Hello, World!', { secret: "It's a Secret to Everybody" })).toMatchObject({
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    });
  });

  it('is named by X-GitHub-Delivery, so that it is a repeat when it comes again', async () => {
    const { post, lines } = accessBench([GITHUB]);
    const sent = signedGithub('{"a":1}', { id: '72d3162e-cc78-11e3-81ab-4c9367dc0958' });
    const found = [];
    for (const _ of [1, 2]) found.push(...(await receipts(await post('/append/events', '{"a":1}', sent))));
    const name = { id: '72d3162e-cc78-11e3-81ab-4c9367dc0958', source: 'webhook/git' };
    expect(found).toMatchObject([
      { ...name, repeat: false },
      { ...name, repeat: true },
    ]);
    expect(await lines(EVENTS)).toEqual(['{"a":1}']);
  });

  it('may come without a name, and with bytes', async () => {
    const { post } = accessBench([GITHUB]);
    const bytes = Uint8Array.of(0, 255, 254);
    const { 'x-hub-signature-256': signature } = signedGithub(bytes);
    const headers = { 'x-hub-signature-256': signature };
    expect((await post('/append/notes/a', bytes, headers)).status).toBe(200);
    const other = Uint8Array.of(0, 254, 255);
    expect(await refusal(await post('/append/notes/a', other, headers))).toEqual(REFUSED.github);
  });

  const good = signedGithub('1');
  const signature = good['x-hub-signature-256'];
  it.each([
    ['of another secret', signedGithub('1', { secret: 'other' })],
    ['of another body', signedGithub('2')],
    ['that is empty', { 'x-hub-signature-256': '' }],
    ['of SHA-1', { 'x-hub-signature-256': signature.replace('sha256', 'sha1') }],
    ['without its algorithm', { 'x-hub-signature-256': signature.slice(7) }],
    ['in capitals', { 'x-hub-signature-256': `sha256=${signature.slice(7).toUpperCase()}` }],
    ['cut short', { 'x-hub-signature-256': signature.slice(0, -1) }],
    ['that came twice', { 'x-hub-signature-256': `${signature}, ${signature}` }],
    ['that is too long', { 'x-hub-signature-256': signature.padEnd(9000, '0') }],
    ['for a name that is none', { ...good, 'x-github-delivery': 'a b' }],
    ['for a name that came twice', { ...good, 'x-github-delivery': 'd-1, d-1' }],
  ])('is refused with a signature %s', async (_, wrong) => {
    const { post, appends } = accessBench([GITHUB]);
    expect(await refusal(await post('/append/events', '1', { ...good, ...wrong }))).toEqual(REFUSED.github);
    expect(appends).toEqual([]);
  });

  it('is not read beyond what a call may hold', async () => {
    const { post } = accessBench([GITHUB]);
    const headers = { ...good, 'content-length': String(33 * 1024 * 1024) };
    expect((await post('/append/events', '1', headers)).status).toBe(413);
  });
});
