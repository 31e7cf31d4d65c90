/**
 * What the three doors (HTTP, queues, timers) share: payloads for a target become appends, one for each object.
 *
 * Everything of a call is checked before the first byte is appended. Then each object gets its payloads, in their
 * order, in one append; objects are appended to side by side. Each payload has an outcome of its own, because some
 * objects may have taken theirs when another did not.
 */
import { InvalidRecord } from '../append/errors.ts';
import type { Receipt, RecordReceipt } from '../append/types.ts';
import type { Appender, AppendOptions } from '../appender.ts';
import type { Target } from '../config.ts';
import { type KeyInput, renderKey, sameButForLane } from '../key.ts';
import type { Runtime } from '../runtime.ts';
import { IntakeError } from './errors.ts';
import { type Format, logFormat, rawFormat } from './formats.ts';
import { timeOfId } from './id-time.ts';
import { instanceLane, laneOf } from './lane.ts';
import type { Payload } from './payload.ts';

export interface Intake {
  /**
   * Appends `payloads` to `target`. One outcome a payload, in the order given. Throws `IntakeError`, with nothing
   * appended, for what concerns the whole call.
   */
  take(target: Target, payloads: readonly Payload[], call: IntakeCall): Promise<Outcome[]>;
}

export interface IntakeCall {
  /** What is left of the caller's time, milliseconds. */
  readonly remainingMs: () => number;
  /** Append only if the object has this length, in bytes. */
  readonly ifPosition?: number | undefined;
  /** Asked about every key before anything is appended; throws `IntakeError` for one that the caller may not write. */
  readonly allow?: ((key: string) => void) | undefined;
  /** What a payload that cannot be appended does: it fails the call, or gets an error for an outcome. */
  readonly invalid: 'fails-call' | 'fails-alone';
}

export type Outcome = { readonly receipt: Receipt | RecordReceipt } | { readonly error: unknown };

export interface IntakeOptions {
  readonly appender: Appender;
  readonly runtime: Pick<Runtime, 'now' | 'uuid'>;
  /** The instance's name, as the appender knows it: the lane of what is appended here, where each instance has one. */
  readonly instance: string;
}

/** Kept back from the remaining time, to say how the call ended before the platform ends it. */
const ANSWER_MS = 300;
/** Objects appended to at once. More would only wait for sockets, and use up their time there. */
const OBJECTS_AT_ONCE = 16;

/** The payloads of one call for one object. */
interface Batch<Body> {
  readonly key: string;
  readonly bodies: Body[];
  /** Where in the call each of them stood. */
  readonly places: number[];
}

export function createIntake({ appender, runtime, instance }: IntakeOptions): Intake {
  const ownLane = instanceLane(instance);
  const log = logFormat(appender);
  const raw = rawFormat(appender);

  async function takeAs<Body>(
    format: Format<Body>,
    target: Target,
    payloads: readonly Payload[],
    { remainingMs, ifPosition, allow, invalid }: IntakeCall,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const batches = new Map<string, Batch<Body>>();
    const arrivalMs = runtime.now();
    let last: { input: KeyInput; keys: Map<string | undefined, string> } | null = null;
    // Neighbours mostly go to the same few objects, and making a key costs more than parsing a small record.
    const keyOf = ({ path, queue, fields }: Payload, timeMs: number, lane: string | undefined): string => {
      const input = { timeMs, path, queue, fields, lane };
      if (last === null || !sameButForLane(target.key, last.input, input)) last = { input, keys: new Map() };
      const known = last.keys.get(lane);
      if (known !== undefined) return known;
      const key = renderKey(target.key, input);
      last.keys.set(lane, key);
      return key;
    };
    for (const [place, payload] of payloads.entries()) {
      try {
        const id = payload.id ?? runtime.uuid(arrivalMs);
        const timeMs = payload.timeMs ?? timeOfId(payload.id ?? '') ?? arrivalMs;
        const lane = target.lanes ? laneOf(target.lanes, { ...payload, id }, ownLane) : undefined;
        const key = keyOf(payload, timeMs, lane);
        const { source, numbered, body } = payload;
        const name = { id, source, timeMs, numbered, body };
        const prepared = format.prepare(payload, name, target);
        const batch = batches.get(key) ?? { key, bodies: [], places: [] };
        batch.bodies.push(prepared);
        batch.places.push(place);
        batches.set(key, batch);
      } catch (error) {
        if (!(error instanceof IntakeError)) throw error;
        if (invalid === 'fails-call') throw located(error, place, payloads.length);
        outcomes[place] = { error };
      }
    }
    if (allow) for (const key of batches.keys()) allow(key);
    if (ifPosition !== undefined && batches.size > 1) {
      throw new IntakeError(
        'InvalidCondition',
        `If-Match is about one object, and these records go to ${batches.size} objects. Send a call for each.`,
      );
    }
    const options: AppendOptions = {
      remainingMs: () => remainingMs() - ANSWER_MS,
      contentType: target.contentType,
      ...(ifPosition !== undefined && { ifPosition }),
    };
    const append = async (key: string, bodies: readonly Body[]): Promise<Outcome[]> => {
      try {
        const receipts = await format.append(key, bodies, options, target);
        return bodies.map((_, index) => outcomeOf(receipts[index]));
      } catch (error) {
        // More than one append takes. What is too large by itself is found in the end, and the rest goes in.
        if (invalid === 'fails-alone' && bodies.length > 1 && error instanceof InvalidRecord) {
          const half = bodies.length >> 1;
          const before = await append(key, bodies.slice(0, half));
          return [...before, ...(await append(key, bodies.slice(half)))];
        }
        return bodies.map(() => ({ error }));
      }
    };
    await eachAtOnce(OBJECTS_AT_ONCE, [...batches.values()], async ({ key, bodies, places }) => {
      const ends = await append(key, bodies);
      for (const [index, place] of places.entries()) outcomes[place] = ends[index] ?? outcomeOf(undefined);
    });
    return outcomes;
  }

  return {
    take: (target, payloads, call) =>
      target.format === 'log' ? takeAs(log, target, payloads, call) : takeAs(raw, target, payloads, call),
  };
}

function outcomeOf(receipt: Receipt | RecordReceipt | undefined): Outcome {
  return receipt
    ? { receipt }
    : { error: new Error('an append gave fewer receipts than it was given payloads') };
}

/** Says which of several records it is about. */
function located(error: IntakeError, place: number, count: number): IntakeError {
  if (count === 1) return error;
  const { code, message, misfits } = error;
  return new IntakeError(code, `Record ${place + 1} of ${count}: ${message}`, {
    cause: error,
    index: place,
    misfits,
  });
}

async function eachAtOnce<T>(
  count: number,
  items: readonly T[],
  act: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await act(item);
  };
  await Promise.all(Array.from({ length: count }, worker));
}
