/**
 * An append that found the object without a line end at its end begins with one, so a commit may cover data that starts one
 * byte after it says (PROTOCOL.md §3.2). That this byte is a line end was never looked at, so a commit after any one byte
 * was believed, by readers and by writers. No writer makes such an append; found with damaged logs, read beside a reader that was
 * written from PROTOCOL.md alone.
 */
import { expect, it } from 'vitest';
import { LogFold } from '../../lib/append/fold.ts';
import { CommitScan, linesOf } from '../../lib/reader/scan.ts';
import { findIn, LIMITS, named } from '../lib/append/logs.ts';
import { CALL, content, instance, newStore } from './support.ts';

it.each([
  ['\n', 1],
  ['x', 0],
])('a commit that starts with %j covers %i records', async (first, count) => {
  const store = newStore();
  await instance(store, 'w').appendRecords('k', [named('1')], CALL);
  const bytes = Buffer.concat([Buffer.from(first), await content(store, 'k')]);
  const found = [...new CommitScan().push(bytes)].flatMap(linesOf);
  expect(found).toHaveLength(count);
  const fold = LogFold.empty(LIMITS);
  fold.push(bytes);
  expect(findIn(fold, named('1')).verdict).toBe(count === 1 ? 'in' : 'new');
});
