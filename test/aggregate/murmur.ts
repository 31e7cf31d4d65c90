/** MurmurHash3_x86_128 a second time, in whole numbers without an end, to check the fast one against. */

const WORD = 32n;
const C = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n];
/** Of each word: how far it is turned, how far its state is, and what is added to that. */
const TURNS = [15n, 16n, 17n, 18n];
const STATE_TURNS = [19n, 17n, 15n, 13n];
const ADDED = [0x561ccd1bn, 0x0bcaa747n, 0x96cd1c35n, 0x32ac3b17n];

const wrap = (value: bigint) => BigInt.asUintN(32, value);
const turn = (value: bigint, by = 0n) => wrap((value << by) | (value >> (WORD - by)));
const at = (values: readonly bigint[], index: number) => values[index % 4] ?? 0n;

/** The state after hashing `bytes` with the state before as the four seeds. */
export function slowMurmur(seeds: readonly bigint[], bytes: Uint8Array): bigint[] {
  const h = [...seeds];
  const padded = Buffer.concat([bytes, Buffer.alloc((16 - (bytes.length % 16)) % 16)]);
  for (let block = 0; block < padded.length; block += 16) {
    const whole = block + 16 <= bytes.length;
    for (let n = 0; n < 4; n++) {
      const k = BigInt(padded.readUInt32LE(block + 4 * n));
      const mixed = wrap(turn(wrap(k * at(C, n)), TURNS[n]) * at(C, n + 1));
      h[n] = at(h, n) ^ mixed;
      if (whole) h[n] = wrap(wrap(turn(at(h, n), STATE_TURNS[n]) + at(h, n + 1)) * 5n + at(ADDED, n));
    }
  }
  const length = BigInt(bytes.length);
  const spread = (of: readonly bigint[]) => {
    const first = wrap(of.reduce((sum, one) => sum + one, 0n));
    return of.map((one, n) => (n === 0 ? first : wrap(one + first)));
  };
  return spread(spread(h.map((one) => one ^ length)).map(finalOf));
}

function finalOf(value: bigint): bigint {
  let hash = value;
  hash = wrap((hash ^ (hash >> 16n)) * 0x85ebca6bn);
  hash = wrap((hash ^ (hash >> 13n)) * 0xc2b2ae35n);
  return hash ^ (hash >> 16n);
}

/** Of a record's parts, one after the other. */
export function slowContentHash(parts: readonly string[]): bigint {
  let state = [0n, 0n, 0n, 0n];
  for (const part of parts) state = slowMurmur(state, Buffer.from(part));
  return ((state[1] ?? 0n) << WORD) | (state[0] ?? 0n);
}
