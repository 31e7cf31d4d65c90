/**
 * HTTP/1.1 on the wire (RFC 9112): the text of a request, and the reader of its answer. Pure.
 *
 * Node's own client makes an object of streams and listeners for each request, which is half the CPU of a small append.
 * What OSS needs is little: one request at a time on a connection, answers small enough to hold. The reader is strict:
 * what could be read in two ways is no answer.
 */

export interface HttpRequest {
  readonly method: string;
  /** As it is sent: percent-encoded, with the query. */
  readonly path: string;
  /** Names are lower case; `host` is one of them. What is undefined is left out. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Body | undefined;
}

/** Bytes at hand, or a number of bytes that come piece by piece. */
export type Body = Uint8Array | StreamedBody;

export interface StreamedBody {
  readonly length: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names are lower case; what comes twice is joined with a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const VISIBLE = /^[\x21-\x7e]+$/;
/** Visible characters, spaces and tabs. A line end in a value would begin another header. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Everything before the body, as latin1. Throws `TypeError` for what is no valid HTTP. */
export function requestHead({ method, path, headers, body }: HttpRequest): string {
  if (!VISIBLE.test(path)) throw new TypeError('The path of a request has to be of visible ASCII characters');
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (!FIELD_VALUE.test(value))
      throw new TypeError(`The header ${name} holds a character that HTTP does not allow`);
    text += `${name}: ${value}\r\n`;
  }
  if (body !== undefined) text += `content-length: ${body.length}\r\n`;
  return `${text}\r\n`;
}

/** Bytes that are no answer. Says nothing of them. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

/** Longest head of an answer, or line of a chunked one, in bytes. Node's own limit. */
const HEAD_BYTES_MAX = 16 * 1024;
const LINE_END = '\r\n';
const HEAD_END = '\r\n\r\n';
/** All of a head without its end: a status line, and header lines. A folded line is none. */
const HEAD =
  /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r\n[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e\x80-\xff]*)*$/;
const CHUNK_SIZE = /^([0-9a-f]{1,12})[\t ]*(?:;|$)/i;
const NOTHING = Buffer.alloc(0);

type Part = 'head' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'until-closed' | 'done';

/** Reads one answer out of bytes that come cut anywhere. Throws `BadAnswer`. */
export class AnswerReader {
  readonly #bodiless: boolean;
  #part: Part = 'head';
  #bytes: Buffer = NOTHING;
  #at = 0;
  /** Bytes of the body, or of its chunk, that are still to come. */
  #left = 0;
  #status = 0;
  #headers: ReadonlyMap<string, string> = new Map();
  readonly #body: Buffer[] = [];
  #keepsAlive = false;

  constructor(method: string) {
    this.#bodiless = method === 'HEAD';
  }

  /** Takes the bytes that follow; true if the answer is whole. */
  push(bytes: Buffer): boolean {
    this.#bytes =
      this.#at < this.#bytes.length ? Buffer.concat([this.#bytes.subarray(this.#at), bytes]) : bytes;
    this.#at = 0;
    while (this.#part !== 'done' && this.#advance());
    return this.#part === 'done';
  }

  /** The connection was closed; true if that is how this answer ends. */
  closed(): boolean {
    return this.#part === 'until-closed';
  }

  answer(): HttpAnswer {
    const [only = NOTHING] = this.#body;
    const body = this.#body.length > 1 ? Buffer.concat(this.#body) : only;
    return { status: this.#status, headers: this.#headers, body };
  }

  /** Whether another request may follow on the connection. */
  get keepsAlive(): boolean {
    return this.#keepsAlive && this.#part === 'done' && this.#at === this.#bytes.length;
  }

  /** One step; false if it takes more bytes. */
  #advance(): boolean {
    switch (this.#part) {
      case 'head': {
        const head = this.#until(HEAD_END);
        if (head !== null) this.#begin(head);
        return head !== null;
      }
      case 'body':
        return this.#take('done');
      case 'chunk':
        return this.#take('chunk-end');
      case 'until-closed':
        this.#left = this.#bytes.length - this.#at;
        this.#take('until-closed');
        return false;
      case 'chunk-size': {
        const line = this.#until(LINE_END);
        if (line === null) return false;
        const [, size] = CHUNK_SIZE.exec(line) ?? [];
        if (size === undefined) throw new BadAnswer('a chunk has no size');
        this.#left = Number.parseInt(size, 16);
        this.#part = this.#left === 0 ? 'trailer' : 'chunk';
        return true;
      }
      case 'chunk-end': {
        const line = this.#until(LINE_END);
        if (line === null) return false;
        if (line !== '') throw new BadAnswer('a chunk is longer than it says');
        this.#part = 'chunk-size';
        return true;
      }
      case 'trailer': {
        const line = this.#until(LINE_END);
        if (line === '') this.#part = 'done';
        return line !== null;
      }
      default:
        return false;
    }
  }

  /** The text before the next `mark`, which is passed over; null if it has not come yet. */
  #until(mark: string): string | null {
    const end = this.#bytes.indexOf(mark, this.#at, 'latin1');
    if ((end < 0 ? this.#bytes.length : end) - this.#at > HEAD_BYTES_MAX)
      throw new BadAnswer('its head is too long');
    if (end < 0) return null;
    const text = this.#bytes.toString('latin1', this.#at, end);
    this.#at = end + mark.length;
    return text;
  }

  /** Moves what has come of the `left` bytes into the body, and goes on to `next` after the last. */
  #take(next: Part): boolean {
    const end = Math.min(this.#at + this.#left, this.#bytes.length);
    if (end > this.#at) this.#body.push(this.#bytes.subarray(this.#at, end));
    this.#left -= end - this.#at;
    this.#at = end;
    if (this.#left > 0) return false;
    this.#part = next;
    return true;
  }

  #begin(head: string): void {
    const [, minor, status] = HEAD.exec(head) ?? [];
    if (status === undefined) throw new BadAnswer('it does not begin with a status and headers');
    this.#status = Number(status);
    // An interim answer; the one that counts follows. Nothing of ours asks for another protocol.
    if (this.#status === 101) throw new BadAnswer('it changes the protocol');
    if (this.#status < 200) return;
    this.#headers = headersOf(head);
    this.#keepsAlive = minor === '1' && !/\bclose\b/i.test(this.#headers.get('connection') ?? '');
    this.#part = this.#framing();
    if (this.#part === 'until-closed') this.#keepsAlive = false;
  }

  /** How the end of the body is known (RFC 9112 §6.3). */
  #framing(): Part {
    const encoding = this.#headers.get('transfer-encoding');
    const length = this.#headers.get('content-length');
    if (this.#bodiless || this.#status === 204 || this.#status === 304) return 'done';
    if (encoding !== undefined) {
      // With both, two readers could disagree about where the next answer begins.
      if (encoding.toLowerCase() === 'chunked' && length === undefined) return 'chunk-size';
      throw new BadAnswer('its transfer encoding is not known');
    }
    if (length === undefined) return 'until-closed';
    if (!/^\d{1,15}$/.test(length)) throw new BadAnswer('its length is not a number');
    this.#left = Number(length);
    return this.#left === 0 ? 'done' : 'body';
  }
}

/** Of a head that is one (`HEAD`). */
function headersOf(head: string): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let at = head.indexOf(LINE_END); at >= 0; ) {
    const start = at + LINE_END.length;
    const colon = head.indexOf(':', start);
    at = head.indexOf(LINE_END, colon);
    const name = head.slice(start, colon).toLowerCase();
    const value = head.slice(colon + 1, at < 0 ? head.length : at).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}
