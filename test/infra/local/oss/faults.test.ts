import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isControl } from '../../../../infra/local/oss/control.ts';
import { FaultPlan } from '../../../../infra/local/oss/faults.ts';
import { roundTripMs, seededRandom } from '../../../../infra/local/oss/network.ts';
import type { Fault, FaultRule, RequestEntry } from '../../../../infra/local/oss/server.ts';
import { append, BUCKET, client, exchange, type Reply, send, signedHeaders, start } from './harness.ts';

const NEXT = 'x-oss-next-append-position';
const once = (fault: Fault, rest: Partial<FaultRule> = {}): FaultRule => ({ fault, times: 1, ...rest });

describe('a fault', () => {
  it.each<[Fault, acts: boolean, seen: unknown]>([
    ['request-lost', false, 'ECONNRESET'],
    ['reset', false, 'ECONNRESET'],
    ['error-500', false, 'InternalError'],
    ['throttle', false, 'TotalQpsLimitExceeded'],
    ['answer-lost', true, 'ECONNRESET'],
    ['error-500-after', true, 'InternalError'],
    ['slow', true, 200],
  ])('%s: acted is %s, seen is %s; the next request is served', async (fault, acts, seen) => {
    const oss = await start({ faults: [once(fault, { delayMs: 1, match: { operation: 'append' } })] });
    const outcome = await append(oss, 'k', 0, 'x').then(
      ({ code, status }) => code ?? status,
      ({ code }) => code,
    );
    expect(outcome).toBe(seen);
    expect((await send(oss, { method: 'HEAD', key: 'k' })).status).toBe(acts ? 200 : 404);
    expect((await append(oss, 'k', acts ? 1 : 0, 'y')).status).toBe(200);
    expect(oss.faults.list()).toMatchObject([{ fault, struck: 1 }]);
  });

  it.each<Fault>(['request-lost', 'reset'])('%s does not wait for the body', async (fault) => {
    const oss = await start({ faults: [once(fault)] });
    const headers = signedHeaders({ method: 'PUT', key: 'k' });
    const lines = Object.entries({ ...headers, host: 'x', 'content-length': '10' });
    await new Promise<void>((resolve) => {
      const socket = connect(oss.port, '127.0.0.1');
      socket.on('error', () => {}).on('close', () => resolve());
      const head = lines.map(([name, value]) => `${name}: ${value}`).join('\r\n');
      socket.write(`PUT /${BUCKET}/k HTTP/1.1\r\n${head}\r\n\r\nhalf`);
    });
    expect(oss.stats()).toEqual({ put: { none: 1 } });
  });

  it('of truncation acts and breaks off the answer, with a body and without', async () => {
    const oss = await start();
    oss.faults.add(once('truncated'));
    await expect(append(oss, 'k', 0, 'bytes of the object')).rejects.toThrow();
    oss.faults.add(once('truncated'));
    await expect(send(oss, { key: 'k' })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await send(oss, { key: 'k' })).body.toString()).toBe('bytes of the object');
  });

  it('of a throttle asks for the wait it was given', async () => {
    const oss = await start({ faults: [once('throttle', { delayMs: 250 })] });
    const reply = await append(oss, 'k', 0, 'x');
    expect([reply.status, reply.headers['x-oss-qos-delay-time']]).toEqual([503, '250']);
  });

  it('of no position takes the header from a 409', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'x');
    oss.faults.add(once('no-position'));
    const without = await append(oss, 'k', 0, 'y');
    expect([without.code, without.headers[NEXT]]).toEqual(['PositionNotEqualToLength', undefined]);
    expect((await append(oss, 'k', 0, 'y')).headers[NEXT]).toBe('1');
  });

  it('reaches the real client as a connection that ended', async () => {
    const oss = await start({ faults: [once('answer-lost')] });
    const store = client(oss);
    await expect(store.append('k', Buffer.from('x'))).rejects.toMatchObject({ status: -1 });
    expect((await store.get('k')).content.toString()).toBe('x');
  });

  it('slow holds up its own request only', async () => {
    const oss = await start({ faults: [{ fault: 'slow', delayMs: 1000, match: { operation: 'append' } }] });
    const order: string[] = [];
    const slow = append(oss, 'k', 0, 'x').then(() => order.push('slow'));
    await send(oss, { method: 'PUT', key: 'other', body: '' }).then(() => order.push('quick'));
    await slow;
    expect(order).toEqual(['quick', 'slow']);
  });

  it('strikes only what matches, after as many as asked, as often as asked', async () => {
    const match = { method: 'POST', operation: 'append', key: 'logs/' } as const;
    const oss = await start({ faults: [{ fault: 'error-500', match, after: 1, times: 2 }] });
    const status = async (reply: Promise<Reply>): Promise<number> => (await reply).status;
    expect(await status(append(oss, 'other', 0, 'x'))).toBe(200);
    expect(await status(send(oss, { method: 'PUT', key: 'logs/put', body: '' }))).toBe(200);
    const seen: number[] = [];
    for (const key of ['logs/a', 'logs/b', 'logs/c', 'logs/d'])
      seen.push(await status(append(oss, key, 0, 'x')));
    expect(seen).toEqual([200, 500, 500, 200]);
    oss.faults.clear();
    expect(oss.faults.list()).toEqual([]);
  });

  it('is not spent on requests that are refused for their signature', async () => {
    const oss = await start({ faults: [once('error-500')] });
    await send(oss, { key: 'k', credential: { accessKeyId: 'nobody', accessKeySecret: '' } });
    expect(oss.faults.list()).toMatchObject([{ struck: 0 }]);
  });
});

describe('randomness', () => {
  it('depends on the seed alone', () => {
    const strikes = (seed: number): boolean[] => {
      const plan = new FaultPlan(seededRandom(seed));
      plan.add({ fault: 'reset', probability: 0.5 });
      const target = { method: 'GET', operation: 'get', key: 'k' } as const;
      return Array.from({ length: 200 }, () => plan.strike(target).fault !== null);
    };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(strikes(seed)).toEqual(strikes(seed));
      }),
    );
    expect(strikes(1)).not.toEqual(strikes(2));
    expect(strikes(3).filter(Boolean).length).toBeGreaterThan(70);
    expect(strikes(3).filter(Boolean).length).toBeLessThan(130);
  });

  it('spreads round trips around their median', () => {
    const random = seededRandom(7);
    expect(roundTripMs({ rttMs: 20, rttSigma: 0 }, random)).toBe(20);
    const times = Array.from({ length: 4000 }, () => roundTripMs({ rttMs: 20, rttSigma: 0.5 }, random));
    const [low = 0, median = 0, high = 0] = [0.16, 0.5, 0.84].map(
      (q) => times.sort((a, b) => a - b)[q * 4000],
    );
    expect(Math.abs(median - 20)).toBeLessThan(1.5);
    expect(Math.abs(low - 20 * Math.exp(-0.5))).toBeLessThan(1.5);
    expect(Math.abs(high - 20 * Math.exp(0.5))).toBeLessThan(3);
  });
});

describe('the round trip', () => {
  it('lets the store act in its middle', async () => {
    // A rule without effect, whose count tells when the append is on its way.
    const watch: FaultRule = { fault: 'slow', delayMs: 0, match: { operation: 'append' } };
    const oss = await start({ rttMs: 2000, faults: [watch] });
    let answered = false;
    const reply = append(oss, 'k', 0, 'x').finally(() => {
      answered = true;
    });
    while (oss.faults.list()[0]?.matched !== 1) await new Promise((resolve) => setImmediate(resolve));
    oss.setRttMs(0);
    const status = async (): Promise<number> => (await send(oss, { method: 'HEAD', key: 'k' })).status;
    expect(await status()).toBe(404);
    while ((await status()) === 404);
    expect(answered).toBe(false);
    expect((await reply).status).toBe(200);
  });
});

describe('the request log and the counts', () => {
  it('have one entry a request, with what the store did and what the client saw', async () => {
    const entries: RequestEntry[] = [];
    const oss = await start({ onRequest: (entry) => entries.push(entry) });
    await append(oss, 'k', 0, 'bytes');
    await append(oss, 'k', 0, 'bytes');
    oss.faults.add(once('answer-lost'));
    await append(oss, 'k', 5, 'bytes').catch(() => {});
    await send(oss, { key: 'k' });
    await exchange(oss.port, { method: 'GET', path: `/${BUCKET}/k` });
    expect(oss.stats()).toEqual({
      append: { 200: 1, 409: 1, none: 1 },
      get: { 200: 1 },
      unknown: { 403: 1 },
    });
    const seen = entries.map(({ operation, key, status, code, fault }) => [
      operation,
      key,
      status,
      code,
      fault,
    ]);
    expect(seen).toEqual([
      ['append', 'k', 200, null, null],
      ['append', 'k', 409, 'PositionNotEqualToLength', null],
      ['append', 'k', null, null, 'answer-lost'],
      ['get', 'k', 200, null, null],
      ['unknown', null, 403, 'AccessDenied', null],
    ]);
    expect(entries.map(({ bytesIn, bytesOut }) => [bytesIn > 0, bytesOut > 0])).toEqual([
      [true, false],
      [true, true],
      [true, false],
      [false, true],
      [false, true],
    ]);
  });
});

describe('the control endpoint', () => {
  const call = async (port: number, method: string, path: string, value?: unknown): Promise<unknown[]> => {
    const headers = { 'content-type': 'application/json' };
    const body = value === undefined ? undefined : JSON.stringify(value);
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const reply = await exchange(port, { method, path, headers: { ...headers, ...length } }, body);
    return [reply.status, JSON.parse(reply.body.toString())];
  };

  it('lists, adds, replaces and removes faults', async () => {
    const oss = await start();
    const rule = { fault: 'error-500', times: 1 };
    const state = { ...rule, matched: 0, struck: 0 };
    expect(await call(oss.port, 'POST', '/-/faults', rule)).toEqual([200, [state]]);
    expect(await call(oss.port, 'PUT', '/-/faults', [rule, rule])).toEqual([200, [state, state]]);
    expect((await append(oss, 'k', 0, 'x')).status).toBe(500);
    expect(await call(oss.port, 'GET', '/-/faults')).toEqual([
      200,
      [{ ...state, matched: 1, struck: 1 }, state],
    ]);
    expect(await call(oss.port, 'DELETE', '/-/faults')).toEqual([200, []]);
    expect((await append(oss, 'k', 0, 'x')).status).toBe(200);
  });

  it('tells health and counts, and changes the round trip', async () => {
    const oss = await start();
    expect(await call(oss.port, 'GET', '/-/health')).toEqual([200, { status: 'ok' }]);
    await append(oss, 'k', 0, 'x');
    expect(await call(oss.port, 'GET', '/-/stats')).toEqual([200, { append: { 200: 1 } }]);
    expect(await call(oss.port, 'PUT', '/-/rtt', { rttMs: 1 })).toEqual([200, { rttMs: 1, rttSigma: 0 }]);
    expect(await call(oss.port, 'GET', '/-/rtt')).toEqual([200, { rttMs: 1, rttSigma: 0 }]);
  });

  it.each([
    ['PUT', '/-/faults', { fault: 'error-500' }, 400],
    ['PUT', '/-/faults', [{ fault: 'nonsense' }], 400],
    ['POST', '/-/faults', { fault: 'slow', match: { operation: 'nonsense' } }, 400],
    ['PUT', '/-/rtt', { rttMs: -1 }, 400],
    ['GET', '/-/nonsense', undefined, 404],
  ])('refuses %s %s %j and changes nothing', async (method, path, value, status) => {
    const oss = await start({ faults: [once('reset', { after: 9 })] });
    expect((await call(oss.port, method, path, value))[0]).toBe(status);
    expect(oss.faults.list()).toHaveLength(1);
  });

  it('takes no command that a web page could send', async () => {
    const oss = await start();
    const body = '{"fault":"reset"}';
    const path = '/-/faults';
    const form = { 'content-type': 'text/plain', 'content-length': String(body.length) };
    expect((await exchange(oss.port, { method: 'POST', path, headers: form }, body)).status).toBe(400);
    const rebound = { host: 'attacker.example', 'content-type': 'application/json' };
    expect((await exchange(oss.port, { method: 'DELETE', path, headers: rebound })).code).toBe(
      'AccessDenied',
    );
    expect(oss.faults.list()).toEqual([]);
  });

  it('is there for this machine only', () => {
    const request = {
      id: '',
      method: 'GET',
      host: 'localhost',
      path: '/-/faults',
      query: new Map<string, string>(),
      headers: new Map<string, string>(),
      arrivedMs: 0,
    };
    expect(['127.0.0.1', '::1', '::ffff:127.0.0.1'].map((from) => isControl(request, from))).toEqual([
      true,
      true,
      true,
    ]);
    expect(['10.0.0.7', '::ffff:10.0.0.7', undefined].map((from) => isControl(request, from))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('hides no object, in any addressing style', async () => {
    const oss = await start({ defaultBucket: BUCKET });
    const key = '-/faults';
    await append(oss, key, 0, 'an object');
    expect((await client(oss).get(key)).content.toString()).toBe('an object');
    for (const endpoint of [`http://localhost:${oss.port}`, `http://127.0.0.1:${oss.port}`]) {
      const store = client(oss, { endpoint, cname: true });
      expect((await store.get(key)).content.toString()).toBe('an object');
    }
    const path = `/${encodeURIComponent(key)}`;
    expect(
      (await exchange(oss.port, { method: 'GET', path, headers: signedHeaders({ key }) })).body.toString(),
    ).toBe('an object');
  });
});

describe('closing', () => {
  it('waits for the request in flight and ends kept-alive connections', async () => {
    const oss = await start({ faults: [{ fault: 'slow', delayMs: 200, match: { operation: 'append' } }] });
    await client(oss)
      .head('k')
      .catch(() => {});
    const reply = append(oss, 'k', 0, 'x');
    while (oss.faults.list()[0]?.struck !== 1) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([oss.close(), oss.close()]);
    expect((await reply).status).toBe(200);
    await expect(send(oss, { key: 'k' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
