/** Names of what a job writes (PROTOCOL.md §10.3): a function of what was claimed, so that each run finds the same. */
import { createHash } from 'node:crypto';
import { renderKey } from '../key.ts';
import type { KeyTemplate } from '../key-template.ts';
import type { Job, Rollup } from './job.ts';
import type { RowFormat } from './ports.ts';
import type { Claim } from './records.ts';
import { keyTime } from './time.ts';

const SEQ_DIGITS = 5;
const DIGEST_CHARS = 16;
/** Of files of rows, local ones too: an engine goes by it. */
export const EXTENSION: Readonly<Record<RowFormat, string>> = {
  parquet: '.parquet',
  'ndjson-gzip': '.ndjson.gz',
  'ndjson-zstd': '.ndjson.zst',
};
export const CONTENT_TYPE: Readonly<Record<RowFormat, string>> = {
  parquet: 'application/vnd.apache.parquet',
  'ndjson-gzip': 'application/gzip',
  'ndjson-zstd': 'application/zstd',
};

type Claimed = Pick<Claim, 'group' | 'seq' | 'ranges'>;

/** Where files of a job go: directories for windows, in one format. */
export type Directory = Pick<Job, 'name' | 'output' | 'format'>;

/** Key templates of all directories that a job puts files into. */
export function outputsOf({ output, rollup }: Pick<Job, 'output' | 'rollup'>): KeyTemplate[] {
  return rollup !== null && 'files' in rollup.into ? [output, rollup.into.files] : [output];
}

/** Key of the part of a claim for one window. */
export function partKey(
  { name, output, format }: Directory,
  { group, seq, ranges }: Claimed,
  windowMs: number,
): string {
  const claimed = ranges.map(({ object, from, to }) => [object, from, to]);
  // The window is in it, since directories of different windows may be one.
  const digest = createHash('sha256')
    .update(JSON.stringify([name, group, windowMs, claimed]))
    .digest('hex');
  const directory = renderKey(output, { timeMs: keyTime(windowMs) });
  const number = String(seq).padStart(SEQ_DIGITS, '0');
  return `${directory}/part-${number}-${digest.slice(0, DIGEST_CHARS)}${EXTENSION[format]}`;
}

/** Whether a key looks like that of a part. */
export const isPart = (key: string): boolean => /\/part-\d{5,}-[0-9a-f]{16}\.[a-z.]+$/.test(key);

/** What of a job may not change, as JSON: where its rows go, under which names, and made of what. */
export function layoutOf({ name, kind, source, window, output, format, rollup }: Job): string {
  const into = rollup && intoOf(rollup);
  return JSON.stringify({
    job: name,
    kind,
    source: source.name,
    sourceKey: source.key.text,
    window,
    output: output.text,
    format,
    into,
  });
}

const intoOf = ({ into }: Rollup) =>
  'files' in into ? { files: into.files.text } : { target: into.name, key: into.key.text };
