/** A whole way in, from the intake down to a store in memory, that remembers what was appended where. */
import { crc64 } from '../../../lib/append/crc64.ts';
import { type Appender, createAppender } from '../../../lib/appender.ts';
import { type Config, type ConfigInput, defineConfig, type Target } from '../../../lib/config.ts';
import { createIntake, type Intake } from '../../../lib/intake/intake.ts';
import { type Runtime, systemRuntime } from '../../../lib/runtime.ts';
import { memoryStore } from '../../../lib/store/memory.ts';
import type { AppendAnswer, Bucket, ObjectStore } from '../../../lib/store/port.ts';

/** 2026-11-22T20:30:00Z */
export const NOW_MS = Date.UTC(2026, 10, 22, 20, 30);

export interface Bench {
  readonly config: Config;
  readonly store: Bucket;
  readonly appender: Appender;
  readonly intake: Intake;
  readonly runtime: Runtime;
  /** The key of every append that the store saw, in order. */
  readonly appends: string[];
  /** What was logged, one object a line. */
  readonly logged: Record<string, unknown>[];
  /** Answers appends instead of the store, as long as it is set and answers anything but undefined. */
  intercept: ((key: string) => AppendAnswer | undefined) | undefined;
  /** The clock, epoch milliseconds. */
  nowMs: number;
  /** An intake over another appender. */
  intakeOver(appender: Appender): Intake;
  target(name: string): Target;
  text(key: string): Promise<string | null>;
  /** The data lines of a log: those that are no commit. */
  lines(key: string): Promise<string[]>;
}

export function bench<Name extends string>(input: ConfigInput<Name>): Bench {
  const config = defineConfig(input);
  const store = memoryStore({ crc64Update: (sum, bytes) => crc64(bytes, sum) });
  const logged: Record<string, unknown>[] = [];
  const appends: string[] = [];
  const system = systemRuntime((line) => void logged.push(JSON.parse(line)));
  const runtime: Runtime = { ...system, now: () => it.nowMs, sleep: async () => {}, random: () => 0 };
  const watched: ObjectStore = {
    head: store.head,
    read: store.read,
    append: async (key, ...rest) => {
      appends.push(key);
      return it.intercept?.(key) ?? store.append(key, ...rest);
    },
  };
  const appender = createAppender({ store: watched, runtime, writer: 'test' });
  const intakeOver = (over: Appender) => createIntake({ appender: over, runtime, instance: 'test' });
  const it: Bench = {
    config,
    store,
    appender,
    intake: intakeOver(appender),
    intakeOver,
    runtime,
    appends,
    logged,
    intercept: undefined,
    nowMs: NOW_MS,
    target: (name) => {
      const target = config.targets.get(name);
      if (target === undefined) throw new Error(`no target ${name}`);
      return target;
    },
    text: async (key) => {
      const found = await store.read(key, { start: 0, end: Number.MAX_SAFE_INTEGER }, { timeoutMs: 1000 });
      return found && Buffer.from(found.bytes).toString('utf8');
    },
    lines: async (key) => {
      const text = (await it.text(key)) ?? '';
      return text.split('\n').filter((line) => line !== '' && !line.startsWith('{"$commit":'));
    },
  };
  return it;
}
