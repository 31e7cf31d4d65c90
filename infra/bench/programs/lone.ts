/** One writer alone, one append after the other: what an append costs. */
import { benchRecord, type Client, type OpenClient } from './client.ts';
import { nowMs } from './clock.ts';

export interface Lone<Kind> {
  readonly kind: Kind;
  readonly endpoint: string;
  readonly key: string;
  readonly appends: number;
}

export interface LoneResult {
  readonly cpuMicros: number;
  /** Of each append. */
  readonly latenciesMs: readonly number[];
}

const APPEND_MS_MAX = 60_000;

/** Rounds of one writer: the client of the first round goes on. Its ids are its own, or a log would take them for repeats. */
export function loneWriter<Kind>(open: OpenClient<Kind>): (lone: Lone<Kind>) => Promise<LoneResult> {
  let client: Client | undefined;
  let number = 0;
  return async ({ kind, endpoint, key, appends }) => {
    client ??= open(kind, { endpoint, writer: 'lone' });
    const latenciesMs: number[] = [];
    const before = process.cpuUsage();
    for (let left = appends; left > 0; left--) {
      const startMs = nowMs();
      await client.append(key, benchRecord(`lone-${process.pid}-${number++}`), startMs + APPEND_MS_MAX);
      latenciesMs.push(nowMs() - startMs);
    }
    const { user, system } = process.cpuUsage(before);
    return { cpuMicros: user + system, latenciesMs };
  };
}
