import { describe, expect, it } from 'vitest';
import { NOW_MS } from '../../intake/support.ts';
import { receipts } from '../support.ts';
import {
  accessBench,
  EVENTS,
  OTHER_WEBHOOK_SECRET,
  REFUSED,
  refusal,
  signedWebhook,
  WEBHOOK,
} from './support.ts';

const OTHER = { ...WEBHOOK, name: 'other', secretVariable: 'OTHER_HOOK' } as const;
const BODY = '{"größe":1}';

describe('a delivery of Standard Webhooks', () => {
  it('is named by its id, and at its time', async () => {
    const { post, lines, logged } = accessBench([WEBHOOK]);
    const sent = signedWebhook(BODY, { id: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W', atMs: NOW_MS - 60_000 });
    expect(await receipts(await post('/append/events', BODY, sent))).toMatchObject([
      { object: EVENTS, id: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W', source: 'webhook/shop', repeat: false },
    ]);
    expect(logged.at(-1)).toMatchObject({ credential: 'shop' });
    expect(await lines(EVENTS)).toEqual([BODY]);
  });

  it('is a repeat when it comes again, also across the hour', async () => {
    const it = accessBench([WEBHOOK]);
    it.nowMs = Date.UTC(2026, 10, 22, 20, 59, 59);
    const sent = signedWebhook(BODY, { atMs: it.nowMs });
    await it.post('/append/events', BODY, sent);
    it.nowMs += 120_000;
    const [again] = await receipts(await it.post('/append/events', BODY, sent));
    expect(again).toMatchObject({ object: EVENTS, repeat: true });
    expect(await it.lines(EVENTS)).toEqual([BODY]);
  });

  it('names several records by their places', async () => {
    const { post } = accessBench([WEBHOOK]);
    const headers = { ...signedWebhook('1\n2'), 'content-type': 'application/x-ndjson' };
    const ids = (await receipts(await post('/append/events', '1\n2', headers))).map(({ id }) => id);
    expect(ids).toEqual(['msg_1/0', 'msg_1/1']);
  });

  it('names a CloudEvent too, whose own time is the time', async () => {
    const { post } = accessBench([WEBHOOK]);
    const event = {
      specversion: '1.0',
      id: 'i',
      source: 's',
      type: 't',
      time: '2026-01-01T00:00:00Z',
      data: 1,
    };
    const body = JSON.stringify(event);
    const headers = { ...signedWebhook(body), 'content-type': 'application/cloudevents+json' };
    expect(await receipts(await post('/append/events', body, headers))).toMatchObject([
      { id: 'msg_1', source: 'webhook/shop', object: 'events/2026-01-01-00' },
    ]);
  });

  it('is taken with the secret of any of its senders, whose records are apart', async () => {
    const { post } = accessBench([WEBHOOK, OTHER]);
    const sent = [signedWebhook(BODY), signedWebhook(BODY, { secret: OTHER_WEBHOOK_SECRET })];
    const found = [];
    for (const headers of sent) found.push(...(await receipts(await post('/append/events', BODY, headers))));
    expect(found).toMatchObject([
      { source: 'webhook/shop', repeat: false },
      { source: 'webhook/other', repeat: false },
    ]);
  });

  it('is taken with a good signature among others, as while a secret changes', async () => {
    const { post } = accessBench([WEBHOOK]);
    const sent = signedWebhook(BODY);
    const other = signedWebhook(BODY, { secret: OTHER_WEBHOOK_SECRET })['webhook-signature'];
    const signatures = `v1a,AAAA ${other} ${sent['webhook-signature']}`;
    const response = await post('/append/events', BODY, { ...sent, 'webhook-signature': signatures });
    expect(response.status).toBe(200);
  });

  it.each([
    ['in time', -300_000, 200],
    ['too late', -301_000, 401],
    ['ahead by as much', 300_000, 200],
    ['too far ahead', 301_000, 401],
  ])('that is %s', async (_, atMs, status) => {
    const { post } = accessBench([WEBHOOK]);
    expect((await post('/append/events', BODY, signedWebhook(BODY, { atMs: NOW_MS + atMs }))).status).toBe(
      status,
    );
  });

  it('has as much time as the configuration gives it', async () => {
    const { post } = accessBench([
      { ...WEBHOOK, toleranceMs: 1000 },
      { ...OTHER, toleranceMs: 3_600_000 },
    ]);
    const late = { atMs: NOW_MS - 2000 };
    expect(await refusal(await post('/append/events', '1', signedWebhook('1', late)))).toEqual(
      REFUSED.webhook,
    );
    const other = signedWebhook('1', { ...late, secret: OTHER_WEBHOOK_SECRET });
    expect((await post('/append/events', '1', other)).status).toBe(200);
  });

  const good = signedWebhook(BODY);
  const [version, mac] = good['webhook-signature'].split(',');
  it.each([
    ['no id', { 'webhook-id': '' }],
    ['another id', { 'webhook-id': 'msg_2' }],
    ['an id that came twice', { 'webhook-id': 'msg_1, msg_1' }],
    ['an id in quotes', { 'webhook-id': '"msg_1"' }],
    ['an id that is too long', signedWebhook(BODY, { id: 'x'.repeat(201) })],
    ['an id with a slash', signedWebhook(BODY, { id: 'msg/1' })],
    ['no timestamp', { 'webhook-timestamp': '' }],
    ['another timestamp', { 'webhook-timestamp': String(NOW_MS / 1000 - 1) }],
    ['a timestamp with more behind it', { 'webhook-timestamp': `${NOW_MS / 1000}x` }],
    ['a timestamp with a zero before it', { 'webhook-timestamp': `0${NOW_MS / 1000}` }],
    ['a timestamp that came twice', { 'webhook-timestamp': `${NOW_MS / 1000}, ${NOW_MS / 1000}` }],
    ['a timestamp in milliseconds', { 'webhook-timestamp': `${NOW_MS}` }],
    ['no signature', { 'webhook-signature': '' }],
    ['a signature without version', { 'webhook-signature': mac ?? '' }],
    ['a signature of another version', { 'webhook-signature': `v2,${mac}` }],
    ['a signature of a later version', { 'webhook-signature': `${version}a,${mac}` }],
    ['the beginning of the signature', { 'webhook-signature': good['webhook-signature'].slice(0, -4) }],
    ['signatures that came in two headers', { 'webhook-signature': `v1,AAAA, ${good['webhook-signature']}` }],
    ['signatures that are too many', { 'webhook-signature': `${'v1,AAAA '.repeat(300)}v1,${mac}` }],
    ['the signature of another secret', signedWebhook(BODY, { secret: OTHER_WEBHOOK_SECRET })],
    ['the signature of another body', signedWebhook('{}')],
  ])('is refused: %s', async (_, wrong) => {
    const { post, appends } = accessBench([WEBHOOK]);
    const response = await post('/append/events', BODY, { ...good, ...wrong });
    expect(await refusal(response)).toEqual(REFUSED.webhook);
    expect(appends).toEqual([]);
  });

  it('is refused where its bytes are no text, which all look the same once they are read as such', async () => {
    const { post } = accessBench([WEBHOOK]);
    const sent = signedWebhook('\ufffd');
    expect((await post('/append/notes/a', '\ufffd', sent)).status).toBe(200);
    expect(await refusal(await post('/append/notes/a', Uint8Array.of(0xff), sent))).toEqual(REFUSED.webhook);
  });

  it('may begin with a byte order mark, which is signed like the rest', async () => {
    const { post } = accessBench([WEBHOOK]);
    expect((await post('/append/notes/a', '\ufeff1', signedWebhook('\ufeff1'))).status).toBe(200);
    expect(await refusal(await post('/append/notes/a', '1', signedWebhook('\ufeff1')))).toEqual(
      REFUSED.webhook,
    );
  });

  it('has a mebibyte at most', async () => {
    const { post } = accessBench([WEBHOOK]);
    const body = 'x'.repeat(1024 * 1024);
    expect((await post('/append/notes/a', body, signedWebhook(body))).status).toBe(200);
    const longer = `${body}x`;
    expect((await post('/append/notes/a', longer, signedWebhook(longer))).status).toBe(413);
  });

  it.each([
    { 'idempotency-key': 'k' },
    { 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '0' },
    { 'ce-id': 'i', 'ce-source': 's', 'ce-type': 't', 'ce-specversion': '1.0' },
  ])('cannot be renamed by headers that are not signed', async (headers) => {
    const { post, appends } = accessBench([WEBHOOK]);
    const response = await post('/append/events', BODY, { ...good, ...headers });
    expect((await refusal(response)).slice(0, 2)).toEqual([400, 'invalid-idempotency-key']);
    expect(appends).toEqual([]);
  });

  it('cannot be forestalled by an event that says it is one', async () => {
    const { post } = accessBench('open');
    const event = JSON.stringify({
      specversion: '1.0',
      id: 'msg_1',
      source: 'webhook/shop',
      type: 't',
      data: 1,
    });
    const response = await post('/append/events', event, { 'content-type': 'application/cloudevents+json' });
    expect((await refusal(response)).slice(0, 2)).toEqual([400, 'malformed-payload']);
  });
});
