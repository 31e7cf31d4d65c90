import { describe, expect, it } from 'vitest';
import { ratios, table } from '../../../infra/bench/report/table.ts';
import { column, row } from '../../../infra/bench/suite.ts';

const columns = [
  column('lost', 'lost', 0, false),
  column('requests', 'requests', 2),
  column('p99Ms', 'p99 ms'),
];
const peer = row('recipe', { lost: 0, requests: 57, p99Ms: 14_157.2 }, { atLeast: ['p99Ms'] });
const ours = row('ours', { lost: 0, requests: 0.57, p99Ms: null }, { peer: 'recipe' });

describe('the table of a suite', () => {
  it('aligns numbers under their titles, and divides by the peer under a row that has one', () => {
    expect(table({ title: 'Writers', note: 'How.', columns }, [peer, ours])).toBe(
      `Writers
How.

                  lost  requests   p99 ms
recipe               0     57.00  >14,157
ours                 0      0.57        –
  against recipe           0.01×
`,
    );
  });

  it('leaves the comparison out where the peer was not measured', () => {
    expect(ratios(ours, [ours], columns)).toBeNull();
    expect(table({ title: 'Writers', note: 'How.', columns }, [ours])).not.toContain('against');
  });

  it('says what is wrong with a row', () => {
    const wrong = row('ours', {}, { wrong: ['3 acknowledged records are not in the object'] });
    expect(table({ title: 'Writers', note: 'How.', columns }, [wrong])).toContain(
      '\n! ours: 3 acknowledged records are not in the object\n',
    );
  });
});
