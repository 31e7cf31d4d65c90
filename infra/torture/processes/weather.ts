/** What happens to the processes of a run: one misfortune after the other, each kind at least once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../../test/simulation/random.ts';
import { NETWORK, SLOW_NETWORK } from './faults.ts';
import type { Journal } from './journal.ts';
import type { Oss } from './oss.ts';
import type { Source } from './source.ts';
import type { Writers } from './writers.ts';

const KINDS = ['kill', 'freeze', 'slow', 'restart'] as const;
type Kind = (typeof KINDS)[number];
/** As often as it stands here. */
const LATER = ['kill', 'kill', 'kill', 'freeze', 'freeze', 'freeze', 'freeze', 'slow', 'restart'] as const;
const PAUSE_MS = { least: 50, most: 500 } as const;
const FROZEN_MS = { least: 100, most: 2500 } as const;
const SLOW_MS = { least: 300, most: 900 } as const;

export interface WeatherOptions {
  readonly seed: number;
  readonly writers: Writers;
  readonly source: Source;
  readonly oss: Oss;
  readonly journal: Journal;
}

export class Weather {
  readonly #options: WeatherOptions;
  readonly #random: Random;
  readonly #counts: Record<Kind, number> = { kill: 0, freeze: 0, slow: 0, restart: 0 };
  readonly #first: Kind[] = [...KINDS];
  readonly #over = new AbortController();
  /** What is going on beside the next misfortune. */
  readonly #lasting = new Set<Promise<void>>();
  #running: Promise<void> | null = null;

  constructor(options: WeatherOptions) {
    this.#options = options;
    this.#random = new Random(options.seed, 'weather');
  }

  get counts(): Readonly<Record<Kind, number>> {
    return this.#counts;
  }

  start(): void {
    this.#running = this.#run();
    // `end` tells.
    this.#running.catch(() => {});
  }

  /** What has not happened yet does, then nothing any more, and everything goes on. Throws if the store did not come back. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#running;
    await Promise.all(this.#lasting);
  }

  /** Nothing happens any more. */
  async abandon(): Promise<void> {
    this.#first.length = 0;
    await this.end();
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#pass(this.#random.between(PAUSE_MS.least, PAUSE_MS.most));
      if (this.#over.signal.aborted && this.#first.length === 0) return;
      await this.#happen(this.#first.shift() ?? this.#random.pick(LATER));
    }
  }

  async #happen(kind: Kind): Promise<void> {
    if (kind === 'kill') this.#kill();
    else if (kind === 'freeze') this.#freeze();
    else if (kind === 'slow') await this.#slow();
    else await this.#restart();
  }

  #kill(): void {
    const { writers, journal } = this.#options;
    const [first, ...rest] = writers.taking;
    if (first === undefined) return;
    const writer = this.#random.pick([first, ...rest]);
    this.#counts.kill++;
    journal.note('is killed', writer.name);
    writers.kill(writer);
    this.#last(writers.add().then(() => {}));
  }

  #freeze(): void {
    const { writers, journal, source } = this.#options;
    const [first, ...rest] = writers.running;
    // One goes on, or nothing would happen meanwhile.
    if (first === undefined || rest.length === 0) return;
    const writer = this.#random.pick([first, ...rest]);
    this.#counts.freeze++;
    journal.note('is stopped', writer.name);
    writers.freeze(writer);
    if (this.#random.chance(0.5)) source.takenFrom(writer.name);
    const ms = this.#random.between(FROZEN_MS.least, FROZEN_MS.most);
    this.#last(
      this.#pass(ms).then(() => {
        journal.note('goes on', writer.name);
        writers.thaw(writer);
      }),
    );
  }

  async #slow(): Promise<void> {
    const { oss, journal } = this.#options;
    this.#counts.slow++;
    journal.note('the network is slow');
    await oss.setNetwork(SLOW_NETWORK);
    await this.#pass(this.#random.between(SLOW_MS.least, SLOW_MS.most));
    await oss.setNetwork(NETWORK);
    journal.note('the network is as usual');
  }

  async #restart(): Promise<void> {
    const { oss, journal } = this.#options;
    this.#counts.restart++;
    journal.note('the store is killed');
    await oss.killAndRestart();
    journal.note('the store is back');
  }

  #last(what: Promise<void>): void {
    this.#lasting.add(what);
    void what.finally(() => this.#lasting.delete(what));
  }

  /** Time passes, until the weather is over. */
  async #pass(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#over.signal }).catch(() => {});
  }
}
