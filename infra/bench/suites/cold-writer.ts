/** The first append of a new writer to a log that is already large. */
import type { Lab, LabOss } from '../lab.ts';
import type { Chart } from '../report/chart.ts';
import { median } from '../report/numbers.ts';
import { type Case, column, type Row, row, type Scale, type Suite } from '../suite.ts';

const RTT_MS = 20;
const ROUNDS = 5;
const MB = 1_000_000;
/** How the object is filled: in large pieces, and at the end in appends such as functions make. */
const PIECE_BYTES = 32 * 1024 * 1024;
const TAIL_BYTES = 5 * 1024 * 1024;
const TAIL_APPEND_BYTES = 16 * 1024;
const KEY = 'large.ndjson';

const megabytes = (bytes: number) => (bytes >= 1000 * MB ? `${bytes / (1000 * MB)} GB` : `${bytes / MB} MB`);
const nameOf = (bytes: number, contestant: string) => `cold writer, ${megabytes(bytes)}, ${contestant}`;
const OURS = 'oss-append';
const PEER = 'recipe';

export function coldWriter({ objectBytes }: Scale): Suite {
  const largest = Math.max(...objectBytes);
  const cases: readonly Case[] = [
    { name: 'cold writer', seconds: 6 + (largest / MB) * 0.03, run: (lab) => measure(lab, objectBytes) },
  ];
  return {
    id: 'cold-writer',
    title: 'A cold writer and a large object',
    note: `The first append of a new process; round trips of ${RTT_MS} ms. The recipe asks for the length, and recognises nothing. Median of ${ROUNDS}.`,
    columns: [
      column('requests', 'requests', 0),
      column('megabytesRead', 'MB read', 2, false),
      column('ms', 'ms', 0),
    ],
    cases,
    chart: (rows) => picture(rows, objectBytes),
  };
}

async function measure(lab: Lab, objectBytes: readonly number[]): Promise<readonly Row[]> {
  const oss = await lab.oss({ rttMs: 0, rttSigma: 0 });
  const rows: Row[] = [];
  let filled = 0;
  for (const bytes of objectBytes) {
    await oss.child.call('setRtt', 0);
    await fill(lab, oss, bytes - filled, megabytes(bytes));
    filled = bytes;
    await oss.child.call('setRtt', RTT_MS);
    const peer: Attempt[] = [];
    const ours: Attempt[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      peer.push(await first(lab, oss, PEER));
      ours.push(await first(lab, oss, OURS));
    }
    rows.push(
      row(nameOf(bytes, PEER), summary(peer)),
      row(nameOf(bytes, OURS), summary(ours), { peer: nameOf(bytes, PEER) }),
    );
  }
  await lab.clear();
  return rows;
}

async function fill(lab: Lab, oss: LabOss, bytes: number, name: string): Promise<void> {
  const tail = Math.min(bytes, TAIL_BYTES);
  const pieces = Array.from({ length: Math.ceil((bytes - tail) / PIECE_BYTES) }, (_, index) =>
    Math.min(PIECE_BYTES, bytes - tail - index * PIECE_BYTES),
  );
  const small = Array.from({ length: Math.ceil(tail / TAIL_APPEND_BYTES) }, () => TAIL_APPEND_BYTES);
  const filler = lab.start('ours');
  await filler.call('fill', { endpoint: oss.url, key: KEY, appendsBytes: [...pieces, ...small], name });
  filler.process.disconnect();
}

interface Attempt {
  readonly requests: number;
  readonly bytesRead: number;
  readonly ms: number;
}

/** One append in a process that has just started: its code is cold too, as in a new instance. */
async function first(lab: Lab, oss: LabOss, contestant: string): Promise<Attempt> {
  const before = await oss.child.call('counts');
  const lone = { endpoint: oss.url, key: KEY, appends: 1 };
  let ms: readonly number[];
  if (contestant === OURS) {
    const child = lab.start('ours');
    await child.call('ready');
    ({ latenciesMs: ms } = await child.call('lone', { ...lone, kind: 'log' }));
    child.process.disconnect();
  } else {
    const child = lab.start('recipe');
    await child.call('ready');
    ({ latenciesMs: ms } = await child.call('lone', { ...lone, kind: 'recipe' }));
    child.process.disconnect();
  }
  const after = await oss.child.call('counts');
  return {
    requests: after.requests - before.requests,
    bytesRead: after.bytesRead - before.bytesRead,
    ms: median(ms),
  };
}

const summary = (attempts: readonly Attempt[]) => ({
  requests: median(attempts.map(({ requests }) => requests)),
  megabytesRead: median(attempts.map(({ bytesRead }) => bytesRead)) / MB,
  ms: median(attempts.map(({ ms }) => ms)),
});

function picture(rows: readonly Row[], objectBytes: readonly number[]): Chart {
  const valuesOf = (contestant: string, id: string) =>
    objectBytes.map(
      (bytes) => rows.find(({ name }) => name === nameOf(bytes, contestant))?.values[id] ?? null,
    );
  const exact = objectBytes.map(() => false);
  const common = {
    kind: 'lines' as const,
    xTitle: 'size of the object',
    xs: objectBytes.map(megabytes),
  };
  const ours = { name: OURS, tone: 'ours' as const, atLeast: exact };
  return {
    title: 'A cold writer and a large object',
    subtitle: `What the first append of a new writer reads, and how long it takes, with ${RTT_MS} ms round trips.`,
    panels: [
      {
        ...common,
        title: 'Read before the append, MB',
        log: true,
        digits: 1,
        series: [
          {
            name: 'all of it',
            tone: 'reference',
            values: objectBytes.map((bytes) => bytes / MB),
            atLeast: exact,
          },
          { ...ours, values: valuesOf(OURS, 'megabytesRead') },
        ],
      },
      {
        ...common,
        title: 'Until the first receipt, ms',
        log: false,
        digits: 0,
        series: [
          { name: PEER, tone: 'peer', values: valuesOf(PEER, 'ms'), atLeast: exact },
          { ...ours, values: valuesOf(OURS, 'ms') },
        ],
      },
    ],
  };
}
