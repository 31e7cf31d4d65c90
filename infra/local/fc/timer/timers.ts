/** Timer triggers: each fires by its schedule, as an asynchronous call (help page "Timer trigger"). */
import type { AsyncCalls } from '../async.ts';
import { ApiError } from '../errors.ts';
import type { Report } from '../events.ts';
import { newRequestId } from '../ids.ts';
import type { FunctionConfig, TimerTrigger } from '../template/function.ts';
import { parseSchedule } from './schedule.ts';

export interface TimerStatus {
  readonly functionName: string;
  readonly triggerName: string;
  readonly cronExpression: string;
  readonly enable: boolean;
  /** When it fires next, epoch milliseconds; null if it does not. */
  readonly nextMs: number | null;
}

export interface TimersOptions {
  readonly functions: readonly FunctionConfig[];
  readonly asyncCalls: AsyncCalls;
  readonly report: Report;
}

/** `setTimeout` counts in 32 bits; longer waits are cut in pieces. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

export class Timers {
  readonly #options: TimersOptions;
  readonly #next = new Map<TimerTrigger, number>();
  readonly #sleeps = new Map<TimerTrigger, NodeJS.Timeout>();

  constructor(options: TimersOptions) {
    this.#options = options;
  }

  start(): void {
    for (const fn of this.#options.functions)
      for (const trigger of fn.timers) if (trigger.enable) this.#schedule(fn, trigger, Date.now());
  }

  get status(): TimerStatus[] {
    return this.#options.functions.flatMap((fn) =>
      fn.timers.map((trigger) => ({
        functionName: fn.name,
        triggerName: trigger.triggerName,
        cronExpression: trigger.cronExpression,
        enable: trigger.enable,
        nextMs: this.#next.get(trigger) ?? null,
      })),
    );
  }

  /** Fires once, whatever the schedule says. Resolves with the request id when the call is accepted. */
  async fire(functionName: string, triggerName: string, atMs: number): Promise<string> {
    const fn = this.#options.functions.find(({ name }) => name === functionName);
    const trigger = fn?.timers.find((timer) => timer.triggerName === triggerName);
    if (!trigger)
      throw new ApiError(404, 'TriggerNotFound', `${functionName} has no timer trigger '${triggerName}'`);
    const requestId = newRequestId();
    const triggerTime = `${new Date(atMs).toISOString().slice(0, 19)}Z`;
    const event = { triggerTime, triggerName, payload: trigger.payload };
    await this.#options.asyncCalls.accept(functionName, Buffer.from(JSON.stringify(event)), requestId);
    this.#options.report('timer-fired', `${functionName}: timer ${triggerName} of ${triggerTime}`);
    return requestId;
  }

  close(): void {
    for (const sleep of this.#sleeps.values()) clearTimeout(sleep);
    this.#sleeps.clear();
  }

  #schedule(fn: FunctionConfig, trigger: TimerTrigger, afterMs: number): void {
    const atMs = parseSchedule(trigger.cronExpression).next(afterMs);
    if (atMs === null) return;
    this.#next.set(trigger, atMs);
    this.#sleepUntil(fn, trigger, atMs);
  }

  #sleepUntil(fn: FunctionConfig, trigger: TimerTrigger, atMs: number): void {
    const sleep = setTimeout(
      () => {
        if (Date.now() < atMs) return this.#sleepUntil(fn, trigger, atMs);
        this.fire(fn.name, trigger.triggerName, atMs).catch((error: unknown) =>
          this.#options.report(
            'journal-failed',
            `${fn.name}: timer ${trigger.triggerName} did not fire: ${error}`,
          ),
        );
        // After a sleep of the laptop, missed times are passed over, as FC does not make up for them either.
        this.#schedule(fn, trigger, Math.max(atMs, Date.now()));
      },
      Math.min(Math.max(0, atMs - Date.now()), SLEEP_MS_MAX),
    );
    this.#sleeps.set(trigger, sleep);
  }
}
