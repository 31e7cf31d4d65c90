/**
 * Those who end logs: each retires one and has tombstones put in the place of its segments, in any order. It crashes and
 * freezes like any instance, and begins again; it may come while others do the same, and late.
 */
import { segmentKey } from '../../lib/append/segment.ts';
import type { Entombing } from '../../lib/entomb.ts';
import type { Retirer } from '../../lib/retirer.ts';
import type { ObjectStore } from '../../lib/store/port.ts';
import type { Weather } from './faults.ts';
import { Instance } from './instance.ts';
import type { SimulatedOss } from './oss.ts';
import type { Random } from './random.ts';
import type { Retirement, Scenario } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';
import type { System } from './system.ts';

export interface RetirerWorld {
  readonly scenario: Scenario;
  readonly system: System;
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly oss: SimulatedOss;
  stepped(instance: Instance): void;
  /** Who ends logs in an instance, and its way to the store. */
  connect(
    instance: Instance,
    random: Random,
  ): { readonly retirer: Retirer; readonly store: ObjectStore & Entombing['bucket'] };
  say(who: string, what: string): void;
}

const ATTEMPTS_MAX = 6;
const ATTEMPT_MS = 60_000;
const AGAIN_MS_MAX = 5000;

export class Retiring {
  readonly #world: RetirerWorld;
  /** What each instance is about. */
  readonly #about = new Map<Instance, { readonly which: number; readonly attempt: number }>();
  /** What went wrong that may not. */
  readonly errors: string[] = [];

  constructor(world: RetirerWorld) {
    this.#world = world;
  }

  start(): void {
    for (const [which, { atMs }] of this.#world.scenario.retirements.entries())
      this.#world.scheduler.after(atMs, () => this.#begin(which, 1));
  }

  /** Its instance is dead. */
  crashed(instance: Instance): void {
    const about = this.#about.get(instance);
    if (about !== undefined) this.#again(about.which, about.attempt, instance.name);
  }

  #again(which: number, attempt: number, name: string): void {
    if (attempt >= ATTEMPTS_MAX) return;
    const ms = this.#world.weather.of(`${name} again`).random.between(0, AGAIN_MS_MAX);
    this.#world.scheduler.after(ms, () => this.#begin(which, attempt + 1));
  }

  #begin(which: number, attempt: number): void {
    const { scenario, scheduler, weather, connect, say } = this.#world;
    const retirement = scenario.retirements[which];
    if (retirement === undefined) return;
    const name = `r${which}.${attempt}`;
    const { random } = weather.of(name);
    const skewMs = random.between(0, scenario.skewMsMax);
    const instance = new Instance(name, skewMs, scheduler, (one) => this.#world.stepped(one));
    this.#about.set(instance, { which, attempt });
    const { retirer, store } = connect(instance, random);
    say(name, `ends ${retirement.key}`);
    this.#work(retirement, instance, { retirer, store, random }).then(
      () => say(name, `has ended ${retirement.key}`),
      (error: unknown) => {
        say(name, `gives up: ${error instanceof Error ? `${error.name} ${error.message}` : error}`);
        if (isExpected(error)) this.#again(which, attempt, name);
        else this.errors.push(`error: ${name} ended with ${error}`);
      },
    );
  }

  async #work(
    { key, pauseMs, careless }: Retirement,
    instance: Instance,
    { retirer, store, random }: ReturnType<RetirerWorld['connect']> & { readonly random: Random },
  ): Promise<void> {
    const { scenario, scheduler, system, oss } = this.#world;
    const runtime = instance.runtime(random);
    const untilMs = scheduler.nowMs + ATTEMPT_MS;
    const call = { remainingMs: () => untilMs - scheduler.nowMs, dedupe: scenario.dedupe };
    const last = careless ? oss.keysOf(key).length - 1 : await retirer.retire(key, call);
    if (last === null) return;
    const segments = Array.from({ length: last + 1 }, (_, segment) => ({ segment, at: random.next() }));
    for (const { segment } of segments.sort((one, other) => one.at - other.at)) {
      const info = await store.head(segmentKey(key, segment), { timeoutMs: scenario.requestTimeoutMs });
      if (info === null) continue;
      await runtime.sleep(random.between(0, pauseMs));
      const read = { key, segment, length: info.length, crc64: info.crc64 ?? 0n, jobs: [] };
      await system.entomb({ retirer, bucket: store, runtime }, read, call);
    }
  }
}

/** Errors of the store, of the appender and of `entomb`; a mutant's are of classes of its own. */
function isExpected(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error)) return false;
  return error.name === 'StoreError' || error.name === 'NotEntombed' || 'fate' in error;
}
