/** Runners of jobs with something taken out: each has to be found out by the simulation. */
import { mutated } from '../mutants.ts';
import type { JobSystem } from './world.ts';

export interface JobMutation {
  /** What the code no longer does. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The promise that no longer holds. */
  readonly breaks: string;
}

interface Edit {
  /** The file in `lib`, the text in it that is replaced, and by what. The text has to be there, once. */
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

export const jobMutant = ({ edits }: JobMutation): Promise<JobSystem> =>
  mutated<JobSystem>(
    edits,
    `export { createAggregator } from './aggregator.ts';
     export { createAppender } from './appender.ts';
     export { createRetention } from './retention.ts';
     export { createRetirer } from './retirer.ts';
     export { StoreError } from './store/port.ts';`,
  );

export const JOB_MUTATIONS: readonly JobMutation[] = [
  {
    name: 'committing after the parts are put',
    edits: [
      {
        file: 'aggregator/parts.ts',
        text: 'if (await calls.create(key, body, CONTENT_TYPE[directory.format])) {',
        by: 'calls.create(key, body, CONTENT_TYPE[directory.format]).catch(() => {}); if (body.length > 0) {',
      },
    ],
    breaks: 'complete',
  },
  {
    name: 'working on its own claim only',
    edits: [
      {
        file: 'aggregator/run.ts',
        text: "if (!(await log.append(claim))) return 'busy';",
        by: 'await log.append(claim);',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'naming parts by the range',
    edits: [
      {
        file: 'aggregate/output.ts',
        text: 'JSON.stringify([name, group, windowMs, claimed])',
        by: 'JSON.stringify([name, group, windowMs, ((globalThis as any).named = ((globalThis as any).named ?? 0) + 1)])',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'telling repeats by the claims before',
    edits: [
      {
        file: 'aggregator/claim.ts',
        text: 'const earlier = claim.rebuild ? [] : group.parts;',
        by: 'const earlier = group.parts.slice(0, 0);',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'putting parts only where nothing is',
    edits: [{ file: 'aggregator/calls.ts', text: 'forbidOverwrite: true', by: 'forbidOverwrite: false' }],
    breaks: 'once',
  },
  {
    name: 'leaving an empty part where a rebuild takes one away',
    edits: [
      {
        file: 'aggregator/calls.ts',
        text: 'await this.#put(key, body, { contentType });',
        by: 'await this.#persist((timeoutMs) => this.#store.remove(key, { timeoutMs }));',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'taking the parts before it away when a group is rebuilt',
    edits: [
      {
        file: 'aggregator/claim.ts',
        text: 'if (claim.rebuild) await emptyParts(context, group.parts, scratch);',
        by: '',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'taking a claim over as it is',
    edits: [
      { file: 'aggregate/fold.ts', text: 'sameRanges(claim.ranges, open.ranges)', by: 'Date.length > 0' },
      {
        file: 'aggregator/run.ts',
        text: 'const taken = state.open ?? (await this.#ranges(source, state, rebuild));',
        by: 'const taken = await this.#ranges(source, state, state.open?.rebuild ?? rebuild);',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'cutting a range where an append ends',
    edits: [
      {
        file: 'aggregator/ranges.ts',
        text: 'if (end !== null) return { ...range, to: end };',
        by: 'if (end !== -1) return { ...range, to: at };',
      },
    ],
    breaks: 'complete',
  },
  {
    name: 'holding a commit against its claim',
    edits: [
      { file: 'aggregate/fold.ts', text: 'return open?.seq === record.seq ?', by: 'return open !== null ?' },
    ],
    breaks: 'log',
  },
  {
    name: 'writing its state down only where it is the state',
    edits: [
      {
        file: 'aggregator/job-log.ts',
        text: 'await this.#append(runtime.uuid(), this.fold.snapshot(), this.#end);',
        by: 'await this.#append(runtime.uuid(), this.fold.snapshot());',
      },
    ],
    breaks: 'log',
  },
  {
    name: 'rolling up all rows of a window',
    edits: [
      {
        file: 'aggregator/rollup.ts',
        text: 'const all = [...paths, ...own];',
        by: 'const all = own;',
      },
    ],
    breaks: 'rollup',
  },
  {
    name: 'giving each revision an epoch of its own',
    edits: [{ file: 'aggregate/revision.ts', text: 'epoch: revision', by: 'epoch: 1' }],
    breaks: 'rollup',
  },
  {
    name: 'rolling up before it commits',
    edits: [
      {
        file: 'aggregator/claim.ts',
        text: 'const rollups = await rollUp(context, { claim, group, files, earlier });',
        by: 'rollUp(context, { claim, group, files, earlier }).catch(() => {}); const rollups: never[] = [];',
      },
    ],
    breaks: 'rollup',
  },
  {
    name: 'emptying the file of the revision before',
    edits: [
      {
        file: 'aggregator/rollup.ts',
        text: 'if (outdated.length > 0) {',
        by: 'if (outdated.length > 1000) {',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'emptying it before it puts the next',
    edits: [
      {
        file: 'aggregator/rollup.ts',
        text: 'if (outdated.length > 0) {',
        by: 'const put = await putParts(context, where, claim, [file]); if (outdated.length > 0) {',
      },
      {
        file: 'aggregator/rollup.ts',
        text: 'return putParts(context, where, claim, [file]);',
        by: 'return put;',
      },
    ],
    breaks: 'once',
  },
  {
    name: 'committing a log to its last byte before it is removed',
    edits: [
      {
        file: 'retention.ts',
        text: 'const reason = await this.#misses(job, first, segments);',
        by: 'const reason = null as string | null;',
      },
      {
        file: 'aggregate/fold.ts',
        text: 'if (open !== null || !areCommitted) return null;',
        by: '',
      },
    ],
    breaks: 'complete',
  },
];
