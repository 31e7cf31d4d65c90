/** What a seed stands for: who sends what to which object, through how many instances, in what weather. */
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
  readonly windowBytes: number;
  readonly requestTimeoutMs: number;
  readonly requestsMax: number;
  readonly skewMsMax: number;
  /** One way, at least; an answer takes up to three times as long. */
  readonly latencyMs: number;
  /** A raw payload is the same bytes in every delivery, so that deliveries cannot be told apart. */
  readonly equalPayloads: boolean;
}

/** One call, and how its source behaves. A source makes its calls one after the other. */
export interface Job {
  readonly index: number;
  readonly source: number;
  readonly key: string;
  readonly format: 'log' | 'raw';
  /** Ids of its records (`log`). They may repeat, and may be another call's. */
  readonly ids: readonly string[];
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

/** Room for one commit line of a few records, and no more than a few of those. */
const SMALL_WINDOW_BYTES = [230, 3000] as const;

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
  const jobs: Job[] = [];
  for (let made = random.whole(2, 14); jobs.length < made; ) jobs.push(drawJob(random, jobs, style));
  return {
    seed,
    salt: 0,
    instances: random.whole(1, 4),
    jobs,
    rates: drawRates(random),
    spared: new Set(),
    windowBytes: random.chance(0.3) ? random.whole(...SMALL_WINDOW_BYTES) : 4 * 1024 * 1024,
    requestTimeoutMs: random.pick([500, 3000, 30_000]),
    requestsMax: random.chance(0.15) ? random.whole(2, 10) : 1000,
    skewMsMax: random.chance(0.5) ? 0 : random.between(0, 600_000),
    latencyMs: random.between(1, 20),
    equalPayloads: random.chance(0.2),
  };
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
    format: key.startsWith('log') ? 'log' : 'raw',
    ids: drawIds(random, index, earlier),
    size: random.whole(1, style.sizeMax),
    thinkMs: style.thinkMs(),
    timeMs: style.timeMs(),
    deliveriesMax: random.whole(1, 5),
    redeliveredAfterMs: random.chance(style.redelivered) ? random.between(0, 20_000) : null,
    condition: random.chance(style.conditional) ? random.pick(['length', 'length', 'off']) : null,
  };
}

function drawIds(random: Random, index: number, earlier: readonly Job[]): readonly string[] {
  const own = Array.from({ length: random.whole(1, 3) }, (_, n) => `${index}${'abc'[n] ?? ''}`);
  if (random.chance(0.08)) own.push(own[0] ?? '');
  const other = earlier[random.whole(0, Math.max(0, earlier.length - 1))]?.ids[0];
  return random.chance(0.08) && other !== undefined && !own.includes(other) ? [...own, other] : own;
}
