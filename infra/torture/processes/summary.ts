/** What a run was, as a table. */
import type { Delivery } from './evidence.ts';
import type { Result } from './run.ts';

export function summary({ evidence, counts, struck, commits, outOfWindow }: Result): string {
  const { deliveries, objects } = evidence;
  const faults = [...struck].filter(([, times]) => times > 0);
  const rows: [string, number, string][] = [
    ['records and payloads in', accepted(deliveries), `${counts.jobs} jobs`],
    ['calls', deliveries.length, ends(deliveries)],
    ['appends to logs', commits, ''],
    ['repeats recognised', repeats(deliveries), `${outOfWindow} let in again past the window`],
    ['writers killed', counts.kill, ''],
    ['writers frozen', counts.freeze, ''],
    ['slow network', counts.slow, ''],
    ['store killed', counts.restart, ''],
    ['faults that struck', sum(faults.map(([, times]) => times)), faults.map(of).join(', ')],
    ['objects checked', objects.size, `${sum([...objects.values()].map(({ length }) => length))} bytes`],
  ];
  const nameChars = Math.max(...rows.map(([name]) => name.length));
  const countChars = Math.max(...rows.map(([, count]) => String(count).length));
  return rows
    .map(([name, count, more]) =>
      `${name.padEnd(nameChars)}  ${String(count).padStart(countChars)}  ${more}`.trimEnd(),
    )
    .join('\n');
}

const of = ([what, times]: readonly [string, number]): string => `${times} ${what}`;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** Records and payloads that were acknowledged, each once. */
function accepted(deliveries: readonly Delivery[]): number {
  const names = deliveries.flatMap(({ job, outcome }) => {
    if (outcome?.kind !== 'receipts') return [];
    return job.format === 'raw' ? [`${job.index}`] : job.ids;
  });
  return new Set(names).size;
}

function repeats(deliveries: readonly Delivery[]): number {
  const receipts = deliveries.flatMap(({ outcome }) =>
    outcome?.kind === 'receipts' ? outcome.receipts : [],
  );
  return receipts.filter(({ repeat }) => repeat === true).length;
}

/** How calls ended. */
function ends(deliveries: readonly Delivery[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of deliveries) {
    const end =
      outcome?.kind === 'error' ? (outcome.code ?? 'another error') : END_NAMES[outcome?.kind ?? 'none'];
    counts.set(end, (counts.get(end) ?? 0) + 1);
  }
  return [...counts].map(of).join(', ');
}

const END_NAMES = {
  receipts: 'acknowledged',
  gone: 'gone with their writer',
  none: 'without an end',
} as const;
