/**
 * The only place where clock, randomness, sleeping and the log come from.
 *
 * Everything else is given a `Runtime`, so that a test or a simulation can set the time and replay the dice.
 */
import { randomBytes } from 'node:crypto';

export interface Runtime {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. For durations and deadlines. */
  monotonic(): number;
  /** At least 0, less than 1. */
  random(): number;
  /** A new UUID, version 7 (RFC 9562 §5.7): it carries `atMs`, by default now, and sorts by it. */
  uuid(atMs?: number): string;
  sleep(ms: number): Promise<void>;
  /** Calls `run` once after `ms`, unless the function it returns is called first. */
  after(ms: number, run: () => void): () => void;
  readonly log: Log;
}

/** Writes one JSON line an event. Fields are flat, and never hold a payload or a credential. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Function Compute cuts lines at 32 KB (FC documentation, "Limits"); a cut line is no JSON. */
const FIELD_CHARS_MAX = 2000;

/** The real one. `write` takes whole lines; by default they go to stdout, where Function Compute collects them. */
export function systemRuntime(
  write: (line: string) => void = (line) => void process.stdout.write(line),
): Runtime {
  return {
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    uuid: (atMs = Date.now()) => uuidV7(atMs),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    log: jsonLog(write),
  };
}

function jsonLog(write: (line: string) => void): Log {
  const at = (level: string) => (event: string, fields?: LogFields) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }, shortened)}\n`);
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

function shortened(_name: string, value: unknown): unknown {
  return typeof value === 'string' && value.length > FIELD_CHARS_MAX
    ? `${value.slice(0, FIELD_CHARS_MAX)}…`
    : value;
}

function uuidV7(atMs: number): string {
  const time = Math.floor(atMs).toString(16).padStart(12, '0');
  const dice = randomBytes(10);
  const variant = (0x80 | ((dice[9] ?? 0) & 0x3f)).toString(16);
  const hex = dice.toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(3, 5)}-${hex.slice(5, 17)}`;
}
