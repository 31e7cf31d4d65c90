/** The local OSS as a program of its own, with its counts. */
import { type OssServer, type RequestEntry, startOss } from '../../local/oss/server.ts';
import { ACCESS_KEY, BUCKET } from './client.ts';
import { sleep } from './clock.ts';
import { serve } from './serve.ts';

export interface StartOss {
  readonly dataDir: string;
  readonly rttMs: number;
  readonly rttSigma: number;
  /** Share of the appends that land and whose answer is lost. */
  readonly answersLost?: number;
}

/** Since the start. */
export interface Counts {
  readonly requests: number;
  /** Appends that landed. */
  readonly commits: number;
  readonly bytesRead: number;
}

/** A request is counted when it is over; its client can know that a moment earlier. */
const SETTLE_MS = 20;

let server: OssServer | undefined;
let requests = 0;
let commits = 0;
let bytesRead = 0;

function count({ operation, status, fault, bytesOut }: RequestEntry): void {
  requests++;
  if (operation === 'append' && (status === 200 || fault === 'answer-lost')) commits++;
  if (operation === 'get') bytesRead += bytesOut;
}

const methods = {
  async start({ dataDir, rttMs, rttSigma, answersLost = 0 }: StartOss): Promise<string> {
    server = await startOss({
      dataDir,
      rttMs,
      rttSigma,
      credentials: [ACCESS_KEY],
      buckets: [BUCKET],
      faults:
        answersLost > 0
          ? [{ fault: 'answer-lost', match: { operation: 'append' }, probability: answersLost }]
          : [],
      onRequest: count,
    });
    return server.url;
  },
  setRtt: (ms: number): void => server?.setRttMs(ms),
  async counts(): Promise<Counts> {
    await sleep(SETTLE_MS);
    return { requests, commits, bytesRead };
  },
};

export type OssMethods = typeof methods;
serve(methods);
