/**
 * Keeps a connection to a broker up: opened again with growing waits for as long as nobody closes it. That the broker
 * is out of reach is told once, in one line, and so is its return.
 */
import type { Clock } from '../fc/clock.ts';
import type { Report } from '../fc/events.ts';

/** One connection, from when it delivers until it ends. */
export interface Session {
  /** Resolves with the reason when the connection, or what it delivers, is gone. It never rejects. */
  readonly ended: Promise<string>;
  /** Sends what is still to be sent, acknowledgements above all, and ends it. */
  close(): Promise<void>;
}

/** A session's end, told once, whoever notices it first. */
export class Ending {
  readonly promise: Promise<string>;
  readonly #onEnd: () => void;
  #resolve: (reason: string) => void = () => undefined;
  #over = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get over(): boolean {
    return this.#over;
  }

  end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnd();
    this.#resolve(reason);
  }
}

export interface LinkOptions {
  /** For people, without credentials: `RabbitMQ queue orders at amqp://127.0.0.1:5672/`. */
  readonly what: string;
  /** Rejects if the broker is out of reach or refuses. */
  readonly open: () => Promise<Session>;
  readonly clock: Clock;
  readonly report: Report;
}

const WAIT_MS_MIN = 1_000;
const WAIT_MS_MAX = 30_000;
/** A broker that does not answer the goodbye is not waited for. */
const CLOSE_MS_MAX = 2_000;

export class Link {
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { what, clock, report } = this.#options;
    const { signal } = this.#closing;
    const closed = new Promise<null>((resolve) => {
      if (signal.aborted) resolve(null);
      signal.addEventListener('abort', () => resolve(null), { once: true });
    });
    let told = false;
    for (let waits = 0; !signal.aborted; waits++) {
      const opening = this.#options.open();
      const opened = await Promise.race([settled(opening), closed]);
      // What opens too late is closed again, and nobody waits for it.
      if (opened === null) void opening.then((late) => late.close()).catch(() => undefined);
      if (opened === null) return;
      let reason: string;
      if ('session' in opened) {
        report('broker-connected', what);
        const sinceMs = clock.now();
        const ended = await Promise.race([opened.session.ended, closed]);
        await this.#close(opened.session);
        if (ended === null) return;
        reason = ended;
        told = false;
        if (clock.now() - sinceMs > WAIT_MS_MAX) waits = 0;
      } else {
        reason = opened.failure;
      }
      if (!told) report('broker-unreachable', `${what}: ${reason}. It is tried again until it answers.`);
      told = true;
      await clock.sleep(Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** waits), signal);
    }
  }

  /** In real time, whatever the clock: the broker is not on it. */
  async #close(session: Session): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS_MAX);
    });
    await Promise.race([session.close().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}

async function settled(opening: Promise<Session>): Promise<{ session: Session } | { failure: string }> {
  try {
    return { session: await opening };
  } catch (error) {
    return { failure: reasonOf(error) };
  }
}

/** Clients put several errors into one where a name has several addresses, and then leave its message empty. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
