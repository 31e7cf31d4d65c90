/** What an operation answers: plain values, turned into bytes on the wire in one place (`wire.ts`). */
import type { OssError } from './errors.ts';
import { type XmlContent, xmlDocument } from './xml.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | FileSlice;
  /** OSS's error code, for the request log. */
  readonly code?: string;
}

/** Bytes `[start, end)` of an open file, which whoever sends the answer closes. */
export interface FileSlice {
  readonly fd: number;
  readonly start: number;
  readonly end: number;
}

export function xmlAnswer(
  status: number,
  root: string,
  content: XmlContent,
  headers: Readonly<Record<string, string>> = {},
): Answer & { readonly body: Buffer } {
  return {
    status,
    headers: { 'Content-Type': 'application/xml', ...headers },
    body: Buffer.from(xmlDocument(root, content)),
  };
}

/** OSS's error document. Answers to HEAD have no body; there the document travels, in base64, in `x-oss-err`. */
export function errorAnswer(error: OssError, request: { id: string; host: string; method: string }): Answer {
  const { code, status, ec } = error;
  const headers = { ...error.headers, ...(ec === undefined ? {} : { 'x-oss-ec': ec }) };
  const content = [
    ['Code', code],
    ['Message', error.message],
    ['RequestId', request.id],
    ['HostId', request.host],
    ...Object.entries(error.elements),
    ...(ec === undefined ? [] : [['EC', ec] as const]),
  ] as const;
  const document = xmlAnswer(status, 'Error', content, headers);
  if (request.method !== 'HEAD') return { ...document, code };
  return { status, headers: { ...headers, 'x-oss-err': document.body.toString('base64') }, code };
}
