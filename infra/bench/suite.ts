/** What the bench is made of: suites of cases. A case is measured in one go and gives one row or more of its suite's table. */
import type { Lab } from './lab.ts';
import type { Chart } from './report/chart.ts';

export interface Suite {
  readonly id: string;
  readonly title: string;
  /** What was measured and how, for the reader of the table. */
  readonly note: string;
  readonly columns: readonly Column[];
  readonly cases: readonly Case[];
  /** The picture of all of its rows. */
  chart?(rows: readonly Row[]): Chart;
}

export interface Case {
  readonly name: string;
  /** About how long it takes, for the progress shown. */
  readonly seconds: number;
  run(lab: Lab): Promise<readonly Row[]>;
}

export interface Column {
  readonly id: string;
  /** With its unit. */
  readonly title: string;
  /** Digits after the point of small numbers. */
  readonly digits: number;
  /** Whether it makes sense to divide by the peer's. */
  readonly ratio: boolean;
}

export interface Row {
  readonly name: string;
  /** The row of the same table that this one of ours is compared with; null for a peer. */
  readonly peer: string | null;
  /** By column; null where there is nothing to say. */
  readonly values: Readonly<Record<string, number | null>>;
  /** Columns whose value is a lower bound: the measurement ended first. */
  readonly atLeast: readonly string[];
  /** What must not be and was. */
  readonly wrong: readonly string[];
}

/** How long and how often things are measured. */
export interface Scale {
  readonly loadMs: number;
  readonly graceMs: number;
  readonly lanesMs: number;
  readonly saturatedMs: number;
  /** For the compiler: they do not count. */
  readonly loneWarmUpAppends: number;
  readonly loneRounds: number;
  readonly loneAppends: number;
  readonly loneFarAppends: number;
  readonly batchRounds: number;
  readonly coldRounds: number;
  readonly objectBytes: readonly number[];
  readonly webWarmUpMs: number;
  readonly webMs: number;
  readonly logBytes: readonly number[];
  /** Of the largest log, one after the other. */
  readonly claims: number;
}

const MB = 1_000_000;

export const FULL: Scale = {
  loadMs: 15_000,
  graceMs: 2000,
  lanesMs: 6000,
  saturatedMs: 5000,
  loneWarmUpAppends: 4000,
  loneRounds: 7,
  loneAppends: 400,
  loneFarAppends: 25,
  batchRounds: 7,
  coldRounds: 9,
  objectBytes: [MB, 10 * MB, 100 * MB, 1000 * MB],
  webWarmUpMs: 3000,
  webMs: 8000,
  logBytes: [100 * MB, 1000 * MB],
  claims: 5,
};

export const QUICK: Scale = {
  loadMs: 4000,
  graceMs: 2000,
  lanesMs: 3000,
  saturatedMs: 3000,
  loneWarmUpAppends: 200,
  loneRounds: 3,
  loneAppends: 150,
  loneFarAppends: 10,
  batchRounds: 2,
  coldRounds: 3,
  objectBytes: [MB, 10 * MB],
  webWarmUpMs: 1000,
  webMs: 2000,
  logBytes: [10 * MB, 50 * MB],
  claims: 3,
};

export const column = (id: string, title: string, digits = 0, ratio = true): Column => ({
  id,
  title,
  digits,
  ratio,
});

export const row = (
  name: string,
  values: Row['values'],
  rest: Partial<Omit<Row, 'name' | 'values'>> = {},
) => ({
  name,
  values,
  peer: null,
  atLeast: [],
  wrong: [],
  ...rest,
});
