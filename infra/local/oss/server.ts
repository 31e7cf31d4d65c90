/**
 * OSS on this machine: a server that speaks Object Storage Service's wire format and keeps its rules, with data on
 * disk. For development and tests; nothing in it is a mock of the client.
 *
 *     const oss = await startOss({ dataDir, credentials: [{ accessKeyId: 'id', accessKeySecret: 'secret' }], buckets: ['logs'] });
 *     new OSS({ endpoint: oss.url, bucket: 'logs', accessKeyId: 'id', accessKeySecret: 'secret' });
 *     await oss.close();
 *
 * Served: buckets, objects, appends, lists, copies and multipart uploads (`routes.ts`); signatures V1 and V4, in the
 * header and in the URL. Not served: ACLs and anonymous calls, versions, tags, lifecycle, image processing, events.
 */
import { createServer } from 'node:http';
import { listen } from '../listen.ts';
import type { Credential } from './auth/authenticate.ts';
import { Store } from './disk/store.ts';
import { FaultPlan, type FaultRule, type Faults } from './faults.ts';
import { handle, type World } from './handler.ts';
import { type Network, seededRandom } from './network.ts';
import { APPENDABLE_BYTES_MAX } from './operations/append.ts';
import { checkBucketName } from './operations/call.ts';
import { Counter, type RequestEntry, type Stats } from './stats.ts';

export { PortTakenError } from '../listen.ts';
export type { Credential } from './auth/authenticate.ts';
export { JournalDamagedError } from './disk/journal.ts';
export { DataDirInUseError } from './disk/lock.ts';
export { DataLostError } from './disk/store.ts';
export { FAULTS, type Fault, type FaultRule, type FaultStatus, type Faults } from './faults.ts';
export type { RequestEntry, Stats } from './stats.ts';

export interface OssOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** Created if missing. One server at a time. */
  readonly dataDir: string;
  /** Asked anew at each request if it is a function. */
  readonly credentials: readonly Credential[] | (() => readonly Credential[]);
  /** The bucket of requests that name none (cname). Created at start if missing. */
  readonly defaultBucket?: string;
  /** Created at start if missing. */
  readonly buckets?: readonly string[];
  /** Median round trip to pretend, half of it before the store acts. 0 by default. */
  readonly rttMs?: number;
  /** Spread of the round trip: standard deviation of its logarithm. 0 by default. */
  readonly rttSigma?: number;
  readonly faults?: readonly FaultRule[];
  /** Largest size of an appendable object; 5 GiB by default. */
  readonly appendableBytesMax?: number;
  /** A request's body may stall this long, then it is answered with `RequestTimeout`. A minute by default. */
  readonly bodyIdleMsMax?: number;
  /** Seed of the faults' and delays' randomness. */
  readonly seed?: number;
  /** The server's clock, epoch milliseconds. */
  readonly now?: () => number;
  /** Called once for each OSS request when it is over. */
  readonly onRequest?: (entry: RequestEntry) => void;
  /** Called with what made the server answer `InternalError` of its own accord; stderr by default. */
  readonly onInternalError?: (error: unknown) => void;
}

export interface OssServer {
  readonly port: number;
  /** An IP endpoint, for example `http://127.0.0.1:9000`. */
  readonly url: string;
  readonly faults: Faults;
  setRttMs(ms: number): void;
  stats(): Stats;
  /** Finishes the requests in flight, then closes the sockets and the data directory. */
  close(): Promise<void>;
}

/** Throws `PortTakenError`, `DataDirInUseError`, `JournalDamagedError`, `DataLostError`. */
export async function startOss(options: OssOptions): Promise<OssServer> {
  const { defaultBucket, buckets = [], credentials, host = '127.0.0.1' } = options;
  const random = seededRandom(options.seed ?? 1);
  const faults = new FaultPlan(random);
  for (const rule of options.faults ?? []) faults.add(rule);
  const network: Network = { rttMs: options.rttMs ?? 0, rttSigma: options.rttSigma ?? 0 };
  const wanted = defaultBucket === undefined ? buckets : [...buckets, defaultBucket];
  for (const bucket of wanted) checkBucketName(bucket);

  const store = new Store(options.dataDir);
  const world: World = {
    store,
    settings: {
      appendableBytesMax: options.appendableBytesMax ?? APPENDABLE_BYTES_MAX,
      bodyIdleMsMax: options.bodyIdleMsMax ?? BODY_IDLE_MS_MAX,
    },
    credentials: typeof credentials === 'function' ? credentials : () => credentials,
    defaultBucket,
    faults,
    network,
    random,
    now: options.now ?? Date.now,
    counter: new Counter(),
    closing: () => !server.listening,
    onRequest: options.onRequest ?? (() => {}),
    onInternalError: options.onInternalError ?? ((error) => console.error(error)),
  };
  const server = createServer({ requestTimeout: 0 }, (message, response) => {
    void handle(world, message, response);
  });
  let port: number;
  try {
    for (const bucket of wanted) {
      if (!store.buckets.has(bucket)) store.commit({ op: 'put-bucket', bucket, atMs: world.now() });
    }
    port = await listen(server, options.port ?? 0, host);
  } catch (error) {
    store.close();
    throw error;
  }

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    const grace = setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX);
    await ended;
    clearTimeout(grace);
    store.close();
  };
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    faults,
    setRttMs: (ms) => {
      network.rttMs = ms;
    },
    stats: () => world.counter.stats(),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

const BODY_IDLE_MS_MAX = 60_000;
/** Requests that take longer than this to finish are cut off when the server closes. */
const CLOSE_MS_MAX = 10_000;
