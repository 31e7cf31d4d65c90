/** From the start of a process to its first answer, for each built function. */
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { ALI_OSS, type Lab } from '../lab.ts';
import { ACCESS_KEY, BUCKET, REGION } from '../programs/client.ts';
import type { Chart, Tone } from '../report/chart.ts';
import { median } from '../report/numbers.ts';
import { column, type Row, row, type Scale, type Suite } from '../suite.ts';
import { listening } from './listening.ts';

const PEER = "cold start, require('ali-oss')";

/** Starts a process; resolves when it has answered. */
type Start = (lab: Lab, env: NodeJS.ProcessEnv) => Promise<void>;

interface Contestant {
  readonly name: string;
  readonly tone: Tone;
  readonly start: Start;
}

export function coldStart({ coldRounds }: Scale): Suite {
  return {
    id: 'cold-start',
    title: 'Cold start',
    note: `Process start to first answer, one append included for the functions. Median of ${coldRounds}, in turns, store on the same machine.`,
    columns: [column('ms', 'ms', 0), column('minMs', 'fastest ms', 0)],
    cases: [{ name: 'cold start', seconds: 2 + coldRounds * 1.5, run: (lab) => measure(lab, coldRounds) }],
    chart: picture,
  };
}

const driven =
  (task: string, file = '', event: unknown = ''): Start =>
  async (lab, env) => {
    const args = [lab.program('cold-start'), task, file, JSON.stringify(event)];
    const child = lab.spawn(args, env, ['ignore', 'pipe', 'inherit']);
    if (child.stdout === null) throw new Error('no output');
    await answered(child.stdout, (line) => line === 'answered');
    await ended(child);
  };

const web =
  (file: string): Start =>
  async (lab, env) => {
    const { child, port } = await listening(lab, file, env);
    await post(port);
    child.kill('SIGKILL');
  };

async function ended(child: ReturnType<Lab['spawn']>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function answered(output: NodeJS.ReadableStream, is: (line: string) => boolean): Promise<string> {
  for await (const line of createInterface({ input: output })) if (is(line)) return line;
  throw new Error('A process ended before it answered.');
}

function post(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'x-fc-access-key-id': ACCESS_KEY.accessKeyId,
      'x-fc-access-key-secret': ACCESS_KEY.accessKeySecret,
      'x-fc-function-timeout': '60',
    };
    const call = request({ host: '127.0.0.1', port, path: '/append/events', method: 'POST', headers });
    call.on('response', (response) => {
      response.resume();
      if (response.statusCode === 200) response.on('end', resolve);
      else reject(new Error(`The web function answered ${response.statusCode}.`));
    });
    call.on('error', reject);
    call.end('{"a":1}');
  });
}

const EVENTS = {
  http: {
    version: 'v1',
    rawPath: '/append/events',
    headers: { 'Content-Type': 'application/json' },
    queryParameters: {},
    body: Buffer.from('{"a":1}').toString('base64'),
    isBase64Encoded: true,
    requestContext: {
      domainName: 'append.example',
      requestId: '1-2-3',
      timeEpoch: '1795379400000',
      http: {
        method: 'POST',
        path: '/append/events',
        protocol: 'HTTP/1.1',
        sourceIp: '203.0.113.9',
        userAgent: 'bench',
      },
    },
  },
  queue: (id: string) => [
    {
      id,
      source: 'MNS-bench',
      specversion: '1.0',
      type: 'mns:Queue:SendMessage',
      subject: 'acs:mns:cn-hangzhou:1:queues/events',
      time: '2026-11-22T05:00:00Z',
      data: { requestId: 'r', messageId: id, messageBody: '{"a":1}' },
    },
  ],
  schedule: (time: string) => ({ triggerName: 'heartbeat', triggerTime: time, payload: '' }),
};

async function contestants(lab: Lab): Promise<readonly Contestant[]> {
  const functions = await lab.functions();
  const file = (name: string) => functions.get(name) ?? '';
  let calls = 0;
  // A new id for each call, or it would be a repeat, which appends nothing.
  const queue: Start = (...rest) => driven('handler', file('queue'), EVENTS.queue(`m-${calls++}`))(...rest);
  const timer: Start = (...rest) => {
    const time = new Date(Date.UTC(2026, 10, 22, 6, 0, calls++)).toISOString();
    return driven('handler', file('schedule'), EVENTS.schedule(time))(...rest);
  };
  return [
    { name: 'cold start, node alone', tone: 'reference', start: driven('nothing') },
    { name: PEER, tone: 'peer', start: driven('load', ALI_OSS) },
    { name: 'cold start, ali-oss, HEAD + append', tone: 'peer', start: driven('append', ALI_OSS) },
    { name: 'cold start, http', tone: 'ours', start: driven('handler', file('http'), EVENTS.http) },
    { name: 'cold start, queue', tone: 'ours', start: queue },
    { name: 'cold start, schedule', tone: 'ours', start: timer },
    { name: 'cold start, web', tone: 'ours', start: web(file('web')) },
  ];
}

async function measure(lab: Lab, rounds: number): Promise<readonly Row[]> {
  const all = (await contestants(lab)).map((one) => ({ ...one, ms: [] as number[] }));
  const oss = await lab.oss({ rttMs: 0, rttSigma: 0 });
  const env = { OSS_ENDPOINT: oss.url, OSS_BUCKET: BUCKET, OSS_REGION: REGION, APPEND_ACCESS: 'open' };
  // The first round brings the files into memory; it does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const { start, ms } of all) {
      const startMs = performance.now();
      await start(lab, env);
      if (round > 0) ms.push(performance.now() - startMs);
    }
  }
  await lab.clear();
  return all.map(({ name, tone, ms }) =>
    row(name, { ms: median(ms), minMs: Math.min(...ms) }, { peer: tone === 'ours' ? PEER : null }),
  );
}

function picture(rows: readonly Row[]): Chart {
  return {
    title: 'Cold start',
    subtitle: 'From the start of a process to its first answer, one append included for the functions.',
    panels: [
      {
        kind: 'bars',
        title: 'ms, median',
        digits: 0,
        bars: rows.map(({ name, peer, values }) => ({
          name: name.replace('cold start, ', peer === null ? '' : 'function '),
          value: values['ms'] ?? 0,
          tone: peer !== null ? 'ours' : name.includes('ali-oss') ? 'peer' : 'reference',
        })),
      },
    ],
  };
}
