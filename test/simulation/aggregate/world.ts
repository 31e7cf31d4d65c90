/**
 * Runs one scenario: the real appender fills a source, and real runs of a job work on it, in instances that crash and
 * freeze. When nothing is left to happen, one more instance does all that is due, in calm weather. What is in the parts
 * is looked at after each change.
 */
import { createHash } from 'node:crypto';
import type { Aggregator, Job } from '../../../lib/aggregate/job.ts';
import { sourceLayout } from '../../../lib/aggregate/source.ts';
import { createAggregator } from '../../../lib/aggregator.ts';
import { jsonLine } from '../../../lib/append/record.ts';
import { type Appender, createAppender } from '../../../lib/appender.ts';
import { createRetention, type Retention } from '../../../lib/retention.ts';
import { createRetirer } from '../../../lib/retirer.ts';
import type { Log, LogFields } from '../../../lib/runtime.ts';
import { StoreError } from '../../../lib/store/port.ts';
import { CALM, Weather } from '../faults.ts';
import { Instance } from '../instance.ts';
import { Random } from '../random.ts';
import { Scheduler } from '../scheduler.ts';
import { bucketOf, Objects } from './bucket.ts';
import { plainEngine } from './engine.ts';
import { jobOf, keyOfWrite } from './job.ts';
import { lostWith, rolledUpTwice, twice } from './parts.ts';
import type { Call, JobScenario, Write } from './scenario.ts';
import { memoryWorkspace } from './workspace.ts';

/** What is put to the test. A mutant is another one. */
export interface JobSystem {
  readonly createAggregator: typeof createAggregator;
  readonly createAppender: typeof createAppender;
  readonly createRetention: typeof createRetention;
  readonly createRetirer: typeof createRetirer;
  readonly StoreError: typeof StoreError;
}
export const REAL_JOBS: JobSystem = {
  createAggregator,
  createAppender,
  createRetention,
  createRetirer,
  StoreError,
};

export interface JobRun {
  readonly scenario: JobScenario;
  readonly job: Job;
  readonly objects: Objects;
  /** Records that were in two parts at some moment, and rows in two files of a rollup. */
  readonly twice: readonly string[];
  /** Records whose log was replaced when they were in no part. */
  readonly lost: readonly string[];
  readonly runs: readonly OneRun[];
  readonly struck: readonly string[];
  readonly ended: boolean;
  readonly trace: readonly string[];
}

/** A run in an instance. */
export interface OneRun {
  readonly name: string;
  readonly instance: string;
  /** Moves on while a clock stands still. */
  deadlineMs: number;
  thawedMs: number;
  endMs: number;
  outcome: 'done' | 'crashed' | { readonly error: unknown } | null;
}

const EVENTS_MAX = 60_000;
const FROZEN_MS_MAX = 200_000;
/** Later than the end of everything. */
const QUIET_MS = 3 * 86_400_000;
/** Long enough for another window. */
const QUIET_PAUSE_MS = 7_200_000;
const QUIET_RUNS_MAX = 20;
const CALL_MS_MAX = 2000;
const WRITES_MAX = 8;
/** A repeat is to be found by the job, not by the log. */
const DEDUPE = { records: 1, ageMs: null };

export function simulateJob(scenario: JobScenario, system: JobSystem = REAL_JOBS): Promise<JobRun> {
  return new World(scenario, system).run();
}

/** Stands for the whole course of events. */
export function hashOfJobRun({ trace, objects }: JobRun): string {
  const hash = createHash('sha256').update(trace.join('\n'));
  for (const key of objects.keys('')) hash.update(key).update(objects.get(key)?.bytes ?? '');
  return hash.digest('hex');
}

interface Started {
  readonly instance: Instance;
  readonly appender: Appender;
  readonly aggregator: Aggregator;
  readonly retention: Retention;
}

class World {
  readonly #scenario: JobScenario;
  readonly #system: JobSystem;
  readonly #job: Job;
  readonly #scheduler: Scheduler;
  readonly #weather: Weather;
  readonly #objects = new Objects();
  readonly #trace: string[] = [];
  readonly #runs: OneRun[] = [];
  readonly #places: Instance[] = [];
  readonly #twice: string[] = [];
  readonly #lost: string[] = [];
  readonly #up = new Map<Instance, Started>();
  #instances = 0;
  #stepped: Instance | null = null;

  constructor(scenario: JobScenario, system: JobSystem) {
    this.#scenario = scenario;
    this.#system = system;
    this.#job = jobOf(scenario);
    const seed = [scenario.seed, scenario.salt];
    this.#scheduler = new Scheduler(new Random(...seed, 'ties'));
    this.#weather = new Weather(seed, scenario.rates, scenario.spared);
    this.#objects.changed = (key) => {
      const gone = this.#objects.entombed.get(key);
      if (gone !== undefined && key.startsWith('in/')) this.#lost.push(...lostWith(this.#objects, gone));
      const found = key.startsWith('out/') ? twice : key.startsWith('rollups/') ? rolledUpTwice : null;
      for (const record of found?.(this.#objects) ?? []) {
        const text = `${record}, at ${this.#scheduler.nowMs.toFixed(0)} ms`;
        if (this.#twice.length === 0) this.#say('BROKEN', text);
        this.#twice.push(text);
      }
    };
  }

  async run(): Promise<JobRun> {
    const { writes, calls } = this.#scenario;
    const writer = this.#instance('w', this.#weather);
    for (const write of writes)
      this.#scheduler.after(write.atMs, () => this.#write(writer.appender, write, WRITES_MAX));
    for (const call of calls) this.#scheduler.after(call.atMs, () => this.#call(call, call.place));
    const drained = await this.#scheduler.run(() => this.#strike(), EVENTS_MAX);
    const quiet = drained && (await this.#quiet());
    return {
      scenario: this.#scenario,
      job: this.#job,
      objects: this.#objects,
      twice: this.#twice,
      lost: this.#lost,
      runs: this.#runs,
      struck: this.#weather.struck,
      ended: quiet,
      trace: this.#trace,
    };
  }

  #say(who: string, what: string): void {
    this.#trace.push(`${this.#scheduler.nowMs.toFixed(2).padStart(11)}  ${who.padEnd(7)} ${what}`);
  }

  /** All that is due in the end, with nothing going wrong any more. */
  async #quiet(): Promise<boolean> {
    const calm = new Weather([this.#scenario.seed], CALM, new Set());
    const quiet = this.#instance('q', calm);
    const remainingMs = () => 3_600_000;
    let finished = false;
    const runs = async () => {
      for (let n = 0; n < QUIET_RUNS_MAX && !finished; n++) {
        const run = this.#begun(`quiet ${n}`, 'q', QUIET_MS);
        try {
          const result = await quiet.aggregator.run(this.#job, { remainingMs });
          finished = result.finished && result.claims === 0;
          if (finished && this.#scenario.keptMs !== null) await this.#retain(quiet, remainingMs);
          run.outcome = 'done';
        } catch (error) {
          run.outcome = { error };
          finished = true;
        }
        run.endMs = this.#scheduler.nowMs;
        await new Promise<void>((resolve) => this.#scheduler.after(QUIET_PAUSE_MS, resolve));
      }
    };
    this.#scheduler.after(QUIET_MS, () => void runs());
    await this.#scheduler.run(() => {}, EVENTS_MAX);
    return finished;
  }

  // --- Instances ---------------------------------------------------------------------------------------------------

  #instance(name: string, weather: Weather): Started {
    const { latencyMs, requestTimeoutMs, coldStart, skewMsMax, pieceBytes } = this.#scenario;
    const { random } = weather.of(name);
    const skewMs = weather === this.#weather ? random.between(0, skewMsMax) : 0;
    const instance = new Instance(name, skewMs, this.#scheduler, (one) => {
      this.#stepped = one;
    });
    const store = bucketOf(instance, this.#objects, {
      scheduler: this.#scheduler,
      weather,
      latencyMs,
      storeError: this.#system.StoreError,
      trace: (who, what) => this.#say(who, what),
      acted() {},
    });
    const runtime = { ...instance.runtime(random), log: this.#logOf(name) };
    const writing = { store, runtime, writer: name, coldStart, requestTimeoutMs };
    const appender = this.#system.createAppender(writing);
    const workspace = memoryWorkspace();
    const aggregator = this.#system.createAggregator({
      store,
      appender,
      runtime,
      workspace,
      engine: plainEngine(workspace),
      invoker: this.#scenario.hasInvoker ? { invoke: (call) => this.#invoke(instance, call.group) } : null,
      tuning: { requestTimeoutMs, pieceBytes, ...this.#logTuning },
    });
    const retention = this.#system.createRetention({
      store,
      appender,
      retirer: this.#system.createRetirer(writing),
      aggregator,
      runtime,
      requestTimeoutMs,
      log: this.#logTuning,
    });
    return { instance, appender, aggregator, retention };
  }

  get #logTuning() {
    const { tailBytes, stateBytes, logSegmentBytesMax: segmentBytesMax } = this.#scenario;
    return { tailBytes, stateBytes, segmentBytesMax };
  }

  #retain({ retention }: Started, remainingMs: () => number): Promise<unknown> {
    const { name, key } = this.#job.source;
    const ageMs = this.#scenario.keptMs ?? 0;
    return retention.run({ name, key, dedupe: DEDUPE, ageMs }, [this.#job], { remainingMs });
  }

  #logOf(name: string): Log {
    const say = (event: string, fields: LogFields = {}) =>
      this.#say(name, `${event} ${JSON.stringify(fields)}`);
    return { info: say, warn: say, error: say };
  }

  /** What is at a place, if it is up; else something new. */
  #at(place: number) {
    const known = this.#places[place];
    const running = known?.state === 'up' ? this.#up.get(known) : undefined;
    if (running !== undefined) return running;
    const made = this.#instance(`r${this.#instances++}`, this.#weather);
    this.#places[place] = made.instance;
    this.#up.set(made.instance, made);
    return made;
  }

  #strike(): void {
    const instance = this.#stepped;
    this.#stepped = null;
    if (instance === null || instance.state !== 'up' || !instance.name.startsWith('r')) return;
    if (this.#open(instance).length === 0) return;
    const { among, random } = this.#weather.of(`${instance.name} life`);
    const fault = among(['crash', 'freeze']);
    if (fault === 'crash') {
      this.#say('fault', `crash: ${instance.name}`);
      instance.state = 'dead';
      for (const run of this.#open(instance)) run.outcome = 'crashed';
    }
    if (fault !== 'freeze') return;
    const ms = FROZEN_MS_MAX * random.next() ** 2;
    this.#say('fault', `freeze: ${instance.name} for ${ms.toFixed(0)} ms`);
    instance.state = 'frozen';
    this.#scheduler.after(ms, () => {
      if (instance.state !== 'frozen') return;
      this.#say(instance.name, 'thaws');
      for (const run of this.#open(instance)) {
        run.thawedMs = this.#scheduler.nowMs;
        if (this.#scenario.clockStops) run.deadlineMs += ms;
      }
      instance.thaw();
    });
  }

  #open({ name }: Instance): OneRun[] {
    return this.#runs.filter(({ instance, outcome }) => instance === name && outcome === null);
  }

  // --- Writes and runs ---------------------------------------------------------------------------------------------

  #write(appender: Appender, write: Write, tries: number): void {
    const key = keyOfWrite(this.#scenario, write);
    const endMs = this.#scheduler.nowMs + 20_000;
    const records = write.records.map(({ source, id, timeMs }, n) => ({
      line: jsonLine(JSON.stringify({ of: write.index, n })),
      id,
      source,
      timeMs,
    }));
    this.#say('w', `write ${write.index}: ${records.map(({ id }) => id).join(', ')} to ${key}`);
    const { segmentBytesMax } = this.#scenario;
    const options = {
      segmentBytesMax,
      dedupe: DEDUPE,
      remainingMs: () => endMs - this.#scheduler.nowMs,
    };
    appender.appendRecords(key, records, options).then(
      () => {},
      () => tries > 1 && this.#scheduler.after(1000, () => this.#write(appender, write, tries - 1)),
    );
  }

  #invoke(instance: Instance, group: string | null): Promise<void> {
    const { random } = this.#weather.of(`${instance.name} invoke`);
    const isLost = random.chance(0.15);
    const place = random.whole(0, this.#scenario.places - 1);
    const begin = () =>
      this.#begin(`invoked ${group}`, place, 15_000, ({ aggregator }, remainingMs) =>
        aggregator.run(this.#job, { remainingMs, group }),
      );
    if (!isLost) this.#scheduler.after(random.between(0, CALL_MS_MAX), begin);
    return new Promise((resolve, reject) => {
      instance.later(random.between(1, 50), () => (isLost ? reject(new Error('not taken')) : resolve()));
    });
  }

  #call({ index, what, write, timeMs }: Call, place: number): void {
    const of = this.#scenario.writes[write] ?? this.#scenario.writes[0];
    if (of === undefined) return;
    const layout = sourceLayout(this.#job.source.key, this.#job.window);
    const group = layout.parse(keyOfWrite(this.#scenario, of))?.group.name ?? '';
    const name = what === 'run' || what === 'retain' ? `${index}: ${what}` : `${index}: ${what} ${group}`;
    this.#begin(name, place % this.#scenario.places, timeMs, (started, remainingMs) => {
      if (what === 'retain') return this.#retain(started, remainingMs);
      if (what === 'run') return started.aggregator.run(this.#job, { remainingMs });
      return started.aggregator[what](this.#job, group, { remainingMs });
    });
  }

  #begin(
    name: string,
    place: number,
    timeMs: number,
    work: (started: Started, remainingMs: () => number) => Promise<unknown>,
  ): void {
    const started = this.#at(place);
    const { instance } = started;
    const run = this.#begun(name, instance.name, timeMs);
    const end = (outcome: OneRun['outcome'], text: string) => {
      if (run.outcome !== null) return;
      this.#say(instance.name, `end ${name}: ${text}`);
      run.outcome = outcome;
      run.endMs = this.#scheduler.nowMs;
    };
    work(started, () => run.deadlineMs - this.#scheduler.nowMs).then(
      (result) => end('done', JSON.stringify(result)),
      (error: unknown) => end({ error }, String(error)),
    );
  }

  #begun(name: string, instance: string, timeMs: number): OneRun {
    const { nowMs } = this.#scheduler;
    this.#say(instance, `call ${name}, ${timeMs.toFixed(0)} ms`);
    const run = {
      name,
      instance,
      deadlineMs: nowMs + timeMs,
      thawedMs: nowMs,
      endMs: Number.NaN,
      outcome: null,
    };
    this.#runs.push(run);
    return run;
  }
}
