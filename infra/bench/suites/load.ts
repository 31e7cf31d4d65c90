/** Load from many writers in several processes, and what became of it: the ground of three suites. */
import type { Lab } from '../lab.ts';
import { nowMs, sleep } from '../programs/clock.ts';
import type { Arrivals, CallError, Load, LoadedRecord, Writer } from '../programs/load.ts';
import type { Counts } from '../programs/oss.ts';
import type { OurKind } from '../programs/ours.ts';
import type { RecipeKind } from '../programs/recipe.ts';
import { quantile } from '../report/numbers.ts';
import { verify } from '../report/verify.ts';
import { type Row, row } from '../suite.ts';

export type Contestant = 'ours' | 'recipe' | 'jitter';

export const NAMES: Readonly<Record<Contestant, string>> = {
  ours: 'oss-append',
  recipe: 'recipe',
  jitter: 'recipe + jitter',
};

export interface LoadSpec {
  readonly name: string;
  readonly contestant: Contestant;
  readonly peer: string | null;
  readonly writers: number;
  readonly keyOf: (writer: number) => string;
  readonly arrivals: Arrivals;
  readonly loadMs: number;
  readonly graceMs: number;
  readonly answersLost?: number;
  /** What ours append to. Default: `log`. */
  readonly kind?: OurKind;
}

export const RTT_MS = 20;
export const RTT_SIGMA = 0.3;
const PROCESSES = 4;
/** Until every process has its clients and waits for the start. */
const LEAD_MS = 300;
/** Of saturated writers: until they have found their pace. */
const WARM_UP_MS = 1000;

/** The row of one load. Nobody else writes to its store, so what the store counts is the load's. */
export async function loadRow(lab: Lab, spec: LoadSpec): Promise<Row> {
  const { answersLost = 0 } = spec;
  const oss = await lab.oss({ rttMs: RTT_MS, rttSigma: RTT_SIGMA, answersLost });
  const writers = Array.from({ length: spec.writers }, (_, index) => ({
    name: `w${index}`,
    key: spec.keyOf(index),
    seed: index + 1,
  }));
  const start = starter(lab, spec.contestant, spec.kind ?? 'log');
  const processes = Math.min(PROCESSES, spec.writers);
  const shares = Array.from({ length: processes }, (_, at) =>
    writers.filter((_, index) => index % processes === at),
  );
  const runs = shares.map(start);
  await Promise.all(runs.map(({ ready }) => ready));

  const startMs = nowMs() + LEAD_MS;
  const { arrivals, loadMs, graceMs } = spec;
  const common = { endpoint: oss.url, arrivals, startMs, loadMs, graceMs };
  const [pace, ...loaded] = await Promise.all([
    steadyCounts(() => oss.child.call('counts'), startMs, loadMs),
    ...runs.map(({ load }) => load(common)),
  ]);
  const counts = await oss.child.call('counts');

  const reader = lab.start('recipe');
  const keys = [...new Set(writers.map(({ key }) => key))];
  const objects = await Promise.all(keys.map((key) => reader.call('read', { endpoint: oss.url, key })));
  const records = loaded.flatMap((one) => one.records);
  const acknowledged = records.filter((record) => record.acknowledged).map(({ id }) => id);
  const found = verify(
    objects.filter((object) => object !== null),
    acknowledged,
  );
  await lab.clear();

  const waited = latencies(records);
  const cpuMicros = loaded.reduce((sum, one) => sum + one.cpuMicros, 0);
  const per = (value: number, count: number) => (count === 0 ? null : value / count);
  const paceMs = pace.lastMs - pace.firstMs;
  const inPace = (one: LoadedRecord) =>
    one.acknowledged && one.atMs >= pace.firstMs && one.atMs < pace.lastMs;
  return row(
    spec.name,
    {
      offered: records.length,
      acknowledged: acknowledged.length,
      in: found.records,
      inPercent: per(100 * found.records, records.length),
      lost: found.lost.length,
      twice: found.twice.length,
      requestsPerRecord: per(counts.requests, found.records),
      requestsPerCommit: per(counts.requests, counts.commits),
      p50Ms: waited.p50.value,
      p99Ms: waited.p99.value,
      cpuMicrosPerRecord: per(cpuMicros, found.records),
      commitsPerRtt: per(pace.commits * RTT_MS, paceMs),
      recordsPerSecond: per(records.filter(inPace).length * 1000, paceMs),
    },
    {
      peer: spec.peer,
      atLeast: [...(waited.p50.atLeast ? ['p50Ms'] : []), ...(waited.p99.atLeast ? ['p99Ms'] : [])],
      wrong: [
        ...(found.lost.length > 0
          ? [`acknowledged, and not in the object: ${found.lost.length} records`]
          : []),
        ...(found.twice.length > 0 ? [`in the object more than once: ${found.twice.length} records`] : []),
        ...(found.strange > 0 ? [`no record and no commit: ${found.strange} lines of the object`] : []),
        ...unexpected(loaded.flatMap(({ errors }) => errors)),
      ],
    },
  );
}

type Common<Kind> = Omit<Load<Kind>, 'kind' | 'writers'>;

function starter(lab: Lab, contestant: Contestant, kind: OurKind) {
  const ours = (kind: OurKind) => (writers: readonly Writer[]) => {
    const child = lab.start('ours');
    const load = (common: Common<OurKind>) => child.call('load', { ...common, kind, writers });
    return { ready: child.call('ready'), load };
  };
  const recipe = (kind: RecipeKind) => (writers: readonly Writer[]) => {
    const child = lab.start('recipe');
    const load = (common: Common<RecipeKind>) => child.call('load', { ...common, kind, writers });
    return { ready: child.call('ready'), load };
  };
  return contestant === 'ours' ? ours(kind) : recipe(contestant);
}

/** What the store counts between the warm-up and the end of the load. */
async function steadyCounts(counts: () => Promise<Counts>, startMs: number, loadMs: number) {
  await sleep(startMs + WARM_UP_MS - nowMs());
  const [first, firstMs] = [await counts(), nowMs()];
  await sleep(startMs + loadMs - nowMs());
  const last = await counts();
  const lastMs = nowMs();
  return { commits: last.commits - first.commits, firstMs, lastMs };
}

function latencies(records: readonly LoadedRecord[]) {
  const waited = records.map(({ ms, acknowledged }) => ({ ms, ended: acknowledged }));
  const none = { value: null, atLeast: false };
  return { p50: quantile(waited, 0.5) ?? none, p99: quantile(waited, 0.99) ?? none };
}

/** Errors other than the end of the time, which counts as "not in". */
const EXPECTED: ReadonlySet<string> = new Set(['GivenUp', 'NotAppended', 'OutcomeUnknown']);

function unexpected(errors: readonly CallError[]): readonly string[] {
  const others = errors.filter(({ name }) => !EXPECTED.has(name));
  return [...new Set(others.map(({ name }) => name))].map((name) => {
    const same = others.filter((error) => error.name === name);
    return `${same.length} calls ended with ${name}, the first with: ${same[0]?.message}`;
  });
}
