/**
 * The HTTP client under ali-oss: one request, one whole answer or `NoAnswer`, never a retry, never a redirect.
 *
 * It takes the place of ali-oss's default client because that one costs several times the CPU of a bare request, and
 * because ali-oss drops the headers of a refused call, among them the length that a conflict reports. Libraries were
 * measured in its place: node:http takes half of the CPU of an append for itself, and undici, whose parser is WASM, two
 * and a half times that of a cold start and a fifth more of an append.
 */

import net from 'node:net';
import tls from 'node:tls';
import type { Runtime } from '../runtime.ts';
import {
  AnswerReader,
  BadAnswer,
  type Body,
  type HttpAnswer,
  type HttpRequest,
  requestHead,
  type StreamedBody,
} from './oss-wire.ts';
import { NO_ANSWER, StoreError } from './port.ts';

/** Idle connections are closed well before a server closes them (commonly after a minute). */
const IDLE_MS_MAX = 15_000;
/** Timers take no more than a signed 32-bit number. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const KEEP_ALIVE_PROBE_MS = 1000;
/** A shorter body goes out with its head, as one piece; a longer one is not copied. */
const JOINED_BYTES_MAX = 16 * 1024;
/** What is taken from a connection at once. */
const PIECE_BYTES_MAX = 64 * 1024;
/** Left of the time that a server says it keeps an idle connection: a request has to get there within it. */
const IDLE_MARGIN_MS = 1000;

/** Where all requests of a client go. */
export interface HttpAddress {
  /** TLS, or plain text. */
  readonly secure: boolean;
  /** A name or an IP address. */
  readonly hostname: string;
  readonly port: number;
  /** The name that the server's certificate has to be for. */
  readonly servername: string;
}

export interface HttpOptions {
  readonly address: HttpAddress;
  readonly runtime: Pick<Runtime, 'after' | 'now'>;
}

export interface TimedRequest extends HttpRequest {
  /** From now to the last byte of the answer. */
  readonly timeoutMs: number;
}

/**
 * Sends one request. Rejects with `StoreError`: `NoAnswer` if the answer is not complete in time, `InvalidRequest` if the
 * body comes with an error or with other than its length, and then less than that has been sent. Throws at once, and
 * sends nothing, if the request is not valid HTTP.
 */
export type HttpClient = (request: TimedRequest) => Promise<HttpAnswer>;

/** A request in flight. */
interface Exchange {
  readonly reader: AnswerReader;
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: StoreError) => void;
  readonly stopTimer: () => void;
}

export function httpClient({ address, runtime }: HttpOptions): HttpClient {
  // Last in, first out: under little load the same connection stays warm and the others time out.
  const idle: Connection[] = [];
  /** For a shorter handshake of the next connection. */
  let session: Buffer | undefined;

  function open(read: (bytes: Buffer) => void): net.Socket {
    const { secure, hostname: host, port, servername } = address;
    const options = {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
      // Without this, Node makes a buffer of that size for each piece that comes, and passes it through a stream.
      onread: {
        buffer: Buffer.allocUnsafeSlow(PIECE_BYTES_MAX),
        callback: (length: number, buffer: Uint8Array) => {
          read(Buffer.from(buffer.subarray(0, length)));
          return true;
        },
      },
    };
    if (!secure) return net.connect(options);
    const socket = tls.connect({
      ...options,
      servername,
      ALPNProtocols: ['http/1.1'],
      ...(session !== undefined && { session }),
    });
    socket.on('session', (ticket) => {
      session = ticket;
    });
    return socket;
  }

  function connection(): Connection {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      // An instance that was frozen: its timers have not run yet, and the other end is probably gone.
      const idleMs = Math.abs(runtime.now() - last.idleSinceMs);
      if (last.isOpen && idleMs < last.idleMsMax) return last;
      last.close();
    }
    const socket = open((bytes) => opened.read(bytes));
    const opened = new Connection(socket, {
      free: (freed) => {
        freed.idleSinceMs = runtime.now();
        idle.push(freed);
      },
      gone: (dead) => {
        const at = idle.indexOf(dead);
        if (at >= 0) idle.splice(at, 1);
      },
      // The youngest idle connection turned out dead, so the older ones are: without this each would cost a request.
      failed: (dead) => {
        if (dead.reused) for (const other of idle.splice(0)) other.close();
        session = undefined;
      },
    });
    return opened;
  }

  return (request) => {
    const head = requestHead(request);
    const { method, body, timeoutMs } = request;
    return new Promise((resolve, reject) => {
      const ms = Math.min(Math.max(Math.ceil(timeoutMs) || 0, 0), TIMEOUT_MS_MAX);
      const on = connection();
      const stopTimer = runtime.after(ms, () => on.fail(`not within ${timeoutMs} ms`));
      const reader = new AnswerReader(method);
      on.send(head, body, { reader, resolve, reject, stopTimer });
    });
  };
}

/** What becomes of a connection. */
interface Fate {
  /** It is ready for another request. */
  readonly free: (connection: Connection) => void;
  /** A request on it got no answer. */
  readonly failed: (connection: Connection) => void;
  readonly gone: (connection: Connection) => void;
}

class Connection {
  readonly #socket: net.Socket;
  readonly #fate: Fate;
  #exchange: Exchange | null = null;
  /** Whether a part of the body is still to be sent. */
  #sending = false;
  #onDrain: (() => void) | null = null;
  /** Whether it has answered a request. */
  reused = false;
  /** Epoch milliseconds. */
  idleSinceMs = 0;
  idleMsMax = IDLE_MS_MAX;

  constructor(socket: net.Socket, fate: Fate) {
    this.#socket = socket;
    this.#fate = fate;
    // Listeners of the connection, not of a request: adding and removing them would cost as much as sending.
    socket.on('drain', () => this.#onDrain?.());
    socket.on('end', () =>
      this.#exchange?.reader.closed() ? this.#done(this.#exchange) : this.fail('it was cut off'),
    );
    socket.on('error', (error) => this.fail('the connection broke', error));
    socket.on('close', () => {
      this.fail('the connection was closed');
      this.#onDrain?.();
      fate.gone(this);
    });
    socket.on('timeout', () => this.#exchange === null && this.close());
    socket.setTimeout(this.idleMsMax);
  }

  get isOpen(): boolean {
    return this.#socket.writable && this.#socket.readable;
  }

  send(head: string, body: Body | undefined, exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.reused) this.#socket.ref();
    if (body === undefined || body instanceof Uint8Array) {
      this.#write(head, body);
    } else {
      this.#socket.write(head, 'latin1');
      void this.#pour(body, exchange);
    }
  }

  /** Ends the request in flight, if there is one, and the connection. */
  fail(reason: string, cause?: Error): void {
    if (this.#exchange !== null) this.#fate.failed(this);
    const text = `OSS gave no complete answer: ${reason}.`;
    this.#end(new StoreError(NO_ANSWER, text, { cause: bare(cause) }));
  }

  close(): void {
    this.#socket.destroy();
  }

  #end(error: StoreError): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#socket.destroy();
    exchange?.stopTimer();
    exchange?.reject(error);
  }

  /** Sends a body as fast as it is taken. What is too long is not sent to its end, so that it is never taken for whole. */
  async #pour({ length, pieces }: StreamedBody, exchange: Exchange): Promise<void> {
    let left = length;
    this.#sending = true;
    try {
      for await (const piece of pieces) {
        if (this.#exchange !== exchange) return;
        left -= piece.length;
        if (left < 0) break;
        if (!this.#socket.write(piece)) await this.#drained();
      }
      if (left !== 0) throw new RangeError(`it has not the ${length} bytes it was said to have`);
      this.#sending = false;
    } catch (error) {
      if (this.#exchange !== exchange) return;
      const cause = error instanceof Error ? error : undefined;
      this.#end(
        new StoreError('InvalidRequest', 'The body could not be read, so it was not sent whole.', { cause }),
      );
    }
  }

  /** Also if the connection ends: what waits for it then sees so. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrain = resolve;
    });
  }

  #write(head: string, body: Uint8Array | undefined): void {
    if (body === undefined) {
      this.#socket.write(head, 'latin1');
    } else if (body.length <= JOINED_BYTES_MAX) {
      const whole = Buffer.allocUnsafe(head.length + body.length);
      whole.write(head, 'latin1');
      whole.set(body, head.length);
      this.#socket.write(whole);
    } else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  /** Bytes that came, which nobody else holds. */
  read(bytes: Buffer): void {
    const exchange = this.#exchange;
    if (exchange === null) {
      this.close(); // bytes that nobody asked for
      return;
    }
    try {
      if (exchange.reader.push(bytes)) this.#done(exchange);
    } catch (error) {
      if (!(error instanceof BadAnswer)) throw error;
      this.fail(error.message);
    }
  }

  #done({ reader, resolve, stopTimer }: Exchange): void {
    const answer = reader.answer();
    this.#exchange = null;
    stopTimer();
    // A refusal can overtake a long body; nobody will read the rest of that.
    if (reader.keepsAlive && !this.#sending && this.#socket.writableLength === 0) this.#rest(answer);
    else this.close();
    resolve(answer);
  }

  #rest({ headers }: HttpAnswer): void {
    const hint = headers.get('keep-alive');
    if (hint !== undefined && !this.reused) this.#heed(hint);
    if (this.idleMsMax <= 0) {
      this.close();
      return;
    }
    this.reused = true;
    // A process with nothing else to do may end.
    this.#socket.unref();
    this.#fate.free(this);
  }

  /** The server says for how long it keeps an idle connection. */
  #heed(hint: string): void {
    const [, seconds] = /\btimeout=(\d+)/.exec(hint) ?? [];
    const ms = Number(seconds ?? Number.POSITIVE_INFINITY) * 1000 - IDLE_MARGIN_MS;
    if (ms >= this.idleMsMax) return;
    this.idleMsMax = ms;
    if (ms > 0) this.#socket.setTimeout(ms);
  }
}

/** Name, code and text only: an error of the TLS layer can hold certificates. */
function bare(error: Error | undefined): Error | undefined {
  if (error === undefined) return undefined;
  const code = 'code' in error ? { code: error.code } : {};
  return Object.assign(new Error(error.message), { name: error.name, ...code });
}
