/**
 * What goes wrong, and how often. The model, by where it strikes:
 *
 * - A request: it is lost; it arrives late, up to minutes after its sender gave up; it is slow; it is turned away by a
 *   5xx, a throttle or a refusal before it acts.
 * - An answer: it is lost, slow, or a 5xx although the request acted; a conflict does not tell the length.
 * - An instance: it crashes between any two events, and what it had sent may still arrive; it freezes, so that its
 *   timers and answers wait, and thaws up to minutes later; its clock is off.
 * - A source: it delivers a call again after an error, after a crash, or although nothing was wrong.
 * - An object: others append bytes to it; it is deleted, or replaced by one of the same length.
 *
 * Outside the model, because the transport or OSS rules it out: one request acting twice, an answer that is not the
 * request's own, damaged bytes, a read that is short without being an error.
 */
import { Random } from './random.ts';

export const FAULTS = [
  'request-lost',
  'request-late',
  'answer-lost',
  'slow',
  'error-before',
  'error-after',
  'throttled',
  'refused',
  'no-length',
  'crash',
  'freeze',
  'foreign',
  'deleted',
  'replaced',
] as const;

export type Fault = (typeof FAULTS)[number];
/** Chance of each: of a request, of a conflict (`no-length`), or of an event (from `crash` on). */
export type Rates = Readonly<Record<Fault, number>>;

/** The highest rates; a seed draws its own from 0 to these, and leaves some faults out. */
const STORM: Rates = {
  'request-lost': 0.3,
  'request-late': 0.4,
  'answer-lost': 0.5,
  slow: 0.2,
  'error-before': 0.2,
  'error-after': 0.3,
  throttled: 0.2,
  refused: 0.05,
  'no-length': 0.8,
  crash: 0.08,
  freeze: 0.05,
  foreign: 0.1,
  deleted: 0.03,
  replaced: 0.05,
};

export const CALM = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Rates;

/** How many seeds of a hundred are without any fault, and how many have objects deleted under their writers. */
const CALM_SHARE = 0.08;
const DELETING = 0.2;

export function drawRates(random: Random): Rates {
  const calm = random.chance(CALM_SHARE);
  const deleting = random.chance(DELETING);
  const strength = random.between(0.05, 1);
  const rate = (fault: Fault): number => {
    const drawn = random.chance(0.7) ? random.next() * strength * STORM[fault] : 0;
    return calm || (!deleting && (fault === 'deleted' || fault === 'replaced')) ? 0 : drawn;
  };
  return Object.fromEntries(FAULTS.map((fault) => [fault, rate(fault)])) as Rates;
}

/**
 * The dice of a run, one for everything that has some of its own (an instance, the requests of an instance for an
 * object, a call), so that a run without some of its calls or faults is the same in all the rest.
 */
export class Weather {
  readonly #seed: readonly (number | string)[];
  readonly #rates: Rates;
  readonly #spared: ReadonlySet<string>;
  readonly #dice = new Map<string, Dice>();
  /** Names of the faults that struck. */
  readonly struck: string[] = [];

  constructor(seed: readonly (number | string)[], rates: Rates, spared: ReadonlySet<string>) {
    this.#seed = seed;
    this.#rates = rates;
    this.#spared = spared;
  }

  of(name: string): Dice {
    let dice = this.#dice.get(name);
    if (dice === undefined) {
      dice = this.#make(name);
      this.#dice.set(name, dice);
    }
    return dice;
  }

  #make(name: string): Dice {
    // Faults have dice of their own: sparing one changes no other.
    const fate = new Random(...this.#seed, name, 'fault');
    let rolled = 0;
    const rolls = (fault: Fault): string | null => {
      const id = `${name} ${rolled++}`;
      return fate.chance(this.#rates[fault]) && !this.#spared.has(id) ? id : null;
    };
    const among = <F extends Fault>(faults: readonly F[]): F | null => {
      // All are rolled, so that the dice of the next request do not depend on what became of this one.
      const found = faults.map((fault) => ({ fault, id: rolls(fault) }));
      const first = found.find(({ id }) => id !== null);
      if (first?.id != null) this.struck.push(first.id);
      return first?.fault ?? null;
    };
    return {
      random: new Random(...this.#seed, name),
      strikes: (fault) => among([fault]) !== null,
      among,
    };
  }
}

export interface Dice {
  readonly random: Random;
  strikes(fault: Fault): boolean;
  /** The first of `faults` that strikes, null if none does. */
  among<F extends Fault>(faults: readonly F[]): F | null;
}
