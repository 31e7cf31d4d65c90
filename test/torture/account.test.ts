import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { account, keep } from '../../infra/torture/processes/account.ts';
import { check } from '../../infra/torture/processes/check.ts';
import type { Result } from '../../infra/torture/processes/run.ts';
import { summary } from '../../infra/torture/processes/summary.ts';
import { LOG, soundRun } from './sound.ts';

/** A run whose log lost its last append. */
async function brokenResult(): Promise<Result> {
  const { evidence, journal } = await soundRun();
  const whole = evidence.objects.get(LOG) ?? new Uint8Array();
  const lines = Buffer.from(whole).toString().trimEnd().split('\n');
  const cut = Buffer.from(`${lines.slice(0, -2).join('\n')}\n`);
  const broken = { ...evidence, objects: new Map([...evidence.objects, [LOG, cut]]) };
  const counts = { jobs: 6, acknowledged: 6, open: 0, kill: 1, freeze: 2, slow: 0, restart: 3 };
  return { ...check(broken), evidence: broken, journal, counts, struck: new Map([['reset', 4]]) };
}

it('tells of the first broken promise what happened to the calls, and keeps the rest', async () => {
  const result = await brokenResult();
  const [first] = result.violations;
  if (first === undefined) throw new Error('a promise was broken');
  const dir = await mkdtemp(path.join(tmpdir(), 'oss-append-'));
  try {
    await keep(dir, result);
    const told = account(result, first, dir);
    expect(told).toMatch(/^A promise is broken\. P1: call 5\.1 was told that f is record 0 of /);
    expect(told).toMatch(/^ +\d+ ms {2}w1 {4}call 5\.1 is sent: f to logs\/a\.ndjson, 1000 ms$/m);
    expect(told).toMatch(/^ +\d+ ms {2}w1 {4}call 5\.1 ends: f in logs\/a\.ndjson \d+-\d+\/0$/m);
    expect(told).not.toContain('call 0.1');
    expect(told).toContain(`Kept in ${dir}: `);
    expect(await readFile(path.join(dir, 'violations.txt'), 'utf8')).toContain(`${first.text}\n`);
    const journal = (await readFile(path.join(dir, 'journal.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(journal.map((line) => JSON.parse(line))).toEqual(result.journal.entries);
    const kept = await readFile(path.join(dir, 'objects', LOG));
    expect(kept.equals(result.evidence.objects.get(LOG) ?? new Uint8Array())).toBe(true);
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('sums a run up', async () => {
  const rows = summary(await brokenResult()).split('\n');
  expect(rows[0]).toMatch(/^records and payloads in +8 {2}6 jobs$/);
  expect(rows[1]).toMatch(/^calls +8 {2}8 acknowledged$/);
  expect(rows[3]).toMatch(/^repeats recognised +4 {2}0 let in again past the window$/);
  expect(rows[5]).toMatch(/^writers frozen +2$/);
  expect(rows[8]).toMatch(/^faults that struck +4 {2}4 reset$/);
  expect(rows[9]).toMatch(/^objects checked +2 {2}\d+ bytes$/);
});
