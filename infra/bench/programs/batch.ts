/** The built queue function, or the shortest program of ali-oss that does a part of its work, on batches of messages. */
import { createRequire } from 'node:module';
import type OSS from 'ali-oss';
import { ACCESS_KEY, ALI_OSS_OPTIONS, REGION } from './client.ts';
import { nowMs } from './clock.ts';
import { serve } from './serve.ts';

export interface Open {
  /** `index.js` of the built function. With null: ali-oss, which joins the bodies and appends them. */
  readonly bundle: string | null;
  /** Where ali-oss is. */
  readonly aliOss: string;
}

export interface Batch {
  readonly round: number;
  readonly messages: number;
  readonly messageBytes: number;
}

export interface BatchResult {
  readonly cpuMs: number;
  readonly ms: number;
  readonly eventBytes: number;
}

type Handler = (event: Buffer, context: unknown) => Promise<unknown>;

const load = createRequire(__filename);
let handler: Handler | undefined;

/** An event of an EventBridge stream (FC documentation, "SMQ triggers"). */
function eventOf({ round, messages, messageBytes }: Batch): Buffer {
  const items = Array.from({ length: messages }, (_, number) => {
    const id = `${round.toString(16).padStart(12, '0')}${number.toString(16).padStart(20, '0')}`;
    const body = JSON.stringify({ id, text: '' });
    return {
      id,
      source: 'MNS-bench-events',
      specversion: '1.0',
      type: 'mns:Queue:SendMessage',
      datacontenttype: 'application/json;charset=utf-8',
      subject: 'acs:mns:cn-hangzhou:1234567890123456:queues/events',
      time: '2026-11-22T05:00:00.000Z',
      aliyunaccountid: '1234567890123456',
      aliyunregionid: REGION,
      data: {
        requestId: id.slice(0, 24),
        messageId: id,
        messageBody: `${body.slice(0, -2)}${'x'.repeat(messageBytes - body.length)}"}`,
      },
    };
  });
  return Buffer.from(JSON.stringify(items));
}

const context = {
  requestId: 'bench',
  credentials: ACCESS_KEY,
  function: { name: 'queue', handler: 'index.handler', memory: 512, timeout: 60 },
  service: { logProject: '', logStore: '', qualifier: 'LATEST', versionId: '' },
  region: REGION,
  accountId: '1234567890123456',
  logger: console,
};

function joining(Client: typeof OSS): Handler {
  const oss = new Client({ ...ALI_OSS_OPTIONS, endpoint: process.env['OSS_ENDPOINT'] ?? '' });
  let position = 0;
  return async (event) => {
    const items: { data: { messageBody: string } }[] = JSON.parse(event.toString());
    const bytes = Buffer.from(items.map(({ data }) => `${data.messageBody}\n`).join(''));
    await oss.append('joined.ndjson', bytes, { position: String(position) });
    position += bytes.length;
  };
}

const methods = {
  open({ bundle, aliOss }: Open): void {
    handler = bundle === null ? joining(load(aliOss)) : load(bundle).handler;
  },
  async run(batch: Batch): Promise<BatchResult> {
    const event = eventOf(batch);
    const startMs = nowMs();
    const before = process.cpuUsage();
    await handler?.(event, context);
    const { user, system } = process.cpuUsage(before);
    return { cpuMs: (user + system) / 1000, ms: nowMs() - startMs, eventBytes: event.length };
  },
};

export type BatchMethods = typeof methods;
serve(methods);
