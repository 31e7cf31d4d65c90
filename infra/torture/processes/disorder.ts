import type { Delivery } from './evidence.ts';

/**
 * Pairs that are the wrong way round: the first was acknowledged before the second was sent, and comes after it in the
 * object. One pair for each that has such a first.
 */
export function disorder<Item extends { readonly call: Delivery }>(
  items: readonly Item[],
  placeOf: (item: Item) => number,
): readonly (readonly [Item, Item])[] {
  const pairs: [Item, Item][] = [];
  const endedAt = ({ call }: Item) => call.endedAt ?? Number.POSITIVE_INFINITY;
  let earliest: Item | null = null;
  for (const item of [...items].sort((one, other) => placeOf(other) - placeOf(one))) {
    if (earliest !== null && endedAt(earliest) < item.call.sentAt) pairs.push([earliest, item]);
    if (earliest === null || endedAt(item) < endedAt(earliest)) earliest = item;
  }
  return pairs;
}
