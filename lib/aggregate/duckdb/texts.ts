/** The JSON texts of a commit's data lines, as they came in (PROTOCOL.md §3.1). */
import { isUtf8 } from 'node:buffer';
import { JsonError } from '../../append/json.ts';
import { type FoundCommit, linesOf } from '../../reader/scan.ts';
import { readValue } from '../../reader/value.ts';

/** Lines, one after the other, and where each ends. */
export type Lines = Pick<FoundCommit, 'data' | 'lineEnds'>;

const OURS = '{"$';
const LINE_END = '\n';

/** The same lines, but for those that are wrapped; the very same where there are none, as nearly always. */
export function textsOf(lines: Lines): Lines {
  const { data } = lines;
  const mayWrap = data.includes(`${LINE_END}${OURS}`) || data.toString('latin1', 0, OURS.length) === OURS;
  // Bytes that are no text are shown as such, as every reader does: no writer of ours lets them in.
  if (!mayWrap && isUtf8(data)) return { data, lineEnds: lines.lineEnds };
  const texts = linesOf(lines).map((line) => Buffer.from(`${textOf(line)}${LINE_END}`));
  const lineEnds = new Uint32Array(texts.length);
  let start = 0;
  for (const [at, text] of texts.entries()) {
    start += text.length;
    lineEnds[at] = start - LINE_END.length;
  }
  return { data: Buffer.concat(texts), lineEnds };
}

function textOf(line: Uint8Array): string {
  try {
    const value = readValue(line);
    if (value.kind === 'json') return value.json;
  } catch (error) {
    // No JSON, which no writer of ours lets in either, is itself.
    if (!(error instanceof JsonError)) throw error;
  }
  return Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
}
