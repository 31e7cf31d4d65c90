import { describe, expect, it } from 'vitest';
import { FAULTS } from '../faults.ts';
import { checkJob } from './check.ts';
import { type JobScenario, jobScenario } from './scenario.ts';
import { jobFailureOf, jobStory, shrinkJob } from './shrink.ts';
import { hashOfJobRun, REAL_JOBS, simulateJob } from './world.ts';

/** Every run of the tests takes these; `npm run torture -- --aggregate` takes others. */
const SEEDS = 400;
const CHUNKS = 8;
/** Of the story and of what there is to see. */
const SOME = 120;

function* from(first: number, count: number): Iterable<number> {
  for (let seed = first; seed < first + count; seed++) yield seed;
}

describe('runs of a job in a world of faults', () => {
  it.each(Array.from({ length: CHUNKS }, (_, chunk) => (chunk * SEEDS) / CHUNKS))(
    `count every record once in the ${SEEDS / CHUNKS} seeds from %i on`,
    async (first) => {
      for (const seed of from(first, SEEDS / CHUNKS)) {
        const failure = await jobFailureOf(jobScenario(seed));
        if (failure !== null) expect.fail(jobStory(await shrinkJob(failure)));
      }
    },
  );
});

describe('the simulation of jobs', () => {
  it('runs the same course for the same seed, and another for another salt', async () => {
    for (const seed of from(0, 20)) {
      const scenario = jobScenario(seed);
      const hash = hashOfJobRun(await simulateJob(scenario));
      expect(hashOfJobRun(await simulateJob(scenario))).toBe(hash);
      expect(hashOfJobRun(await simulateJob({ ...scenario, salt: 1 }))).not.toBe(hash);
    }
  });

  it('has every fault that can strike, and all that a run can meet', async () => {
    const seen = new Set<string>();
    for (const seed of from(0, SOME)) {
      const run = await simulateJob(jobScenario(seed));
      expect(checkJob(run)).toEqual([]);
      for (const line of run.trace) {
        seen.add(/ fault +([\w-]+):/.exec(line)?.[1] ?? '');
        seen.add(/ (job-[\w-]+)/.exec(line)?.[1] ?? '');
        if (line.includes('job-claim') && line.includes('"rebuild":true')) seen.add('rebuild');
        if (line.includes('call invoked')) seen.add('invoked');
        if (line.includes('"isFirst":false')) seen.add('second commit');
        if (/PUT out.*: exists/.test(line)) seen.add('exists');
        if (/"repeats":[1-9]/.test(line)) seen.add('repeats');
        if (line.includes('"busy":["')) seen.add('busy');
      }
      if (run.objects.keys('in/').some((key) => key.includes('~'))) seen.add('segments');
      if (run.objects.keys('jobs/').length > 1) seen.add('segments of the log');
      if (run.objects.keys('stats/').length > 0) seen.add('rollups');
      if (run.objects.keys('rollups/').some((key) => key.includes('part-00002')))
        seen.add('revisions in files');
      if (run.trace.some((line) => /PUT rollups.*: exists/.test(line))) seen.add('files that are there');
      if (run.objects.entombed.size > 0) seen.add('tombstones');
      if (run.trace.some((line) => line.includes('not appendable'))) seen.add('late');
      if (run.objects.get('jobs/job.ndjson')?.bytes.includes('"type":"state"')) seen.add('states');
    }
    // Nobody touches an object of a job, and a conflict always tells the length.
    const elsewhere = ['no-length', 'foreign', 'deleted', 'replaced'];
    const wanted = [
      ...FAULTS.filter((fault) => !elsewhere.includes(fault)),
      ...[
        'rebuild',
        'invoked',
        'second commit',
        'exists',
        'repeats',
        'busy',
        'segments',
        'rollups',
        'revisions in files',
        'files that are there',
        'states',
        'tombstones',
        'late',
      ],
      ...[
        'segments of the log',
        'job-record-void',
        'job-release-failed',
        'job-group-failed',
        'job-invoke-failed',
      ],
    ];
    expect(wanted.filter((one) => !seen.has(one))).toEqual([]);
  });

  it('tells a failure as a story that is smaller than what was found', async () => {
    const broken: typeof REAL_JOBS = {
      ...REAL_JOBS,
      createAggregator: (options) => {
        const { engine } = options;
        // Takes nothing for a repeat.
        const compact: typeof engine.compact = (work) => engine.compact({ ...work, earlier: none() });
        return REAL_JOBS.createAggregator({ ...options, engine: { ...engine, compact } });
      },
    };
    const found = await firstFailure(broken);
    const smallest = await shrinkJob(found, broken);
    const sizeOf = ({ writes, calls }: JobScenario) => writes.length + calls.length;
    expect(sizeOf(smallest.run.scenario)).toBeLessThan(sizeOf(found.run.scenario) / 2);
    expect(smallest.run.struck).toEqual([]);
    const told = jobStory(smallest);
    expect(told).toContain(`--aggregate --seed ${found.run.scenario.seed} --seeds 1`);
    expect(told).toMatch(/BROKEN {2}once: .* is in out\/.* and out\//);
  });
});

async function* none(): AsyncGenerator<string> {}

async function firstFailure(system: typeof REAL_JOBS) {
  for (const seed of from(0, SOME)) {
    const failure = await jobFailureOf(jobScenario(seed), system);
    if (failure?.violations[0]?.startsWith('once') === true) return failure;
  }
  throw new Error('nothing failed');
}
