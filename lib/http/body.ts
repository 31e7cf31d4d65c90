/** Reads a request's body, no further than the limit. */
import { IntakeError } from '../intake/errors.ts';

/** The largest body of a synchronous call (FC documentation, "Limits"). */
export const BODY_BYTES_MAX = 32 * 1024 * 1024;

/**
 * `accept` is called when the body is wanted, after its announced length was looked at. Throws `IntakeError`:
 * `PayloadTooLarge`, or `MalformedPayload` for a body that broke off.
 */
export async function readBody(
  request: Request,
  accept: () => void,
  bytesMax = BODY_BYTES_MAX,
): Promise<Uint8Array> {
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > bytesMax) throw tooLarge(bytesMax);
  accept();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(request)) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  const [first] = chunks;
  return first && chunks.length === 1 ? first : Buffer.concat(chunks, length);
}

/** Leaving the loop early cancels the stream. */
async function* chunksOf({ body }: Request): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw new IntakeError('MalformedPayload', 'The body broke off before its end. Send it again.', { cause });
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function tooLarge(bytesMax: number): IntakeError {
  return new IntakeError(
    'PayloadTooLarge',
    `The body has more than ${bytesMax} bytes. Send it in several calls.`,
  );
}
