/** A job on a store in memory, with every request counted. */
import type { Aggregator, Job, Rollup } from '../../../lib/aggregate/job.ts';
import type { Invoker } from '../../../lib/aggregate/ports.ts';
import { type AggregatorOptions, createAggregator, type Tuning } from '../../../lib/aggregator.ts';
import { crc64 } from '../../../lib/append/crc64.ts';
import { jsonLine } from '../../../lib/append/record.ts';
import type { LogRecord } from '../../../lib/append/types.ts';
import { type Appender, createAppender } from '../../../lib/appender.ts';
import { renderKey } from '../../../lib/key.ts';
import { parseTemplate } from '../../../lib/key-template.ts';
import type { LogFields, Runtime } from '../../../lib/runtime.ts';
import { memoryStore } from '../../../lib/store/memory.ts';
import type { Bucket } from '../../../lib/store/port.ts';
import {
  plainEngine,
  type RolledUp,
  type Row,
  readRolledUp,
  readRows,
} from '../../simulation/aggregate/engine.ts';
import { memoryWorkspace } from '../../simulation/aggregate/workspace.ts';

export const T20 = Date.UTC(2026, 10, 22, 20);
export const HOUR_MS = 3_600_000;
/** Longer than any grace here. */
export const LATER_MS = 600_000;
export const PLENTY = { remainingMs: () => 600_000 };

export interface Request {
  readonly what: 'head' | 'read' | 'append' | 'list' | 'put' | 'remove';
  readonly key: string;
  /** That came back. */
  readonly bytes: number;
}

/** What is asked of a store. */
export function counted(store: Bucket): Bucket & { readonly requests: Request[] } {
  const requests: Request[] = [];
  const note = (what: Request['what'], key: string, bytes = 0) => void requests.push({ what, key, bytes });
  return {
    requests,
    async head(key, call) {
      note('head', key);
      return store.head(key, call);
    },
    async read(key, range, call) {
      const read = await store.read(key, range, call);
      note('read', key, read?.bytes.length);
      return read;
    },
    async append(key, position, body, call) {
      note('append', key);
      return store.append(key, position, body, call);
    },
    async list(prefix, call) {
      note('list', prefix);
      return store.list(prefix, call);
    },
    async put(key, body, call) {
      note('put', key);
      return store.put(key, body, call);
    },
    async remove(key, call) {
      note('remove', key);
      return store.remove(key, call);
    },
  };
}

export interface LogLine extends LogFields {
  readonly event: string;
}

/** A clock that stands until it is set or someone sleeps, and dice that always say the same. */
export function stillRuntime(nowMs: number): Runtime & { nowMs: number; readonly lines: LogLine[] } {
  let ids = 0;
  const lines: LogLine[] = [];
  const log = (event: string, fields?: LogFields) => void lines.push({ event, ...fields });
  const runtime = {
    nowMs,
    lines,
    now: () => runtime.nowMs,
    monotonic: () => runtime.nowMs,
    random: () => 0.5,
    uuid: () => `id-${ids++}`,
    sleep: async (ms: number) => {
      runtime.nowMs += Math.ceil(ms);
    },
    after: () => () => {},
    log: { info: log, warn: log, error: log },
  };
  return runtime;
}

export interface Bench {
  readonly store: ReturnType<typeof counted>;
  readonly runtime: ReturnType<typeof stillRuntime>;
  readonly appender: Appender;
  readonly aggregator: Aggregator;
  another(options?: Partial<AggregatorOptions>): Aggregator;
  /** Appends records of these ids, at their time, to the source. */
  append(
    timeMs: number,
    ids: readonly string[],
    more?: Partial<LogRecord> & { lane?: string },
  ): Promise<void>;
  /** What a reader finds under a prefix: rows by part. */
  parts(prefix?: string): Promise<Map<string, Row[]>>;
  /** What a reader finds in files of a rollup: all rows under a prefix. */
  rolledUp(prefix?: string): Promise<RolledUp[]>;
  /** All rows under a prefix, as their data. */
  rows(prefix?: string): Promise<string[]>;
}

export const template = (text: string, segmented = true) => parseTemplate(text, { segmented });

export function jobOf(more: Partial<Job> = {}): Job {
  return {
    name: 'table',
    kind: 'compact',
    logKey: 'jobs/table.ndjson',
    source: { name: 'events', key: template('events/{time:yyyy/MM/dd/HH}.ndjson') },
    window: 'hour',
    output: template('tables/day={time:yyyy-MM-dd}/hour={time:HH}', false),
    format: 'parquet',
    columns: [],
    sort: [],
    rollup: null,
    graceMs: 60_000,
    claimBytesMax: 1024 ** 3,
    fanOut: 8,
    ...more,
  };
}

/** A rollup in windows of a minute, a row a source. */
export const countsInto = (into: Rollup['into']): Job =>
  jobOf({
    name: 'counts',
    kind: 'rollup',
    logKey: 'jobs/counts.ndjson',
    output: template('jobs/counts/{time:yyyy-MM-dd-HH-mm}', false),
    window: 'minute',
    rollup: { sql: '', rowKey: ['source'], into },
  });

export function bench({
  job = jobOf(),
  tuning = {},
  invoker = null,
}: {
  job?: Job;
  tuning?: Tuning;
  invoker?: Invoker | null;
} = {}): Bench {
  const store = counted(memoryStore({ crc64Update: (sum, bytes) => crc64(bytes, sum) }));
  const runtime = stillRuntime(T20);
  const appender = createAppender({ store, runtime, writer: 'w' });
  const another = (options: Partial<AggregatorOptions> = {}) => {
    const workspace = memoryWorkspace();
    const engine = plainEngine(workspace);
    return createAggregator({
      store,
      engine,
      workspace,
      runtime,
      invoker,
      tuning,
      // One that knows nothing, as that of another instance.
      appender: createAppender({ store, runtime, writer: runtime.uuid() }),
      ...options,
    });
  };
  const call = { timeoutMs: 1000 };
  const filesOf = async <T>(prefix: string, rowsIn: (bytes: Uint8Array) => T[]) => {
    const found = new Map<string, T[]>();
    const { objects } = await store.list(prefix, call);
    for (const { key, length } of objects) {
      const read = await store.read(key, { start: 0, end: length }, call);
      found.set(key, rowsIn(read?.bytes ?? new Uint8Array()));
    }
    return found;
  };
  const parts = (prefix = 'tables/') => filesOf(prefix, readRows);
  return {
    store,
    runtime,
    appender,
    aggregator: another(),
    another,
    async append(timeMs, ids, { lane, ...more } = {}) {
      const key = renderKey(job.source.key, { timeMs, ...(lane !== undefined && { lane }) });
      const records = ids.map((id) => ({
        line: jsonLine(JSON.stringify({ id })),
        id,
        source: 's',
        timeMs,
        ...more,
      }));
      await appender.appendRecords(key, records, PLENTY);
    },
    parts,
    async rolledUp(prefix = 'rollups/') {
      return [...(await filesOf(prefix, readRolledUp)).values()].flat();
    },
    async rows(prefix) {
      return [...(await parts(prefix)).values()].flat().map(({ data }) => data);
    },
  };
}
