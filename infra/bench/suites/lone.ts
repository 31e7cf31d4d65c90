/** One writer alone, one append after the other: ours against ali-oss itself, in turns. */
import type { Lab } from '../lab.ts';
import type { Lone, LoneResult } from '../programs/lone.ts';
import type { OurKind } from '../programs/ours.ts';
import type { RecipeKind } from '../programs/recipe.ts';
import type { Chart, Tone } from '../report/chart.ts';
import { median, percentile } from '../report/numbers.ts';
import { type Case, column, type Row, row, type Scale, type Suite } from '../suite.ts';

const NEAR_MS = 0;
const FAR_MS = 20;
const BARE = 'ali-oss';
const OURS = [
  ['log', 'oss-append, log'],
  ['raw', 'oss-append, raw'],
] as const;

const nameOf = (rttMs: number, contestant: string) => `lone ${rttMs} ms, ${contestant}`;

export function lone(scale: Scale): Suite {
  const { loneRounds, loneAppends, loneFarAppends } = scale;
  const caseOf = (rttMs: number, appends: number): Case => ({
    name: `lone ${rttMs} ms`,
    seconds: 2 + scale.loneWarmUpAppends / 600 + (loneRounds * 3 * appends * (rttMs + 1)) / 1000,
    run: (lab) => measure(lab, rttMs, appends, scale),
  });
  return {
    id: 'lone',
    title: 'A writer alone',
    note: `One append after the other of 200 bytes. ali-oss with its default client knows the position and asks nothing. Median of ${loneRounds} rounds in turns.`,
    columns: [
      column('cpuMicros', 'CPU µs/append', 0),
      column('p50Ms', 'p50 ms', 2),
      column('p99Ms', 'p99 ms', 2),
      column('requests', 'requests/append', 2),
    ],
    cases: [caseOf(NEAR_MS, loneAppends), caseOf(FAR_MS, loneFarAppends)],
    chart: picture,
  };
}

async function measure(lab: Lab, rttMs: number, appends: number, scale: Scale): Promise<readonly Row[]> {
  const oss = await lab.oss({ rttMs: 0, rttSigma: 0 });
  const contestants = [
    { name: BARE, run: recipeRound(lab, 'bare') },
    ...OURS.map(([kind, name]) => ({ name, run: ourRound(lab, kind) })),
  ];
  const measured = contestants.map(({ name, run }) => ({
    name,
    run,
    rounds: [] as (LoneResult & { requests: number })[],
  }));
  const lone = (name: string) => ({ endpoint: oss.url, key: `lone/${name}` });
  for (const { name, run } of contestants) await run({ ...lone(name), appends: scale.loneWarmUpAppends });
  await oss.child.call('setRtt', rttMs);
  for (let round = 0; round < scale.loneRounds; round++) {
    for (const { name, run, rounds: results } of measured) {
      const before = await oss.child.call('counts');
      const result = await run({ ...lone(name), appends });
      const after = await oss.child.call('counts');
      results.push({ ...result, requests: after.requests - before.requests });
    }
  }
  await lab.clear();
  return measured.map(({ name, rounds: results }) =>
    row(
      nameOf(rttMs, name),
      {
        cpuMicros: median(results.map(({ cpuMicros }) => cpuMicros / appends)),
        p50Ms: median(results.map(({ latenciesMs }) => percentile(latenciesMs, 0.5))),
        p99Ms: median(results.map(({ latenciesMs }) => percentile(latenciesMs, 0.99))),
        requests: median(results.map(({ requests }) => requests / appends)),
      },
      { peer: name === BARE ? null : nameOf(rttMs, BARE) },
    ),
  );
}

type Round = (lone: Omit<Lone<never>, 'kind'>) => Promise<LoneResult>;

function ourRound(lab: Lab, kind: OurKind): Round {
  const child = lab.start('ours');
  return (lone) => child.call('lone', { ...lone, kind });
}

function recipeRound(lab: Lab, kind: RecipeKind): Round {
  const child = lab.start('recipe');
  return (lone) => child.call('lone', { ...lone, kind });
}

function picture(rows: readonly Row[]): Chart {
  const names = [BARE, ...OURS.map(([, name]) => name)];
  const barsOf = (id: string, title: string, digits: number) => ({
    kind: 'bars' as const,
    title,
    digits,
    bars: names.map((name) => ({
      name,
      value: rows.find((one) => one.name === nameOf(NEAR_MS, name))?.values[id] ?? 0,
      tone: (name === BARE ? 'peer' : 'ours') satisfies Tone as Tone,
    })),
  });
  return {
    title: 'A writer alone, what an append costs',
    subtitle: 'One append of 200 bytes after the other, to a store on the same machine.',
    panels: [barsOf('cpuMicros', 'CPU an append, µs', 0), barsOf('p50Ms', 'Latency, median, ms', 2)],
  };
}
