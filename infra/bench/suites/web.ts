/** The web function as its callers see it: small appends over HTTP, against the same kind of app on ali-oss. */

import type { Lab, LabOss } from '../lab.ts';
import { ACCESS_KEY, BUCKET, REGION } from '../programs/client.ts';
import { sleep } from '../programs/clock.ts';
import type { Counts } from '../programs/oss.ts';
import type { Chart } from '../report/chart.ts';
import { percentile } from '../report/numbers.ts';
import { verify } from '../report/verify.ts';
import { type Case, column, type Row, row, type Scale, type Suite } from '../suite.ts';
import { listening } from './listening.ts';

const CONNECTIONS = 50;
const RTTS_MS = [0, 20] as const;
const RTT_SIGMA = 0.3;
/** Many round trips. */
const QUIET_MS = 500;

interface Contestant {
  readonly name: string;
  readonly isOurs: boolean;
  readonly paths: readonly string[];
  readonly file: (lab: Lab) => Promise<string>;
}

const peer = async (lab: Lab) => lab.program('ali-oss-web');
const ours = async (lab: Lab) => (await lab.functions()).get('web') ?? '';
const ONE_OBJECT: Contestant = { name: 'ali-oss', isOurs: false, paths: ['/append/one'], file: peer };
const CONTESTANTS: readonly Contestant[] = [
  ONE_OBJECT,
  {
    name: 'ali-oss, an object a connection',
    isOurs: false,
    paths: Array.from({ length: CONNECTIONS }, (_, connection) => `/append/own-${connection}`),
    file: peer,
  },
  { name: 'oss-append', isOurs: true, paths: ['/append/events'], file: ours },
];

const nameOf = (rttMs: number, { name }: Contestant) => `web ${rttMs} ms, ${name}`;

export function web({ webMs, webWarmUpMs }: Scale): Suite {
  const cases = RTTS_MS.flatMap((rttMs) =>
    CONTESTANTS.map((contestant): Case => {
      const name = nameOf(rttMs, contestant);
      return {
        name,
        seconds: 3 + (webWarmUpMs + webMs) / 1000,
        run: async (lab) => [await measure(lab, rttMs, contestant, { webMs, webWarmUpMs })],
      };
    }),
  );
  return {
    id: 'web',
    title: 'The web function',
    note: `One instance, ${CONNECTIONS} connections that each send 200 bytes as soon as the last were answered, one object but where it says otherwise. ali-oss: the same server and router, one append a request, the position known, requests for one object in turn. Callers, function and store share the machine.`,
    columns: [
      column('requestsPerSecond', 'requests/s', 0),
      column('p50Ms', 'p50 ms', 1),
      column('p99Ms', 'p99 ms', 1),
      column('storeRequests', 'store requests/record', 2),
      column('lost', 'lost', 0, false),
      column('twice', 'twice', 0, false),
    ],
    cases,
    chart: picture,
  };
}

async function measure(
  lab: Lab,
  rttMs: number,
  contestant: Contestant,
  { webMs, webWarmUpMs }: Pick<Scale, 'webMs' | 'webWarmUpMs'>,
): Promise<Row> {
  const oss = await lab.oss({ rttMs, rttSigma: RTT_SIGMA });
  const { port } = await listening(lab, await contestant.file(lab), {
    OSS_ENDPOINT: oss.url,
    OSS_BUCKET: BUCKET,
    OSS_REGION: REGION,
    APPEND_ACCESS: 'open',
  });
  const callers = lab.start('http-load');
  const load = (name: string, durationMs: number) =>
    callers.call('load', {
      name,
      durationMs,
      url: `http://127.0.0.1:${port}`,
      paths: contestant.paths,
      connections: CONNECTIONS,
      headers: {
        'x-fc-access-key-id': ACCESS_KEY.accessKeyId,
        'x-fc-access-key-secret': ACCESS_KEY.accessKeySecret,
        'x-fc-function-timeout': '60',
      },
    });
  const warmUp = await load('warm-up', webWarmUpMs);
  // What callers left behind is still on its way.
  await quietCounts(oss);
  const loaded = await load('load', webMs);
  const { requests } = await quietCounts(oss);

  const reader = lab.start('recipe');
  const keys = [...new Set([...warmUp.objects, ...loaded.objects])];
  const objects = await Promise.all(keys.map((key) => reader.call('read', { endpoint: oss.url, key })));
  const { records, lost, twice, strange } = verify(
    objects.filter((object) => object !== null),
    [...warmUp.acknowledged, ...loaded.acknowledged],
  );
  await lab.clear();
  const answered = loaded.acknowledged.length;
  return row(
    nameOf(rttMs, contestant),
    {
      requestsPerSecond: answered / loaded.seconds,
      p50Ms: percentile(loaded.latenciesMs, 0.5),
      p99Ms: percentile(loaded.latenciesMs, 0.99),
      storeRequests: records === 0 ? null : requests / records,
      lost: lost.length,
      twice: twice.length,
    },
    {
      peer: contestant.isOurs ? nameOf(rttMs, ONE_OBJECT) : null,
      wrong: [
        ...(lost.length > 0 ? [`acknowledged, and not in the object: ${lost.length} records`] : []),
        ...(twice.length > 0 ? [`in the object more than once: ${twice.length} records`] : []),
        ...(strange > 0 ? [`no record and no commit: ${strange} lines of the object`] : []),
        ...(loaded.failed > 0 ? [`not answered with 200: ${loaded.failed} requests`] : []),
      ],
    },
  );
}

/** The store's counts when nothing has come for a while. */
async function quietCounts({ child }: LabOss): Promise<Counts> {
  for (let last = await child.call('counts'); ; ) {
    await sleep(QUIET_MS);
    const counts = await child.call('counts');
    if (counts.requests === last.requests) return counts;
    last = counts;
  }
}

function picture(rows: readonly Row[]): Chart {
  const bars = (id: string, title: string) => ({
    kind: 'bars' as const,
    title,
    digits: 0,
    bars: rows.map(({ name, values, peer: other }) => ({
      name: name.replace('web ', ''),
      value: values[id] ?? 0,
      tone: other === null ? ('peer' as const) : ('ours' as const),
    })),
  });
  return {
    title: 'The web function',
    subtitle: `${CONNECTIONS} connections, 200 bytes a request, one instance.`,
    panels: [bars('requestsPerSecond', 'Requests a second'), bars('p99Ms', 'p99, ms')],
  };
}
