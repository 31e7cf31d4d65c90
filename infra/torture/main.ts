/** `npm run torture`: what breaks a promise? Simulated seeds, or real processes. */
import { runCommand, UsageError } from '../cli/command.ts';
import { tortureProcesses } from './processes/torture.ts';
import { appender, jobs, tortureSeeds } from './seeds.ts';

const SEEDS = 10_000;
const PROCESSES_MAX = 64;
const SECONDS = 20;
const SECONDS_MAX = 86_400;

await runCommand({
  help: `
Simulate the appender against an OSS that loses, delays and refuses, with instances that crash and freeze.
A seed that breaks a promise is made small and told as a story; the exit code is 1 then.

  npm run torture
  npm run torture -- --seed 4711 --seeds 1      that seed again
  npm run torture -- --aggregate                jobs, and not the appender

  --aggregate      runs of a job over what is appended meanwhile: no record in two parts at any moment, all in the end
  --seeds N        how many seeds (${SEEDS})
  --seed S         the first of them (a random one)
  --seconds T      stop after T seconds

Ctrl-C stops after the seed that is running.

Or with real processes: writers on the local OSS, which loses, delays and refuses, and is itself killed and started
again. Writers are killed (SIGKILL), or stopped and continued (SIGSTOP, SIGCONT). What was not acknowledged is sent
again until it is; then every object is read from the disk and checked against what was sent and answered. Of a run
that breaks a promise, the first is told, and everything is kept in a directory; the exit code is 1 then.

  npm run torture -- --processes 6
  npm run torture -- --processes 16 --seconds 300 --seed 42

  --processes N    how many writers at a time, 1 to ${PROCESSES_MAX}
  --seconds T      hand out jobs for T seconds (${SECONDS}), and then finish them
  --seed S         of what is sent, and who is killed when (a random one). What comes of it is up to the operating
                   system's timing too, so a seed does not repeat a run

Ctrl-C hands out no more jobs, finishes and checks; a second one ends everything at once.`,
  flags: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    processes: { type: 'string' },
    aggregate: { type: 'boolean' },
  },
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`${positionals[0]}: only flags are taken. See --help.`);
    const seed = whole('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31);
    const seconds = whole('seconds', values.seconds);
    const seeds = whole('seeds', values.seeds);
    const processes = whole('processes', values.processes);
    if (processes === undefined) {
      if (seeds === 0) throw new UsageError('--seeds 0: at least one seed has to run.');
      const most = seeds ?? (seconds === undefined ? SEEDS : Number.POSITIVE_INFINITY);
      const what = values.aggregate === true ? jobs : appender;
      await tortureSeeds({ what, first: seed, seeds: most, seconds: seconds ?? Number.POSITIVE_INFINITY });
      return;
    }
    if (values.aggregate === true)
      throw new UsageError('--aggregate is a simulation: leave --processes out.');
    if (seeds !== undefined)
      throw new UsageError(
        '--seeds is for the simulation, and --processes runs one seed: leave one of them out. --seconds says how long processes run.',
      );
    if (processes < 1 || processes > PROCESSES_MAX)
      throw new UsageError(`--processes ${processes}: give a number from 1 to ${PROCESSES_MAX}, such as 6.`);
    const time = seconds ?? SECONDS;
    if (time < 1 || time > SECONDS_MAX)
      throw new UsageError(`--seconds ${time}: with --processes, give a number from 1 to ${SECONDS_MAX}.`);
    await tortureProcesses({ writers: processes, seed, seconds: time });
  },
});

function whole(flag: string, given: string | undefined): number | undefined {
  if (given === undefined || /^\d{1,10}$/.test(given)) return given === undefined ? undefined : Number(given);
  throw new UsageError(`--${flag} ${given}: give a whole number, such as 100.`);
}
