/**
 * Charts as SVG: panels side by side on a card of their own colour, so that they read on any page. Labels stand at what
 * they name; there is no legend.
 */
import { type Bars, bars, barsHeight } from './bars.ts';
import { LINES_HEIGHT, type Lines, lines } from './lines.ts';
import { CARD, EDGE, FAINT, INK } from './palette.ts';
import { element, text } from './svg.ts';

export type { Bars } from './bars.ts';
export type { Lines } from './lines.ts';
export type { Tone } from './palette.ts';

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  readonly panels: readonly Panel[];
}

export type Panel = Lines | Bars;

const WIDTH = 960;
const PADDING = 24;
const HEADER = 66;
const PANEL_GAP = 24;

export function chartSvg({ title, subtitle, panels }: Chart): string {
  const width = (WIDTH - 2 * PADDING - PANEL_GAP * (panels.length - 1)) / panels.length;
  const height =
    HEADER +
    Math.max(...panels.map((panel) => (panel.kind === 'lines' ? LINES_HEIGHT : barsHeight(panel)))) +
    PADDING;
  const drawn = panels.map((panel, index) => {
    const x = PADDING + index * (width + PANEL_GAP);
    const content = panel.kind === 'lines' ? lines(panel, width) : bars(panel, width);
    return element('g', { transform: `translate(${Math.round(x)} ${HEADER})` }, content);
  });
  const card = element('rect', {
    x: 0.5,
    y: 0.5,
    width: WIDTH - 1,
    height: height - 1,
    rx: 8,
    fill: CARD,
    stroke: EDGE,
  });
  const heading = [
    text(PADDING, 32, title, { 'font-size': 17, 'font-weight': 600, fill: INK }),
    text(PADDING, 52, subtitle, { fill: FAINT }),
  ];
  const content = [card, ...heading, ...drawn].join('\n');
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${WIDTH} ${height}`,
    width: WIDTH,
    height,
    role: 'img',
    'aria-label': title,
    'font-family': 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
    'font-size': 12,
  };
  return `${element('svg', attributes, `\n${content}\n`)}\n`;
}
