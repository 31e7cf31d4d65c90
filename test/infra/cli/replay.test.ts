import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { dryAppender } from '../../../infra/cli/replay/dry.ts';
import { type LetterFilter, lettersOf } from '../../../infra/cli/replay/letters.ts';
import { replayLogs, summary, type Tally } from '../../../infra/cli/replay/logs.ts';
import type { ReplayOptions } from '../../../infra/cli/replay/run.ts';
import { createAppender } from '../../../lib/appender.ts';
import { type ConfigInput, defineConfig } from '../../../lib/config.ts';
import { createIntake } from '../../../lib/intake/intake.ts';
import type { JsonSchema } from '../../../lib/schema/types.ts';
import { readLog } from '../../lib/append/reference.ts';
import { DENIED, delivery, direct, message } from '../../lib/intake/delivery.ts';
import { type Bench, bench } from '../../lib/intake/support.ts';

const BEFORE = { targets: { a: { format: 'log', key: 'a/x' } }, queues: {} } as const;
const DAY = '2026/11/22.ndjson';

interface Run {
  readonly tally: Tally;
  readonly told: readonly string[];
}

interface Choice {
  readonly filter?: LetterFilter;
  readonly logs?: readonly string[];
  readonly decoding?: ReplayOptions['decoding'];
  readonly queue?: string;
  readonly isDry?: boolean;
  readonly showAll?: boolean;
}

/** A run of the command, on what is in the store of `it`, as a new process would make it. */
async function replayed(it: Bench, input: ConfigInput<string>, choice: Choice = {}): Promise<Run> {
  const { filter = {}, logs = [], decoding = {}, queue, isDry = false, showAll = false } = choice;
  const store = {
    head: it.store.head,
    read: it.store.read,
    append: async (...args: Parameters<typeof it.store.append>) =>
      it.intercept?.(args[0]) ?? it.store.append(...args),
  };
  const { runtime } = it;
  const writer = runtime.uuid();
  const appender = isDry ? dryAppender : createAppender({ store, runtime, writer });
  const intake = createIntake({ appender, runtime, instance: writer });
  const markers = isDry ? null : appender;
  const told: string[] = [];
  const tally = await replayLogs({
    logs,
    lettersOf: (log) => lettersOf(store, log, filter),
    replaying: { config: defineConfig(input), intake, runtime, markers, decoding, queue },
    isStopped: () => false,
    onLetters: () => {},
    tell: (line) => told.push(line),
    showAll,
    isDry,
  });
  return { tally, told };
}

const log = (place: string) => `dead-letters/${place}/${DAY}`;
const stray = { eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/stray' };
const STRAY = { ...BEFORE, queues: { stray: { target: 'a' } } } as const;
const at = { logs: [log('stray')] };

describe('a dead letter that is sent again', () => {
  it('is what the message would have been, had it been taken at once', async () => {
    const attribute = (stringValue: string) => ({ dataType: 'String', stringValue }) as const;
    const kafka = (offset: string): Partial<SQSRecord> => ({
      ...stray,
      eventSource: 'acs:alikafka',
      messageId: `stray-3-${offset}`,
      messageAttributes: { topic: attribute('stray'), partition: attribute('3'), offset: attribute(offset) },
    });
    const messages: Partial<SQSRecord>[] = [
      { ...stray, messageId: 'json', body: '{"n":9007199254740993, "$commit":1}' },
      { ...stray, messageId: 'text', body: 'a\nb \u2028' },
      { ...stray, messageId: 'bytes', body: 'AP8=', messageAttributes: { encoding: attribute('base64') } },
      kafka('1207'),
      kafka('1208'),
    ];
    const late = bench(BEFORE);
    await direct(late)(...messages);
    late.nowMs += 86_400_000;
    const { tally } = await replayed(late, STRAY, at);
    expect(tally).toMatchObject({ replayed: 5, wasIn: 0, stillBad: 0 });

    const atOnce = bench(STRAY);
    await direct(atOnce)(...messages);
    const records = async (it: Bench) =>
      readLog(Buffer.from((await it.text('a/x')) ?? ''))
        .flatMap((commit) => commit.records)
        // One is a day older when it is appended.
        .map((record) => ({ ...record, ageMs: 0 }));
    expect(await records(late)).toEqual(await records(atOnce));
    expect((await records(late))[3]).toMatchObject({ source: 'queue/stray/stray-3', numbered: true });
  });

  it('goes where its own time and its attributes say', async () => {
    const it = bench(BEFORE);
    const messageAttributes = { tenant: { dataType: 'String', stringValue: 't1' } } as const;
    const sent = { ...stray, messageId: 'm', messageAttributes };
    await direct(it)({ ...sent, attributes: { ...ATTRIBUTES, SentTimestamp: String(it.nowMs - 3_600_000) } });
    const mended = {
      targets: { b: { format: 'log', key: 'b/{field.tenant}/{time:HH}' } },
      queues: { stray: { target: 'b' } },
    } as const;
    await replayed(it, mended, at);
    expect(await it.lines('b/t1/19')).toEqual(['1']);
  });

  it('is not sent a third time, though its target has forgotten it', async () => {
    const it = bench(BEFORE);
    await direct(it)({ ...stray, messageId: 'm-1' });
    const target = { format: 'log', key: 'a/x', dedupe: { records: 1 } } as const;
    const forgetful = { targets: { a: target }, queues: { stray: { target: 'a' } } } as const;
    await replayed(it, forgetful, at);
    await createAppender({ store: it.store, runtime: it.runtime, writer: 'other' }).appendRecords(
      'a/x',
      [1, 2, 3].map((n) => ({
        line: Buffer.from(`"later-${n}"`),
        id: `l-${n}`,
        source: 'b',
        timeMs: it.nowMs,
      })),
      { remainingMs: () => 5000, dedupe: { records: 1, ageMs: null } },
    );
    const again = await replayed(it, forgetful, { ...at, showAll: true });
    expect(again.tally).toMatchObject({ replayed: 0, wasIn: 0, before: 1 });
    expect(again.told).toEqual([expect.stringMatching(/^sent before +"stray" "m-1" 2026-11-22T20:30:00/)]);
    expect(await it.lines('a/x')).toEqual(['1', '"later-1"', '"later-2"', '"later-3"']);
  });

  it('keeps one name if its message had none', async () => {
    const it = bench(BEFORE);
    await direct(it)({ ...stray, messageId: '' });
    it.intercept = (key) => (key === log('stray') ? DENIED : undefined);
    await expect(replayed(it, STRAY, at)).rejects.toMatchObject({ code: 'AppendRefused' });
    it.intercept = undefined;
    expect((await replayed(it, STRAY, at)).tally).toMatchObject({ replayed: 0, wasIn: 1 });
    expect(await it.lines('a/x')).toEqual(['1']);
  });

  it('is in once the schema that it did not fit is mended, and only then', async () => {
    const orders = (schema: JsonSchema) =>
      ({
        targets: { a: { format: 'log', key: 'a/x', schema } },
        queues: { orders: { target: 'a' } },
      }) as const;
    const strict = orders({ properties: { n: { type: 'integer' } } });
    const it = bench(strict);
    const message = (messageId: string, body: string) => ({
      messageId,
      body,
      eventSourceARN: 'acs:mns:cn-hangzhou:1:queues/orders',
    });
    await direct(it)(message('m-1', '{"n":1}'), message('m-2', '{"n":"2"}'), message('m-3', '{"n":[]}'));
    const choice = { logs: [log('orders')] };
    expect((await replayed(it, strict, choice)).tally).toMatchObject({ replayed: 0, stillBad: 2 });
    const mended = orders({ properties: { n: { type: ['integer', 'string'] } } });
    expect((await replayed(it, mended, choice)).tally).toMatchObject({ replayed: 1, stillBad: 1 });
    expect((await replayed(it, mended, choice)).tally).toMatchObject({ replayed: 0, stillBad: 1 });
    expect(await it.lines('a/x')).toEqual(['{"n":1}', '{"n":"2"}']);
  });

  it('stays if it still cannot be appended, and is told with its reason and without its payload', async () => {
    const it = bench(BEFORE);
    await direct(it)({ ...stray, messageId: 'm-1', body: 'secret-1' }, { ...stray, messageId: 'm-2' });
    const mended = {
      targets: { b: { format: 'log', key: 'b/{field.tenant}' } },
      queues: { stray: { target: 'b' } },
    } as const;
    const { tally, told } = await replayed(it, mended, at);
    expect(tally).toMatchObject({ replayed: 0, stillBad: 2, failure: null });
    expect(told[0]).toMatch(/^still bad +"stray" "m-1" .*InvalidKey: The target needs the field tenant/);
    expect(told.join()).not.toContain('secret');
    expect((await replayed(it, STRAY, at)).tally).toMatchObject({ replayed: 2 });
  });

  it('stays if the store refuses, and the command stops there', async () => {
    const it = bench(BEFORE);
    await direct(it)({ ...stray, messageId: 'm-1' });
    it.intercept = (key) => (key === 'a/x' ? DENIED : undefined);
    const { tally } = await replayed(it, STRAY, at);
    expect(tally).toMatchObject({ replayed: 0, stillBad: 0 });
    expect(tally.failure).toMatch(/not in +"stray" "m-1".*AppendRefused/);
    it.intercept = undefined;
    expect((await replayed(it, STRAY, at)).tally).toMatchObject({ replayed: 1, failure: null });
  });

  it('is decoded again if it could not be, by the shape that the function has now', async () => {
    const it = bench(BEFORE);
    const platform = delivery(it);
    const nested = [message('m-9', 'in a batch in a batch', 'stray')];
    await platform('plain text of a topic', nested);
    const logs = [log('-unknown')];
    const stays = await replayed(it, STRAY, { logs, queue: 'stray' });
    expect(stays.tally).toMatchObject({ replayed: 0, stillBad: 2 });
    const mended = {
      targets: { a: { format: 'log', key: 'a/{time:dd}' } },
      queues: { stray: { target: 'a' } },
    } as const;
    const choice = { logs, queue: 'stray', decoding: { shape: 'mns-topic-stream' } } as const;
    it.nowMs += 86_400_000;
    // They bring neither an id nor a time, so they keep those that they were parked with.
    it.intercept = (key) => (key === logs[0] ? DENIED : undefined);
    await expect(replayed(it, mended, choice)).rejects.toMatchObject({ code: 'AppendRefused' });
    it.intercept = undefined;
    const { tally } = await replayed(it, mended, choice);
    expect(tally).toMatchObject({ replayed: 0, wasIn: 2, stillBad: 0 });
    expect(await it.lines('a/22')).toEqual(['"plain text of a topic"', JSON.stringify(nested)]);
    expect((await replayed(it, mended, choice)).tally).toMatchObject({ before: 2 });
  });

  it('goes into a raw target as it is', async () => {
    const it = bench(BEFORE);
    await direct(it)(
      { ...stray, messageId: 'm-1', body: 'as it is' },
      { ...stray, messageId: 'e', body: '' },
    );
    const raw = {
      targets: { r: { format: 'raw', key: 'r/x' } },
      queues: { stray: { target: 'r' } },
    } as const;
    for (const expected of [{ replayed: 2 }, { replayed: 0, before: 2 }]) {
      expect((await replayed(it, raw, at)).tally).toMatchObject(expected);
    }
    expect(await it.text('r/x')).toBe('as it is');
  });
});

const ATTRIBUTES = {
  ApproximateReceiveCount: '1',
  SentTimestamp: '',
  SenderId: '',
  ApproximateFirstReceiveTimestamp: '',
};

describe('the letters that are wanted', () => {
  it.each<[LetterFilter, readonly string[]]>([
    [{}, ['m-1', 'm-2', 'm-3']],
    [{ queue: 'stray' }, ['m-1', 'm-2', 'm-3']],
    [{ queue: 'other' }, []],
    [{ id: 'm-2' }, ['m-2']],
    [{ reason: 'UnknownQueue' }, ['m-1', 'm-2', 'm-3']],
    [{ reason: 'InvalidKey' }, []],
    [{ sinceMs: 2000 }, ['m-2', 'm-3']],
    [{ untilMs: 2000 }, ['m-1']],
    [{ sinceMs: 2000, untilMs: 3000 }, ['m-2']],
  ])('are chosen by %j', async (filter, expected) => {
    const it = bench({ ...BEFORE, deadLetters: { key: 'dead/all' } });
    const sent = (ms: number) => ({ ...ATTRIBUTES, SentTimestamp: String(ms) });
    const ids = ['m-1', 'm-2', 'm-3'];
    await direct(it)(
      ...ids.map((messageId, n) => ({ ...stray, messageId, attributes: sent(1000 * (n + 1)) })),
    );
    const found: string[] = [];
    for await (const { letter } of lettersOf(it.store, 'dead/all', filter)) found.push(letter.id);
    expect(found).toEqual(expected);
  });

  it('are told and left alone in a dry run', async () => {
    const it = bench(BEFORE);
    await direct(it)({ ...stray, messageId: 'm-1' });
    const { tally, told } = await replayed(it, STRAY, { ...at, isDry: true });
    expect(told).toEqual([expect.stringMatching(/^would go to +"stray" "m-1" .* a\/x$/)]);
    expect(summary(tally, true)).toBe(
      '1 letter would be sent again, 0 still cannot be appended, 0 were sent again before.',
    );
    expect(await it.text('a/x')).toBeNull();
    expect((await replayed(it, STRAY, at)).tally).toMatchObject({ replayed: 1, before: 0 });
  });
});
