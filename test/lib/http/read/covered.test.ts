import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitLine } from '../../../../lib/append/commit.ts';
import { crc64 } from '../../../../lib/append/crc64.ts';
import { readSegments } from '../../append/reference.ts';
import { EVENTS, type HttpBench, httpBench, NDJSON_TYPE } from '../support.ts';
import { pages } from './pages.ts';

const segments = ({ store, appends }: HttpBench) =>
  Promise.all(
    [...new Set(appends)].map(async (key) => {
      const read = await store.read(key, { start: 0, end: 1e9 }, { timeoutMs: 1000 });
      return [key, read?.bytes ?? new Uint8Array()] as const;
    }),
  );

describe('whatever is in a log', () => {
  /** A commit by somebody else, of `lines` at the end of `bytes`, or of the last of those bytes, too. */
  function forged(bytes: Uint8Array, lines: string, coveredBytes: number): string {
    const data = Buffer.concat([
      bytes.subarray(Math.max(0, bytes.length - coveredBytes)),
      Buffer.from(lines),
    ]);
    const records = data.toString('latin1').split('\n').length - 1;
    if (records === 0) return lines;
    const names = Array.from({ length: records }, (_, n) => `${bytes.length}-${n}`);
    const line = commitLine({
      atMs: 0,
      writer: 'other',
      turn: { roundTripMs: 20, more: 0 },
      start: bytes.length + Buffer.byteLength(lines) - data.length,
      records,
      bytes: data.length,
      crc64: crc64(data),
      sources: [{ source: 'forged', ids: names, ageMs: names.map(() => 0) }],
      closes: false,
      checkpoint: 0,
    });
    return `${lines}${line}\n`;
  }

  const step = fc.oneof(
    fc.record({
      kind: fc.constant('own' as const),
      values: fc.array(fc.jsonValue(), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      kind: fc.constant('other' as const),
      text: fc.constantFrom('torn', '{"a":1}\n', '\n', '{"$commit":{"v":1}}\n', '{"$commit":'),
    }),
    fc.record({
      kind: fc.constant('forged' as const),
      lines: fc.constantFrom('', '1\n', '1\n2\n', '\n'),
      coveredBytes: fc.oneof(fc.nat(8), fc.nat(700)),
    }),
  );

  it('every record that a commit covers is had by its place, and none that no commit covers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(3000), { maxLength: 6 }),
        async (steps, positions) => {
          const it = httpBench();
          const { store, post, send } = it;
          for (const one of steps) {
            const read = await store.read(EVENTS, { start: 0, end: 1e9 }, { timeoutMs: 1000 });
            const bytes = read?.bytes ?? new Uint8Array();
            if (one.kind === 'own') {
              const body = one.values.map((value) => `${JSON.stringify(value)}\n`).join('');
              await post('/append/events', body, NDJSON_TYPE);
              continue;
            }
            const text = one.kind === 'other' ? one.text : forged(bytes, one.lines, one.coveredBytes);
            if (text !== '') await store.append(EVENTS, bytes.length, Buffer.from(text), { timeoutMs: 1000 });
          }
          fc.pre((await store.head(EVENTS, { timeoutMs: 1000 })) !== null);
          it.appends.push(EVENTS);
          const objects = new Map(await segments(it));
          const ours = readSegments(objects, EVENTS).map(({ start, lineStart, records }) => {
            const data = Buffer.byteLength(records.map(({ line }) => `${line}\n`).join(''));
            const before = objects.get(EVENTS)?.[lineStart - data - 1];
            // A reader by position knows no commit that has a commit line among its data, or begins within a line.
            const isSound =
              (before === undefined || before === 10) &&
              !records.some(({ line }) => line.startsWith('{"$commit":'));
            return { start, lines: isSound ? records.map(({ line }) => line) : [] };
          });
          const all = ours.flatMap(({ lines }) => lines);
          expect((await pages(it, '/append/events?records=0')).join('')).toBe(
            all.map((line) => `${line}\n`).join(''),
          );
          const { length = 0 } = (await store.head(EVENTS, { timeoutMs: 1000 })) ?? {};
          const starts = new Set([
            ...positions.filter((at) => at <= length),
            ...ours.map(({ start }) => start),
          ]);
          for (const start of starts) {
            const rest = ours.filter((commit) => commit.start >= start).flatMap(({ lines }) => lines);
            const page = await send('GET', `/append/events?records=${start}`);
            expect(await page.text(), `from ${start}`).toBe(rest.map((line) => `${line}\n`).join(''));
            const lines = ours.find((commit) => commit.start === start)?.lines ?? [];
            for (let record = 0; record <= lines.length; record++) {
              const response = await send('GET', `/append/events?record=${start}:${record}`);
              expect(response.status, `${start}:${record}`).toBe(record < lines.length ? 200 : 404);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
