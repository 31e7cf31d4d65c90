/**
 * The output of one instance, line by line: handed on as it comes, and kept for the call that is running, whose log
 * FC gives back on request (`x-fc-log-type: Tail`).
 */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { LOG_LINE_BYTES_MAX, LOG_TAIL_BYTES_MAX } from '../limits.ts';
import { endLine, startLine } from './markers.ts';

/** The markers are in the pipe before the answer is sent; this only bounds the wait if a function closed its stdout. */
const MARKER_MS_MAX = 1_000;

export class Output {
  readonly #onLine: (line: string) => void;
  #partial = '';
  #requestId: string | null = null;
  #tail = '';
  #started = false;
  #ended: (() => void) | null = null;

  constructor(stream: Readable, onLine: (line: string) => void) {
    this.#onLine = onLine;
    const decoder = new StringDecoder('utf8');
    stream.on('data', (chunk: Buffer) => this.#take(decoder.write(chunk)));
    stream.on('close', () => {
      if (this.#partial) this.#line(this.#partial);
      this.#ended?.();
    });
    stream.on('error', () => undefined);
  }

  /** From here on, lines belong to the log of this call. For instances that serve one call at a time. */
  begin(requestId: string): void {
    this.#requestId = requestId;
    this.#tail = '';
    this.#started = false;
  }

  /** Whether the built-in runtime has begun to run the call's handler. */
  get started(): boolean {
    return this.#started;
  }

  /** Resolves when the built-in runtime's end marker has come, or the output has ended. */
  async ended(): Promise<void> {
    if (this.#requestId === null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, MARKER_MS_MAX);
      this.#ended = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#ended = null;
  }

  /** The last lines of the call's log, and the end of its bookkeeping. */
  finish(): string {
    const tail = Buffer.from(this.#tail);
    this.#requestId = null;
    this.#tail = '';
    return tail.subarray(Math.max(0, tail.length - LOG_TAIL_BYTES_MAX)).toString();
  }

  #take(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
    while (this.#partial.length > LOG_LINE_BYTES_MAX) {
      this.#line(this.#partial.slice(0, LOG_LINE_BYTES_MAX));
      this.#partial = this.#partial.slice(LOG_LINE_BYTES_MAX);
    }
  }

  #line(line: string): void {
    const id = this.#requestId;
    if (id !== null) this.#tail = `${this.#tail}${line}\n`.slice(-LOG_TAIL_BYTES_MAX);
    if (id !== null && line === startLine(id)) {
      this.#started = true;
    } else if (id !== null && line === endLine(id)) {
      this.#requestId = null;
      this.#ended?.();
    } else {
      this.#onLine(line.slice(0, LOG_LINE_BYTES_MAX));
    }
  }
}
