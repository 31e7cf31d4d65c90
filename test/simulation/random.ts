/** Seeded dice (mulberry32): small, fast, the same everywhere. Several numbers make one seed. */
export class Random {
  #state = 0;

  constructor(...seed: readonly (number | string)[]) {
    for (const part of seed.flatMap((one) => (typeof one === 'number' ? one : [...Buffer.from(one)]))) {
      this.#state = (this.#state ^ Math.imul(part | 0, 0x9e3779b1)) >>> 0;
      this.#state = Math.floor(this.next() * 2 ** 32);
    }
  }

  /** At least 0, less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.next() * items.length)] ?? items[0];
  }
}
