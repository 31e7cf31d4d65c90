/**
 * Producers: callers that number their records, one after the other, in the headers of the Durable Streams protocol
 * (PROTOCOL.md §8). A call that is sent again is recognised however late it comes, a number that is left out is told,
 * and whoever goes on with a higher epoch shuts the one before out.
 */
import type { Target } from '../config.ts';
import { IntakeError } from '../intake/errors.ts';
import type { Content, Payload } from '../intake/payload.ts';
import { NAME_CHARS, nameOf } from './conditions.ts';

export interface Producer {
  readonly id: string;
  readonly epoch: number;
  /** Number of the first record of the call. */
  readonly seq: number;
}

const HEADERS = ['producer-id', 'producer-epoch', 'producer-seq'] as const;
const WHOLE = /^(?:0|[1-9]\d*)$/;

/** Undefined if the call comes from no producer. Throws `IntakeError` `InvalidProducer`. */
export function producerOf(headers: Headers): Producer | undefined {
  if (!HEADERS.some((name) => headers.has(name))) return undefined;
  const [name, ...numbers] = HEADERS.map((name) => headers.get(name));
  if (name === null || numbers.includes(null))
    throw invalidProducer('A producer sends Producer-Id, Producer-Epoch and Producer-Seq together.');
  const id = nameOf(name ?? '');
  if (id === null) throw invalidProducer(`A Producer-Id is ${NAME_CHARS}.`);
  const [epoch, seq] = numbers.map(numberOf);
  if (epoch === undefined || seq === undefined) {
    throw invalidProducer(
      `Producer-Epoch and Producer-Seq are whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}, without leading zeros.`,
    );
  }
  return { id, epoch, seq };
}

/** The records of a call, numbered from the producer's `seq` on. Throws `IntakeError` `InvalidProducer`. */
export function numbered({ id, epoch, seq }: Producer, contents: readonly Content[]): Payload[] {
  if (!Number.isSafeInteger(seq + contents.length)) {
    throw invalidProducer(
      `The numbers of these records go beyond ${Number.MAX_SAFE_INTEGER - 1}. Go on with a higher epoch, from 0.`,
    );
  }
  return contents.map((content, index) => {
    const number = seq + index;
    return { content, source: `producer/${id}`, id: String(number), numbered: { number, epoch } };
  });
}

/** Throws `IntakeError` `InvalidProducer` if the target cannot keep a producer's numbers together. */
export function assertTakesProducers({ format, lanes }: Target): void {
  if (format === 'raw') {
    throw invalidProducer(
      "A raw object has no room for a producer's numbers. Leave out the Producer headers and send If-Match, or use a log target.",
    );
  }
  if (lanes?.by === 'instance') {
    throw invalidProducer(
      "The target has a lane for each instance, which would tear a producer's numbers apart. Leave out the Producer headers, or use another target.",
    );
  }
}

export function invalidProducer(message: string): IntakeError {
  return new IntakeError('InvalidProducer', message);
}

function numberOf(header: string | null): number | undefined {
  const text = header?.trim() ?? '';
  const number = Number(text);
  return WHOLE.test(text) && Number.isSafeInteger(number) ? number : undefined;
}
