/** The columns of every table about load on an object. */
import { column } from '../suite.ts';

export const LATENCY = [column('p50Ms', 'p50 ms', 0), column('p99Ms', 'p99 ms', 0)];

export const KEPT = [
  column('offered', 'offered', 0, false),
  column('inPercent', 'in %', 1),
  column('lost', 'lost', 0, false),
  column('twice', 'twice', 0, false),
  column('requestsPerRecord', 'requests/record', 2),
];

export const LOAD = [
  ...KEPT,
  column('requestsPerCommit', 'requests/commit', 2),
  ...LATENCY,
  column('cpuMicrosPerRecord', 'CPU µs/record', 0),
];
