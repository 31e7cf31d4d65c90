/** One run: starts the processes, lets things happen, delivers what is left, ends everything and checks. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { check, type Findings } from './check.ts';
import type { Evidence, Violation } from './evidence.ts';
import { REQUEST_TIMEOUT_MS } from './faults.ts';
import { Jobs } from './jobs.ts';
import { Journal } from './journal.ts';
import { objectsOn } from './objects.ts';
import { Oss } from './oss.ts';
import { bundlePrograms } from './programs.ts';
import { Source } from './source.ts';
import { Weather } from './weather.ts';
import { Writers } from './writers.ts';

const STOPPED = 'The run was stopped.';
/** Small, so that a short run passes them many times. */
const WINDOW_RECORDS = 150;
const SEGMENT_BYTES_MAX = 64 * 1024;

export interface RunOptions {
  readonly writers: number;
  readonly seed: number;
  /** For everything that the run writes; it is there. */
  readonly dir: string;
  /** Resolves when there are to be no more jobs. */
  readonly enough: Promise<void>;
}

export interface Counts {
  readonly jobs: number;
  readonly acknowledged: number;
  readonly open: number;
  readonly kill: number;
  readonly freeze: number;
  readonly slow: number;
  readonly restart: number;
}

export interface Result extends Findings {
  readonly evidence: Evidence;
  readonly journal: Journal;
  readonly counts: Counts;
  /** How often each fault struck. */
  readonly struck: ReadonlyMap<string, number>;
}

export class Run {
  readonly #options: RunOptions;
  readonly #journal = new Journal();
  /** What went wrong with the processes themselves. */
  readonly #mishaps: Violation[] = [];
  #oss: Oss | null = null;
  #parts: { writers: Writers; source: Source; weather: Weather } | null = null;
  #ended = false;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  get counts(): Counts | null {
    return this.#parts && { ...this.#parts.source.counts, ...this.#parts.weather.counts };
  }

  async result(): Promise<Result> {
    const { dir, seed, enough } = this.#options;
    const dataDir = path.join(dir, 'oss');
    await mkdir(dataDir);
    const programs = await bundlePrograms(path.join(dir, 'programs'));
    const journal = this.#journal;
    let storeLost = () => {};
    const lost = new Promise<void>((resolve) => {
      storeLost = resolve;
    });
    const oss = new Oss(programs.store, dataDir, seed, (stderr) => {
      this.#mishap('the store ended by itself', stderr);
      storeLost();
    });
    this.#oss = oss;
    if (this.#ended) throw new Error(STOPPED);
    await oss.start();
    const ofWriters = {
      endpoint: `http://127.0.0.1:${oss.port}`,
      windowRecords: WINDOW_RECORDS,
      segmentBytesMax: SEGMENT_BYTES_MAX,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    };
    const writers: Writers = new Writers(programs.writer, ofWriters, {
      answered: (call, outcome) => source.answered(call, outcome),
      gone: ({ name, child }, wanted) => {
        journal.note('is gone', name);
        source.gone(name);
        if (wanted) return;
        this.#mishap(`writer ${name} ended by itself`, child.stderr());
        if (!this.#ended) void writers.add();
      },
    });
    const source = new Source({
      seed,
      journal,
      jobs: new Jobs(seed),
      writers: () => writers.taking,
      send: (writer, call) => writers.send(writer, call),
    });
    const weather = new Weather({ seed, writers, source, oss, journal });
    this.#parts = { writers, source, weather };
    if (this.#ended) throw new Error(STOPPED);
    await Promise.all(Array.from({ length: this.#options.writers }, () => writers.add()));
    if (writers.running.length < this.#options.writers)
      throw new Error(this.#mishaps[0]?.text ?? 'The writers do not start.');
    source.start();
    weather.start();
    await Promise.race([enough, lost]);
    // If the store did not come back, that is among the mishaps, and there is nothing to wait for.
    await Promise.race([weather.end(), lost]);
    const silent = await Promise.race([source.drained(), lost.then(() => [])]);
    source.stop();
    if (silent.length > 0) this.#mishaps.push({ text: 'P7: a call never ended', calls: silent });
    this.#ended = true;
    await writers.end();
    await oss.end();
    const evidence: Evidence = {
      deliveries: journal.deliveries,
      objects: objectsOn(dataDir),
      windowRecords: WINDOW_RECORDS,
      segmentBytesMax: SEGMENT_BYTES_MAX,
    };
    const findings = check(evidence);
    return {
      ...findings,
      violations: [...this.#mishaps, ...findings.violations],
      evidence,
      journal,
      counts: { ...source.counts, ...weather.counts },
      struck: oss.struck,
    };
  }

  /** Ends every process at once; `result` comes to nothing then. */
  async abandon(): Promise<void> {
    this.#ended = true;
    this.#parts?.source.stop();
    const calm = this.#parts?.weather.abandon();
    this.#parts?.writers.killAll();
    await this.#oss?.kill();
    // It may just have been starting them anew.
    await calm?.catch(() => {});
    this.#parts?.writers.killAll();
    await this.#oss?.kill();
  }

  #mishap(what: string, stderr: string): void {
    this.#journal.note(what);
    this.#mishaps.push({ text: `process: ${what}${stderr === '' ? '' : `:\n${stderr.trim()}`}`, calls: [] });
  }
}
