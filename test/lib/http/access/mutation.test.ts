/** Whatever bit of a signed call is turned, what is left is no longer signed. */
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { CLAIMS, issuer, JWT, type Key, newKey } from './issuer.ts';
import {
  accessBench,
  BEARER,
  bearer,
  GITHUB,
  signedGithub,
  signedWebhook,
  TOKEN,
  WEBHOOK,
} from './support.ts';

const BODY = '{"größe":[1,2,3],"text":"a\\u0000b"}';
const utf8 = new TextEncoder();
let key: Key;

beforeAll(async () => {
  key = await newKey('k-1');
});

interface Call {
  readonly headers: Record<string, string>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A bit of the body, or of a header that is covered: another character, which can stand in a header. */
function mutants({ headers, body }: Call, covered: readonly string[]) {
  const ofHeaders = covered.map((name) => {
    const value = headers[name] ?? '';
    return fc
      .record({
        at: fc.nat(value.length - 1),
        to: fc.integer({ min: 0x21, max: 0x7e }).map(String.fromCharCode),
      })
      .filter(({ at, to }) => value[at] !== to)
      .map(
        ({ at, to }): Call => ({
          headers: { ...headers, [name]: value.slice(0, at) + to + value.slice(at + 1) },
          body,
        }),
      );
  });
  const ofBody = fc.record({ at: fc.nat(body.length - 1), bits: fc.integer({ min: 1, max: 255 }) });
  const cut = fc.nat(body.length - 1).map((end): Call => ({ headers, body: body.slice(0, end) }));
  return { ofHeaders, ofBody: [ofBody.map((turn): Call => ({ headers, body: turned(body, turn) })), cut] };
}

function turned(body: Uint8Array, { at, bits }: { at: number; bits: number }): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(body);
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}

async function refusesAll(call: Call, covered: readonly string[], withBody: boolean): Promise<void> {
  const { fetch } = issuer(key);
  const it = accessBench([BEARER, JWT, WEBHOOK, GITHUB], { fetch });
  const { ofHeaders, ofBody } = mutants(call, covered);
  await fc.assert(
    fc.asyncProperty(fc.oneof(...ofHeaders, ...(withBody ? ofBody : [])), async ({ headers, body }) => {
      expect((await it.post('/append/notes/a', body, headers)).status).toBe(401);
    }),
    { numRuns: 1000 },
  );
  expect(it.appends).toEqual([]);
  expect((await it.post('/append/notes/a', call.body, call.headers)).status).toBe(200);
}

const body = utf8.encode(BODY);

it('of Standard Webhooks', async () => {
  const headers = signedWebhook(BODY);
  await refusesAll({ headers, body }, Object.keys(headers), true);
});

it('of GitHub', async () => {
  await refusesAll({ headers: signedGithub(BODY), body }, ['x-hub-signature-256'], true);
});

it('of a token', async () => {
  const mutated = fc
    .nat(TOKEN.length - 1)
    .chain((at) =>
      fc
        .integer({ min: 0x21, max: 0x7e })
        .map((code) => TOKEN.slice(0, at) + String.fromCharCode(code) + TOKEN.slice(at + 1)),
    );
  const it = accessBench([BEARER]);
  await fc.assert(
    fc.asyncProperty(
      mutated.filter((token) => token !== TOKEN),
      async (token) => {
        expect((await it.post('/append/notes/a', body, bearer(token))).status).toBe(401);
      },
    ),
  );
});

it('of a JWT', async () => {
  const token = await key.sign(CLAIMS);
  const it = accessBench([JWT], { fetch: issuer(key).fetch });
  const mutated = fc
    .record({ at: fc.nat(token.length - 1), bit: fc.integer({ min: 0x21, max: 0x7e }) })
    .map(({ at, bit }) => token.slice(0, at) + String.fromCharCode(bit) + token.slice(at + 1))
    .filter((changed) => changed !== token);
  await fc.assert(
    fc.asyncProperty(mutated, async (changed) => {
      expect((await it.post('/append/notes/a', body, bearer(changed))).status).toBe(401);
    }),
    { numRuns: 1000 },
  );
});
