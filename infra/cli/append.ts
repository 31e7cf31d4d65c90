/**
 * `npm run append -- <target>/<path> <file or ->`: appends a file of any size, in bounded memory.
 *
 * The file goes in pieces, one append each. Every piece after the first has to follow the one before it directly: if
 * another writer comes in between, or an answer is lost for good, the command stops and says how much is in.
 */
import config from '../../append.config.ts';
import { InvalidRecord } from '../../lib/append/errors.ts';
import { jsonLine } from '../../lib/append/record.ts';
import { createAppender } from '../../lib/appender.ts';
import { IntakeError } from '../../lib/intake/errors.ts';
import { createIntake, type Intake, type Outcome } from '../../lib/intake/intake.ts';
import type { Payload } from '../../lib/intake/payload.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { runCommand, UsageError } from './command.ts';
import { bytePieces, linePieces, openFile, type Piece } from './pieces.ts';
import { bytes, progress } from './progress.ts';
import { openStore, STORE_FLAGS, STORE_HELP } from './store.ts';

const CALL_MS = 120_000;
const SOURCE = 'file';

await runCommand({
  help: `
Append a local file to a target of append.config.ts, on the running stack's OSS.

  npm run append -- <target>[/<path>] <file>
  npm run append -- <target>[/<path>] -          standard input

  npm run append -- notes/today.txt ./notes.txt
  npm run append -- events ./events.ndjson

A raw target takes the bytes as they are. A log target takes one JSON record a line.

Each run appends anew, also of the same file. Ctrl-C stops after the piece under way and says how much is in.
${STORE_HELP}`,
  flags: STORE_FLAGS,
  async run({ values, positionals }) {
    const [place, file, ...more] = positionals;
    if (place === undefined || file === undefined || more.length > 0) {
      throw new UsageError('Name a target and one file (or -). See --help.');
    }
    const slash = place.indexOf('/');
    const name = slash < 0 ? place : place.slice(0, slash);
    const target = config.targets.get(name);
    if (target === undefined) {
      const known = [...config.targets.keys()].join(', ');
      throw new UsageError(`There is no target "${name}" in append.config.ts. There is: ${known}.`);
    }
    const runtime = systemRuntime();
    const run = runtime.uuid();
    const nowMs = runtime.now();
    const path = slash < 0 ? undefined : place.slice(slash + 1);
    const store = await openStore(values);
    if (target.format === 'log' && file !== '-') await checkLines(file);
    const source = await openFile(file);
    const writer = `append-${runtime.uuid()}`;
    const appender = createAppender({ store, runtime, writer });
    const intake = createIntake({ appender, runtime, instance: writer });
    const payload = (content: Payload['content'], id?: string): Payload => ({
      content,
      source: SOURCE,
      id,
      timeMs: nowMs,
      path,
    });
    const pieces =
      target.format === 'raw'
        ? bytePieces(source, (chunk) => payload({ kind: 'bytes', bytes: chunk }))
        : linePieces(source, (line, number) => payload({ kind: 'json', json: line }, `${run}/${number}`));
    await appendPieces(pieces, source.bytes, (payloads, position) =>
      take(intake, target, payloads, target.format === 'raw' ? position : undefined),
    );
  },
});

/** A mistake on the last line must not leave the lines before it behind. Standard input can be read only once. */
async function checkLines(file: string): Promise<void> {
  const source = await openFile(file);
  const shown = progress('checked');
  let done = 0;
  let line = 0;
  try {
    for await (const piece of linePieces(source, (json, number) => {
      line = number;
      jsonLine(json);
      return { content: { kind: 'json', json }, source: SOURCE };
    })) {
      done += piece.bytes;
      shown.update(done, source.bytes);
    }
  } catch (cause) {
    if (!(cause instanceof InvalidRecord)) throw cause;
    throw new UsageError(`${file}, line ${line}: ${cause.message} Nothing was appended.`, { cause });
  } finally {
    shown.end();
  }
}

type Target = Parameters<Intake['take']>[0];

async function take(
  intake: Intake,
  target: Target,
  payloads: readonly Payload[],
  ifPosition: number | undefined,
) {
  const deadline = performance.now() + CALL_MS;
  const remainingMs = () => deadline - performance.now();
  return intake.take(target, payloads, { remainingMs, ifPosition, invalid: 'fails-call' });
}

async function appendPieces(
  pieces: AsyncIterable<Piece>,
  total: number | null,
  append: (payloads: readonly Payload[], position: number | undefined) => Promise<Outcome[]>,
): Promise<void> {
  const shown = progress('appended');
  let stopped = false;
  // A second one ends at once.
  process.once('SIGINT', () => {
    stopped = true;
  });
  let done = 0;
  const objects = new Set<string>();
  let position: number | undefined;
  try {
    for await (const piece of pieces) {
      for (const outcome of await append(piece.payloads, position)) {
        if ('error' in outcome) throw outcome.error;
        objects.add(outcome.receipt.object);
        position = outcome.receipt.end ?? undefined;
      }
      done += piece.bytes;
      shown.update(done, total);
      if (stopped) throw new Error('Stopped.');
    }
  } catch (cause) {
    shown.end();
    const reason = cause instanceof Error ? cause.message : String(cause);
    const before =
      done === 0 ? 'Nothing was appended before that.' : `The first ${bytes(done)} are in ${named(objects)}.`;
    const wrong = cause instanceof IntakeError ? UsageError : Error;
    throw new wrong(`${reason}\n${before}`);
  }
  shown.end();
  if (done === 0) throw new UsageError('The file is empty, so there is nothing to append.');
  const length = objects.size === 1 ? `, which is ${position} bytes long now` : '';
  process.stdout.write(`${bytes(done)} in ${named(objects)}${length}\n`);
}

/** The lanes of a target, or the segments of a log, can be many. */
function named(objects: ReadonlySet<string>): string {
  const [first = '', ...more] = objects;
  return more.length === 0 ? first : `${objects.size} objects, the first ${first}`;
}
