import { readFileSync } from 'node:fs';
import type { FcContext } from '../../../lib/shim/index.ts';

export type EventName =
  | 'http'
  | 'kafka'
  | 'mns-topic-json'
  | 'mns-topic-stream'
  | 'mqtt'
  | 'rabbitmq-strings'
  | 'rocketmq'
  | 'rocketmq-self-built'
  | 'smq'
  | 'timer';

/** One of the recorded shapes under `events/`. */
export function eventOf(name: EventName): Buffer {
  return readFileSync(new URL(`events/${name}.json`, import.meta.url));
}

export function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** An FC context whose logger keeps what it is told. */
export function fcContext(changes: Partial<FcContext> = {}): FcContext & { readonly logged: string[] } {
  const logged: string[] = [];
  const log = (...message: unknown[]): void => {
    logged.push(message.join(' '));
  };
  return {
    requestId: '1-6742a1f0-15c0ffee-0123456789ab',
    credentials: { accessKeyId: 'STS.key', accessKeySecret: 'secret', securityToken: 'token' },
    function: { name: 'relay-intake', handler: 'dist/intake.handler', memory: 512, timeout: 30 },
    service: { logProject: 'relay-sls', logStore: 'fc-logs', qualifier: 'LATEST', versionId: '7' },
    region: 'cn-shanghai',
    accountId: '1234567890123456',
    logger: { debug: log, info: log, warn: log, error: log },
    retryCount: 0,
    ...changes,
    logged,
  };
}

/** A clock that stands still until it is moved. */
export function manualClock(): { now: () => number; advance(ms: number): void } {
  let nowMs = 1000;
  return {
    now: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** What `promise` rejects with; fails if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}
