import { describe, expect, it } from 'vitest';
import { createHttpApp, NO_PLATFORM } from '../../../lib/http/app.ts';
import { httpBench } from './support.ts';

const PAGE = 'https://app.example';
const OTHER = 'https://other.example';
const SOME = { cors: { origins: [PAGE, 'https://b.example'] } };

const preflight = (origin: string) => ({
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,ce-my-extension',
  },
});

/** The headers that are about pages of other origins. */
const told = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name === 'vary' || name.startsWith('access-control-')));

describe('pages of other origins', () => {
  it('are let in by nothing unless the configuration names them', async () => {
    const { send } = httpBench();
    const answer = await send('OPTIONS', '/append/notes/a', preflight(PAGE));
    expect([answer.status, told(answer)]).toEqual([405, {}]);
    expect(told(await send('GET', '/health', { headers: { origin: PAGE } }))).toEqual({});
  });

  it('ask first, and are told without access', async () => {
    const it = httpBench(SOME);
    const access = { identify: () => Promise.reject(new Error('nobody is to be asked')) };
    const app = createHttpApp({ ...it, access, platform: NO_PLATFORM });
    const answer = await app.request('/append/notes/a', { method: 'OPTIONS', ...preflight(PAGE) });
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect(told(answer)).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': 'GET,HEAD,POST',
      'access-control-allow-headers': 'authorization,ce-my-extension',
      'access-control-max-age': '600',
      vary: expect.stringContaining('Origin'),
    });
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
    expect(it.logged).toMatchObject([{ event: 'request', method: 'OPTIONS', status: 204 }]);
  });

  it('read what an append answers, errors too', async () => {
    const { post } = httpBench(SOME);
    const origin = { origin: 'https://b.example' };
    const exposed = expect.stringMatching(
      /^Accept-Ranges,Content-Range,ETag,Link,Producer-Epoch,Producer-Expected-Seq,Producer-Received-Seq,Retry-After,/,
    );
    for (const [path, headers, status] of [
      ['/append/notes/a', origin, 200],
      ['/append/notes/a', { ...origin, 'if-match': '"9"' }, 412],
      ['/append/nobody', origin, 404],
      ['/nothing', origin, 404],
    ] as const) {
      const answer = await post(path, 'x', headers);
      expect([answer.status, told(answer)], path).toEqual([
        status,
        {
          'access-control-allow-origin': 'https://b.example',
          'access-control-expose-headers': exposed,
          vary: 'Origin',
        },
      ]);
    }
    expect((await post('/append/notes/a', 'x', origin)).headers.get('etag')).toBe('"2"');
  });

  it('are none but those', async () => {
    const { send, post } = httpBench(SOME);
    for (const origin of [OTHER, `${PAGE}.example`, 'null', PAGE.toUpperCase()]) {
      const first = await send('OPTIONS', '/append/notes/a', preflight(origin));
      expect(first.headers.has('access-control-allow-origin'), origin).toBe(false);
      const answer = await post('/append/notes/a', 'x', { origin });
      expect(answer.headers.has('access-control-allow-origin'), origin).toBe(false);
      expect(answer.headers.get('vary')).toBe('Origin');
    }
  });

  it('are all with *', async () => {
    const { send } = httpBench({ cors: { origins: '*' } });
    const first = await send('OPTIONS', '/append/notes/a', preflight(OTHER));
    expect(told(first)).toMatchObject({ 'access-control-allow-origin': '*' });
    const answer = await send('GET', '/health', { headers: { origin: OTHER } });
    expect(told(answer)).toMatchObject({ 'access-control-allow-origin': '*' });
  });
});
