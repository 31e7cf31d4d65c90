/** Cuts a file into pieces of a few megabytes, each for one append. */
import { open } from 'node:fs/promises';
import type { Payload } from '../../lib/intake/payload.ts';
import { UsageError } from './command.ts';

/** Large enough that a request's round trip does not matter, small enough to hold a few in memory. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Records of one append: their ids have to fit a commit line. */
const PIECE_RECORDS_MAX = 5000;
/** A line longer than this is no record. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;
const LINE_END = 10;

export interface Piece {
  readonly payloads: readonly Payload[];
  readonly bytes: number;
}

export interface Source {
  /** Length of a file, null for standard input. */
  readonly bytes: number | null;
  readonly chunks: AsyncIterable<Buffer>;
}

export async function openFile(file: string): Promise<Source> {
  if (file === '-') return { bytes: null, chunks: process.stdin };
  try {
    const handle = await open(file);
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new Error('it is a directory');
    return {
      bytes: stat.isFile() ? stat.size : null,
      chunks: handle.createReadStream({ highWaterMark: PIECE_BYTES }),
    };
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

export async function* bytePieces(
  { chunks }: Source,
  payloadOf: (bytes: Buffer) => Payload,
): AsyncGenerator<Piece> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes < PIECE_BYTES) continue;
    yield { payloads: [payloadOf(Buffer.concat(held))], bytes };
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield { payloads: [payloadOf(Buffer.concat(held))], bytes };
}

/** One record a line; empty lines are passed over. `payloadOf` gets the line's number, from 1. */
export async function* linePieces(
  { chunks }: Source,
  payloadOf: (line: Buffer, number: number) => Payload,
): AsyncGenerator<Piece> {
  let payloads: Payload[] = [];
  let bytes = 0;
  let number = 0;
  for await (const line of lines(chunks)) {
    number++;
    bytes += line.length + 1;
    if (line.toString('latin1').trim() !== '') payloads.push(payloadOf(line, number));
    if (payloads.length === 0 || (bytes < PIECE_BYTES && payloads.length < PIECE_RECORDS_MAX)) continue;
    yield { payloads, bytes };
    payloads = [];
    bytes = 0;
  }
  if (payloads.length > 0) yield { payloads, bytes };
}

async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, start)) {
      yield Buffer.concat([...held, chunk.subarray(start, end)]);
      held = [];
      heldBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    held.push(chunk.subarray(start));
    heldBytes += chunk.length - start;
    if (heldBytes > LINE_BYTES_MAX) throw new UsageError(`A line is longer than ${LINE_BYTES_MAX} bytes.`);
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}
