/** Which object a call reads: the key is made as for an append, of the path and of query parameters. */
import { laterSegment, segmentKey } from '../../append/segment.ts';
import type { Target } from '../../config.ts';
import { IntakeError, quote } from '../../intake/errors.ts';
import { isLane, laneOf } from '../../intake/lane.ts';
import { renderKey } from '../../key.ts';
import { keyProblem } from '../../key-rules.ts';
import { fieldsOf, parameter } from '../query.ts';
import { timeMsOf } from '../time.ts';

export interface ReadPlace {
  /** What access is asked for: of a log, the key of its first segment. */
  readonly key: string;
  /** The key of the object that is read. */
  readonly object: string;
  /** Null: its bytes. */
  readonly records: AskedRecords | null;
}

/** Records of a log's segment: one as it came in, or those from there on. */
export interface AskedRecords extends RecordPlace {
  readonly isOne: boolean;
}

/** A record's place, as its receipt says it: where its append starts, and which of its records it is. */
export interface RecordPlace {
  readonly start: number;
  readonly record: number;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const SEGMENT = /^(?:0|[1-9]\d{0,8})$/;

const ONE = /^(0|[1-9]\d{0,15}):(0|[1-9]\d{0,8})$/;
const FROM = /^(0|[1-9]\d{0,15})(?::(0|[1-9]\d{0,8}))?$/;

/**
 * `time`, `lane`, `queue` and `segment`, or `object` in their place, and `record` or `records` are query parameters,
 * unless the target has a field of that name. Throws `IntakeError` `InvalidKey`.
 */
export function readPlace(
  target: Target,
  path: string | undefined,
  query: URLSearchParams,
  nowMs: number,
): ReadPlace {
  const fields = fieldsOf(query, target);
  const asked = (name: string) => (target.fields.includes(name) ? undefined : parameter(query, name));
  const records = recordsIn(target, asked('record'), asked('records'));
  const object = asked('object');
  if (object !== undefined) {
    const others = ['time', 'lane', 'queue', 'segment'].filter((name) => asked(name) !== undefined);
    if (path !== undefined || others.length > 0)
      throw invalidKey(
        'The parameter object names the object whole. Leave out the path, time, lane, queue and segment.',
      );
    return { key: logOf(target, object), object, records };
  }
  const key = renderKey(target.key, {
    path,
    fields,
    timeMs: timeIn(asked('time')) ?? nowMs,
    lane: laneIn(target, asked('lane'), fields),
    queue: queueIn(target, asked('queue')),
  });
  return { key, object: segmentKey(key, segmentIn(target, asked('segment'))), records };
}

/** The key of the log, or of the raw object, that `object` is of. */
function logOf({ name, key: template }: Target, object: string): string {
  const isOwn = template.reach.some(({ text, isWhole }) =>
    isWhole ? object === text : object.startsWith(text),
  );
  const key = (template.segmented ? laterSegment(object)?.first : undefined) ?? object;
  if (isOwn && keyProblem(key, template.segmented) === null) return key;
  throw invalidKey(`The target ${quote(name)} has no such object. Name one as a receipt does: ?object=…`);
}

function recordsIn(
  { format }: Target,
  one: string | undefined,
  from: string | undefined,
): AskedRecords | null {
  const text = one ?? from;
  if (text === undefined) return null;
  if (one !== undefined && from !== undefined)
    throw invalidKey('The parameters record and records ask for different things. Send one of them.');
  if (format === 'raw')
    throw invalidKey('Only a log has records. Leave out the parameters record and records.');
  const [match, start, record = '0'] = (one === undefined ? FROM : ONE).exec(text) ?? [];
  const place = { start: Number(start), record: Number(record), isOne: one !== undefined };
  if (match !== undefined && Number.isSafeInteger(place.start)) return place;
  throw invalidKey(
    'A record is asked for by what its receipt says, record=<start>:<record>, and those from there on by records=<start>:<record>, or records=0 for all.',
  );
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
