/** What there is to append: seeded, without end. */
import { Random } from '../../../test/simulation/random.ts';
import type { Job } from './evidence.ts';

const LOGS = ['logs/busy.ndjson', 'logs/calm.ndjson', 'logs/deep/er.ndjson'] as const;
const RAWS = ['raw/one.txt', 'raw/other.txt'] as const;
/** Ids of earlier jobs for the same log, from which a job may take some. */
const IDS_KEPT = 50;

export class Jobs {
  readonly #random: Random;
  readonly #recent = new Map<string, string[]>();
  #count = 0;

  constructor(seed: number) {
    this.#random = new Random(seed, 'jobs');
  }

  next(): Job {
    const random = this.#random;
    const index = this.#count++;
    const log = random.chance(0.75);
    const key = log ? random.pick([LOGS[0], ...LOGS]) : random.pick(RAWS);
    return {
      index,
      format: log ? 'log' : 'raw',
      key,
      ids: log ? this.#ids(key, index) : [],
      marked: random.chance(0.7),
      bytes: random.chance(0.02) ? random.whole(5000, 60_000) : random.whole(0, 400),
      timeMs: random.chance(0.2) ? random.whole(50, 600) : random.whole(1000, 6000),
    };
  }

  #ids(key: string, index: number): string[] {
    const random = this.#random;
    const count = random.chance(0.6) ? 1 : random.whole(2, 8);
    const fresh = Array.from({ length: count }, (_, at) => `j${index}-${at}`);
    const recent = this.#recent.get(key) ?? [];
    const taken = random.chance(0.1) ? recent.filter(() => random.chance(2 / IDS_KEPT)) : [];
    this.#recent.set(key, [...recent, ...fresh].slice(-IDS_KEPT));
    return [...taken, ...fresh];
  }
}
