/** Parts: from the store to local files, and back (PROTOCOL.md §10.3). */
import { createHash } from 'node:crypto';
import { JobError } from '../aggregate/errors.ts';
import { CONTENT_TYPE, type Directory, EXTENSION, partKey } from '../aggregate/output.ts';
import type { RowFile } from '../aggregate/ports.ts';
import type { Claim } from '../aggregate/records.ts';
import type { CommittedPart } from '../aggregate/types.ts';
import { crc64 } from '../append/crc64.ts';
import type { FileBody } from '../put.ts';
import type { Context } from './context.ts';

/** The parts as local files, one after the other; each is removed when the next is asked for. */
export async function* fetched(
  { job, calls, workspace }: Context,
  parts: readonly CommittedPart[],
  directory: string,
): AsyncGenerator<string> {
  for (const [index, part] of parts.entries()) {
    const path = `${directory}/earlier-${index}${EXTENSION[job.format]}`;
    await workspace.write(path, partBytes(calls, part));
    yield path;
    await workspace.remove(path);
  }
}

/**
 * A part that is not what its commit says stops the run: it may be one that was frozen while the group was rebuilt, and
 * what it would make of an emptied part is no function of its claim any more.
 */
export async function* partBytes(calls: Context['calls'], part: CommittedPart): AsyncGenerator<Uint8Array> {
  const { key, bytes } = part;
  for await (const read of calls.pieces(key, 0, bytes)) {
    if (read === null || read.length !== bytes || !agree(read.crc64, part.crc64))
      throw new JobError(
        'OutputReplaced',
        `${key} is not what the job wrote there. If nobody rebuilt the group meanwhile, do so now: somebody else changed it.`,
      );
    yield read.bytes;
  }
}

const agree = (one: bigint | null, other: bigint | null): boolean =>
  one === null || other === null || one === other;

/** Puts the files of a claim under their names. What is there already is the same rows, by another run. */
export async function putParts(
  { calls, workspace }: Context,
  directory: Directory,
  claim: Claim,
  files: readonly RowFile[],
): Promise<CommittedPart[]> {
  const parts: CommittedPart[] = [];
  for (const { windowMs, path, rows, bytes } of files) {
    const key = partKey(directory, claim, windowMs);
    const body = await bodyOf(workspace, path, bytes);
    if (await calls.create(key, body, CONTENT_TYPE[directory.format])) {
      parts.push({ key, windowMs, rows, bytes, crc64: body.crc64 });
      continue;
    }
    // The same rows, and perhaps not the same bytes.
    const there = await calls.head(key);
    if (there === null)
      throw new JobError('OutputReplaced', `${key} was there and is gone. Leave what a job writes alone.`);
    parts.push({ key, windowMs, rows, bytes: there.length, crc64: there.crc64 });
  }
  return parts;
}

/** Puts an empty file in the place of each part, so that a run that still writes to one of them finds its name taken. */
export async function emptyParts(
  context: Context,
  parts: readonly CommittedPart[],
  directory: string,
): Promise<void> {
  const { job, engine } = context;
  if (parts.length === 0) return;
  const empty = await engine.empty({ format: job.format, columns: job.columns, directory });
  await overwrite(context, parts, empty, CONTENT_TYPE[job.format]);
}

/** Puts a small local file in the place of each part. */
export async function overwrite(
  { calls, workspace }: Context,
  parts: readonly CommittedPart[],
  file: string,
  contentType: string,
): Promise<void> {
  const bytes: Uint8Array[] = [];
  for await (const piece of workspace.read(file)) bytes.push(piece);
  const body = Buffer.concat(bytes);
  for (const { key } of parts) await calls.replace(key, body, contentType);
}

async function bodyOf(workspace: Context['workspace'], path: string, length: number): Promise<FileBody> {
  const md5 = createHash('md5');
  let sum = 0n;
  for await (const piece of workspace.read(path)) {
    md5.update(piece);
    sum = crc64(piece, sum);
  }
  return { length, md5: md5.digest(), crc64: sum, open: () => workspace.read(path) };
}
