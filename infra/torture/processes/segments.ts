/** The segments of a log: `x.ndjson`, then `x~00001.ndjson`, and so on. */

const SEGMENT = /^(.*)~(\d{5,})(\.[^./]*)?$/;

/** The key of the first segment of the log that the object belongs to. */
export const logKeyOf = (object: string): string => object.replace(SEGMENT, '$1$3');

/** The keys of a log's segments among `objects`, in order. */
export function segmentsOf(objects: Iterable<string>, key: string): string[] {
  const numberOf = (object: string) => (object === key ? 0 : Number(SEGMENT.exec(object)?.[2]));
  return [...objects]
    .filter((object) => object === key || (SEGMENT.test(object) && logKeyOf(object) === key))
    .sort((one, other) => numberOf(one) - numberOf(other));
}
