/** Writers that always have more to append: how near an object comes to one append a round trip. */
import { type Case, column, type Row, type Scale, type Suite } from '../suite.ts';
import { type Contestant, loadRow, NAMES, RTT_MS } from './load.ts';

const WAITING = 50;
/** A writer by itself tells how long a round trip is with all that is in it. */
const CASES = [
  { writers: 1, contestant: 'ours', peer: null },
  { writers: 4, contestant: 'jitter', peer: null },
  { writers: 4, contestant: 'ours', peer: 'jitter' },
  { writers: 16, contestant: 'jitter', peer: null },
  { writers: 16, contestant: 'ours', peer: 'jitter' },
] as const;

export function saturation({ saturatedMs, graceMs }: Scale): Suite {
  const nameOf = (writers: number, contestant: Contestant) =>
    `saturation, ${writers} writer${writers === 1 ? '' : 's'}, ${NAMES[contestant]}`;
  const cases = CASES.map(({ writers, contestant, peer }): Case => {
    const name = nameOf(writers, contestant);
    const spec = {
      name,
      contestant,
      peer: peer === null ? null : nameOf(writers, peer),
      writers,
      keyOf: () => 'saturated.ndjson',
      arrivals: { waiting: WAITING },
      loadMs: saturatedMs,
      graceMs,
    };
    return {
      name,
      seconds: (saturatedMs + graceMs) / 1000 + 2,
      run: async (lab) => [await loadRow(lab, spec)],
    };
  });
  return {
    id: 'saturation',
    title: 'Saturated writers, one object',
    note: `${WAITING} records always waiting at each writer; round trips of ${RTT_MS} ms, as drawn, so an object takes at most 0.96 appends in ${RTT_MS} ms, the median; the one writer shows what is left of that.`,
    columns: [
      column('commitsPerRtt', 'commits/round trip', 2),
      column('recordsPerSecond', 'records/s', 0),
      column('lost', 'lost', 0, false),
      column('twice', 'twice', 0, false),
      column('requestsPerCommit', 'requests/commit', 2),
      column('p50Ms', 'p50 ms', 0),
      column('p99Ms', 'p99 ms', 0),
      column('cpuMicrosPerRecord', 'CPU µs/record', 0),
    ],
    cases,
    chart: (rows: readonly Row[]) => ({
      title: 'Saturated writers, one object',
      subtitle: `${WAITING} records always waiting at each writer, ${RTT_MS} ms round trips.`,
      panels: [
        barsOf(rows, 'commitsPerRtt', 'Commits a round trip', 2),
        barsOf(rows, 'recordsPerSecond', 'Records a second', 0),
      ],
    }),
  };
}

function barsOf(rows: readonly Row[], id: string, title: string, digits: number) {
  const bars = rows.map(({ name, values }) => ({
    name: name.replace('saturation, ', ''),
    value: values[id] ?? 0,
    tone: name.endsWith(NAMES.ours) ? ('ours' as const) : ('peer-2' as const),
  }));
  return { kind: 'bars' as const, title, digits, bars };
}
