/** A log into deduplicated Parquet, and SQL over it: ours, DuckDB by itself, and a loop over lines. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Lab } from '../lab.ts';
import { type AggregateMethods, COLUMNS, type Compacted, type Cost } from '../programs/aggregate.ts';
import type { LargeLog } from '../programs/large-log.ts';
import type { Chart, Tone } from '../report/chart.ts';
import { type Case, column, type Row, row, type Scale, type Suite } from '../suite.ts';

const MB = 1_000_000;
const OURS = 'oss-append';
const BARE = 'DuckDB alone';
const LOOP = 'line loop';
const TONES: Readonly<Record<string, Tone>> = { [OURS]: 'ours', [BARE]: 'peer', [LOOP]: 'peer-2' };

const megabytes = (bytes: number) => (bytes >= 1000 * MB ? `${bytes / (1000 * MB)} GB` : `${bytes / MB} MB`);
const nameOf = (bytes: number, contestant: string) => `compact, ${megabytes(bytes)}, ${contestant}`;

export function aggregate({ logBytes, claims }: Scale): Suite {
  const largest = Math.max(...logBytes);
  const total = largest * claims;
  const cases = logBytes.map((bytes): Case => {
    const isLargest = bytes === largest;
    return {
      name: `aggregate, ${megabytes(bytes)}`,
      seconds: 4 + bytes / (8 * MB) + (isLargest ? total / (40 * MB) + bytes / (20 * MB) : 0),
      run: (lab) =>
        measured(lab, bytes, async (at) => [
          ...(await compactions(at, bytes)),
          ...(isLargest ? [...(await inClaims(at, bytes, claims)), ...(await rollups(at))] : []),
        ]),
    };
  });
  return {
    id: 'aggregate',
    title: 'A log into a table',
    note: `Records of 100 bytes, 500 an append, one in a hundred twice. DuckDB alone reads the lines, joins the names of the commit lines to them and drops repeats; it checks no checksum. The loop writes NDJSON. ${claims} claims: logs of ${megabytes(largest)}, each checked against the parts of those before. Rollup: count and sum by customer, of the rows of ${megabytes(largest)} twice. Memory: above what Node has by itself.`,
    columns: [
      column('megabytesPerSecond', 'MB/s', 0),
      column('megabytesPerCore', 'MB/s a core', 0),
      column('peakMegabytes', 'peak MB', 0),
      column('seconds', 's', 1),
      column('rows', 'rows', 0, false),
    ],
    cases,
    chart: (rows) => picture(rows, [...logBytes, total]),
  };
}

interface Place {
  readonly lab: Lab;
  readonly directory: string;
  readonly file: string;
  readonly log: LargeLog;
}

/** With a log of its own, which is gone afterwards, with all that was made of it. */
async function measured(lab: Lab, bytes: number, measure: (at: Place) => Promise<Row[]>): Promise<Row[]> {
  return lab.withDirectory(async (directory) => {
    const file = path.join(directory, 'log.ndjson');
    const log = await once(lab, 'log', { file, bytes });
    return measure({ lab, directory, file, log });
  });
}

/** In a process of its own. */
async function once<Name extends keyof AggregateMethods & string>(
  lab: Lab,
  method: Name,
  argument: Parameters<AggregateMethods[Name]>[0],
): Promise<Awaited<ReturnType<AggregateMethods[Name]>>> {
  const child = lab.start('aggregate');
  const result = await child.call<Name>(method, ...([argument] as Parameters<AggregateMethods[Name]>));
  await lab.clear();
  return result;
}

async function compactions({ lab, directory, file, log }: Place, bytes: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [method, contestant] of [
    ['bare', BARE],
    ['loop', LOOP],
    ['ours', OURS],
  ] as const) {
    const into = path.join(directory, method);
    await mkdir(path.join(into, '0'), { recursive: true });
    const made = await once(lab, method, { logs: [file], directory: into });
    const peer = contestant === OURS ? nameOf(bytes, BARE) : null;
    rows.push(compactionRow(nameOf(bytes, contestant), made, log.bytes, log.records - log.repeats, peer));
  }
  return rows;
}

async function inClaims({ lab, directory, file, log }: Place, bytes: number, claims: number): Promise<Row[]> {
  const logs = Array.from({ length: claims }, () => file);
  const into = path.join(directory, 'claims');
  for (const number of logs.keys()) await mkdir(path.join(into, String(number)), { recursive: true });
  const made = await once(lab, 'ours', { logs, directory: into });
  const expected = claims * (log.records - log.repeats);
  return [
    compactionRow(nameOf(claims * bytes, OURS), made, claims * log.bytes, expected, nameOf(bytes, BARE)),
  ];
}

function compactionRow(
  name: string,
  made: Compacted,
  bytes: number,
  expected: number,
  peer: string | null,
): Row {
  const wrong = made.rows === expected ? [] : [`${made.rows} rows, and not ${expected}`];
  return row(name, { ...costs(made, bytes), rows: made.rows }, { peer, wrong });
}

const costs = ({ ms, cpuMs, peakBytes }: Cost, bytes: number | null) => ({
  megabytesPerSecond: bytes === null ? null : bytes / MB / (ms / 1000),
  megabytesPerCore: bytes === null ? null : bytes / MB / (cpuMs / 1000),
  peakMegabytes: peakBytes / MB,
  seconds: ms / 1000,
});

async function rollups({ lab, directory: own, file }: Place): Promise<Row[]> {
  const directory = path.join(own, 'rollup');
  await mkdir(path.join(directory, '0'), { recursive: true });
  const { rows: stored, files } = await once(lab, 'ours', { logs: [file], directory, columns: COLUMNS });
  const lines = await once(lab, 'lines', { files, directory });
  const parquet = [...files, ...files];
  const ndjson = [lines, lines];
  const records = `${((2 * stored) / MB).toFixed(1)} million records`;
  const name = (contestant: string) => `rollup, ${records}, ${contestant}`;
  const peers = [
    { name: name(`${BARE}, Parquet`), method: 'bareRollup', from: parquet },
    { name: name(`${BARE}, NDJSON`), method: 'bareRollup', from: ndjson },
    { name: name(`${LOOP}, NDJSON`), method: 'loopRollup', from: ndjson },
    { name: name(OURS), method: 'rollup', from: parquet },
  ] as const;
  const made: Row[] = [];
  for (const { name: called, method, from } of peers) {
    const result = await once(lab, method, { files: from, directory });
    const peer = method === 'rollup' ? name(`${BARE}, Parquet`) : null;
    made.push(row(called, { ...costs(result, null), rows: result.rows }, { peer }));
  }
  return made;
}

function picture(rows: readonly Row[], sizes: readonly number[]): Chart {
  const bars = (id: string) =>
    sizes.flatMap((bytes) =>
      [BARE, LOOP, OURS].flatMap((contestant) => {
        const found = rows.find(({ name }) => name === nameOf(bytes, contestant));
        const label = `${megabytes(bytes)}, ${contestant}`;
        return found === undefined
          ? []
          : [{ name: label, value: found.values[id] ?? 0, tone: TONES[contestant] ?? 'reference' }];
      }),
    );
  return {
    title: 'A log into a table',
    subtitle: 'NDJSON log to deduplicated Parquet, on local disk. The loop writes NDJSON and checks nothing.',
    panels: [
      { kind: 'bars', title: 'MB/s a core', digits: 0, bars: bars('megabytesPerCore') },
      { kind: 'bars', title: 'Peak memory above Node, MB', digits: 0, bars: bars('peakMegabytes') },
    ],
  };
}
