/** What a seed stands for: who sends what to which object, through how many instances, in what weather. */
import type { DedupeWindow, RecordNumber } from '../../lib/append/types.ts';
import { drawRates, type Rates } from './faults.ts';
import { Random } from './random.ts';

export interface Scenario {
  readonly seed: number;
  /** Another course of events with the same calls. */
  readonly salt: number;
  readonly instances: number;
  readonly jobs: readonly Job[];
  readonly rates: Rates;
  /** The faults that are left out. */
  readonly spared: ReadonlySet<string>;
  readonly dedupe: DedupeWindow;
  readonly segmentBytesMax: number;
  /** Writers that know nothing of a log try it at 0 first, wherever it ends. */
  readonly expectsNew: boolean;
  readonly coldStart: { readonly tailBytes: number; readonly bytesMax: number };
  readonly requestTimeoutMs: number;
  readonly requestsMax: number;
  readonly skewMsMax: number;
  /** One way, at least; an answer takes up to three times as long. */
  readonly latencyMs: number;
  readonly retirements: readonly Retirement[];
  /** A raw payload is the same bytes in every delivery, so that deliveries cannot be told apart. */
  readonly equalPayloads: boolean;
}

/** One call, and how its source behaves. A source makes its calls one after the other. */
export interface Job {
  readonly index: number;
  readonly source: number;
  readonly key: string;
  readonly format: 'log' | 'raw';
  /** Its records (`log`). They may repeat, and may be another call's. */
  readonly records: readonly JobRecord[];
  /** Length of a payload, or of the text in each record. */
  readonly size: number;
  /** Pause before it. */
  readonly thinkMs: number;
  readonly timeMs: number;
  readonly deliveriesMax: number;
  /** It is delivered a second time after this long, whatever has become of the first. */
  readonly redeliveredAfterMs: number | null;
  /** It names a position: the length at that moment, or one that is off. */
  readonly condition: 'length' | 'off' | null;
}

/** Someone ends a log, and has tombstones put in the place of its segments. */
export interface Retirement {
  readonly key: string;
  /** When it begins, and how long it is before each tombstone at the most. */
  readonly atMs: number;
  readonly pauseMs: number;
  /** It asks for tombstones only, and has to be told that the log is open. */
  readonly careless: boolean;
}

export interface JobRecord {
  readonly source: string;
  readonly id: string;
  readonly numbered?: RecordNumber;
}

const DEDUPE: DedupeWindow = { records: 16_000, ageMs: null };
/** Of every record that is known by its id. */
const SOURCE = 's';

export function scenario(seed: number): Scenario {
  const random = new Random(seed, 1);
  const sources = random.whole(1, 5);
  const keys = Array.from({ length: random.whole(1, 2) }, (_, n) => ({ n, log: random.chance(0.6) }));
  const timeMs = random.pick([2000, 5000, 20_000, 60_000]);
  const hasty = random.chance(0.5);
  const style = {
    sources,
    keys: keys.map(({ n, log }) => (log ? `log-${n}` : `raw-${n}`)),
    timeMs: () => (random.chance(0.8) ? timeMs : timeMs * random.between(0.1, 1)),
    thinkMs: () => (hasty ? random.between(0, 30) : random.between(0, 2000)),
    redelivered: random.chance(0.5) ? 0.2 : 0,
    conditional: random.chance(0.4) ? 0.3 : 0,
    // Bytes of one length make it likely that a position fits another incarnation, or another payload.
    sizeMax: random.chance(0.3) ? 1 : random.pick([8, 40, 400]),
  };
  const rates = drawRates(random);
  const jobs: Job[] = [];
  for (let made = random.whole(2, 14); jobs.length < made; ) jobs.push(drawJob(random, jobs, style));
  const drawn: Scenario = {
    seed,
    salt: 0,
    instances: random.whole(1, 4),
    jobs,
    rates,
    spared: new Set(),
    dedupe: random.chance(0.3) ? drawWindow(random) : DEDUPE,
    // What is promised of a log whose segments vanish one by one is too little to check.
    segmentBytesMax:
      random.chance(0.5) && rates.deleted === 0 && rates.replaced === 0 ? random.whole(1, 3000) : 1024 ** 3,
    coldStart: random.chance(0.2)
      ? { tailBytes: 64 * 1024, bytesMax: 1024 * 1024 }
      : { tailBytes: random.whole(64, 600), bytesMax: random.whole(300, 3000) },
    requestTimeoutMs: random.pick([500, 3000, 30_000]),
    requestsMax: random.chance(0.15) ? random.whole(2, 10) : 1000,
    skewMsMax: random.chance(0.5) ? 0 : random.between(0, 600_000),
    latencyMs: random.between(1, 20),
    equalPayloads: random.chance(0.2),
    expectsNew: new Random(seed, 3).chance(0.3),
    retirements: [],
  };
  // Dice of their own: a scenario without is as it would be if there were none. As with segments, nothing vanishes.
  const dice = new Random(seed, 2);
  const mayEnd = rates.deleted === 0 && rates.replaced === 0 && dice.chance(0.6);
  return mayEnd ? withRetirements(drawn, style.keys.filter(isLog), dice) : drawn;
}

/** What matters is what is known over the end of a log: so much comes again, and late, and windows are small. */
function withRetirements(drawn: Scenario, keys: readonly string[], random: Random): Scenario {
  const dedupe = random.chance(0.4) ? drawWindow(random) : drawn.dedupe;
  const jobs = drawn.jobs.map((job) =>
    random.chance(0.3) ? { ...job, redeliveredAfterMs: random.between(0, 30_000) } : job,
  );
  return { ...drawn, jobs, dedupe, retirements: keys.flatMap((key) => drawRetirements(random, key)) };
}

const isLog = (key: string): boolean => key.startsWith('log');

function drawRetirements(random: Random, key: string): Retirement[] {
  const pauseMs = random.pick([0, 0, 50, 5000]);
  const untilMs = random.pick([400, 3000, 15_000, 60_000]);
  return Array.from({ length: random.whole(1, 4) }, () => ({
    key,
    atMs: random.between(0, untilMs),
    pauseMs,
    careless: random.chance(0.2),
  }));
}

/** No more than a few commits. */
function drawWindow(random: Random): DedupeWindow {
  return random.chance(0.6)
    ? { records: random.whole(1, 8), ageMs: null }
    : { records: 16_000, ageMs: random.whole(100, 20_000) };
}

interface Style {
  readonly sources: number;
  readonly keys: readonly string[];
  readonly redelivered: number;
  readonly conditional: number;
  readonly sizeMax: number;
  timeMs(): number;
  thinkMs(): number;
}

function drawJob(random: Random, earlier: readonly Job[], style: Style): Job {
  const index = earlier.length;
  const key = style.keys[random.whole(0, style.keys.length - 1)] ?? 'log-0';
  return {
    index,
    source: random.whole(0, style.sources - 1),
    key,
    format: isLog(key) ? 'log' : 'raw',
    records: drawRecords(random, index, key, earlier),
    size: random.whole(1, style.sizeMax),
    thinkMs: style.thinkMs(),
    timeMs: style.timeMs(),
    deliveriesMax: random.whole(1, 5),
    redeliveredAfterMs: random.chance(style.redelivered) ? random.between(0, 20_000) : null,
    condition: random.chance(style.conditional) ? random.pick(['length', 'length', 'off']) : null,
  };
}

function drawRecords(random: Random, index: number, key: string, earlier: readonly Job[]): JobRecord[] {
  const kind = random.next();
  if (kind < 0.15) return drawOffsets(random, key, earlier);
  if (kind < 0.35) return drawSequence(random, key, earlier);
  const own: JobRecord[] = Array.from({ length: random.whole(1, 3) }, (_, n) => ({
    source: SOURCE,
    id: `${index}${'abc'[n] ?? ''}`,
  }));
  const [first] = own;
  if (random.chance(0.08) && first !== undefined) own.push(first);
  const other = earlier[random.whole(0, Math.max(0, earlier.length - 1))]?.records[0];
  const isOwn = own.some(({ id }) => id === other?.id);
  return random.chance(0.08) && other !== undefined && !isOwn ? [...own, other] : own;
}

/** A batch of a partition, with a gap in it now and then; batches are cut anew when they come again. */
function drawOffsets(random: Random, key: string, earlier: readonly Job[]): JobRecord[] {
  const source = `partition-${random.whole(0, 1)}`;
  const next = 1 + Math.max(-1, ...numbersOf(earlier, key, source).map(({ number }) => number));
  const from = random.chance(0.3) ? Math.max(0, next - random.whole(1, 3)) : next + random.whole(0, 1);
  const offsets = Array.from({ length: random.whole(1, 4) }, (_, n) => from + n);
  const there = random.chance(0.2) ? offsets.filter(() => random.chance(0.7)) : offsets;
  return (there.length === 0 ? [from] : there).map((number) => ({
    source,
    id: String(number),
    numbered: { number, epoch: null },
  }));
}

/** What a producer sends next, or once more; or the first of its next life. */
function drawSequence(random: Random, key: string, earlier: readonly Job[]): JobRecord[] {
  const source = `producer-${random.whole(0, 1)}`;
  const sent = numbersOf(earlier, key, source);
  const epochs = sent.map(({ epoch }) => epoch ?? 0);
  const epoch = Math.max(0, ...epochs) + (random.chance(0.15) ? 1 : 0);
  const next = 1 + Math.max(-1, ...sent.filter((one) => one.epoch === epoch).map(({ number }) => number));
  const from = random.chance(0.2) ? Math.max(0, next - 1) : next;
  return Array.from({ length: random.whole(1, 3) }, (_, n) => ({
    source,
    id: String(from + n),
    numbered: { number: from + n, epoch },
  }));
}

const numbersOf = (jobs: readonly Job[], key: string, source: string): RecordNumber[] =>
  jobs
    .filter((job) => job.key === key)
    .flatMap(({ records }) => records.filter((one) => one.source === source))
    .flatMap(({ numbered }) => (numbered === undefined ? [] : [numbered]));
