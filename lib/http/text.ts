/** Text of bodies. */
import { IntakeError } from '../intake/errors.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });
const LINE_FEED = 0x0a;
const BLANKS = new Set([0x20, 0x09, 0x0d]);

/** Throws `IntakeError` `MalformedPayload`. */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new IntakeError(
      'MalformedPayload',
      'The body is not valid UTF-8. Convert it, or send it as application/octet-stream.',
      { cause },
    );
  }
}

/** The lines that hold anything, without their ends. The last one may lack its own. */
export function* filledLines(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(start, end);
    if (!line.every((byte) => BLANKS.has(byte))) yield line;
    start = end + 1;
  }
}
