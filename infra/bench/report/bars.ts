/** A panel of horizontal bars, each with its name before it and its value behind it. */
import { decimal } from './numbers.ts';
import { COLOURS, INK, panelTitle, type Tone } from './palette.ts';
import { element, text } from './svg.ts';

export interface Bars {
  readonly kind: 'bars';
  readonly title: string;
  readonly digits: number;
  readonly bars: readonly { readonly name: string; readonly value: number; readonly tone: Tone }[];
}

const BAR_HEIGHT = 22;
const BAR_GAP = 12;
/** About the width of a character, in bold. */
const BOLD_CHARACTER = 7.6;

export const barsHeight = (panel: Bars): number => 34 + panel.bars.length * (BAR_HEIGHT + BAR_GAP);

export function bars(panel: Bars, width: number): string {
  const labels = panel.bars.map(({ value }) => decimal(value, panel.digits));
  const left = Math.max(...panel.bars.map(({ name }) => name.length)) * BOLD_CHARACTER + 10;
  const right = width - Math.max(...labels.map((label) => label.length)) * BOLD_CHARACTER - 10;
  const max = Math.max(...panel.bars.map(({ value }) => value));
  const drawn = panel.bars.flatMap(({ name, value, tone }, index) => {
    const y = 30 + index * (BAR_HEIGHT + BAR_GAP);
    const length = max > 0 ? Math.max(1, ((right - left) * value) / max) : 1;
    const weight = { 'font-weight': tone === 'ours' ? 700 : 400 };
    return [
      text(left - 8, y + 15, name, { fill: INK, 'text-anchor': 'end', ...weight }),
      element('rect', { x: left, y, width: length, height: BAR_HEIGHT, rx: 2, fill: COLOURS[tone] }),
      text(left + length + 7, y + 15, labels[index] ?? '', { fill: INK, ...weight }),
    ];
  });
  return [panelTitle(panel.title), ...drawn].join('');
}
