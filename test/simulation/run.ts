/**
 * Runs one scenario: the real appender in instances that crash and freeze, calls that are delivered until they are
 * answered, an OSS behind a bad network. What comes back is everything the checker needs, and the trace.
 */
import { createHash } from 'node:crypto';
import { jsonLine } from '../../lib/append/record.ts';
import type { LogRecord, Receipt, RecordReceipt } from '../../lib/append/types.ts';
import type { Appender } from '../../lib/appender.ts';
import {
  type Delivery,
  errorText,
  givenText,
  mayBeSentAgain,
  nameOf,
  type Outcome,
  receiptText,
} from './calls.ts';
import { type Fault, Weather } from './faults.ts';
import { Instance } from './instance.ts';
import { storeOf } from './network.ts';
import { SimulatedOss } from './oss.ts';
import { Random } from './random.ts';
import { Retiring } from './retirer.ts';
import type { Job, Scenario } from './scenario.ts';
import { Scheduler } from './scheduler.ts';
import { REAL, type System } from './system.ts';

export interface Run {
  readonly scenario: Scenario;
  readonly oss: SimulatedOss;
  readonly deliveries: readonly Delivery[];
  readonly struck: readonly string[];
  /** Of those who end logs: what went wrong that may not. */
  readonly errors: readonly string[];
  /** Nothing was left to happen. */
  readonly ended: boolean;
  readonly trace: readonly string[];
}

const EVENTS_MAX = 20_000;
const FROZEN_MS_MAX = 200_000;
/** A commit line that covers a line, says the right things, and has the wrong checksum. */
const FORGED_COMMIT = Buffer.from(
  `{"a":1}\n{"$commit":{"v":1,"at":"2026-11-22T00:00:00Z","writer":"w0.0","turn":{"roundTripMs":20,"more":0},"start":0,"records":1,"bytes":8,"crc64":"1","sources":[{"source":"s","ids":["0a"],"ageMs":[0]}],"closes":true,"checkpoint":0}}\n`,
);
/** A checkpoint line that says the right things in the wrong place. */
const FORGED_CHECKPOINT = Buffer.from(
  '{"$commit":{"v":1,"state":{"segment":0,"turns":[],"numbers":[],"runs":"","digests":""},"checkpoint":64}}\n',
);
/** A line that leads a cold writer astray. */
const FORGED_POINTER = Buffer.from('{"a":{"b":1,"closes":true,"checkpoint":1}}\n');
const FORGED = [FORGED_COMMIT, FORGED_CHECKPOINT, FORGED_POINTER];
/** A source takes an instance that crashed for dead after this long, at the most. */
const VISIBILITY_MS_MAX = 30_000;

export function simulate(scenario: Scenario, system: System = REAL): Promise<Run> {
  return new World(scenario, system).run();
}

/** Stands for the whole course of events. */
export function hashOf(run: Run): string {
  const hash = createHash('sha256').update(run.trace.join('\n'));
  for (const key of keysOf(run).flatMap((one) => run.oss.keysOf(one)))
    for (const { bytes } of run.oss.incarnations(key)) hash.update(bytes);
  return hash.digest('hex');
}

export const keysOf = ({ scenario }: Run): readonly string[] => [
  ...new Set(scenario.jobs.map(({ key }) => key)),
];

interface Started {
  readonly instance: Instance;
  readonly appender: Appender;
  /** How many crashed in its place before it. */
  readonly generation: number;
}

class World {
  readonly #scenario: Scenario;
  readonly #system: System;
  readonly #scheduler: Scheduler;
  readonly #weather: Weather;
  readonly #oss: SimulatedOss;
  readonly #trace: string[] = [];
  readonly #deliveries: Delivery[] = [];
  readonly #instances: Started[] = [];
  readonly #retiring: Retiring;
  readonly #conditions = new Map<Job, number>();
  /** Jobs that their source has done with. */
  readonly #done = new Set<Job>();
  /** What the last event was about. */
  #stepped: Instance | null = null;
  #acted: string | null = null;

  constructor(scenario: Scenario, system: System) {
    this.#scenario = scenario;
    this.#system = system;
    const seed = [scenario.seed, scenario.salt];
    this.#scheduler = new Scheduler(new Random(...seed, 'ties'));
    this.#weather = new Weather(seed, scenario.rates, scenario.spared);
    this.#oss = new SimulatedOss(() => this.#scheduler.nowMs);
    this.#retiring = new Retiring({
      scenario,
      system,
      scheduler: this.#scheduler,
      weather: this.#weather,
      oss: this.#oss,
      stepped: (instance) => {
        this.#stepped = instance;
      },
      connect: (instance, random) => {
        const { store, options } = this.#connect(instance, random);
        return { store, retirer: system.createRetirer(options) };
      },
      say: (who, what) => this.#say(who, what),
    });
  }

  async run(): Promise<Run> {
    for (let n = 0; n < this.#scenario.instances; n++) this.#start(n, 0);
    for (const source of new Set(this.#scenario.jobs.map((job) => job.source))) this.#next(source);
    this.#retiring.start();
    const ended = await this.#scheduler.run(() => this.#strike(), EVENTS_MAX);
    return {
      scenario: this.#scenario,
      oss: this.#oss,
      deliveries: this.#deliveries,
      struck: this.#weather.struck,
      errors: this.#retiring.errors,
      ended,
      trace: this.#trace,
    };
  }

  #say(who: string, what: string): void {
    this.#trace.push(`${this.#scheduler.nowMs.toFixed(2).padStart(11)}  ${who.padEnd(7)} ${what}`);
  }

  // --- Instances ---------------------------------------------------------------------------------------------------

  /** Puts an instance in a place; every one has a name of its own. */
  #start(place: number, generation: number): void {
    const { skewMsMax } = this.#scenario;
    const writer = `w${place}.${generation}`;
    const { random } = this.#weather.of(writer);
    const skewMs = random.between(0, skewMsMax);
    const instance = new Instance(writer, skewMs, this.#scheduler, (one) => {
      this.#stepped = one;
    });
    const appender = this.#system.createAppender(this.#connect(instance, random).options);
    this.#instances[place] = { instance, appender, generation };
  }

  /** An instance's way to the store, and what its appender is made of. */
  #connect(instance: Instance, random: Random) {
    const { coldStart, requestTimeoutMs, requestsMax, latencyMs } = this.#scenario;
    const store = storeOf(instance, {
      scheduler: this.#scheduler,
      oss: this.#oss,
      weather: this.#weather,
      latencyMs,
      storeError: this.#system.StoreError,
      trace: (who, what) => this.#say(who, what),
      acted: (key) => {
        this.#acted = key;
      },
    });
    const options = {
      store,
      runtime: instance.runtime(random),
      writer: instance.name,
      coldStart,
      requestTimeoutMs,
      requestsMax,
    };
    return { store, options };
  }

  #crash(instance: Instance): void {
    const place = this.#instances.findIndex((one) => one.instance === instance);
    this.#say('fault', `crash: ${instance.name}`);
    instance.state = 'dead';
    for (const delivery of this.#open(instance)) {
      this.#end(delivery, { kind: 'crashed' });
      this.#again(delivery, this.#diceOf(delivery).between(0, VISIBILITY_MS_MAX));
    }
    if (place >= 0) this.#start(place, (this.#instances[place]?.generation ?? 0) + 1);
    else this.#retiring.crashed(instance);
  }

  #freeze(instance: Instance): void {
    const ms = FROZEN_MS_MAX * this.#weather.of(`${instance.name} life`).random.next() ** 3;
    this.#say('fault', `freeze: ${instance.name} for ${ms.toFixed(0)} ms`);
    instance.state = 'frozen';
    this.#scheduler.after(ms, () => {
      if (instance.state !== 'frozen') return;
      this.#say(instance.name, 'thaws');
      for (const delivery of this.#open(instance)) delivery.thawedMs = this.#scheduler.nowMs;
      instance.thaw();
    });
  }

  #open({ name }: Instance): Delivery[] {
    return this.#deliveries.filter(({ instance, outcome }) => instance === name && outcome === null);
  }

  // --- Faults that are nobody's request ----------------------------------------------------------------------------

  #strike(): void {
    const [instance, key] = [this.#stepped, this.#acted];
    this.#stepped = null;
    this.#acted = null;
    // The world ends when all is answered; a fault then would keep it going.
    if (this.#done.size === this.#scenario.jobs.length) return;
    if (instance?.state === 'up') {
      const fault = this.#weather.of(`${instance.name} life`).among(['crash', 'freeze']);
      if (fault === 'crash') this.#crash(instance);
      if (fault === 'freeze') this.#freeze(instance);
    }
    if (key !== null) {
      const { among, random } = this.#weather.of(key);
      const fault = among(['foreign', 'deleted', 'replaced']);
      if (fault !== null) this.#meddle(fault, key, random);
    }
  }

  #meddle(fault: Fault, key: string, random: Random): void {
    const length = this.#oss.length(key);
    const strange = this.#strangeBytes(key, random);
    this.#say('fault', `${fault}: ${key}, ${length} bytes`);
    if (fault === 'foreign') this.#foreign(key, strange);
    else if (length > 0) this.#oss.delete(key);
    if (fault === 'replaced' && length > 0)
      this.#foreign(key, Buffer.from(Array.from({ length }, () => random.whole(0x61, 0x7a))));
  }

  #foreign(key: string, bytes: Buffer): void {
    this.#say('oss', `someone appended ${bytes.length} bytes to ${key} at ${this.#oss.length(key)}`);
    this.#oss.foreign(key, bytes);
  }

  /** Bytes that a reader might trip over. */
  #strangeBytes(key: string, random: Random): Buffer {
    const object = this.#oss.surface(key)?.bytes ?? Buffer.alloc(0);
    const copied = object.subarray(random.whole(0, object.length));
    const plain = Buffer.from(`[${random.whole(0, 999)}]`);
    const strange = random.pick([plain, Buffer.from(`${plain}\n`), Buffer.from('\n'), ...FORGED, copied]);
    return strange.length === 0 ? plain : Buffer.from(strange);
  }

  // --- Sources -----------------------------------------------------------------------------------------------------

  /** The source goes on to its next call. */
  #next(source: number): void {
    const job = this.#scenario.jobs.find((one) => one.source === source && !this.#done.has(one));
    if (job === undefined) return;
    this.#scheduler.after(job.thinkMs, () => {
      this.#deliver(job);
      if (job.redeliveredAfterMs !== null)
        this.#scheduler.after(job.redeliveredAfterMs, () => this.#deliver(job));
    });
  }

  #deliver(job: Job): void {
    const up = this.#instances.filter(({ instance }) => instance.state === 'up');
    if (up.length === 0) {
      this.#scheduler.after(1000, () => this.#deliver(job));
      return;
    }
    // Mostly a source stays with its instance.
    const random = this.#weather.of(`call ${job.index}`).random;
    const at = random.chance(0.7) ? job.source % up.length : random.whole(0, up.length - 1);
    const to = up[at];
    if (to === undefined) return;
    const delivery = this.#delivery(job, to.instance);
    this.#deliveries.push(delivery);
    const records = delivery.given.map(givenText).join(', ');
    const condition = delivery.ifPosition === null ? '' : ` at ${delivery.ifPosition} only`;
    const name = nameOf(delivery);
    this.#say(to.instance.name, `call ${name}: ${records} to ${job.key}${condition}, ${job.timeMs | 0} ms`);
    const settled = (outcome: Outcome, text: string) => {
      if (delivery.outcome !== null) return;
      this.#say(to.instance.name, `end ${name}: ${text}`);
      this.#end(delivery, outcome);
      if (outcome.kind === 'error' && mayBeSentAgain(outcome.error))
        this.#again(delivery, this.#diceOf(delivery).between(0, 5000));
      else this.#finish(job);
    };
    append(to.appender, this.#scenario, delivery, () => delivery.deadlineMs - this.#scheduler.nowMs).then(
      (receipts) => settled({ kind: 'receipts', receipts }, receipts.map(receiptText).join(', ')),
      (error: unknown) => settled({ kind: 'error', error }, errorText(error)),
    );
  }

  #delivery(job: Job, { name }: Instance): Delivery {
    const { nowMs } = this.#scheduler;
    const number = this.#deliveries.filter((earlier) => earlier.job === job).length + 1;
    const length = this.#oss.length(this.#oss.keysOf(job.key).at(-1) ?? job.key);
    const condition =
      job.condition === 'off'
        ? Math.max(0, length + this.#weather.of(`call ${job.index}`).random.whole(-60, 60))
        : length;
    if (job.condition !== null && !this.#conditions.has(job)) this.#conditions.set(job, condition);
    const filler = 'x'.repeat(job.size);
    const marker = this.#scenario.equalPayloads ? '' : `.${number}`;
    return {
      job,
      number,
      instance: name,
      given:
        job.format === 'raw'
          ? [{ id: null, source: '', text: `<${job.index}${marker}:${filler}>` }]
          : // The same record comes with other bytes when another call sends it; its id is what counts.
            job.records.map((one) => ({ ...one, text: JSON.stringify({ of: job.index, filler }) })),
      ifPosition: this.#conditions.get(job) ?? null,
      submitMs: nowMs,
      deadlineMs: nowMs + job.timeMs,
      endMs: Number.POSITIVE_INFINITY,
      thawedMs: nowMs,
      outcome: null,
    };
  }

  #diceOf({ job }: Delivery): Random {
    return this.#weather.of(`call ${job.index}`).random;
  }

  #end(delivery: Delivery, outcome: Outcome): void {
    delivery.outcome = outcome;
    delivery.endMs = this.#scheduler.nowMs;
  }

  #again({ job, number }: Delivery, ms: number): void {
    if (this.#done.has(job)) return;
    if (number >= job.deliveriesMax) this.#finish(job);
    else this.#scheduler.after(ms, () => this.#deliver(job));
  }

  #finish(job: Job): void {
    if (this.#done.has(job)) return;
    this.#done.add(job);
    this.#next(job.source);
  }
}

async function append(
  appender: Appender,
  { dedupe, segmentBytesMax, expectsNew }: Scenario,
  { job, given, ifPosition }: Delivery,
  remainingMs: () => number,
): Promise<readonly (Receipt | RecordReceipt)[]> {
  const options = { remainingMs, ...(ifPosition === null ? {} : { ifPosition }) };
  if (job.format === 'raw')
    return [await appender.appendBytes(job.key, Buffer.from(given[0]?.text ?? ''), options)];
  const records: LogRecord[] = given.map(({ id, source, numbered, text }) => ({
    line: jsonLine(text),
    id: id ?? '',
    source,
    timeMs: 0,
    ...(numbered && { numbered }),
  }));
  return appender.appendRecords(job.key, records, { ...options, dedupe, segmentBytesMax, expectsNew });
}
