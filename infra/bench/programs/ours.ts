/** Our writers: the appender on OSS, bundled as a function is. */
import { createAppender } from '../../../lib/appender.ts';
import { systemRuntime } from '../../../lib/runtime.ts';
import { ossStore } from '../../../lib/store/oss.ts';
import { ACCESS_KEY, BUCKET, benchRecord, type Client, type Place, REGION } from './client.ts';
import { nowMs } from './clock.ts';
import { type Load, runLoad } from './load.ts';
import { loneWriter } from './lone.ts';
import { serve } from './serve.ts';

/** `lane`: a log that no other instance writes. */
export type OurKind = 'log' | 'lane' | 'raw';

const SOURCE = 'bench';
const FILL_MS_MAX = 120_000;

function appenderFor({ endpoint, writer }: Place) {
  const runtime = systemRuntime();
  const store = ossStore({
    endpoint,
    region: REGION,
    bucket: BUCKET,
    credentials: () => ACCESS_KEY,
    runtime,
  });
  return createAppender({ store, runtime, writer });
}

function open(kind: OurKind, place: Place): Client {
  const appender = appenderFor(place);
  if (kind === 'raw') {
    return {
      async append(key, { line }, endMs) {
        await appender.appendBytes(key, Buffer.from(`${line}\n`), { remainingMs: () => endMs - nowMs() });
      },
    };
  }
  return {
    async append(key, { id, line }, endMs) {
      const record = { id, line, source: SOURCE, timeMs: Date.now() };
      const remainingMs = () => endMs - nowMs();
      await appender.appendRecords(key, [record], { remainingMs, expectsNew: kind === 'lane' });
    },
  };
}

export interface Fill {
  readonly endpoint: string;
  readonly key: string;
  /** Appends of these many bytes each, one after the other. */
  readonly appendsBytes: readonly number[];
  /** Unique for each call on an object. */
  readonly name: string;
}

/** Bytes of one record of an object that is filled. */
const FILL_LINE_BYTES = 1000;

async function fill({ endpoint, key, appendsBytes, name }: Fill): Promise<void> {
  const appender = appenderFor({ endpoint, writer: 'filler' });
  const remainingMs = () => FILL_MS_MAX;
  for (const [index, bytes] of appendsBytes.entries()) {
    const records = Array.from({ length: Math.ceil(bytes / FILL_LINE_BYTES) }, (_, at) => {
      const { id, line } = benchRecord(`${name}-${index}-${at}`, FILL_LINE_BYTES);
      return { id, line, source: SOURCE, timeMs: Date.now() };
    });
    await appender.appendRecords(key, records, { remainingMs });
  }
}

const methods = {
  /** Answers when the program is loaded. */
  ready: () => true,
  load: (load: Load<OurKind>) => runLoad(load, open),
  lone: loneWriter(open),
  fill,
};

export type OurMethods = typeof methods;
serve(methods);
