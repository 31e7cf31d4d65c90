/** The way to the store and back: how long it takes, and the random numbers that shape it. */

export interface Network {
  /** Median round trip. */
  rttMs: number;
  /** Spread: the standard deviation of the round trip's logarithm; 0 for none. */
  rttSigma: number;
}

/** One round trip's duration, log-normally distributed. */
export function roundTripMs({ rttMs, rttSigma }: Network, random: () => number): number {
  return rttSigma === 0 ? rttMs : rttMs * Math.exp(rttSigma * gaussian(random));
}

export function delay(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box–Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
