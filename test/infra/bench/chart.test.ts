import fc from 'fast-check';
import { XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { chartSvg, type Tone } from '../../../infra/bench/report/chart.ts';

const tone = fc.constantFrom<Tone[]>('ours', 'peer', 'peer-2', 'reference');
/** Nothing that is measured is smaller than that, but for nothing itself. */
const value = fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1e9, noNaN: true }));
const digits = fc.integer({ min: 0, max: 3 });

const lines = fc.integer({ min: 1, max: 5 }).chain((places) => {
  const each = { minLength: places, maxLength: places };
  return fc.record({
    kind: fc.constant('lines' as const),
    title: fc.string(),
    xTitle: fc.string(),
    xs: fc.array(fc.string(), each),
    log: fc.boolean(),
    digits,
    series: fc.array(
      fc.record({
        name: fc.string(),
        tone,
        values: fc.array(fc.option(value), each),
        atLeast: fc.array(fc.boolean(), each),
      }),
    ),
  });
});
const bars = fc.record({
  kind: fc.constant('bars' as const),
  title: fc.string(),
  digits,
  bars: fc.array(fc.record({ name: fc.string(), value, tone })),
});
const chart = fc.record({
  title: fc.string(),
  subtitle: fc.string(),
  panels: fc.array(fc.oneof(lines, bars), { minLength: 1, maxLength: 3 }),
});

describe('a chart', () => {
  it('is well-formed XML, with nothing at a place that is no number, whatever it shows', () => {
    fc.assert(
      fc.property(chart, (any) => {
        const svg = chartSvg(any);
        expect(XMLValidator.validate(svg)).toBe(true);
        expect(svg.replaceAll(/>[^<]*</g, '><').replaceAll(/aria-label="[^"]*"/g, '')).not.toMatch(
          /NaN|Infinity|undefined/,
        );
      }),
    );
  });

  it('names each line at its end, with its last value, as a bound where it is one', () => {
    const svg = chartSvg({
      title: 'Writers',
      subtitle: '',
      panels: [
        {
          kind: 'lines',
          title: 'ms',
          xTitle: 'writers',
          xs: ['1', '4'],
          log: true,
          digits: 0,
          series: [
            { name: 'recipe', tone: 'peer', values: [45, null], atLeast: [false, false] },
            { name: 'a < b', tone: 'ours', values: [45, 1234.5], atLeast: [false, true] },
          ],
        },
      ],
    });
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
    expect(texts).toEqual(expect.arrayContaining(['recipe', '45', 'a &lt; b', '&gt;1,235']));
  });

  it('draws bars as long as their values are, from zero', () => {
    const svg = chartSvg({
      title: 'Bars',
      subtitle: '',
      panels: [
        {
          kind: 'bars',
          title: 'ms',
          digits: 0,
          bars: [
            { name: 'one', value: 50, tone: 'ours' },
            { name: 'two', value: 100, tone: 'peer' },
          ],
        },
      ],
    });
    const [, one, two] = [...svg.matchAll(/<rect[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(two).toBeCloseTo(2 * (one ?? 0), 0);
  });

  it('has a background of its own', () => {
    expect(chartSvg({ title: '', subtitle: '', panels: [] })).toMatch(
      /<svg[^>]*>\s*<rect[^>]* fill="#ffffff"/,
    );
  });
});
