/**
 * A real RabbitMQ on the one side, the local stack on the other, and everything in between goes wrong: whatever can be
 * appended is in its log once, and what cannot is among the dead letters once, until it is sent again.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';
import { rabbitmq } from '../../infra/local/brokers/rabbitmq.ts';
import type { FcPlatform } from '../../infra/local/fc/platform.ts';
import type { OssServer } from '../../infra/local/oss/server.ts';
import { AMQP_URL, rabbitAvailability, rabbitTester, uniqueName } from '../infra/local/brokers/support.ts';
import { tempDir, until } from '../infra/local/fc/support.ts';
import { readSegments } from '../lib/append/reference.ts';
import { appendRequests, signalBusy, startLocal } from './local.ts';
import { cli, clientOf, ROOT } from './stack.ts';

const rabbit = await rabbitAvailability();

const MESSAGES = 10_000;
const BATCH = 50;
/** There are four times as many appends as it takes to kill as many, and more with every repetition. */
const KILLS = 25;
const APPENDS_A_KILL_MAX = (2 * MESSAGES) / BATCH / KILLS / 4;
/** 2026-09-21T14:13:20Z, so that all messages are of one hour. */
const SENT_S = 1_790_000_000;
/** In the year 10000, which no event can say. */
const FAR_S = 253_402_300_800;

type Kind = 'good' | 'bad-key' | 'bad-id' | 'undecodable';
const POISON = ['bad-key', 'bad-id', 'bad-key', 'undecodable'] as const;
const REASON = { 'bad-key': 'InvalidKey', 'bad-id': 'MalformedPayload', undecodable: 'UndecodableMessage' };

/** One in a hundred is poison, and every kind has JSON and text for bodies. */
const numbers = Array.from({ length: MESSAGES }, (_, n) => n);
const kindOf = (n: number): Kind => (n % 100 === 37 ? (POISON[Math.floor(n / 100) % 4] ?? 'good') : 'good');
const ofKind = (...kinds: Kind[]) => numbers.filter((n) => kinds.includes(kindOf(n)));
const isObjectBody = (n: number) => Math.floor(n / 400) % 2 === 0;
const bodyOf = (n: number) =>
  isObjectBody(n) ? `{"n": ${n},  "exact":9007199254740993.10}` : `no. ${n}: "größer"\r\n\t\\ \u{1f4e6} `;
/** The body as a line of a log. */
const lineOf = (n: number) => (isObjectBody(n) ? bodyOf(n) : JSON.stringify(bodyOf(n)));
/** A control character is allowed in AMQP's ids, and not in a log's. */
const idOf = (n: number) => (kindOf(n) === 'bad-id' ? `m-\u0007${n}` : `m-${n}`);
const routingKeyOf = (n: number) => (kindOf(n) === 'bad-key' ? 'a/b' : 'orders');

/** The routing key is the field, and one with a slash makes no key. */
const configText = (key: string) => `
import { defineConfig } from ${JSON.stringify(path.join(ROOT, 'lib/config.ts'))};
export default defineConfig({
  targets: { events: { format: 'log', key: ${JSON.stringify(key)} } },
  queues: { events: { target: 'events' } },
});
`;
const CONFIG = configText('events/{field.routingKey}/{time:yyyy/MM/dd/HH}.ndjson');
const MENDED = configText('events/{time:yyyy/MM/dd/HH}.ndjson');

/** What a poison message's letter says of it. */
const letterOf = (n: number) => ({
  source: 'dead/events',
  queue: 'events',
  from: kindOf(n) === 'undecodable' ? 'acs:unknown' : 'acs:amqp',
  code: REASON[kindOf(n) as keyof typeof REASON],
  routingKey: routingKeyOf(n),
  id: idOf(n),
  body: kindOf(n) === 'undecodable' ? lineOf(n) : bodyOf(n),
});

/** The same of a record of the dead-letter log. Of an undecodable message, the letter has the event that it came in. */
function lettered({ source, line }: { source: string; line: string }): ReturnType<typeof letterOf> {
  const { queue, from, form, reason, id, attributes, body } = JSON.parse(line);
  const common = { source, queue, from, code: reason.code };
  if (form === 'message') return { ...common, routingKey: attributes.routingKey, id, body };
  const { envelope, props } = JSON.parse(body).data;
  // The body is the last member of the last member.
  const text = body.slice(body.lastIndexOf(BODY_MEMBER) + BODY_MEMBER.length, -2);
  return { ...common, routingKey: envelope.routingKey, id: props.messageId, body: text };
}
const BODY_MEMBER = ',"body":';

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

/** All records below `prefix`, with the first object of their log. */
async function recordsBelow(oss: OssServer, prefix: string) {
  const client = clientOf(oss.port);
  const { objects = [] } = await client.listV2({ prefix, 'max-keys': '1000' }, {});
  const contents = new Map<string, Uint8Array>();
  for (const { name } of objects) contents.set(name, (await client.get(name)).content as Buffer);
  const logs = [...contents.keys()].filter((key) => !/~\d{5}\.ndjson$/.test(key));
  return logs.flatMap((log) =>
    readSegments(contents, log).flatMap(({ records }) => records.map((record) => ({ log, ...record }))),
  );
}

/** Kills instances at any moment of their calls, one every few appends. Resolves with how many. */
async function killSome(fc: FcPlatform, oss: OssServer, isDone: () => boolean): Promise<number> {
  let killed = 0;
  for (let next = 0; killed < KILLS && !isDone(); ) {
    next += 1 + Math.floor(Math.random() * APPENDS_A_KILL_MAX);
    await until(() => {
      if (isDone()) return true;
      if (appendRequests(oss) < next || !signalBusy(fc, 'SIGKILL')) return false;
      killed++;
      return true;
    });
  }
  return killed;
}

/** A queue that any routing key leads to. Both are deleted with the test. */
async function exchangeAndQueue() {
  const tester = await rabbitTester();
  const exchange = uniqueName();
  onTestFinished(async () => {
    await tester.channel.deleteExchange(exchange);
    await tester.close();
  });
  await tester.channel.assertExchange(exchange, 'topic', { durable: false });
  await tester.channel.bindQueue(tester.queue, exchange, '#');
  return { ...tester, exchange };
}

describe.skipIf(rabbit.missing)(`RabbitMQ to the log${rabbit.note}`, () => {
  it(`has each of ${MESSAGES} messages once, with poison, instances killed and answers lost, and replays what is mended once`, async () => {
    const { queue, exchange, channel, readyCount } = await exchangeAndQueue();
    let retried = 0;
    const { fc, oss } = await startLocal({
      resources: ['queue'],
      config: CONFIG,
      change: (props) => {
        const { eventSinkConfig, runOptions } = props.triggers[0].triggerConfig;
        eventSinkConfig.deliveryOption.concurrency = 3;
        runOptions.batchWindow.CountBasedWindow = BATCH;
      },
      retryDelayScale: 0.01,
      brokers: [rabbitmq(new URL(AMQP_URL), [{ from: queue, queue: 'events' }])],
      onEvent: ({ type }) => {
        if (type === 'batch-retried') retried++;
      },
    });
    const match = { operation: 'append' } as const;
    oss.faults.add({ fault: 'answer-lost', match, probability: 0.1 });
    oss.faults.add({ fault: 'error-500-after', match, probability: 0.05 });
    oss.faults.add({ fault: 'request-lost', match, probability: 0.05 });
    let done = false;
    const killing = killSome(fc, oss, () => done);
    for (const n of numbers) {
      channel.publish(exchange, routingKeyOf(n), Buffer.from(bodyOf(n)), {
        persistent: true,
        messageId: idOf(n),
        timestamp: kindOf(n) === 'undecodable' ? FAR_S : SENT_S,
      });
    }
    await channel.waitForConfirms();
    const handedOut = () => fc.queues.find(({ source }) => source === 'RabbitMQ')?.depth ?? 0;
    await until(async () => (await readyCount()) === 0 && handedOut() === 0);
    done = true;
    expect(await killing).toBe(KILLS);
    expect(retried).toBeGreaterThan(0);
    // What had not been acknowledged would be ready again now.
    await fc.close();
    expect(await readyCount()).toBe(0);

    const log = await recordsBelow(oss, 'events/');
    const key = (n: number, where = '') =>
      `events/${where}2026/09/21/14.ndjson queue/events ${idOf(n)} ${lineOf(n)}`;
    const told = (records: typeof log) =>
      records.map(({ log, source, id, line }) => `${log} ${source} ${id} ${line}`).toSorted();
    const good = ofKind('good').map((n) => key(n, 'orders/'));
    expect(told(log)).toEqual(good.toSorted());

    // A letter for each of the others, with everything that came.
    const dead = await recordsBelow(oss, 'dead-letters/');
    const poison = ofKind('bad-key', 'bad-id', 'undecodable');
    expect(dead.map(lettered).toSorted(byId)).toEqual(poison.map(letterOf).toSorted(byId));
    expect(new Set(dead.map(({ source, id }) => `${source} ${id}`)).size).toBe(poison.length);

    // Mended, those whose key was refused are added, and no others, also with answers lost.
    oss.faults.clear();
    oss.faults.add({ fault: 'answer-lost', match: { ...match, key: 'events/' }, times: 2 });
    const config = path.join(tempDir(), 'mended.config.ts');
    writeFileSync(config, MENDED);
    const replay = async () => {
      const { code, stdout, stderr } = await cli('replay', ['--oss-port', `${oss.port}`, '--config', config]);
      expect(code, stderr).toBe(0);
      return stdout.toString();
    };
    const mended = ofKind('bad-key');
    const stillBad = poison.length - mended.length;
    expect(await replay()).toMatch(
      new RegExp(
        `${mended.length} letters sent again, 0 were in already, ${stillBad} still cannot be appended, 0 were`,
      ),
    );
    const all = [...good, ...mended.map((n) => key(n))].toSorted();
    expect(told(await recordsBelow(oss, 'events/'))).toEqual(all);
    expect(await replay()).toMatch(
      new RegExp(
        `0 letters sent again, 0 were in already, ${stillBad} still cannot be appended, ${mended.length} were`,
      ),
    );
    expect(told(await recordsBelow(oss, 'events/'))).toEqual(all);
    expect(await recordsBelow(oss, 'dead-letters/')).toHaveLength(poison.length + mended.length);
  }, 240_000);
});
