import { expect, it } from 'vitest';
import { FAULTS_TOLD_MAX } from '../../../lib/audit/report.ts';
import { Tally } from '../../../lib/audit/tally.ts';

it('A report tells so many faults, the first ones, and how many there are', () => {
  const tally = new Tally('events', 0, []);
  const more = FAULTS_TOLD_MAX + 20;
  for (let start = 0; start < more; start++)
    tally.fault({
      object: 'events/1.ndjson',
      start,
      end: start + 1,
      code: 'BadCommit',
      message: `the commit at ${start}`,
    });
  const { sound, faultCount, faults } = tally.report();
  expect({ sound, faultCount }).toEqual({ sound: false, faultCount: more });
  expect(faults.map(({ start }) => start)).toEqual(Array.from({ length: FAULTS_TOLD_MAX }, (_, n) => n));
});
