import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../lib/append/crc64.ts';
import { APPEND_BYTES_MAX } from '../../../lib/append/fold.ts';
import { parseLetter } from '../../../lib/intake/letter.ts';
import { type AppendAnswer, StoreError } from '../../../lib/store/port.ts';
import { readLog } from '../append/reference.ts';
import { DENIED, delivery, direct, message } from './delivery.ts';
import { type Bench, bench } from './support.ts';

const config = {
  targets: {
    orders: { format: 'log', key: 'orders/{time:yyyy-MM-dd-HH}' },
    tenants: { format: 'log', key: 'tenants/{field.tenant}' },
    wire: { format: 'raw', key: 'wire/{queue}' },
    checked: {
      format: 'log',
      key: 'checked/x',
      schema: { type: 'object', properties: { n: { type: 'integer' } } },
    },
  },
  queues: {
    orders: { target: 'orders' },
    tenants: { target: 'tenants' },
    wire: { target: 'wire' },
    checked: { target: 'checked' },
  },
} as const;

const OBJECT = 'orders/2026-11-22-20';
const SENT = '2026-11-22T20:30:01.120Z';

/** The dead letters of a queue, as the log has them, with the names that its commit lines give them. */
async function letters(it: Bench, place: string, day = '2026/11/22') {
  const text = await it.text(`dead-letters/${place}/${day}.ndjson`);
  const commits = readLog(Buffer.from(text ?? ''));
  return commits.flatMap(({ records }) =>
    records.map(({ source, id, line }) => ({ source, id, letter: parseLetter(line), line })),
  );
}

const tenant = (messageId: string, name?: string) => ({
  messageId,
  body: `{"from":"${messageId}"}`,
  eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/tenants',
  messageAttributes: name === undefined ? {} : { tenant: { dataType: 'String', stringValue: name } as const },
});

const REASON = {
  code: 'SchemaMismatch',
  message: expect.stringMatching(
    /^The record does not fit, and the target takes only what fits its schema\./,
  ),
};

const failing = (code: string, status: number | null, delayMs: number | null = null): AppendAnswer => ({
  kind: 'failed',
  failure: new StoreError(code, 'no', { status, delayMs }),
});

describe('a message that can never be appended', () => {
  it('is parked with its bytes, the reason, the source and the time, and the others go through', async () => {
    const it = bench(config);
    const answer = await direct(it)(tenant('ok', 'a'), tenant('bad', '../a'), tenant('also', 'a'));
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(await it.lines('tenants/a')).toEqual(['{"from":"ok"}', '{"from":"also"}']);
    const [{ line, ...parked } = { line: '' }, ...more] = await letters(it, 'tenants');
    expect(more).toEqual([]);
    expect(parked).toEqual({
      source: 'dead/tenants',
      id: 'bad',
      letter: {
        queue: 'tenants',
        source: 'queue/tenants',
        id: 'bad',
        messageId: 'bad',
        timeMs: it.nowMs,
        form: 'message',
        from: 'acs:mns',
        reason: { code: 'InvalidKey', message: 'The field tenant may not hold a slash.' },
        attributes: { tenant: '../a' },
        body: '{"from":"bad"}',
      },
    });
    expect(Object.keys(JSON.parse(line))).toEqual([
      'queue',
      'source',
      'id',
      'time',
      'form',
      'from',
      'reason',
      'attributes',
      'body',
    ]);
    expect(it.logged).toMatchObject([
      {
        level: 'error',
        event: 'message-parked',
        queue: 'tenants',
        messageId: 'bad',
        code: 'InvalidKey',
        object: 'dead-letters/tenants/2026/11/22.ndjson',
      },
    ]);
  });

  it('is parked where its own time says, also when it comes days later', async () => {
    const it = bench(config);
    it.nowMs += 5 * 86_400_000;
    await delivery(it)(message('m-1', 'x', 'stray'));
    const [parked] = await letters(it, 'stray');
    expect(parked?.letter).toMatchObject({
      timeMs: Date.parse(SENT),
      reason: {
        code: 'UnknownQueue',
        message: 'No target is set for the queue "stray". Add it under "queues" in append.config.ts.',
      },
    });
  });

  it('is parked if nobody says which queue it is of', async () => {
    const it = bench(config);
    await direct(it)({ messageId: 'm-1', eventSourceARN: '' });
    const [parked] = await letters(it, '-unknown');
    expect(parked).toMatchObject({ source: 'dead/-unknown', letter: { queue: null } });
    expect(parked?.letter?.reason.message).toContain('Set APPEND_QUEUE');
  });

  it('is parked if its text has no form in UTF-8, or its id is none, whatever the name of its queue is', async () => {
    const it = bench(config);
    const long = 'x'.repeat(300);
    await direct(it)(
      { messageId: 'half', body: 'a\ud800b', eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/wire' },
      { messageId: long },
      { messageId: 'line\nfeed' },
      { messageId: 'm', eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/../a\nb' },
    );
    const [half] = await letters(it, 'wire');
    expect(half?.letter).toMatchObject({ body: 'a\ud800b', reason: { code: 'MalformedPayload' } });
    const parked = await letters(it, 'orders');
    expect(parked.map(({ letter }) => letter?.messageId)).toEqual([long, 'line\nfeed']);
    expect(parked.map(({ id }) => id.length)).toEqual([24, 24]);
    const [odd] = await letters(it, `___a_b-${crc64(Buffer.from('../a\nb')).toString(16).padStart(16, '0')}`);
    expect(odd?.letter).toMatchObject({ queue: '../a\nb', reason: { code: 'UnknownQueue' } });
  });

  it('is parked today if its time is in no year that a key can have', async () => {
    const it = bench(config);
    const sent = (SentTimestamp: string) => ({
      ApproximateReceiveCount: '1',
      SentTimestamp,
      SenderId: '',
      ApproximateFirstReceiveTimestamp: '',
    });
    await direct(it)(
      { messageId: 'ancient', attributes: sent('-99999999999999') },
      { messageId: 'never', attributes: sent('99999999999999999999') },
    );
    const parked = await letters(it, 'orders');
    expect(parked.map(({ id }) => id)).toEqual(['ancient', 'never']);
    expect(parked[0]?.letter?.timeMs).toBe(-99_999_999_999_999);
  });

  it('is parked with bytes as bytes, and with text that looks like ours as text', async () => {
    const it = bench(config);
    const stray = { eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/stray' };
    await direct(it)(
      {
        ...stray,
        messageId: 'bytes',
        body: 'AP8=',
        messageAttributes: { encoding: { dataType: 'String', stringValue: 'base64' } },
      },
      { ...stray, messageId: 'forged', body: '{"$commit":{"v":1}}\n{"$bytes":"AP8="}' },
    );
    const parked = await letters(it, 'stray');
    expect(parked.map(({ letter }) => letter?.body)).toEqual([
      Buffer.from([0, 255]),
      '{"$commit":{"v":1}}\n{"$bytes":"AP8="}',
    ]);
    expect(JSON.parse(parked[0]?.line ?? '')).toMatchObject({ body: { base64: 'AP8=' }, attributes: {} });
  });

  it('is parked if it alone is larger than an append, and the others of its object go in, in order', async () => {
    const it = bench(config);
    // As a line of a log it would be six times as long.
    const large = '\u0001'.repeat(Math.ceil(APPEND_BYTES_MAX / 6));
    await direct(it)(
      { messageId: 'a', body: '1' },
      { messageId: 'large', body: large },
      { messageId: 'b', body: '2' },
      { messageId: 'c', body: '3' },
    );
    expect(await it.lines(OBJECT)).toEqual(['1', '2', '3']);
    const [parked] = await letters(it, 'orders');
    expect(parked).toMatchObject({ id: 'large', letter: { reason: { code: 'InvalidRecord' } } });
    expect(Buffer.from(parked?.letter?.body ?? '').equals(Buffer.from(large))).toBe(true);
  });

  it('is parked once, however often its batch comes', async () => {
    const it = bench(config);
    const deliver = direct(it);
    const batch = [tenant('ok', 'a'), tenant('bad'), tenant('late', 'b')] as const;
    it.intercept = (key) => (key === 'tenants/b' ? DENIED : undefined);
    for (let n = 0; n < 2; n++) {
      expect(await deliver(...batch)).toEqual({ batchItemFailures: [{ itemIdentifier: 'late' }] });
    }
    it.intercept = undefined;
    expect(await deliver(...batch)).toEqual({ batchItemFailures: [] });
    expect((await letters(it, 'tenants')).map(({ id }) => id)).toEqual(['bad']);
    expect(await it.lines('tenants/a')).toEqual(['{"from":"ok"}']);
    expect(await it.lines('tenants/b')).toEqual(['{"from":"late"}']);
  });

  it('is parked under a name of its own if it has none, when nothing else makes its batch come again', async () => {
    const it = bench(config);
    const deliver = direct(it);
    const batch = [{ ...tenant(''), body: 'x' }, { ...tenant(''), body: 'x' }, tenant('late', 'b')] as const;
    it.intercept = (key) => (key === 'tenants/b' ? DENIED : undefined);
    expect(await deliver(...batch)).toEqual({
      batchItemFailures: [{ itemIdentifier: 'late' }, { itemIdentifier: '' }, { itemIdentifier: '' }],
    });
    expect(await letters(it, 'tenants')).toEqual([]);
    it.intercept = undefined;
    expect(await deliver(...batch)).toEqual({ batchItemFailures: [] });
    const parked = await letters(it, 'tenants');
    expect(new Set(parked.map(({ id }) => id)).size).toBe(2);
    for (const { id, letter } of parked) expect(letter).toMatchObject({ id, messageId: id });
  });

  it('is parked if it does not fit the schema of its target, with the place, and the others go through', async () => {
    const it = bench(config);
    const batch = ['{"n":1}', '{"n":"secret-1"}', 'secret-2', '{"n":2}'].map((body, n) => ({
      messageId: `m-${n}`,
      body,
      eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/checked',
    }));
    const bytes = {
      messageId: 'm-4',
      body: 'AP8=',
      eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/checked',
      messageAttributes: { encoding: { dataType: 'String', stringValue: 'base64' } as const },
    };
    expect(await direct(it)(...batch, bytes)).toEqual({ batchItemFailures: [] });
    expect(await it.lines('checked/x')).toEqual(['{"n":1}', '{"n":2}']);
    const parked = await letters(it, 'checked');
    expect(parked.map(({ id, line }) => [id, JSON.parse(line).reason])).toEqual([
      ['m-1', { ...REASON, errors: [{ pointer: '/n', keyword: 'type' }] }],
      ['m-2', { ...REASON, errors: [{ pointer: '', keyword: 'type' }] }],
      ['m-4', { ...REASON, message: expect.stringMatching(/^The record is of bytes, which are no JSON, /) }],
    ]);
    expect(parked.map(({ letter }) => letter?.body)).toEqual([batch[1]?.body, 'secret-2', Buffer.of(0, 255)]);
    expect(JSON.stringify(it.logged)).not.toMatch(/secret|pointer/);
    await direct(it)(...batch, bytes);
    expect(await letters(it, 'checked')).toHaveLength(3);
    expect(await it.lines('checked/x')).toHaveLength(2);
  });

  it('fails the call if it cannot be parked', async () => {
    const it = bench(config);
    it.intercept = (key) => (key.startsWith('dead-letters/') ? DENIED : undefined);
    expect(await direct(it)(tenant('ok', 'a'), tenant('bad'), tenant(''))).toEqual({
      batchItemFailures: [{ itemIdentifier: 'bad' }, { itemIdentifier: '' }],
    });
    expect(await it.lines('tenants/a')).toEqual(['{"from":"ok"}']);
    expect(it.logged).toMatchObject([
      { event: 'message-not-parked', messageId: 'bad', code: 'AppendRefused' },
    ]);
  });

  it('is not told to the log: neither its body nor its attributes', async () => {
    const it = bench(config);
    await direct(it)({ ...tenant('bad', 'secret-1/x'), body: 'secret-2' });
    await delivery(it)({ secret: 'secret-3' }, message('m', 'secret-4', 'stray'));
    expect(JSON.stringify(it.logged)).not.toMatch(/secret-\d/);
    for (const place of ['tenants', '-unknown', 'stray']) {
      for (const { letter } of await letters(it, place)) {
        expect(letter?.reason.message).not.toMatch(/secret-\d/);
      }
    }
  });
});

describe('a failure that may pass, or is not the message’s fault,', () => {
  it.each([
    ['access denied', DENIED],
    ['no bucket', failing('NoSuchBucket', 404)],
    ['an object that is protected', failing('FileImmutable', 409)],
    ['an object that cannot be appended to', failing('ObjectNotAppendable', 409)],
    ['a code that nobody knows', failing('SomethingNew', 400)],
    ['throttling', failing('TotalQpsLimitExceeded', 503, 10_000)],
    ['no answer', failing('NoAnswer', null)],
    ['an error of the store', failing('InternalError', 500)],
    ['conflicts without end', { kind: 'conflict', length: 0 } as const],
  ])('such as %s makes the call fail, and parks nothing but what is bad', async (_name, answer) => {
    const it = bench(config);
    it.intercept = (key) => (key === 'tenants/b' ? answer : undefined);
    const batch = [tenant('bad'), tenant('late', 'b'), tenant('ok', 'a')] as const;
    let remainingMs = 3000;
    const call = await direct(it, undefined, () => (remainingMs -= 5))(...batch);
    expect(call).toEqual({ batchItemFailures: [{ itemIdentifier: 'late' }] });
    expect(await it.lines('tenants/a')).toEqual(['{"from":"ok"}']);
    it.intercept = undefined;
    expect(await direct(it)(...batch)).toEqual({ batchItemFailures: [] });
    expect((await letters(it, 'tenants')).map(({ id }) => id)).toEqual(['bad']);
    expect(await it.lines('tenants/b')).toEqual(['{"from":"late"}']);
  });

  it('such as time that is up makes the call fail with all of it', async () => {
    const it = bench(config);
    const call = await direct(it, undefined, () => 0)(tenant('bad'), tenant('ok', 'a'));
    expect(call.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).toSorted()).toEqual([
      'bad',
      'ok',
    ]);
    expect(it.logged.map(({ code }) => code)).toEqual(['NotAppended', 'NotAppended']);
  });
});

describe('an item that no decoder understands', () => {
  it('is parked as it came, and the others of its batch go through', async () => {
    const it = bench(config);
    const broken = { ...message('m-2', 'x'), data: { messageId: 'm-2', secret: 1 } };
    const deliver = delivery(it);
    const batch = [message('m-1', '1'), broken, null, 'no event', message('m-3', '3')];
    expect(await deliver(...batch)).toEqual({ batchItemFailures: [] });
    expect(await it.lines(OBJECT)).toEqual(['1', '3']);
    const [known] = await letters(it, 'orders');
    expect(known).toMatchObject({
      id: expect.stringMatching(/^event-m-2\/[0-9a-f]{16}$/),
      letter: {
        queue: 'orders',
        timeMs: Date.parse(SENT),
        form: 'event',
        body: JSON.stringify(broken),
        reason: {
          code: 'UndecodableMessage',
          message: 'Malformed smq event: data.messageBody in item 1 must be there.',
        },
      },
    });
    const unknown = await letters(it, '-unknown');
    expect(unknown.map(({ letter }) => letter?.body)).toEqual(['null', '"no event"']);
    await deliver(...batch);
    expect(await letters(it, 'orders')).toHaveLength(1);
  });
});
