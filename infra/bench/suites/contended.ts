/** Many writers, one object: the recipe, the recipe that waits, and ours. */
import type { Chart, Lines, Tone } from '../report/chart.ts';
import type { Case, Row, Scale, Suite } from '../suite.ts';
import { LOAD } from './columns.ts';
import { type Contestant, loadRow, NAMES, RTT_MS } from './load.ts';

const PER_SECOND = 10;
const WRITERS = [1, 4, 16, 64] as const;
const CONTESTANTS = ['recipe', 'jitter', 'ours'] as const;
/** Beyond this the recipe that does not wait only keeps the machine busy. */
const RECIPE_WRITERS_MAX = 16;
const TONES: Readonly<Record<Contestant, Tone>> = { ours: 'ours', recipe: 'peer', jitter: 'peer-2' };

const nameOf = (writers: number, contestant: Contestant) =>
  `${writers} writer${writers === 1 ? '' : 's'}, ${NAMES[contestant]}`;

export function contended({ loadMs, graceMs }: Scale): Suite {
  const cases = WRITERS.flatMap((writers) =>
    CONTESTANTS.filter((one) => one !== 'recipe' || writers <= RECIPE_WRITERS_MAX).map((contestant): Case => {
      const name = nameOf(writers, contestant);
      const peer = contestant === 'ours' ? nameOf(writers, 'jitter') : null;
      const keyOf = () => 'contended.ndjson';
      const arrivals = { perSecond: PER_SECOND };
      return {
        name,
        seconds: (loadMs + graceMs) / 1000 + 2,
        run: async (lab) => [
          await loadRow(lab, { name, contestant, peer, writers, keyOf, arrivals, loadMs, graceMs }),
        ],
      };
    }),
  );
  return {
    id: 'contended',
    title: 'Many writers, one object',
    note: `${PER_SECOND} records/s a writer, each its own call, at random times; round trips of ${RTT_MS} ms, log-normal. ${loadMs / 1000} s of load, ${graceMs / 1000} s of grace. ">": not in when the run ended.`,
    columns: LOAD,
    cases,
    chart: picture,
  };
}

function picture(rows: readonly Row[]): Chart {
  const panel = (id: string, title: string, log: boolean, digits: number): Lines => ({
    kind: 'lines',
    title,
    xTitle: 'writers',
    xs: WRITERS.map(String),
    log,
    digits,
    series: CONTESTANTS.map((contestant) => {
      const own = WRITERS.map((writers) => rows.find(({ name }) => name === nameOf(writers, contestant)));
      return {
        name: contestant === 'jitter' ? '+ jitter' : NAMES[contestant],
        tone: TONES[contestant],
        values: own.map((one) => one?.values[id] ?? null),
        atLeast: own.map((one) => one?.atLeast.includes(id) ?? false),
      };
    }),
  });
  return {
    title: 'Many writers, one object',
    subtitle: `${PER_SECOND} records a second from each writer, ${RTT_MS} ms round trips. The recipe is HEAD, append, and again on a conflict; with jitter it waits first.`,
    panels: [
      panel('inPercent', 'Records in, %', false, 1),
      panel('requestsPerRecord', 'Requests a record', true, 2),
      panel('p99Ms', 'Latency, 99th percentile, ms', true, 0),
    ],
  };
}
