/**
 * Load from the writers of one process, each an instance of its own.
 *
 * Open loop: records arrive at random times, whatever became of those before, and their latency counts from the
 * moment they were due. Saturated: every writer always has a number of records waiting, and a new one for each that is in.
 */
import { seededRandom } from '../../local/oss/network.ts';
import { benchRecord, type Client, type OpenClient } from './client.ts';
import { nowMs, sleep } from './clock.ts';

export interface Load<Kind> {
  readonly kind: Kind;
  readonly endpoint: string;
  readonly writers: readonly Writer[];
  readonly arrivals: Arrivals;
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly loadMs: number;
  /** After the load: what is not in by then is given up. */
  readonly graceMs: number;
}

export interface Writer {
  readonly name: string;
  readonly key: string;
  readonly seed: number;
}

export type Arrivals = { readonly perSecond: number } | { readonly waiting: number };

export interface Loaded {
  readonly records: readonly LoadedRecord[];
  /** CPU of this process, from the start to the last answer. */
  readonly cpuMicros: number;
  /** Why records were given up. */
  readonly errors: readonly CallError[];
}

export interface CallError {
  readonly name: string;
  readonly message: string;
}

export interface LoadedRecord {
  readonly id: string;
  /** Until it was acknowledged or given up. */
  readonly ms: number;
  readonly acknowledged: boolean;
  /** When that was, epoch milliseconds. */
  readonly atMs: number;
}

export async function runLoad<Kind>(load: Load<Kind>, open: OpenClient<Kind>): Promise<Loaded> {
  const records: LoadedRecord[] = [];
  const errors: CallError[] = [];
  const loadEndMs = load.startMs + load.loadMs;
  const endMs = loadEndMs + load.graceMs;

  async function append(client: Client, { key }: Writer, id: string, dueMs: number): Promise<void> {
    let acknowledged = false;
    try {
      await client.append(key, benchRecord(id), endMs);
      acknowledged = true;
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      errors.push({ name, message });
    }
    const atMs = nowMs();
    records.push({ id, ms: atMs - dueMs, acknowledged, atMs });
  }

  async function openLoop(client: Client, writer: Writer, perSecond: number): Promise<void> {
    const random = seededRandom(writer.seed);
    const calls: Promise<void>[] = [];
    let dueMs = load.startMs;
    for (let number = 0; ; number++) {
      dueMs += (-Math.log(1 - random()) * 1000) / perSecond;
      if (dueMs >= loadEndMs) break;
      if (dueMs > nowMs()) await sleep(dueMs - nowMs());
      calls.push(append(client, writer, `${writer.name}-${number}`, dueMs));
    }
    await Promise.all(calls);
  }

  async function saturated(client: Client, writer: Writer, waiting: number): Promise<void> {
    let number = 0;
    const one = async () => {
      while (nowMs() < loadEndMs) await append(client, writer, `${writer.name}-${number++}`, nowMs());
    };
    await Promise.all(Array.from({ length: waiting }, one));
  }

  const { arrivals, endpoint, kind, writers } = load;
  const clients = writers.map((writer) => ({
    writer,
    client: open(kind, { endpoint, writer: writer.name }),
  }));
  await sleep(load.startMs - nowMs());
  const before = process.cpuUsage();
  await Promise.all(
    clients.map(({ writer, client }) =>
      'perSecond' in arrivals
        ? openLoop(client, writer, arrivals.perSecond)
        : saturated(client, writer, arrivals.waiting),
    ),
  );
  const { user, system } = process.cpuUsage(before);
  return { records, cpuMicros: user + system, errors };
}
