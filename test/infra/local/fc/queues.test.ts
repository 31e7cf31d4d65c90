import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startFc } from '../../../../infra/local/fc/platform.ts';
import { fcOptions, parse, queue, send, start, tempDir, until, writeTemplate } from './support.ts';

/** Appends each event it gets to `$OUT` as a line, then fails while the file `$OUT.fail` is there. */
const recorder = `const fs = require('node:fs');
exports.handler = async (event, context) => {
  fs.appendFileSync(process.env.OUT, JSON.stringify({ retry: context.retryCount, event: JSON.parse(event) }) + '\\n');
  if (fs.existsSync(process.env.OUT + '.fail')) throw new Error('not now');
};`;

interface CloudEvent {
  readonly id: string;
  readonly data: { readonly messageId: string; readonly messageBody: string };
}
interface Delivery {
  readonly retry: number;
  readonly event: readonly CloudEvent[];
}

function setUp(dir = tempDir()) {
  const out = join(dir, 'out.ndjson');
  writeFileSync(out, '', { flag: 'a' });
  return {
    dir,
    options: { env: { OUT: out } },
    fail: () => writeFileSync(`${out}.fail`, ''),
    deliveries: (): Delivery[] =>
      readFileSync(out, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  };
}

const bodies = ({ event }: Delivery) => event.map(({ data }) => data.messageBody);

describe('a local queue', () => {
  it('delivers what is published as one array of CloudEvents', async () => {
    const { options, deliveries, dir } = setUp();
    const fc = await start({ f: { source: recorder, triggers: [queue('orders')] } }, options, dir);
    const { messageId } = await fc.publish('orders', Buffer.from('{"user":42}'));
    await fc.idle();
    expect(messageId).toMatch(/^[0-9A-F]{32}$/);
    expect(deliveries()).toEqual([
      {
        retry: 0,
        event: [
          {
            id: messageId.toLowerCase(),
            source: 'MNS-f-stream',
            specversion: '1.0',
            type: 'mns:Queue:SendMessage',
            datacontenttype: 'application/json;charset=utf-8',
            subject: 'acs:mns:cn-hangzhou:1234567890123456:queues/orders',
            time: expect.stringMatching(/Z$/),
            aliyunaccountid: '1234567890123456',
            aliyunpublishtime: expect.stringMatching(/Z$/),
            aliyunoriginalaccountid: '1234567890123456',
            aliyuneventbusname: 'MNS-f-stream',
            aliyunregionid: 'cn-hangzhou',
            aliyunpublishaddr: '127.0.0.1',
            data: { requestId: messageId.slice(0, 24), messageId, messageBody: '{"user":42}' },
          },
        ],
      },
    ]);
  });

  it('gives bytes that are not UTF-8 as base64, and items as strings on request', async () => {
    const { options, deliveries, dir } = setUp();
    const fc = await start(
      { f: { source: recorder, triggers: [queue('q')] } },
      { ...options, streamItemsAsStrings: true },
      dir,
    );
    await fc.publish('q', Buffer.from([0xff, 0xfe]));
    await fc.idle();
    const [item] = deliveries()[0]?.event ?? [];
    expect(typeof item).toBe('string');
    expect(JSON.parse(String(item))).toMatchObject({ data: { messageBody: '//4=' } });
  });

  it('batches up to the count of the window, in order', async () => {
    const { options, deliveries, dir } = setUp();
    const batchWindow = { CountBasedWindow: 3, TimeBasedWindow: 1 };
    const fc = await start(
      { f: { source: recorder, triggers: [queue('q', { batchWindow })] } },
      options,
      dir,
    );
    for (const body of ['0', '1', '2', '3', '4', '5', '6']) await fc.publish('q', Buffer.from(body));
    await fc.idle();
    expect(deliveries().map(bodies)).toEqual([['0', '1', '2'], ['3', '4', '5'], ['6']]);
  });

  it('delivers the whole batch again, same ids, when the function fails, then puts it to the dead letters', async () => {
    const { options, deliveries, fail, dir } = setUp();
    const run = {
      batchWindow: { CountBasedWindow: 2, TimeBasedWindow: 15 },
      deadLetterQueue: { Arn: 'acs:mns:cn-hangzhou:1:/queues/dead' },
    };
    const fc = await start({ f: { source: recorder, triggers: [queue('q', run)] } }, options, dir);
    fail();
    await fc.publish('q', Buffer.from('a'));
    await fc.publish('q', Buffer.from('b'));
    await fc.idle();
    expect(deliveries().map(bodies)).toEqual(Array.from({ length: 4 }, () => ['a', 'b']));
    expect(deliveries().map(({ retry }) => retry)).toEqual([0, 1, 2, 3]);
    expect(new Set(deliveries().map(({ event }) => event.map(({ id }) => id).join())).size).toBe(1);
    expect(fc.queues).toMatchObject([{ depth: 0, inFlight: 0, deadLetters: 2, stopped: [] }]);
  });

  it('drops a batch loudly after the last retry when there is no dead-letter queue', async () => {
    const { options, fail, dir } = setUp();
    const events: string[] = [];
    const fc = await start(
      { f: { source: recorder, triggers: [queue('q')] } },
      { ...options, onEvent: ({ type }) => events.push(type) },
      dir,
    );
    fail();
    await fc.publish('q', Buffer.from('a'));
    await fc.idle();
    expect(events.filter((type) => type.startsWith('batch'))).toEqual([
      'batch-retried',
      'batch-retried',
      'batch-retried',
      'batch-dropped',
    ]);
  });

  it('stops at the batch where errors are not tolerated, and takes it up at the next start', async () => {
    const { options, deliveries, fail, dir } = setUp();
    const functions = { f: { source: recorder, triggers: [queue('q', { errorsTolerance: 'NONE' })] } };
    fail();
    const first = await start(functions, options, dir);
    await first.publish('q', Buffer.from('a'));
    await first.idle();
    await first.publish('q', Buffer.from('b'));
    expect(first.queues).toMatchObject([{ depth: 2, inFlight: 0, stopped: ['f'] }]);
    await first.close();
    expect(deliveries()).toHaveLength(4);
    // It fails no more.
    const again = await start(functions, { env: { OUT: `${options.env.OUT}.2` } }, dir);
    await again.idle();
    const delivered = readFileSync(`${options.env.OUT}.2`, 'utf8').trim().split('\n');
    expect(delivered.flatMap((line) => bodies(JSON.parse(line)))).toEqual(['a', 'b']);
    expect(again.queues).toMatchObject([{ depth: 0 }]);
  });

  it('keeps undelivered messages when the platform is closed in the middle of retries', async () => {
    const { options, deliveries, fail, dir } = setUp();
    const functions = { f: { source: recorder, triggers: [queue('q')] } };
    fail();
    const first = await start(functions, { ...options, retryDelayScale: 1 }, dir);
    await first.publish('q', Buffer.from('a'));
    await until(() => deliveries().length === 1);
    await first.close();
    const second = await start(functions, { env: { OUT: `${options.env.OUT}.2` } }, dir);
    await second.idle();
    expect(bodies(JSON.parse(readFileSync(`${options.env.OUT}.2`, 'utf8')))).toEqual(['a']);
  });

  it('does not give a batch up because closing broke off its last retry', async () => {
    const { options, deliveries, dir } = setUp();
    const source = `const { handler } = require('./recorder.cjs');
      exports.handler = async (event, context) => {
        await handler(event, context);
        if (process.env.DONE) return;
        if (context.retryCount < 3) throw new Error('not now');
        await new Promise((resolve) => setTimeout(resolve, 60000));
      };`;
    const functions = { f: { source, timeout: 100, triggers: [queue('q')] } };
    writeTemplate(dir, functions);
    writeFileSync(join(dir, 'f', 'recorder.cjs'), recorder);
    const first = await start(functions, { ...options, closeGraceMs: 0 }, dir);
    await first.publish('q', Buffer.from('a'));
    await until(() => deliveries().length === 4);
    await first.close();
    const second = await start(functions, { env: { ...options.env, DONE: '1' } }, dir);
    await second.idle();
    expect(deliveries().map(bodies)).toEqual(Array.from({ length: 5 }, () => ['a']));
  });

  it('goes on when the end of its journal is torn', async () => {
    const { options, deliveries, dir } = setUp();
    const functions = { f: { source: recorder, triggers: [queue('q')] } };
    const first = await start(functions, options, dir);
    await first.close();
    const journal = join(dir, 'data', 'queues', 'q.journal');
    const stored = (body: string) =>
      JSON.stringify({
        put: `0${body}`,
        value: { publishedMs: 1, bodyBase64: Buffer.from(body).toString('base64') },
      });
    appendFileSync(journal, `${stored('a')}\n${stored('b').slice(0, 20)}`);
    const second = await start(functions, options, dir);
    await second.publish('q', Buffer.from('c'));
    await second.idle();
    expect(deliveries().flatMap(bodies)).toEqual(['a', 'c']);
  });

  it('refuses to start on a journal that is damaged in the middle', async () => {
    const { options, dir } = setUp();
    const functions = { f: { source: recorder, triggers: [queue('q')] } };
    await (await start(functions, options, dir)).close();
    appendFileSync(join(dir, 'data', 'queues', 'q.journal'), 'garbage\n{"remove":[]}\n');
    const again = startFc(fcOptions(dir, writeTemplate(dir, functions)));
    await expect(again).rejects.toMatchObject({ code: 'JournalCorrupt' });
  });

  it('takes messages over HTTP, up to SMQ’s size, and shows its state', async () => {
    const { options, deliveries, dir } = setUp();
    const fc = await start({ f: { source: recorder, triggers: [queue('q')] } }, options, dir);
    const post = (path: string, body: string | Uint8Array, headers = {}) =>
      send(fc.apiUrl, { method: 'POST', path, body, headers });
    const answer = await post('/queues/q/messages', 'hello');
    expect(answer.status).toBe(201);
    await fc.idle();
    expect(parse(answer.body)).toEqual({ messageId: deliveries()[0]?.event[0]?.data.messageId });
    const unknown = await post('/queues/r/messages', 'hello');
    expect(unknown.status).toBe(404);
    expect(unknown.body.toString()).toContain('there are: q');
    expect((await post('/queues/a%20b/messages', 'hello')).body.toString()).toContain("no queue 'a b'");
    expect((await post('/queues//messages', 'hello')).body.toString()).toContain("no queue ''");
    expect((await post('/queues/%ff/messages', 'hello')).body.toString()).toContain("no queue '%ff'");
    expect((await post('/queues/q/messages', Buffer.alloc(64 * 1024))).status).toBe(201);
    expect((await post('/queues/q/messages', Buffer.alloc(64 * 1024 + 1))).status).toBe(413);
    expect((await post('/queues/q/messages', 'x', { origin: 'https://example.com' })).status).toBe(403);
    await fc.idle();
    expect(parse((await send(fc.apiUrl, { path: '/queues' })).body)).toEqual({
      queues: [
        { name: 'q', source: 'SMQ', consumers: ['f'], depth: 0, inFlight: 0, deadLetters: 0, stopped: [] },
      ],
    });
  });

  it('reports triggers of other sources as not consumed', async () => {
    const trigger = queue('q');
    const other = structuredClone(trigger);
    other.triggerConfig.eventSourceConfig.eventSourceType = 'RocketMQ';
    const fc = await start({ f: { source: recorder, triggers: [other] } });
    expect(fc.queues).toEqual([]);
    expect(fc.unserved).toEqual([
      { functionName: 'f', triggerName: 'stream', reason: 'RocketMQ: not consumed locally' },
    ]);
  });
});
