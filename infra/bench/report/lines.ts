/** A panel of lines over a few places, such as numbers of writers. Labels stand at the lines' ends. */
import { decimal } from './numbers.ts';
import { CHARACTER, COLOURS, FAINT, GRID, panelTitle, type Tone } from './palette.ts';
import { element, line, text } from './svg.ts';

export interface Lines {
  readonly kind: 'lines';
  /** With the unit. */
  readonly title: string;
  readonly xTitle: string;
  readonly xs: readonly string[];
  readonly log: boolean;
  readonly digits: number;
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  readonly tone: Tone;
  /** One for each of `xs`; null where nothing was measured. */
  readonly values: readonly (number | null)[];
  /** Which of `values` are lower bounds. */
  readonly atLeast: readonly boolean[];
}

export const LINES_HEIGHT = 288;
const TOP = 34;
const PLOT_HEIGHT = 220;

export function lines(panel: Lines, width: number): string {
  const { xs, series, digits } = panel;
  const values = series.flatMap((one) => one.values.filter((value) => value !== null));
  const scale = panel.log ? logScale(values) : linearScale(values);
  const left = Math.max(...scale.ticks.map((tick) => tickText(tick).length)) * CHARACTER + 8;
  const longest = Math.max(...series.map(({ name }) => name.length), 8);
  const right = width - longest * CHARACTER - LABEL_GAP;
  const top = TOP;
  const bottom = top + PLOT_HEIGHT;
  const step = xs.length > 1 ? (right - left - 16) / (xs.length - 1) : 0;
  const xAt = (index: number) => left + 8 + index * step;
  const yAt = (value: number) => bottom - scale.share(value) * PLOT_HEIGHT;

  const grid = scale.ticks.flatMap((tick) => [
    line(left, yAt(tick), right, yAt(tick), { stroke: GRID }),
    text(left - 6, yAt(tick) + 4, tickText(tick), { fill: FAINT, 'text-anchor': 'end' }),
  ]);
  const axis = xs.map((x, index) =>
    text(xAt(index), bottom + 18, x, { fill: FAINT, 'text-anchor': 'middle' }),
  );
  const xTitle = text((left + right) / 2, bottom + 36, panel.xTitle, {
    fill: FAINT,
    'text-anchor': 'middle',
  });

  const ends: Label[] = [];
  const paths = series.map(({ name, tone, values: own, atLeast }) => {
    const points = own.flatMap((value, index) => (value === null ? [] : [{ value, index }]));
    const last = points.at(-1);
    if (last === undefined) return '';
    const bound = atLeast[last.index] === true ? '>' : '';
    const label = `${bound}${decimal(last.value, digits)}`;
    ends.push({ fromX: xAt(last.index), fromY: yAt(last.value), y: yAt(last.value), name, label, tone });
    const stroke = { stroke: COLOURS[tone], 'stroke-width': tone === 'ours' ? 3 : 2 };
    const d = points.map(
      ({ value, index }, at) => `${at === 0 ? 'M' : 'L'}${px(xAt(index))} ${px(yAt(value))}`,
    );
    const dash = tone === 'reference' ? { 'stroke-dasharray': '4 4' } : {};
    return [
      element('path', { d: d.join(' '), fill: 'none', 'stroke-linejoin': 'round', ...stroke, ...dash }),
      ...points.map(({ value, index }) =>
        element('circle', { cx: xAt(index), cy: yAt(value), r: 3.5, fill: COLOURS[tone] }),
      ),
    ].join('');
  });
  return [
    panelTitle(panel.title),
    ...grid,
    ...axis,
    xTitle,
    ...paths,
    ...spread(ends, top, bottom).map((label) => endLabel(label, right + LABEL_GAP - 6)),
  ].join('');
}

interface Label {
  /** The point that it names. */
  readonly fromX: number;
  readonly fromY: number;
  readonly y: number;
  readonly name: string;
  readonly label: string;
  readonly tone: Tone;
}

const LABEL_HEIGHT = 30;
const LABEL_GAP = 18;

/** Moves labels apart that would lie on each other, as little as possible from the top down, then back up. */
function spread(labels: readonly Label[], top: number, bottom: number): readonly Label[] {
  const placed = labels.toSorted((a, b) => a.y - b.y).map((label) => ({ ...label }));
  let floor = top;
  for (const label of placed) {
    label.y = Math.max(label.y, floor);
    floor = label.y + LABEL_HEIGHT;
  }
  let ceiling = bottom;
  for (const label of placed.reverse()) {
    label.y = Math.min(label.y, ceiling);
    ceiling = label.y - LABEL_HEIGHT;
  }
  return placed;
}

/** Name and value in the right margin, with a thread to the point where the label is not beside it. */
function endLabel({ fromX, fromY, y, name, label, tone }: Label, x: number): string {
  const fill = COLOURS[tone];
  const type = { fill, 'font-weight': tone === 'ours' ? 700 : 500 };
  const threadEnd = x - 3;
  const isBeside = Math.abs(y - fromY) < 4 && threadEnd - fromX < 2 * LABEL_GAP;
  const thread = { stroke: fill, 'stroke-width': 1, 'stroke-dasharray': '1 3' };
  return [
    isBeside ? '' : line(fromX + 6, fromY, threadEnd, y, thread),
    text(x, y + 1, name, type),
    text(x, y + 15, label, type),
  ].join('');
}

interface Scale {
  readonly ticks: readonly number[];
  /** Where a value is between the lowest tick, 0, and the highest, 1. */
  share(value: number): number;
}

/** Powers of ten around the values. */
function logScale(values: readonly number[]): Scale {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const low = logs.length === 0 ? 0 : Math.floor(Math.min(...logs));
  const high = logs.length === 0 ? 1 : Math.max(low + 1, Math.ceil(Math.max(...logs)));
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
    share: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low),
  };
}

/** From zero, in four or five round steps. */
function linearScale(values: readonly number[]): Scale {
  const max = Math.max(...values, 0) || 1;
  const magnitude = 10 ** Math.floor(Math.log10(max / 4));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * magnitude).find((size) => size * 4 >= max) ?? max;
  const steps = Math.ceil(max / step - 1e-9);
  return {
    ticks: Array.from({ length: steps + 1 }, (_, index) => index * step),
    share: (value) => value / (steps * step),
  };
}

function tickText(tick: number): string {
  if (tick >= 1e6) return `${tick / 1e6} M`;
  return tick.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

const px = (value: number): string => String(Math.round(value * 10) / 10);
