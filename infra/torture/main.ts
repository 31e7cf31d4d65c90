/** `npm run torture`: simulates seeds until one breaks a promise, and tells its story. */
import { check } from '../../test/simulation/check.ts';
import { simulate } from '../../test/simulation/run.ts';
import { scenario } from '../../test/simulation/scenario.ts';
import { shrink, story } from '../../test/simulation/shrink.ts';
import { runCommand, UsageError } from '../cli/command.ts';

const SEEDS = 10_000;
const TERMINAL_MS = 100;
const LOG_MS = 5000;

await runCommand({
  help: `
Simulate the appender against an OSS that loses, delays and refuses, with instances that crash and freeze.
A seed that breaks a promise is made small and told as a story; the exit code is 1 then.

  npm run torture
  npm run torture -- --seed 4711 --seeds 1      that seed again

  --seeds N        how many seeds (${SEEDS})
  --seed S         the first of them (a random one)
  --seconds T      stop after T seconds

Ctrl-C stops after the seed that is running.`,
  flags: { seeds: { type: 'string' }, seed: { type: 'string' }, seconds: { type: 'string' } },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`${positionals[0]}: only flags are taken. See --help.`);
    const first = whole('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31);
    const seconds = whole('seconds', values.seconds);
    const seeds = whole('seeds', values.seeds) ?? (seconds === undefined ? SEEDS : Number.POSITIVE_INFINITY);
    if (seeds === 0) throw new UsageError('--seeds 0: at least one seed has to run.');
    await torture(first, seeds, seconds ?? Number.POSITIVE_INFINITY);
  },
});

async function torture(first: number, seeds: number, seconds: number): Promise<void> {
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const startMs = performance.now();
  const progress = meter();
  const totals = { seeds: 0, calls: 0, faults: 0 };
  while (!stopped && totals.seeds < seeds && performance.now() - startMs < seconds * 1000) {
    const { failure, calls, faults } = await tried(first + totals.seeds);
    totals.seeds++;
    totals.calls += calls;
    totals.faults += faults;
    progress.update(text(totals, startMs));
    if (failure === null) continue;
    progress.end();
    process.stderr.write(`seed ${failure.run.scenario.seed} fails; making it smaller …\n`);
    process.stdout.write(`${story(await shrink(failure))}\n`);
    process.exitCode = 1;
    break;
  }
  progress.end();
  process.off('SIGINT', stop).off('SIGTERM', stop);
  const verdict = process.exitCode === 1 ? 'a promise is broken' : 'every promise was kept';
  process.stdout.write(`${text(totals, startMs)}, from seed ${first} on: ${verdict}\n`);
}

async function tried(seed: number) {
  const run = await simulate(scenario(seed));
  const violations = check(run);
  const failure = violations.length === 0 ? null : { run, violations };
  return { failure, calls: run.deliveries.length, faults: run.struck.length };
}

function text({ seeds, calls, faults }: { seeds: number; calls: number; faults: number }, startMs: number) {
  const rate = Math.round(seeds / Math.max(0.001, (performance.now() - startMs) / 1000));
  return `${seeds} seeds, ${calls} calls, ${faults} faults, ${rate} seeds/s`;
}

/** A line that renews itself on a terminal, a line now and then elsewhere. */
function meter() {
  const terminal = process.stderr.isTTY === true;
  let lastMs = performance.now();
  return {
    update(line: string) {
      if (performance.now() - lastMs < (terminal ? TERMINAL_MS : LOG_MS)) return;
      lastMs = performance.now();
      process.stderr.write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
    },
    end() {
      if (terminal) process.stderr.write('\r\x1b[K');
    },
  };
}

function whole(flag: string, given: string | undefined): number | undefined {
  if (given === undefined || /^\d{1,10}$/.test(given)) return given === undefined ? undefined : Number(given);
  throw new UsageError(`--${flag} ${given}: give a whole number, such as 100.`);
}
