/** Which object a call reads: the key is made as for an append, of the path and of query parameters. */
import { segmentKey } from '../../append/segment.ts';
import type { Target } from '../../config.ts';
import { IntakeError } from '../../intake/errors.ts';
import { isLane, laneOf } from '../../intake/lane.ts';
import { renderKey } from '../../key.ts';
import { fieldsOf, parameter } from '../query.ts';
import { timeMsOf } from '../time.ts';

export interface ReadPlace {
  /** What access is asked for: of a log, the key of its first segment. */
  readonly key: string;
  /** The key of the object that is read. */
  readonly object: string;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const SEGMENT = /^(?:0|[1-9]\d{0,8})$/;

/**
 * `time`, `lane`, `queue` and `segment` are query parameters, unless the target has a field of that name. Throws
 * `IntakeError` `InvalidKey`.
 */
export function readPlace(
  target: Target,
  path: string | undefined,
  query: URLSearchParams,
  nowMs: number,
): ReadPlace {
  const fields = fieldsOf(query, target);
  const asked = (name: string) => (target.fields.includes(name) ? undefined : parameter(query, name));
  const key = renderKey(target.key, {
    path,
    fields,
    timeMs: timeIn(asked('time')) ?? nowMs,
    lane: laneIn(target, asked('lane'), fields),
    queue: queueIn(target, asked('queue')),
  });
  return { key, object: segmentKey(key, segmentIn(target, asked('segment'))) };
}

function timeIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeMs = timeMsOf(DAY.test(text) ? `${text}T00:00:00Z` : text);
  if (timeMs !== null) return timeMs;
  throw invalidKey(
    'The parameter time is a day or a time with its zone: time=2026-11-22 or time=2026-11-22T20:30:00Z. In a query, + is written %2B.',
  );
}

/** The lane itself, or the field that it comes from. */
function laneIn(
  { lanes }: Target,
  asked: string | undefined,
  fields: ReadonlyMap<string, string>,
): string | undefined {
  if (lanes === null) return undefined;
  if (asked === undefined && lanes.by === 'field') return laneOf(lanes, { id: '', source: '', fields }, '');
  if (asked !== undefined && isLane(asked)) return asked;
  throw invalidKey('The target has lanes. Name the one to read as a receipt has it in its key: ?lane=07.');
}

function queueIn({ key }: Target, asked: string | undefined): string | undefined {
  if (!key.usesQueue || asked !== undefined) return asked;
  throw invalidKey('The target takes its key from a queue. Name the one to read: ?queue=orders.');
}

function segmentIn({ format }: Target, asked: string | undefined): number {
  if (asked === undefined) return 0;
  if (format === 'raw') throw invalidKey('Only a log has segments. Leave out the parameter segment.');
  if (SEGMENT.test(asked)) return Number(asked);
  throw invalidKey('The parameter segment is the number of a segment, from 0: segment=1.');
}

function invalidKey(message: string): IntakeError {
  return new IntakeError('InvalidKey', message);
}
