import { describe, expect, it } from 'vitest';
import { createAccess } from '../../../../lib/http/access/access.ts';
import {
  accessBench,
  BEARER,
  bearer,
  EVENTS,
  GITHUB,
  REFUSED,
  refusal,
  signedGithub,
  signedWebhook,
  TOKEN,
  WEBHOOK,
} from './support.ts';

const CALL = { timeoutMs: 1000 };

describe('a target without access', () => {
  it('takes nothing, and says what to configure', async () => {
    const { post, appends } = accessBench(undefined);
    const response = await post('/append/events', '1', bearer(TOKEN));
    expect(await response.clone().text()).toMatch(/`access` in append\.config\.ts, or set APPEND_ACCESS/);
    expect(await refusal(response)).toEqual(REFUSED.noToken);
    expect(appends).toEqual([]);
  });

  it('is open where the deployment says so, or leaves it to the trigger', async () => {
    for (const fallback of ['open', 'trigger'] as const) {
      const { post, logged } = accessBench(undefined, { fallback });
      expect((await post('/append/events', '1')).status).toBe(200);
      expect(logged.at(-1)).not.toHaveProperty('credential');
      expect(await refusal(await post('/append/sealed', '1'))).toEqual(REFUSED.noToken);
    }
  });

  it('is shut too if it is none of the configuration', async () => {
    const { runtime, config, target } = accessBench('open');
    const options = { runtime, config, fallback: 'open', secrets: new Map(), fetch } as const;
    const stranger = { ...target('events'), name: 'stranger' };
    const request = { headers: new Headers(), body: async () => new Uint8Array(), remainingMs: () => 1000 };
    await expect(createAccess(options).identify(stranger, request)).rejects.toThrowError('Nobody may write');
  });
});

describe('a target with access', () => {
  it('says the same whatever the deployment says', async () => {
    const { post, appends } = accessBench([BEARER], { fallback: 'open' });
    expect(await refusal(await post('/append/events', '1'))).toEqual(REFUSED.noToken);
    expect(appends).toEqual([]);
    const open = accessBench('open', { fallback: 'deny' });
    expect((await open.post('/append/events', '1')).status).toBe(200);
    const trigger = accessBench('trigger', { fallback: 'deny' });
    expect((await trigger.post('/append/events', '1')).status).toBe(200);
    expect((await trigger.post('/append/sealed', '1')).status).toBe(401);
  });

  it('names the credential of a call in the log', async () => {
    const { post, logged } = accessBench([BEARER]);
    await post('/append/events', '1', bearer(TOKEN));
    expect(logged.at(-1)).toMatchObject({ event: 'request', status: 200, credential: 'ci' });
    await post('/append/events', '1', bearer('x'));
    expect(logged.at(-1)).toMatchObject({ status: 401, code: 'Unauthenticated' });
    expect(logged.at(-1)).not.toHaveProperty('credential');
  });

  it('takes whichever of its credentials is shown, and asks for all of them', async () => {
    const { post, lines } = accessBench([BEARER, WEBHOOK, GITHUB]);
    expect((await post('/append/events', '1', bearer(TOKEN))).status).toBe(200);
    expect((await post('/append/events', '2', signedWebhook('2'))).status).toBe(200);
    expect((await post('/append/events', '3', signedGithub('3'))).status).toBe(200);
    expect(await lines(EVENTS)).toEqual(['1', '2', '3']);
    expect(await refusal(await post('/append/events', '4'))).toEqual([
      401,
      'unauthenticated',
      'Bearer realm="oss-append", StandardWebhooks realm="oss-append", X-Hub-Signature-256 realm="oss-append"',
    ]);
  });

  it('takes no call that shows two, though both were good', async () => {
    const { post, appends } = accessBench([BEARER, WEBHOOK, GITHUB]);
    for (const headers of [
      { ...bearer(TOKEN), ...signedWebhook('1') },
      { ...signedGithub('1'), ...signedWebhook('1') },
      { ...bearer('wrong'), ...signedGithub('1') },
    ]) {
      const response = await post('/append/events', '1', headers);
      expect(await response.clone().text()).toContain('several credentials');
      expect((await refusal(response))[1]).toBe('unauthenticated');
    }
    expect(appends).toEqual([]);
  });

  it('looks at nothing that it has no credential of', async () => {
    const { post } = accessBench([WEBHOOK]);
    const basic = { authorization: 'Basic eDp5' };
    expect((await post('/append/events', '1', { ...basic, ...signedWebhook('1') })).status).toBe(200);
    expect((await refusal(await post('/append/events', '1', bearer(TOKEN))))[1]).toBe('unauthenticated');
    expect((await refusal(await post('/append/events', '1', signedGithub('1'))))[1]).toBe('unauthenticated');
  });

  it('refuses a stranger before it looks at anything else of the call', async () => {
    const { post } = accessBench([BEARER]);
    const broken = { 'if-match': 'x', 'idempotency-key': '"', 'content-type': 'x' };
    expect(await refusal(await post('/append/notes/../x', '', broken))).toEqual(REFUSED.noToken);
    expect((await post('/append/notes/../x', '1', bearer(TOKEN))).status).toBe(400);
  });
});

describe('a credential for some targets', () => {
  it('is good for no other', async () => {
    const { post, appends } = accessBench([{ ...BEARER, targets: ['events', 'tenants'] }]);
    expect((await post('/append/events', '1', bearer(TOKEN))).status).toBe(200);
    expect(await refusal(await post('/append/notes/a', '1', bearer(TOKEN)))).toEqual(REFUSED.forbidden);
    expect(appends).toEqual([EVENTS]);
  });
});

describe('a credential for some keys', () => {
  const { post, appends } = accessBench([{ ...BEARER, keys: ['notes/a', 'notes/d/', 'tenants/acme'] }]);

  it.each([
    ['/append/notes/a', 'notes/a'],
    ['/append/notes/%61', 'notes/a'],
    ['/append/notes/a/b', 'notes/a/b'],
    ['/append/notes/a%2Fb', 'notes/a/b'],
    ['/append/notes/d/e', 'notes/d/e'],
    ['/append/tenants?tenant=acme', 'tenants/acme'],
  ])('lets %s in', async (path, key) => {
    expect((await post(path, '1', bearer(TOKEN))).status).toBe(200);
    expect(appends.at(-1)).toBe(key);
  });

  it.each([
    '/append/notes/ab',
    '/append/notes/ab/c',
    '/append/notes/A',
    '/append/notes/d',
    '/append/notes/x/a/b',
    '/append/notes/%20a/b',
    '/append/notes/%EF%BD%81/b',
    '/append/notes/a%CC%81',
    '/append/tenants?tenant=acme2',
    '/append/tenants?tenant=other',
    '/append/events',
  ])('keeps %s out', async (path) => {
    const before = [...appends];
    expect(await refusal(await post(path, '1', bearer(TOKEN)))).toEqual(REFUSED.forbidden);
    expect(appends).toEqual(before);
  });

  it.each([
    '/append/notes/a%2F..%2Fb',
    '/append/notes/%61/%2e%2e/b',
    '/append/notes/a%2F%2E%2E%2Fb',
    '/append/notes/a%252f%252e%252e%252fb',
    '/append/notes/a%00',
    '/append/notes/a%5C..%5Cb',
    '/append/notes/a%2F%2Fb',
    '/append/notes/a/',
    '/append/notes/a%2F%EF%BC%8E%EF%BC%8E%2Fb',
    `/append/notes/a/${'x'.repeat(1100)}`,
    '/append/tenants?tenant=acme%2F..%2Fother',
    '/append/tenants?tenant=acme&tenant=other',
  ])('cannot be tricked by %s', async (path) => {
    const before = [...appends];
    expect(await refusal(await post(path, '1', bearer(TOKEN)))).toEqual([400, 'invalid-key', null]);
    expect(appends).toEqual(before);
  });

  it('appends nothing if one of several keys is out of bounds', async () => {
    const it = accessBench([{ ...BEARER, keys: [EVENTS] }]);
    const event = (id: number, hour: number) => ({
      specversion: '1.0',
      id: `${id}`,
      source: 's',
      type: 't',
      time: `2026-11-22T${hour}:00:00Z`,
      data: id,
    });
    const headers = { ...bearer(TOKEN), 'content-type': 'application/cloudevents-batch+json' };
    const mixed = JSON.stringify([event(1, 20), event(2, 21), event(3, 20)]);
    expect(await refusal(await it.post('/append/events', mixed, headers))).toEqual(REFUSED.forbidden);
    expect(it.appends).toEqual([]);
    const own = JSON.stringify([event(1, 20), event(3, 20)]);
    expect((await it.post('/append/events', own, headers)).status).toBe(200);
    expect(await it.lines(EVENTS)).toEqual(['1', '3']);
  });
});

describe('reading', () => {
  it('takes what writing takes, by target and key', async () => {
    const { post, get } = accessBench([{ ...BEARER, targets: ['notes'], keys: ['notes/a'] }]);
    await post('/append/notes/a/b', 'x', bearer(TOKEN));
    expect(await (await get('/append/notes/a/b', bearer(TOKEN))).text()).toBe('x');
    expect(await refusal(await get('/append/notes/a/b'))).toEqual(REFUSED.noToken);
    expect(await refusal(await get('/append/notes/a/b', bearer('wrong')))).toEqual(REFUSED.token);
    // Whether an object is there is not told either.
    expect(await refusal(await get('/append/notes/b', bearer(TOKEN)))).toEqual(REFUSED.forbidden);
    expect(await refusal(await get('/append/events', bearer(TOKEN)))).toEqual(REFUSED.forbidden);
    expect(await refusal(await get('/append/sealed', bearer(TOKEN)))).toEqual(REFUSED.noToken);
  });

  it('of a later segment takes access to its log', async () => {
    const { store, get } = accessBench([{ ...BEARER, keys: [EVENTS] }]);
    await store.put(`${EVENTS}~00001`, Buffer.from('later'), CALL);
    expect(await (await get('/append/events?segment=1', bearer(TOKEN))).text()).toBe('later');
    const other = accessBench([{ ...BEARER, keys: ['events/2026-11-22-19'] }]);
    expect(await refusal(await other.get('/append/events?segment=1', bearer(TOKEN)))).toEqual(
      REFUSED.forbidden,
    );
  });

  it('is not done with a signature, which whoever saw one for an empty body could send', async () => {
    const { store, get } = accessBench([WEBHOOK, GITHUB]);
    await store.put(EVENTS, Buffer.from('x'), CALL);
    for (const headers of [signedWebhook(''), signedGithub('')])
      expect(await refusal(await get('/append/events', headers))).toEqual(REFUSED.forbidden);
  });

  it('is as open as writing', async () => {
    for (const access of ['open', 'trigger'] as const) {
      const { store, get } = accessBench(access);
      await store.put(EVENTS, Buffer.from('x'), CALL);
      expect((await get('/append/events')).status).toBe(200);
    }
  });
});
