/** A large batch of messages through the built queue function. */
import { ALI_OSS, type Lab } from '../lab.ts';
import { ACCESS_KEY, BUCKET, REGION } from '../programs/client.ts';
import { median } from '../report/numbers.ts';
import { column, type Row, row, type Scale, type Suite } from '../suite.ts';

const MESSAGES = 10_000;
const MESSAGE_BYTES = 1000;
const OURS = 'batch, queue function';
const PEER = 'batch, ali-oss alone';

export function batch({ batchRounds }: Scale): Suite {
  return {
    id: 'batch',
    title: 'A batch of messages',
    note: `${MESSAGES.toLocaleString('en-US')} messages of ${MESSAGE_BYTES} bytes in one event of a queue trigger. ali-oss alone: parse the event, join the bodies, one append; no ids, no checks. Median of ${batchRounds} batches after the first, in turns.`,
    columns: [
      column('appends', 'appends', 0),
      column('requests', 'requests', 0),
      column('firstCpuMs', 'CPU ms, first', 0),
      column('cpuMs', 'CPU ms', 0),
      column('ms', 'ms', 0),
    ],
    cases: [{ name: 'batch', seconds: 3 + batchRounds, run: (lab) => measure(lab, batchRounds) }],
  };
}

async function measure(lab: Lab, rounds: number): Promise<readonly Row[]> {
  const bundle = (await lab.functions()).get('queue');
  if (bundle === undefined) throw new Error('There is no function queue.');
  const oss = await lab.oss({ rttMs: 0, rttSigma: 0 });
  const contestants = await Promise.all(
    [
      { name: PEER, bundle: null },
      { name: OURS, bundle },
    ].map(async (one) => {
      const child = lab.start('batch', {
        OSS_ENDPOINT: oss.url,
        OSS_BUCKET: BUCKET,
        OSS_REGION: REGION,
        ALIBABA_CLOUD_ACCESS_KEY_ID: ACCESS_KEY.accessKeyId,
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: ACCESS_KEY.accessKeySecret,
      });
      await child.call('open', { bundle: one.bundle, aliOss: ALI_OSS });
      return {
        name: one.name,
        child,
        results: [] as Record<'cpuMs' | 'ms' | 'appends' | 'requests', number>[],
      };
    }),
  );
  for (let round = 0; round <= rounds; round++) {
    for (const { child, results } of contestants) {
      const before = await oss.child.call('counts');
      const { cpuMs, ms } = await child.call('run', {
        round,
        messages: MESSAGES,
        messageBytes: MESSAGE_BYTES,
      });
      const after = await oss.child.call('counts');
      results.push({
        cpuMs,
        ms,
        appends: after.commits - before.commits,
        requests: after.requests - before.requests,
      });
    }
  }
  await lab.clear();
  return contestants.map(({ name, results }) => {
    const [first, ...rest] = results;
    const of = (id: 'cpuMs' | 'ms' | 'appends' | 'requests') => median(rest.map((result) => result[id]));
    return row(
      name,
      {
        appends: of('appends'),
        requests: of('requests'),
        firstCpuMs: first?.cpuMs ?? null,
        cpuMs: of('cpuMs'),
        ms: of('ms'),
      },
      { peer: name === PEER ? null : PEER },
    );
  });
}
