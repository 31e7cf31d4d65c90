/** What a writer is told and says, over IPC, as JSON. */
import type { Outcome } from './evidence.ts';

/** The writer's only argument. */
export interface WriterOptions {
  readonly writer: string;
  readonly endpoint: string;
  readonly windowRecords: number;
  readonly segmentBytesMax: number;
  readonly requestTimeoutMs: number;
}

/** To a writer, which also ends when the channel is closed. */
export type Told = Call | typeof END;
export const END = 'end';

export interface Call {
  /** Of the delivery. */
  readonly name: string;
  readonly key: string;
  readonly timeMs: number;
  readonly payload: { readonly raw: string } | { readonly records: readonly RecordText[] };
}

export interface RecordText {
  readonly id: string;
  readonly json: string;
}

/** From a writer. */
export type Said = { readonly ready: true } | { readonly name: string; readonly outcome: Outcome };

/** The only argument of the store's program. */
export interface StoreOptions {
  readonly dataDir: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly seed: number;
}

export const ACCESS_KEY = { accessKeyId: 'torture', accessKeySecret: 'torture-secret' } as const;
export const BUCKET = 'torture';
export const REGION = 'cn-hangzhou';
/** Of every record. */
export const SOURCE = 'torture';
