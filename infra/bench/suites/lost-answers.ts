/** Appends that land and whose answer is lost, now and then: who has each record once. */
import type { Case, Scale, Suite } from '../suite.ts';
import { KEPT, LATENCY } from './columns.ts';
import { type Contestant, loadRow, NAMES, RTT_MS } from './load.ts';

const WRITERS = 4;
const PER_SECOND = 10;
const LOST = 0.02;
const CONTESTANTS = ['jitter', 'ours'] as const;

export function lostAnswers({ saturatedMs, graceMs }: Scale): Suite {
  const nameOf = (contestant: Contestant) => `lost answers, ${NAMES[contestant]}`;
  const cases = CONTESTANTS.map((contestant): Case => {
    const spec = {
      name: nameOf(contestant),
      contestant,
      peer: contestant === 'ours' ? nameOf('jitter') : null,
      writers: WRITERS,
      keyOf: () => 'lost-answers.ndjson',
      arrivals: { perSecond: PER_SECOND },
      loadMs: saturatedMs,
      graceMs,
      answersLost: LOST,
    };
    return {
      name: spec.name,
      seconds: (saturatedMs + graceMs) / 1000 + 2,
      run: async (lab) => [await loadRow(lab, spec)],
    };
  });
  return {
    id: 'lost-answers',
    title: 'Lost answers',
    note: `${WRITERS} writers, ${PER_SECOND} records/s each, one object, round trips of ${RTT_MS} ms; the answer to ${100 * LOST} % of the appends is lost.`,
    columns: [...KEPT, ...LATENCY],
    cases,
  };
}
