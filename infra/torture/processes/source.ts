/**
 * The source of a run: hands out jobs, several at once and some to several writers, and again whatever was not
 * acknowledged, until it is.
 */
import { Random } from '../../../test/simulation/random.ts';
import { type Delivery, type Job, lineOf, nameOf, type Outcome, payloadOf } from './evidence.ts';
import type { Jobs } from './jobs.ts';
import type { Journal } from './journal.ts';
import type { Call } from './messages.ts';
import type { Writer } from './writers.ts';

const TICK_MS = 10;
/** A writer is handed so many jobs a second, and has so many calls open at most. */
const JOBS_PER_SECOND = 12;
const CALLS_MAX = 8;
const AGAIN_MS_MAX = 400;
const LATE_REPEAT_MS_MAX = 6000;
/** A call ends when its time is up, and a frozen writer goes on in a few seconds: after this, something hangs. */
const SILENCE_MS_MAX = 60_000;

export interface SourceOptions {
  readonly seed: number;
  readonly jobs: Jobs;
  readonly journal: Journal;
  /** Those that take calls. */
  readonly writers: () => readonly Writer[];
  readonly send: (writer: Writer, call: Call) => void;
}

interface Due {
  readonly job: Job;
  readonly atMs: number;
}

export class Source {
  readonly #options: SourceOptions;
  readonly #random: Random;
  /** By name. */
  readonly #open = new Map<string, Delivery>();
  readonly #acknowledged = new Set<Job>();
  #due: Due[] = [];
  #making = false;
  #made = 0;
  #madeToMs = 0;
  #heardMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #drained: { resolve(silent: readonly Delivery[]): void } | null = null;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#random = new Random(options.seed, 'source');
  }

  get counts(): { jobs: number; acknowledged: number; open: number } {
    return { jobs: this.#made, acknowledged: this.#acknowledged.size, open: this.#open.size };
  }

  start(): void {
    this.#making = true;
    this.#madeToMs = this.#heardMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Makes no more jobs, and resolves when all are acknowledged and no call is open: with what never ended. */
  drained(): Promise<readonly Delivery[]> {
    this.#making = false;
    this.#due = this.#due.map(({ job }) => ({ job, atMs: 0 }));
    return new Promise((resolve) => {
      this.#drained = { resolve };
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  answered(name: string, outcome: Outcome): void {
    const delivery = this.#options.journal.ended(name, outcome);
    if (delivery === null) return;
    this.#heardMs = performance.now();
    this.#open.delete(name);
    const { job } = delivery;
    if (outcome.kind !== 'receipts') {
      if (!this.#acknowledged.has(job)) this.#again(job, this.#random.between(0, AGAIN_MS_MAX));
      return;
    }
    this.#acknowledged.add(job);
    if (this.#making && job.format === 'log' && this.#random.chance(0.06))
      this.#again(job, this.#random.between(0, LATE_REPEAT_MS_MAX));
  }

  /** Ends the calls of a writer that is no more. */
  gone(writer: string): void {
    for (const [name, delivery] of this.#open)
      if (delivery.writer === writer) this.answered(name, { kind: 'gone' });
  }

  /** Hands what a silent writer has to others, as a platform does whose patience is at an end. */
  takenFrom(writer: string): void {
    for (const { writer: its, job } of this.#open.values()) if (its === writer) this.#again(job, 0);
  }

  #again(job: Job, ms: number): void {
    this.#due.push({ job, atMs: this.#making ? performance.now() + ms : 0 });
  }

  #tick(): void {
    const nowMs = performance.now();
    const due = this.#due.filter(({ atMs }) => atMs <= nowMs);
    this.#due = this.#due.filter(({ atMs }) => atMs > nowMs);
    for (const { job } of due) this.#deliver(job);
    if (this.#making) this.#make(nowMs);
    if (this.#drained === null) return;
    const silent = nowMs - this.#heardMs > SILENCE_MS_MAX;
    if (!silent && (this.#open.size > 0 || this.#due.length > 0)) return;
    this.stop();
    this.#drained.resolve([...this.#open.values()]);
  }

  #make(nowMs: number): void {
    const everyMs = 1000 / (JOBS_PER_SECOND * Math.max(1, this.#options.writers().length));
    // What could not be handed out in time is not made up for.
    this.#madeToMs = Math.max(this.#madeToMs, nowMs - 1000);
    while (this.#madeToMs < nowMs) {
      this.#madeToMs += everyMs;
      if (this.#free().length === 0) return;
      const job = this.#options.jobs.next();
      this.#made++;
      this.#deliver(job);
      if (this.#random.chance(0.12)) this.#deliver(job);
      if (this.#random.chance(0.03)) this.#deliver(job);
    }
  }

  #free(): readonly Writer[] {
    const calls = new Map<string, number>();
    for (const { writer } of this.#open.values()) calls.set(writer, (calls.get(writer) ?? 0) + 1);
    return this.#options.writers().filter(({ name }) => (calls.get(name) ?? 0) < CALLS_MAX);
  }

  #deliver(job: Job): void {
    const [first, ...rest] = this.#free();
    if (first === undefined) {
      this.#again(job, TICK_MS);
      return;
    }
    const writer = this.#random.pick([first, ...rest]);
    const delivery = this.#options.journal.sent(job, writer.name);
    this.#open.set(nameOf(delivery), delivery);
    const payload =
      job.format === 'raw'
        ? { raw: payloadOf(delivery) }
        : { records: job.ids.map((id) => ({ id, json: lineOf(delivery, id) })) };
    this.#options.send(writer, { name: nameOf(delivery), key: job.key, timeMs: job.timeMs, payload });
  }
}
