/** An object for each writer: what is left of the cost when nobody competes. */
import type { Case, Scale, Suite } from '../suite.ts';
import { LOAD } from './columns.ts';
import { type Contestant, loadRow, NAMES, RTT_MS } from './load.ts';

const WRITERS = 64;
const PER_SECOND = 10;
const CONTESTANTS = ['recipe', 'ours'] as const;

export function lanes({ lanesMs, graceMs }: Scale): Suite {
  const nameOf = (contestant: Contestant) => `lanes, ${WRITERS} writers, ${NAMES[contestant]}`;
  const cases = CONTESTANTS.map((contestant): Case => {
    const spec = {
      name: nameOf(contestant),
      contestant,
      peer: contestant === 'ours' ? nameOf('recipe') : null,
      writers: WRITERS,
      kind: 'lane' as const,
      keyOf: (writer: number) => `key-${writer}`,
      arrivals: { perSecond: PER_SECOND },
      loadMs: lanesMs,
      graceMs,
    };
    return {
      name: spec.name,
      seconds: (lanesMs + graceMs) / 1000 + 2,
      run: async (lab) => [await loadRow(lab, spec)],
    };
  });
  return {
    id: 'lanes',
    title: 'Many writers, an object each',
    note: `${WRITERS} writers, ${PER_SECOND} records/s each, to objects of their own; round trips of ${RTT_MS} ms. The recipe's own calls still compete with each other.`,
    columns: LOAD,
    cases,
  };
}
