/** What a seed stands for: what is appended to the source of a job, and who runs the job when, in what weather. */

import { CALM, drawRates, type Rates } from '../faults.ts';
import { EPOCH_MS } from '../instance.ts';
import { Random } from '../random.ts';

export interface JobScenario {
  readonly seed: number;
  /** Another course of events with the same calls. */
  readonly salt: number;
  readonly kind: 'compact' | 'rollup';
  /** Where the rows of a rollup go. */
  readonly into: 'log' | 'files';
  readonly source: string;
  readonly window: 'minute' | 'hour';
  readonly writes: readonly Write[];
  readonly calls: readonly Call[];
  readonly rates: Rates;
  /** The faults that are left out. */
  readonly spared: ReadonlySet<string>;
  /** Instances that runs are given to, as long as they are up. */
  readonly places: number;
  readonly graceMs: number;
  /** How long a log is kept after its end; null: for ever. */
  readonly keptMs: number | null;
  readonly claimBytesMax: number;
  readonly fanOut: number;
  readonly hasInvoker: boolean;
  /** Of the source; of the job's log. */
  readonly segmentBytesMax: number;
  readonly logSegmentBytesMax: number;
  readonly tailBytes: number;
  readonly stateBytes: number;
  readonly pieceBytes: number;
  readonly coldStart: { readonly tailBytes: number; readonly bytesMax: number };
  readonly requestTimeoutMs: number;
  readonly skewMsMax: number;
  /** The clock that a run's time is measured by stands still while its instance is frozen. */
  readonly clockStops: boolean;
  readonly latencyMs: number;
}

/** An append to the source. */
export interface Write {
  readonly index: number;
  /** When, in simulated milliseconds. */
  readonly atMs: number;
  readonly lane: string;
  readonly records: readonly WrittenRecord[];
}

export interface WrittenRecord {
  readonly source: string;
  readonly id: string;
  /** The record's own time, epoch milliseconds; all of a write fall in one object. */
  readonly timeMs: number;
}

/** A run is asked for. */
export interface Call {
  readonly index: number;
  readonly atMs: number;
  readonly what: 'run' | 'backfill' | 'rebuild' | 'retain';
  /** Of the group: this write's. */
  readonly write: number;
  readonly place: number;
  readonly timeMs: number;
}

interface Source {
  readonly source: string;
  readonly window: 'minute' | 'hour';
}

const SOURCES: readonly [Source, ...Source[]] = [
  { source: 'in/{time:yyyy-MM-dd-HH-mm}.ndjson', window: 'minute' },
  { source: 'in/{time:yyyy-MM-dd-HH-mm}/{lane}.ndjson', window: 'minute' },
  { source: 'in/{time:yyyy-MM-dd-HH}/{lane}.ndjson', window: 'minute' },
  { source: 'in/{field.f}/{time:yyyy-MM-dd-HH-mm}.ndjson', window: 'hour' },
  { source: 'in/all.ndjson', window: 'minute' },
];

const MINUTE_MS = 60_000;
const LATE_MS = 200_000;
/** Calls that are made twice come within so much. */
const TOGETHER_MS = 3000;
/** A run meets so many more events than a call that appends. */
const LIFE = 0.25;
/** Of seeds where runs mostly freeze: of each event. */
const FREEZING = 0.03;

export function jobScenario(seed: number): JobScenario {
  const random = new Random(seed, 2);
  const { source, window } = random.pick(SOURCES);
  const rates = drawRates(random);
  const windows = random.whole(1, 3);
  const endMs = windows * MINUTE_MS + random.whole(1, 4) * MINUTE_MS;
  const repeating = random.pick([0.1, 0.4]);
  const keptMs = source.includes('{time:') && random.chance(0.35) ? random.whole(0, 60_000) : null;
  // Late enough for some to meet a tombstone.
  const lateMs = keptMs === null ? endMs : endMs + LATE_MS;
  const writes: Write[] = [];
  for (let made = random.whole(2, 9); writes.length < made; )
    writes.push(drawWrite(random, writes, { windows, lateMs, repeating }));
  const style = { keptMs, endMs, writes: writes.length, timeMs: random.pick([4000, 15_000, 60_000]) };
  const rebuilds = random.chance(0.5) ? 0.4 : 0.05;
  const calls: Call[] = [];
  for (let made = random.whole(3, 10); calls.length < made; )
    calls.push(...drawCalls(random, calls.length, style, rebuilds));
  // What comes between two runs that begin nearly at once is seen by one of them, and not by the other.
  for (const [at, { atMs }] of calls.entries()) {
    const beforeMs = at === 0 ? 0 : (calls[at - 1]?.atMs ?? 0);
    if (atMs <= beforeMs || atMs - beforeMs > TOGETHER_MS || !random.chance(0.7)) continue;
    const write = drawWrite(random, writes, { windows, lateMs, repeating });
    writes.push({ ...write, atMs: random.between(beforeMs, atMs) });
  }
  return {
    seed,
    salt: 0,
    kind: random.chance(0.4) ? 'rollup' : 'compact',
    into: new Random(seed, 'into').chance(0.5) ? 'files' : 'log',
    source,
    window,
    writes,
    calls,
    rates: random.chance(0.35)
      ? { ...CALM, freeze: FREEZING * random.next() }
      : { ...rates, crash: rates.crash * LIFE, freeze: rates.freeze * LIFE },
    spared: new Set(),
    places: random.whole(1, 3),
    graceMs: random.whole(0, 20_000),
    keptMs,
    claimBytesMax: random.chance(0.5) ? 1024 ** 3 : random.whole(100, 1500),
    fanOut: random.whole(0, 3),
    hasInvoker: random.chance(0.6),
    segmentBytesMax: random.chance(0.4) ? random.whole(200, 1500) : 1024 ** 3,
    logSegmentBytesMax: random.chance(0.3) ? random.whole(500, 5000) : 1024 ** 3,
    tailBytes: random.pick([300, 2000, 1024 * 1024]),
    stateBytes: random.pick([500, 3000, 256 * 1024]),
    pieceBytes: random.pick([100, 1000, 8 * 1024 * 1024]),
    coldStart: random.chance(0.3)
      ? { tailBytes: 64 * 1024, bytesMax: 1024 * 1024 }
      : { tailBytes: random.whole(64, 600), bytesMax: random.whole(300, 3000) },
    requestTimeoutMs: random.pick([500, 3000, 30_000]),
    skewMsMax: random.chance(0.5) ? 0 : random.between(0, 600_000),
    clockStops: random.chance(0.6),
    latencyMs: random.between(1, 20),
  };
}

function drawWrite(
  random: Random,
  earlier: readonly Write[],
  { windows, lateMs, repeating }: { windows: number; lateMs: number; repeating: number },
): Write {
  const index = earlier.length;
  const minute = random.whole(0, windows - 1);
  const time = () => EPOCH_MS + minute * MINUTE_MS + random.whole(0, MINUTE_MS - 1);
  const records = Array.from({ length: random.whole(1, 4) }, (_, n) => ({
    source: random.pick(['s', 't']),
    id: `${index}${'abcd'[n] ?? ''}`,
    timeMs: time(),
  }));
  // Comes again, perhaps in another lane, and perhaps with another time.
  const again = earlier.flatMap((write) => write.records).filter(() => random.chance(2 * repeating));
  const known = again.map((record) => ({ ...record, timeMs: time() }));
  const onTime = random.chance(0.6);
  return {
    index,
    atMs: onTime ? minute * MINUTE_MS + random.between(0, MINUTE_MS) : random.between(0, lateMs),
    lane: random.pick(['0', '1']),
    records: random.chance(repeating) && known.length > 0 ? known : [...records, ...known],
  };
}

interface Style {
  readonly keptMs: number | null;
  readonly endMs: number;
  readonly writes: number;
  readonly timeMs: number;
}

/** A call; often it is made twice. */
function drawCalls(
  random: Random,
  index: number,
  { keptMs, endMs, writes, timeMs }: Style,
  rebuilds: number,
): Call[] {
  const call: Call = {
    index,
    atMs: random.between(20_000, endMs + 120_000),
    what: drawWhat(random, keptMs, rebuilds),
    write: random.whole(0, writes - 1),
    place: random.whole(0, 2),
    timeMs: random.chance(0.8) ? timeMs : timeMs * random.between(0.05, 1),
  };
  if (!random.chance(0.4)) return [call];
  const later = random.between(0, random.pick([100, TOGETHER_MS]));
  return [call, { ...call, index: index + 1, atMs: call.atMs + later, place: random.whole(0, 2) }];
}

function drawWhat(random: Random, keptMs: number | null, rebuilds: number): Call['what'] {
  if (keptMs !== null && random.chance(0.4)) return 'retain';
  return random.chance(rebuilds) ? random.pick(['rebuild', 'rebuild', 'backfill']) : 'run';
}
