/** `encoding-type=url`: keys in an XML answer are percent-encoded, for those XML cannot hold. */
import { invalidArgument } from '../errors.ts';
import type { XmlElement } from '../xml.ts';
import type { Call } from './call.ts';

export interface KeyEncoder {
  encode(text: string): string;
  /** What tells the client about it. */
  readonly elements: readonly XmlElement[];
}

/** Throws `InvalidArgument` for any other encoding. */
export function encoderOf({ request }: Call): KeyEncoder {
  const type = request.query.get('encoding-type') ?? '';
  if (type === '') return { encode: (text) => text, elements: [] };
  if (type === 'url') return { encode: encodeURIComponent, elements: [['EncodingType', 'url']] };
  throw invalidArgument('encoding-type', type, 'encoding-type must be url.');
}
