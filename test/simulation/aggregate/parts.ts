/** What a reader finds in the output of a job. */
import { readLog } from '../../lib/append/reference.ts';
import type { Objects } from './bucket.ts';
import { type RolledUp, type Row, readRolledUp, readRows } from './engine.ts';

export function partsOf(objects: Objects): ReadonlyMap<string, readonly Row[]> {
  return new Map(
    objects.keys('out/').map((key) => [key, readRows(objects.get(key)?.bytes ?? Buffer.alloc(0))]),
  );
}

/** And in the files of a rollup. */
export const rolledUp = (objects: Objects): readonly RolledUp[] =>
  objects.keys('rollups/').flatMap((key) => readRolledUp(objects.get(key)?.bytes ?? Buffer.alloc(0)));

/** Rows of windows that are in the files of a rollup more than once. */
export function rolledUpTwice(objects: Objects): string[] {
  const names = rolledUp(objects).map(({ window, row }) => `${row} of ${window}`);
  return names.filter((name, at) => names.indexOf(name) !== at);
}

/** Records that are in the parts more than once, each with where. An identity is of one group: its family tells. */
export function twice(objects: Objects): string[] {
  const seen = new Map<string, string>();
  const found: string[] = [];
  for (const [key, rows] of partsOf(objects)) {
    for (const { identity } of rows) {
      const before = seen.get(identity);
      if (before !== undefined) found.push(`${identity} is in ${before} and ${key}`);
      seen.set(identity, key);
    }
  }
  return found;
}

/** Records of a log that are in no part by their source and id, which are one record's in all of a scenario. */
export function lostWith(objects: Objects, log: Buffer): string[] {
  const there = new Set(
    [...partsOf(objects).values()].flat().map(({ identity }) => {
      const [, source, , id]: string[] = JSON.parse(identity);
      return `${source}/${id}`;
    }),
  );
  return readLog(log)
    .flatMap(({ records }) => records)
    .map(({ source, id }) => `${source}/${id}`)
    .filter((record) => !there.has(record));
}
