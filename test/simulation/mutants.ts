/** Copies of the real code with one thing broken, built from its own source, to see that the simulator notices. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import type { appendLog } from '../../lib/append/log.ts';
import type { appendRaw } from '../../lib/append/raw.ts';
import type { burial, retireLog } from '../../lib/append/retire.ts';
import type { System } from './system.ts';

export interface Mutation {
  /** What is broken, as what the code no longer does. */
  readonly name: string;
  /** The file in `lib`, the text in it that is replaced, and by what. The text has to be there, once. */
  readonly file: string;
  readonly text: string;
  readonly by: string;
  /** The promise that no longer holds. */
  readonly breaks: string;
}

/** Everything that the simulator and the exhaustive search use of `lib`. */
export interface Core extends System {
  readonly appendLog: typeof appendLog;
  readonly appendRaw: typeof appendRaw;
  readonly retireLog: typeof retireLog;
  readonly burial: typeof burial;
}

const LIB = path.join(import.meta.dirname, '../../lib');

export const mutant = (mutation: Mutation): Promise<Core> =>
  mutated<Core>(
    [mutation],
    `export { createAppender } from './appender.ts';
     export { StoreError } from './store/port.ts';
     export { entomb } from './entomb.ts';
     export { createRetirer } from './retirer.ts';
     export { appendLog } from './append/log.ts';
     export { appendRaw } from './append/raw.ts';
     export { burial, retireLog } from './append/retire.ts';`,
  );

/** What `contents`, a module in `lib`, exports with these edits. */
export async function mutated<T>(
  edits: readonly Pick<Mutation, 'file' | 'text' | 'by'>[],
  contents: string,
): Promise<T> {
  const made = new Set<string>();
  const result = await build({
    stdin: { contents, resolveDir: LIB },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    plugins: [
      {
        name: 'mutation',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, async ({ path: loaded }) => {
            const here = edits.filter(({ file }) => path.join(LIB, file) === loaded);
            if (here.length === 0) return undefined;
            let source = await readFile(loaded, 'utf8');
            for (const { file, text, by } of here) {
              const parts = source.split(text);
              if (parts.length !== 2)
                throw new Error(`lib/${file} has ${parts.length - 1} times, not once: ${text}`);
              source = parts.join(by);
              made.add(file);
            }
            return { contents: source, loader: 'ts' };
          });
        },
      },
    ],
  });
  for (const { file } of edits) if (!made.has(file)) throw new Error(`lib/${file} is no part of it`);
  const code = Buffer.from(result.outputFiles[0]?.contents ?? []).toString('base64');
  return import(/* @vite-ignore */ `data:text/javascript;base64,${code}`);
}

/** Broken on purpose, one thing each. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'settling an unclear raw append by the bytes that are there',
    file: 'append/raw.ts',
    text: 'if (yield* isThere(tries, payload, start, found)) {',
    by: 'if (Date.length === 0) {',
    breaks: 'P3',
  },
  {
    name: 'folding what others appended, after a conflict',
    file: 'append/catch-up.ts',
    text: 'fold.push(read.bytes);',
    by: 'fold = (fold.constructor as typeof LogFold).unknown(log, { segment: fold.segment, end: position(next), crc64: null, endsLine: true });',
    breaks: 'P2',
  },
  {
    name: 'sending a log append again at the same position while it is unclear',
    file: 'append/catch-up.ts',
    text: "if (attempt.outcome !== 'conflict') continue;",
    by: "if (attempt.outcome !== 'conflict') return position((yield* tries.head())?.length ?? 0);",
    breaks: 'fate',
  },
  {
    name: 'sending a raw append again at the same position while it is unclear',
    file: 'append/raw.ts',
    text: "if (attempt.outcome !== 'conflict') continue;",
    by: "if (attempt.outcome !== 'conflict') { state = yield* current(tries); continue; }",
    breaks: 'P3',
  },
  {
    name: 'writing the ids into the commit line',
    file: 'append/commit.ts',
    text: 'ids?.push(id);',
    by: "ids?.push('-');",
    breaks: 'P4',
  },
  {
    name: 'remembering that an attempt is unclear',
    file: 'append/plan.ts',
    text: 'if (rule.mayHaveWritten) this.unclearAt = at;',
    by: '',
    breaks: 'fate',
  },
  {
    name: 'checking the checksum of the answer',
    file: 'append/raw.ts',
    text: 'answer.crc64 !== null && answer.crc64 !== expected',
    by: 'answer.crc64 === null',
    breaks: 'deletion',
  },
  {
    name: 'keeping the ids for the whole window',
    file: 'append/window.ts',
    text: 'records - length < limits.records &&',
    by: 'records - length < limits.records / 2 &&',
    breaks: 'P2',
  },
  {
    name: 'giving each call of a shared append its own receipts',
    file: 'appender.ts',
    text: 'receipts.slice(start, end)',
    by: 'receipts.toReversed().slice(start, end)',
    breaks: 'receipt',
  },
  {
    name: 'keeping the payloads of a shared append in the order of the calls',
    file: 'appender.ts',
    text: 'Buffer.concat(calls.map((call) => call.payload))',
    by: 'Buffer.concat(calls.map((call) => call.payload).reverse())',
    breaks: 'receipt',
  },
  {
    name: 'holding back the calls of a shared raw append that may be in',
    file: 'appender.ts',
    text: "if (error.fate !== 'not-in') return error;",
    by: '',
    breaks: 'P3',
  },
  {
    name: 'beginning on a line of its own after foreign bytes',
    file: 'append/encode.ts',
    text: 'const lead = endsLine ? 0 : 1;',
    by: 'const lead = 0;',
    breaks: 'P4',
  },
  {
    name: 'looking at an own unclear append by itself',
    file: 'append/catch-up.ts',
    text: 'call.attemptEndAfter(fold));',
    by: 'Number.POSITIVE_INFINITY);',
    breaks: 'P2',
  },
  {
    name: 'giving a request up when the time of the call is up',
    file: 'appender.ts',
    text: 'Math.min(requestTimeoutMs, remainingMs)',
    by: 'requestTimeoutMs * 3',
    breaks: 'P7',
  },
  {
    name: 'beginning no pause that outlasts the call',
    file: 'appender.ts',
    text: "if (delayMs >= remainingMs) return { kind: 'stop', reason: 'time' };",
    by: '',
    breaks: 'P7',
  },
  {
    name: 'appending only at the position that the caller names',
    file: 'append/raw.ts',
    text: 'if (ifPosition !== null && found !== ifPosition) throw',
    by: 'if (ifPosition === -1) throw',
    breaks: 'If-Match',
  },
  {
    name: 'carrying the ids in a checkpoint',
    file: 'append/fold.ts',
    text: 'window: this.#window.stateAfter(commit, landed, digests),',
    by: 'window: { ...this.#window.stateAfter(commit, landed, digests), runs: [] },',
    breaks: 'P2',
  },
  {
    name: 'carrying the numbers in a checkpoint',
    file: 'append/fold.ts',
    text: 'window: this.#window.stateAfter(commit, landed, digests),',
    by: 'window: { ...this.#window.stateAfter(commit, landed, digests), numbers: [] },',
    breaks: 'P2',
  },
  {
    name: 'carrying what is known into the next segment',
    file: 'append/fold.ts',
    text: 'window: this.#window,',
    by: 'window: new Window(this.limits.dedupe),',
    breaks: 'P2',
  },
  {
    name: 'going on in the next segment',
    file: 'append/log.ts',
    text: 'const open = fold.closed ? fold.next() : fold;',
    by: 'const open = fold;',
    breaks: 'P4',
  },
  {
    name: 'reading from the checkpoint that the last line names',
    file: 'append/cold.ts',
    text: 'if (checkpoint === 0 && segment > 0) continue;',
    by: 'if (checkpoint > 0) continue;',
    breaks: 'P2',
  },
  {
    name: 'fencing a producer whose epoch is over',
    file: 'append/numbers.ts',
    text: "if (current > epoch) return { verdict: 'fenced', epoch: current };",
    by: 'if (current > epoch) return NEW;',
    breaks: 'producer',
  },
  {
    name: 'refusing a gap in the numbers of a producer',
    file: 'append/numbers.ts',
    text: "return number === expected ? NEW : { verdict: 'gap', expected };",
    by: 'return NEW;',
    breaks: 'producer',
  },
  {
    name: 'ending a range of offsets where it ends',
    file: 'append/numbers.ts',
    text: 'add(known.ranges, first, first + count - 1);',
    by: 'add(known.ranges, first, first + count);',
    breaks: 'receipt',
  },
  {
    name: 'putting a tombstone only where a log was retired',
    file: 'append/retire.ts',
    text: "if (!fold.closed) return { kind: 'open' };",
    by: '',
    breaks: 'P4',
  },
  {
    name: 'carrying what is known over the end of a log',
    file: 'append/fold.ts',
    text: 'window: this.#window.state(),',
    by: 'window: new Window(this.limits.dedupe).state(),',
    breaks: 'P2',
  },
  {
    name: 'recognising a tombstone where an append is barred',
    file: 'append/catch-up.ts',
    text: 'const behind = yield* behindTombstone(tries, log, fold, call);\n  if (behind === null) throw found;',
    by: 'const behind = fold;\n  if (behind !== null) throw found;',
    breaks: 'retired',
  },
];
