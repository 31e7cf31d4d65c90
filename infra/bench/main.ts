/**
 * `npm run bench`: what oss-append costs, next to what people use instead, measured in the same run.
 *
 * The store is the local OSS in a process of its own, the writers are in others. Tables go to standard output; a full
 * run also writes `bench/results.json` and a chart for each suite that has one.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand, UsageError } from '../cli/command.ts';
import { Lab } from './lab.ts';
import { chartSvg } from './report/chart.ts';
import { resultsJson } from './report/results.ts';
import { table } from './report/table.ts';
import { steps } from './steps.ts';
import { FULL, QUICK, type Row, type Suite } from './suite.ts';
import { suites } from './suites/all.ts';

const OUT = path.join(import.meta.dirname, '../../bench');
/** As shells report a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

interface Chosen extends Suite {
  /** All of its cases were chosen. */
  readonly whole: boolean;
}

interface Measured {
  readonly suite: Chosen;
  readonly rows: readonly Row[];
}

await runCommand({
  help: `
Measure oss-append next to what people use instead.

  npm run bench                       everything, about twelve minutes on a quiet machine; 4 GB of disk
  npm run bench -- --quick            short runs, to try it
  npm run bench -- --only lone        only rows whose name has this in it

  --quick      a few seconds where the full run takes many; the numbers are rough
  --only PART  only what has PART in its name: contended, '16 writers', lone, cold
  --out DIR    where results.json and the charts go (bench, and nowhere for a run that is quick or in part)

Other work on the machine shows in the numbers.`,
  flags: { quick: { type: 'boolean' }, only: { type: 'string' }, out: { type: 'string' } },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`What is ${positionals[0]}? See --help.`);
    const quick = values.quick === true;
    const chosen = choose(suites(quick ? QUICK : FULL), values.only);
    const partial = quick || values.only !== undefined;
    const out = values.out ?? (partial ? null : OUT);

    const measured = await withLab((lab) => measureAll(lab, chosen));
    if (measured === null) process.exit(EXIT_INTERRUPTED);
    if (out !== null) await write(path.resolve(out), measured, quick);
    if (measured.some(({ rows }) => rows.some(({ peer, wrong }) => peer !== null && wrong.length > 0))) {
      throw new Error('Something is wrong: see the lines with "!" above.');
    }
  },
});

function choose(all: readonly Suite[], only: string | undefined): readonly Chosen[] {
  const part = only?.toLowerCase() ?? '';
  const chosen = all
    .map((suite) => {
      const cases = suite.cases.filter(({ name }) => `${suite.id} ${name}`.includes(part));
      return { ...suite, cases, whole: cases.length === suite.cases.length };
    })
    .filter(({ cases }) => cases.length > 0);
  if (chosen.length > 0) return chosen;
  const names = all.flatMap(({ cases }) => cases.map(({ name }) => `  ${name}`));
  throw new UsageError(`No row has "${only}" in its name. There are:\n${names.join('\n')}`);
}

/** Null if it was interrupted. Whatever happens, no process and no file is left. */
async function withLab<T>(work: (lab: Lab) => Promise<T>): Promise<T | null> {
  const opening = Lab.open();
  let interrupted = false;
  const stop = () => {
    interrupted = true;
    void opening.then((lab) => lab.close());
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  try {
    return await work(await opening);
  } catch (error) {
    if (!interrupted) throw error;
    process.stderr.write('Stopped; nothing was written.\n');
    return null;
  } finally {
    await opening.then((lab) => lab.close());
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

async function measureAll(lab: Lab, chosen: readonly Chosen[]): Promise<readonly Measured[]> {
  const cases = chosen.flatMap((suite) => suite.cases);
  const shown = steps(
    cases.length,
    cases.reduce((sum, { seconds }) => sum + seconds, 0),
  );
  const measured: Measured[] = [];
  try {
    for (const suite of chosen) {
      const rows: Row[] = [];
      for (const { name, seconds, run } of suite.cases) {
        shown.begin(name, seconds);
        rows.push(...(await run(lab)));
      }
      shown.end();
      process.stdout.write(`\n${table(suite, rows)}`);
      measured.push({ suite, rows });
    }
  } finally {
    shown.end();
  }
  return measured;
}

async function write(out: string, measured: readonly Measured[], quick: boolean): Promise<void> {
  await mkdir(out, { recursive: true });
  await writeFile(path.join(out, 'results.json'), resultsJson(measured, quick));
  const written = ['results.json'];
  for (const { suite, rows } of measured) {
    const chart = suite.whole ? suite.chart?.(rows) : undefined;
    if (chart === undefined) continue;
    await writeFile(path.join(out, `${suite.id}.svg`), chartSvg(chart));
    written.push(`${suite.id}.svg`);
  }
  process.stdout.write(`\nWrote ${written.join(', ')} in ${path.relative('.', out) || '.'}\n`);
}
