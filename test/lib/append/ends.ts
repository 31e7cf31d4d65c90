/** What tests of logs that are ended have in common (PROTOCOL.md §3.7). */
import { crc64 } from '../../../lib/append/crc64.ts';
import type { Ask, Plan, Reply } from '../../../lib/append/plan.ts';
import { type Burial, burial, retireLog } from '../../../lib/append/retire.ts';
import { segmentKey } from '../../../lib/append/segment.ts';
import type { DedupeWindow } from '../../../lib/append/types.ts';
import { AT_MS, driven, LIMITS, logOptions, range } from './logs.ts';
import { CALM, dice, KEY, World } from './world.ts';

export const newWorld = () => new World(CALM, dice(1));
export const JOBS = [{ job: 'rows', output: 'tables/rows' }];
export const EACH = { segmentBytesMax: 1 };

export const retire = (world: World, { dedupe = LIMITS.dedupe, atMs = AT_MS } = {}) =>
  driven(world, retireLog({ log: logOptions({ dedupe }).log, writer: 'retirer', atMs }));

export function bury(world: World, segment: number, dedupe?: DedupeWindow, told = {}): Burial {
  const bytes = world.object(segmentKey(KEY, segment));
  const about = { length: bytes.length, crc64: crc64(bytes), atMs: AT_MS, jobs: JOBS, ...told };
  return driven(world, burial(logOptions(dedupe && { dedupe }).log, segment, about));
}

/** Ends the log, and puts a tombstone in the place of each of its segments. */
export function entomb(world: World, options: Parameters<typeof retire>[1] = {}): void {
  const last = retire(world, options);
  for (const segment of range(0, (last ?? -1) + 1)) {
    const found = bury(world, segment, options.dedupe);
    if (found.kind === 'entombed') continue;
    if (found.kind !== 'tombstone') throw new Error(`${segmentKey(KEY, segment)}: ${found.kind}`);
    world.put(segmentKey(KEY, segment), found.object);
  }
}

/** What a call asks for, and what came of it. */
export function asked<T>(world: World, call: () => T): { asked: string[]; bytes: number; result: T } {
  const before = world.asked.length;
  const bytes = world.bytesRead;
  const result = call();
  const made = world.asked.slice(before).map(({ ask, key }) => `${ask} ${key}`);
  return { asked: made, bytes: world.bytesRead - bytes, result };
}

/** What the world answers to one request. */
export function replyTo(world: World, ask: Ask): Reply {
  function* one(): Plan<Reply> {
    return yield ask;
  }
  return driven(world, one());
}

/** Runs the rest of a plan. */
export function finish<T>(world: World, plan: Plan<T>, from: IteratorResult<Ask, T>): T {
  function* rest(): Plan<T> {
    let step = from;
    while (!step.done) step = plan.next(yield step.value);
    return step.value;
  }
  return driven(world, rest());
}
