/** Colours and sizes that the panels of a chart share. They keep their contrast on the card, whatever page it lies on. */
import { text } from './svg.ts';

/** Ours, or which of the peers. */
export type Tone = 'ours' | 'peer' | 'peer-2' | 'reference';

export const COLOURS: Readonly<Record<Tone, string>> = {
  ours: '#0b62c4',
  peer: '#c2410c',
  'peer-2': '#b07d00',
  reference: '#6b7280',
};
export const CARD = '#ffffff';
export const EDGE = '#d0d7de';
export const INK = '#1f2328';
export const FAINT = '#59636e';
export const GRID = '#e6e9ed';

/** About the width of a character. */
export const CHARACTER = 6.6;

export const panelTitle = (title: string): string =>
  text(0, 14, title, { fill: INK, 'font-weight': 600, 'font-size': 13 });
