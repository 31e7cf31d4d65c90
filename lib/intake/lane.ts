/** Which of a target's lanes a payload goes to: the value of `{lane}` in its key. */
import { crc64 } from '../append/crc64.ts';
import type { RecordNumber } from '../append/types.ts';
import type { Lanes } from '../config/lanes.ts';
import { missingField } from '../key.ts';

export interface LaneInput {
  readonly id: string;
  readonly source: string;
  readonly numbered?: RecordNumber | undefined;
  readonly fields?: ReadonlyMap<string, string> | undefined;
}

const utf8 = new TextEncoder();
const PLAIN = /^[\w-]{1,100}$/;

/** `instance` is a lane's name already (`instanceLane`). Throws `IntakeError` `InvalidKey`. */
export function laneOf(lanes: Lanes, payload: LaneInput, instance: string): string {
  switch (lanes.by) {
    case 'instance':
      return instance;
    case 'field': {
      const value = payload.fields?.get(lanes.field);
      if (!value) throw missingField(lanes.field);
      return hashLane(value, lanes.count);
    }
    case 'id':
      return hashLane(keyValue(payload), lanes.count);
  }
}

/** The lane of an instance, from its name: the name itself, if it can be part of any key. */
export function instanceLane(name: string): string {
  return PLAIN.test(name) ? name : crc64(utf8.encode(name)).toString(16).padStart(16, '0');
}

/** Whether `{lane}` could have this value. Lanes of an earlier count are among them. */
export function isLane(text: string): boolean {
  return PLAIN.test(text);
}

/** A log remembers numbered records as ranges, which would fall apart if each went to a lane of its own. */
function keyValue({ source, id, numbered }: LaneInput): string {
  return numbered === undefined ? `${source}\0${id}` : source;
}

/** The same in every version: another lane would mean another object, in which a repeat is not known. */
function hashLane(value: string, count: number): string {
  const lane = crc64(utf8.encode(value)) % BigInt(count);
  return String(lane).padStart(String(count - 1).length, '0');
}
