/** `npm run replay`: dead letters are sent again, see `replay/run.ts`. */
import { pathToFileURL } from 'node:url';
import { styleText } from 'node:util';
import defaultConfig from '../../append.config.ts';
import { laterSegment } from '../../lib/append/segment.ts';
import { type Appender, createAppender } from '../../lib/appender.ts';
import type { Config } from '../../lib/config.ts';
import { placeOf } from '../../lib/intake/dead-letters.ts';
import { createIntake } from '../../lib/intake/intake.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { objectsBelow } from '../../lib/store/list.ts';
import type { Bucket, ObjectStore } from '../../lib/store/port.ts';
import { runCommand, UsageError } from './command.ts';
import { progress } from './progress.ts';
import { dryAppender } from './replay/dry.ts';
import { lettersOf } from './replay/letters.ts';
import { replayLogs, summary, type Tally } from './replay/logs.ts';
import { openStore, STORE_FLAGS, STORE_HELP } from './store.ts';

const LIST_TIMEOUT_MS = 60_000;

await runCommand({
  help: `
Send dead letters again: messages of queues that could not be appended. They go straight into OSS, by append.config.ts as it
is now, under the ids and times that they had, so what is in already is not added again.

  npm run replay -- [--queue Q] [--reason CODE] [--id ID] [--since T] [--until T] [--dry-run]

  npm run replay -- --dry-run                          what is there, and what would become of it
  npm run replay -- --queue orders --reason InvalidKey
  npm run replay -- --since 2026-11-22 --until 2026-11-23T06:00:00Z

  --queue Q        letters of this queue or topic
  --reason CODE    parked for this reason, such as InvalidKey, UnknownQueue or UndecodableMessage
  --id ID          of the message with this id
  --since T        whose message was sent at this time or later (2026-11-22 is midnight, UTC)
  --until T        whose message was sent before this time
  --key K          in this dead-letter object; may be given more than once. By default, all of them
  --dry-run        send nothing
  --all            show also those that were sent again before; they are not sent once more
  --config F       another configuration than append.config.ts

A letter that was sent again is marked in its log. One that cannot be appended even now stays, and is told with its reason.
Ctrl-C stops after the letters under way; what is done is marked, and the next run goes on. A function that is set by
APPEND_QUEUE, APPEND_QUEUE_SHAPE or APPEND_QUEUE_BODIES needs the same in the environment here.
${STORE_HELP}`,
  flags: {
    queue: { type: 'string' },
    reason: { type: 'string' },
    id: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    key: { type: 'string', multiple: true },
    'dry-run': { type: 'boolean' },
    all: { type: 'boolean' },
    config: { type: 'string' },
    ...STORE_FLAGS,
  },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError('Say which letters with flags. See --help.');
    const { queue, reason, id } = values;
    const filter = {
      queue,
      reason,
      id,
      sinceMs: timeFlag('since', values.since),
      untilMs: timeFlag('until', values.until),
    };
    const config = values.config === undefined ? defaultConfig : await configIn(values.config);
    const decoding = decodingFrom(process.env);
    const bucket = await openStore(values);
    const shown = progress('read');
    const { store, read } = counted(bucket);
    const logs = values.key
      ? values.key.map((key) => ({ key, length: 0 }))
      : await deadLetterLogs(config, queue, bucket);
    /** Each log is read twice. */
    const total = values.key ? null : 2 * logs.reduce((sum, { length }) => sum + length, 0);

    const runtime = systemRuntime();
    const writer = `replay-${runtime.uuid()}`;
    const appender: Appender = values['dry-run'] ? dryAppender : createAppender({ store, runtime, writer });
    const intake = createIntake({ appender, runtime, instance: writer });
    let stopped = false;
    // A second one ends at once.
    process.once('SIGINT', () => {
      stopped = true;
    });
    const tally = await replayLogs({
      logs: logs.map(({ key }) => key),
      lettersOf: (log) => lettersOf(store, log, filter),
      replaying: {
        config,
        intake,
        runtime,
        markers: values['dry-run'] ? null : appender,
        decoding,
        queue: process.env['APPEND_QUEUE'] || undefined,
      },
      isStopped: () => stopped,
      onLetters: () => shown.update(read(), total),
      tell: (line, isBad) => {
        shown.end();
        process.stdout.write(`${isBad ? red(line) : line}\n`);
      },
      showAll: values.all === true,
      isDry: values['dry-run'] === true,
    }).finally(() => shown.end());
    process.stdout.write(`${summary(tally, values['dry-run'] === true)}\n`);
    const problem = problemOf(tally);
    if (problem !== null) throw new Error(problem);
  },
});

function red(text: string): string {
  return process.stdout.isTTY === true ? styleText('red', text) : text;
}

function problemOf({ failure, wasStopped }: Tally): string | null {
  if (failure !== null) return `${failure}\nWhat is done is marked. Run the command again for the rest.`;
  return wasStopped ? 'Stopped. What is done is marked. Run the command again for the rest.' : null;
}

/** First segments only: the others are read with them. */
async function deadLetterLogs(
  { deadLetters: { key } }: Config,
  queue: string | undefined,
  bucket: Bucket,
): Promise<{ key: string; length: number }[]> {
  const [, second, third] = key.parts;
  // The name of a queue that ends within its part of the key leaves out the other queues.
  const isOwn = queue !== undefined && second?.kind === 'queue' && third?.kind === 'text';
  const prefix = isOwn ? `${key.prefix}${placeOf(queue)}${third.text}` : key.prefix;
  const lengths = new Map<string, number>();
  for await (const object of objectsBelow(bucket, prefix, { timeoutMs: LIST_TIMEOUT_MS })) {
    const log = laterSegment(object.key)?.first ?? object.key;
    lengths.set(log, (lengths.get(log) ?? 0) + object.length);
  }
  return [...lengths].map(([log, length]) => ({ key: log, length }));
}

/** A store that tells how many bytes were read from it. */
function counted(store: ObjectStore): { store: ObjectStore; read: () => number } {
  let bytes = 0;
  const read: ObjectStore['read'] = async (...args) => {
    const answer = await store.read(...args);
    bytes += answer?.bytes.length ?? 0;
    return answer;
  };
  return { store: { head: store.head, read, append: store.append }, read: () => bytes };
}

function timeFlag(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const timeMs = isTime ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new UsageError(
    `--${name} ${text}: write a date or a time, such as 2026-11-22 or 2026-11-22T20:30:00Z.`,
  );
}

function decodingFrom(env: NodeJS.ProcessEnv) {
  const shape = env['APPEND_QUEUE_SHAPE'] || 'auto';
  const bodyEncoding = env['APPEND_QUEUE_BODIES'] || 'text';
  if (shape !== 'auto' && shape !== 'mns-topic-stream')
    throw new UsageError('APPEND_QUEUE_SHAPE: write auto or mns-topic-stream.');
  if (bodyEncoding !== 'text' && bodyEncoding !== 'base64')
    throw new UsageError('APPEND_QUEUE_BODIES: write text or base64.');
  return { shape, bodyEncoding } as const;
}

async function configIn(file: string): Promise<Config> {
  try {
    const { default: config } = (await import(pathToFileURL(file).href)) as { default: Config };
    return config;
  } catch (cause) {
    throw new UsageError(`${file} is no configuration: ${(cause as Error).message}`, { cause });
  }
}
