/** Pauses between tries (PROTOCOL.md §4.5). */

const FIRST_MS = 50;
const MS_MAX = 2000;

/** How long to wait after the `tries`-th failure in a row, in milliseconds: full jitter. `dice`: from 0 to 1. */
export const backoffMs = (tries: number, dice: number): number =>
  dice * Math.min(MS_MAX, FIRST_MS * 2 ** tries);
