import { describe, expect, it } from 'vitest';
import { ProducerFenced, SequenceGap } from '../../../lib/append/errors.ts';
import { type LogRecord, position, type RecordReceipt } from '../../../lib/append/types.ts';
import { createHttpApp, NO_PLATFORM } from '../../../lib/http/app.ts';
import type { Intake, Outcome } from '../../../lib/intake/intake.ts';
import { EVENTS, httpBench, JSON_TYPE, NDJSON_TYPE, problem, receipts } from './support.ts';

const producer = (id: string, epoch: number | string, seq: number | string) => ({
  'producer-id': id,
  'producer-epoch': String(epoch),
  'producer-seq': String(seq),
});

/** An app whose appender keeps what it is given. */
function watched() {
  const it = httpBench();
  const given: Omit<LogRecord, 'line' | 'timeMs'>[] = [];
  const intake = it.intakeOver({
    ...it.appender,
    appendRecords: (key, records, call) => {
      given.push(...records.map(({ line: _, timeMs: __, ...name }) => name));
      return it.appender.appendRecords(key, records, call);
    },
  });
  const app = createHttpApp({ ...it, intake, platform: NO_PLATFORM });
  const post = async (path: string, body: string, headers: Record<string, string>) =>
    app.request(path, { method: 'POST', body, headers });
  return { ...it, post, given };
}

/** The answer to a call for which the intake has these outcomes. */
async function answered(...outcomes: Outcome[]): Promise<Response> {
  const intake: Intake = { take: async () => outcomes };
  const app = createHttpApp({ ...httpBench(), intake, platform: NO_PLATFORM });
  return app.request('/append/events', { method: 'POST', body: '1', headers: JSON_TYPE });
}

describe('a producer', () => {
  it('numbers its records by headers, and those of one body on from there', async () => {
    const { post, given, lines } = watched();
    await post('/append/events', '"a"', { ...JSON_TYPE, ...producer('till-7', 2, 0) });
    const sent = await post('/append/events', '"b"\n"c"\n', {
      ...NDJSON_TYPE,
      ...producer('"till-7"', 2, 1),
    });
    const source = 'producer/till-7';
    expect(given).toEqual([
      { source, id: '0', numbered: { number: 0, epoch: 2 } },
      { source, id: '1', numbered: { number: 1, epoch: 2 } },
      { source, id: '2', numbered: { number: 2, epoch: 2 } },
    ]);
    expect(await receipts(sent)).toMatchObject([
      { source, id: '1', object: EVENTS },
      { source, id: '2' },
    ]);
    expect(await lines(EVENTS)).toEqual(['"a"', '"b"', '"c"']);
  });

  it('is in once, in order, and only as its latest epoch', async () => {
    const { post, lines } = httpBench();
    const send = (epoch: number, seq: number, ...values: string[]) =>
      post('/append/events', values.join('\n'), { ...NDJSON_TYPE, ...producer('p', epoch, seq) });
    await send(1, 0, '"a"', '"b"');
    expect(await receipts(await send(1, 1, '"b"', '"c"'))).toMatchObject([
      { id: '1', repeat: true },
      { id: '2', repeat: false, record: 0 },
    ]);
    const old = await send(1, 0, '"a"');
    expect(old.headers.has('etag')).toBe(false);
    expect(await receipts(old)).toMatchObject([
      { id: '0', repeat: true, start: null, end: null, record: null },
    ]);
    const gap = await send(1, 5, '"f"');
    expect([gap.status, gap.headers.get('producer-expected-seq')]).toEqual([409, '3']);
    await send(2, 0, '"d"');
    const fenced = await send(1, 3, '"z"');
    expect([fenced.status, fenced.headers.get('producer-epoch')]).toEqual([403, '2']);
    expect(await lines(EVENTS)).toEqual(['"a"', '"b"', '"c"', '"d"']);
  });

  it('may have any numbers that can be counted with', async () => {
    const { post, given } = watched();
    const max = Number.MAX_SAFE_INTEGER - 1;
    await post('/append/events', '1', { ...JSON_TYPE, ...producer('x'.repeat(200), max, max) });
    expect(given).toMatchObject([{ id: String(max), numbered: { number: max, epoch: max } }]);
    const beyond = await post('/append/events', '1\n2', { ...NDJSON_TYPE, ...producer('p', 0, max) });
    expect(await problem(beyond)).toMatchObject({
      type: 'urn:oss-append:problem:invalid-producer',
      detail: expect.stringContaining('a higher epoch'),
    });
  });

  const { 'producer-id': _, ...nameless } = producer('p', 1, 2);
  const { 'producer-epoch': __, ...epochless } = producer('p', 1, 2);
  const { 'producer-seq': ___, ...numberless } = producer('p', 1, 2);

  it.each([
    ['has no id', nameless, 'together'],
    ['has no epoch', epochless, 'together'],
    ['has no number', numberless, 'together'],
    ['has an empty id', producer('', 1, 2), 'Producer-Id is 1 to 200'],
    ['has a long id', producer('x'.repeat(201), 1, 2), 'Producer-Id is 1 to 200'],
    ['has an id with a slash', producer('a/b', 1, 2), 'Producer-Id is 1 to 200'],
    ['has an empty epoch', producer('p', '', 2), 'whole numbers'],
    ['has a negative epoch', producer('p', -1, 2), 'whole numbers'],
    ['has a number with a leading zero', producer('p', 1, '02'), 'whole numbers'],
    ['has a number that is not whole', producer('p', 1, '1.5'), 'whole numbers'],
    ['has a number in another notation', producer('p', 1, '1e3'), 'whole numbers'],
    ['has a number beyond doubles', producer('p', 1, '9007199254740992'), 'whole numbers'],
    ['names its record too', { ...producer('p', 1, 2), 'idempotency-key': 'k' }, 'Idempotency-Key'],
    [
      'sends an event',
      { ...producer('p', 1, 2), 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' },
      'CloudEvent',
    ],
  ])('that %s is refused', async (_what, headers: Record<string, string>, detail) => {
    const { post, appends } = httpBench();
    const document = await problem(await post('/append/events', '1', { ...JSON_TYPE, ...headers }));
    expect(document).toMatchObject({ status: 400, type: 'urn:oss-append:problem:invalid-producer' });
    expect(document['detail']).toContain(detail);
    expect(appends).toEqual([]);
  });

  it.each([
    ['/append/notes/a', 'use a log target'],
    ['/append/own', 'use another target'],
  ])('is refused at %s, which cannot keep its numbers together', async (path, detail) => {
    const { post, appends } = httpBench();
    const response = await post(path, '1', { ...JSON_TYPE, ...producer('p', 1, 2) });
    expect(await problem(response)).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:invalid-producer',
      detail: expect.stringContaining(detail),
    });
    expect(appends).toEqual([]);
  });

  it('is nobody that an event can pass for', async () => {
    const { post, appends } = httpBench();
    const event = { specversion: '1.0', id: '1', source: 'producer/p', type: 't', data: 1 };
    const headers = { 'content-type': 'application/cloudevents+json' };
    const response = await post('/append/events', JSON.stringify(event), headers);
    expect(await problem(response)).toMatchObject({ type: 'urn:oss-append:problem:malformed-payload' });
    expect(appends).toEqual([]);
  });

  it('of an older epoch is told the one that is known', async () => {
    const response = await answered({ error: new ProducerFenced('producer/p', 3, 4, { key: EVENTS }) });
    expect(response.headers.get('producer-epoch')).toBe('4');
    expect(await problem(response)).toMatchObject({
      status: 403,
      type: 'urn:oss-append:problem:producer-fenced',
      fate: 'not-in',
      object: EVENTS,
      epoch: 4,
    });
  });

  it('that leaves a number out is told which is next', async () => {
    const response = await answered({ error: new SequenceGap('producer/p', 9, 0, { key: EVENTS }) });
    expect(response.headers.get('producer-expected-seq')).toBe('0');
    expect(response.headers.get('producer-received-seq')).toBe('9');
    expect(response.headers.has('producer-epoch')).toBe(false);
    expect(await problem(response)).toMatchObject({
      status: 409,
      type: 'urn:oss-append:problem:sequence-gap',
      expectedSeq: 0,
      receivedSeq: 9,
    });
  });
});

describe('a record that is in, nobody knows where,', () => {
  const known: RecordReceipt = {
    object: EVENTS,
    start: position(0),
    end: position(90),
    id: '1',
    source: 'producer/p',
    record: 0,
    repeat: false,
  };
  const unknown: RecordReceipt = { ...known, start: null, end: null, id: '0', record: null, repeat: true };

  it('has nulls in its receipt, and the answer has no position', async () => {
    const response = await answered({ receipt: unknown }, { receipt: known });
    expect(response.headers.has('etag')).toBe(false);
    expect(await receipts(response)).toEqual([unknown, known]);
    expect((await answered({ receipt: known })).headers.get('etag')).toBe('"90"');
  });

  it('has them in a problem document too', async () => {
    const error = new SequenceGap('producer/p', 9, 2, {});
    const document = await problem(await answered({ receipt: unknown }, { error }));
    expect(document['receipts']).toEqual([unknown, null]);
    expect(document).not.toHaveProperty('object');
    expect(document).not.toHaveProperty('epoch');
  });
});
