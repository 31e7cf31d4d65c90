import { describe, expect, it } from 'vitest';
import type { LogFold } from '../../lib/append/fold.ts';
import { appendLog } from '../../lib/append/log.ts';
import { appendRaw, type RawState } from '../../lib/append/raw.ts';
import { jsonLine } from '../../lib/append/record.ts';
import { type Burial, burial, retireLog } from '../../lib/append/retire.ts';
import { segmentKey } from '../../lib/append/segment.ts';
import { parseTombstone } from '../../lib/append/tombstone.ts';
import { position, type RecordReceipt } from '../../lib/append/types.ts';
import { type ReferenceCommit, readLog } from '../lib/append/reference.ts';
import { errorOf } from './calls.ts';
import { CRASH, driven, type Explored, explore, type Objects, type Writer } from './exhaustive.ts';
import { type Core, MUTATIONS, mutant } from './mutants.ts';

/** What a writer was told of one payload. */
interface Told {
  readonly payload: string;
  readonly fate: string;
  /** Where it is said to be. */
  readonly start: number | null;
}

type Appended = { receipts: readonly RecordReceipt[] | null; fold: LogFold } | typeof CRASH;
type Plans = Pick<Core, 'appendLog' | 'appendRaw' | 'retireLog' | 'burial'>;
const REAL: Plans = { appendLog, appendRaw, retireLog, burial };
/** A writer that crashed reads the last line first, and then what it points to. */
const LOG = { key: 'k', dedupe: { records: 16_000, ageMs: null }, tailBytes: 64, coldBytesMax: 600 };
const PAYLOADS = [
  ['<a1>', '<a2>'],
  ['<b1>', '<b2>'],
] as const;

function fateOf(error: unknown): string {
  const told = errorOf(error);
  if (told === null) throw error;
  return told.fate;
}

const NOTHING = Buffer.alloc(0);

/** Each of its records is one call; the second goes by what the first left. */
function* logWriter(
  { appendLog: append }: Plans,
  which: number,
  sentAgain: boolean,
  expectsNew = false,
): Writer<Told> {
  const told: Told[] = [];
  let known: LogFold | null = null;
  for (const id of PAYLOADS[which] ?? [])
    for (let delivery = 1; ; delivery++) {
      const options = {
        log: LOG,
        ifPosition: null,
        atMs: 0,
        segmentBytesMax: 1e9,
        roundTripMs: 20,
        expectsNew,
      };
      const record = { line: jsonLine(`"${id}"`), id, source: 's', timeMs: 0 };
      let fate = 'unknown';
      let start: number | null = null;
      try {
        const done: Appended = yield* driven(
          append([record], { ...options, known, writer: `${which}.${delivery}` }),
        );
        if (done !== CRASH) {
          fate = 'in';
          start = done.receipts?.[0]?.start ?? null;
        }
        known = done === CRASH ? null : done.fold;
      } catch (error) {
        fate = fateOf(error);
        known = null;
      }
      if (sentAgain && fate !== 'in') continue;
      told.push({ payload: id, fate, start });
      break;
    }
  return told;
}

function* rawWriter({ appendRaw: append }: Plans, which: number): Writer<Told> {
  const told: Told[] = [];
  let known: RawState | null = null;
  for (const payload of PAYLOADS[which] ?? []) {
    let fate = 'unknown';
    let start: number | null = null;
    try {
      const done: { start: number; state: RawState } | typeof CRASH = yield* driven(
        append('k', Buffer.from(payload), { known, ifPosition: null }),
      );
      if (done !== CRASH) {
        fate = 'in';
        start = done.start;
      }
      known = done === CRASH ? null : done.state;
    } catch (error) {
      fate = fateOf(error);
      known = null;
    }
    told.push({ payload, fate, start });
  }
  return told;
}

/** `places` are all starts of each payload in the object. */
function verdict(told: readonly Told[], places: (payload: string) => readonly number[]): string | null {
  for (const { payload, fate, start } of told) {
    const found = places(payload);
    const right =
      fate === 'in' ? found.length === 1 && found[0] === start : found.length <= (fate === 'not-in' ? 0 : 1);
    if (!right) return `${payload} was said to be ${fate} (${start}), and is at: ${found.join()}`;
  }
  return null;
}

const log = (sentAgain: boolean, faultsMax: number, plans = REAL, expectsNew = false) => {
  /** Many courses end in the same bytes. */
  const read = new Map<Buffer, readonly ReferenceCommit[]>();
  return explore<Told>({
    faultsMax,
    stops: !sentAgain,
    writer: (which) => logWriter(plans, which, sentAgain, expectsNew),
    verify(objects, told) {
      const object = objects.get('k')?.bytes ?? NOTHING;
      const commits = read.get(object) ?? readLog(object);
      read.set(object, commits);
      if ((commits.at(-1)?.appendEnd ?? 0) !== object.length)
        return 'the log has bytes that no commit covers';
      const places = commits.flatMap(({ start, records }) => records.map(({ id }) => ({ id, start })));
      return verdict(told, (payload) => places.filter(({ id }) => id === payload).map(({ start }) => start));
    },
  });
};

const raw = (faultsMax: number, plans = REAL) =>
  explore<Told>({
    faultsMax,
    stops: true,
    writer: (which) => rawWriter(plans, which),
    verify(objects, told) {
      const object = objects.get('k')?.bytes ?? NOTHING;
      const text = object.toString('latin1');
      if (text.replace(/<[ab][12]>/g, '') !== '') return `the object is not payloads alone: ${text}`;
      return verdict(told, (payload) =>
        [...text.matchAll(new RegExp(payload, 'g'))].map(({ index }) => index),
      );
    },
  });

/** The second writer ends the log, and has tombstones put in the place of all of its segments. */
function* retirer({ retireLog: retire, burial: bury }: Plans): Writer<Told> {
  try {
    const last: number | null | typeof CRASH = yield* driven(retire({ log: LOG, writer: 'r', atMs: 0 }));
    if (last === CRASH || last === null) return [];
    for (let segment = 0; segment <= last; segment++) {
      const key = segmentKey(LOG.key, segment);
      const told = yield { ask: 'read', key, start: position(0), end: position(1e6) };
      if (told === CRASH || told.kind !== 'bytes' || told.read === null) return [];
      const about = { length: told.read.length, crc64: told.read.crc64 ?? 0n, atMs: 0, jobs: [] };
      const found: Burial | typeof CRASH = yield* driven(bury(LOG, segment, about));
      if (found === CRASH) return [];
      if (found.kind === 'tombstone') yield { ask: 'put', key, body: found.object };
    }
  } catch (error) {
    fateOf(error); // its time is up, or it was refused
  }
  return [];
}

/** All that was ever in the segments, in order. */
function* retiredLog(objects: Objects): Iterable<ReferenceCommit & { segment: number }> {
  for (let segment = 0; ; segment++) {
    const found = objects.get(segmentKey(LOG.key, segment));
    if (found === undefined) return;
    for (const commit of readLog(found.buried ?? found.bytes)) yield { ...commit, segment };
  }
}

const retired = (faultsMax: number, plans = REAL) =>
  explore<Told>({
    faultsMax,
    stops: false,
    writer: (which) => (which === 0 ? logWriter(plans, 0, true) : retirer(plans)),
    verify(objects, told) {
      const commits = [...retiredLog(objects)];
      for (const { bytes, buried } of objects.values()) {
        const { length = bytes.length } = buried === null ? {} : (parseTombstone(bytes) ?? {});
        if (length !== (buried ?? bytes).length) return 'a tombstone hides what it does not tell of';
      }
      const places = commits.flatMap(({ start, records }) => records.map(({ id }) => ({ id, start })));
      return verdict(told, (payload) => places.filter(({ id }) => id === payload).map(({ start }) => start));
    },
  });

/** Nothing was wrong, and the search was no smaller than it should be. */
function expectAll({ courses, states, failure }: Explored, least: { courses: bigint; states: number }) {
  expect(failure, `${failure?.steps.join('\n')}\n${failure?.why}`).toBeNull();
  expect(courses).toBeGreaterThan(least.courses);
  expect(states).toBeGreaterThan(least.states);
}

describe('two writers with two records each, in every order and with every two faults', () => {
  it('put each record into a log once, if what fails is sent again', () => {
    expectAll(log(true, 2), { courses: 900_000n, states: 400_000 });
  });

  it('do so too if they expect it to be new, and read nothing first', () => {
    expectAll(log(true, 2, REAL, true), { courses: 1_000_000n, states: 400_000 });
  });

  it('are told the truth about each record of a log, if what fails is given up', () => {
    expectAll(log(false, 2), { courses: 400_000n, states: 200_000 });
  });

  it('are told the truth about each payload of a raw object', () => {
    expectAll(raw(2), { courses: 150_000n, states: 150_000 });
  });
});

describe('a writer with two records, and someone who ends the log', () => {
  it('put each record into it once, with every fault', () => {
    expectAll(retired(1), { courses: 15_000n, states: 5000 });
  });
});

describe('the search', () => {
  it('visits every course of two writers without faults', () => {
    // Three requests each, and one more for whoever meets a conflict.
    const { courses, failure } = raw(0);
    expect(failure).toBeNull();
    expect(courses).toMatchInlineSnapshot(`30n`);
  });

  it.each<[string, 'raw' | 'log' | 'retired']>([
    ['settling an unclear raw append by the bytes that are there', 'raw'],
    ['sending a raw append again at the same position while it is unclear', 'raw'],
    ['folding what others appended, after a conflict', 'log'],
    ['remembering that an attempt is unclear', 'log'],
    ['carrying what is known over the end of a log', 'retired'],
  ])('finds out a writer that does without %s', async (name, format) => {
    const mutation = MUTATIONS.find((one) => one.name === name);
    if (mutation === undefined) throw new Error(`no mutation is called ${name}`);
    const plans = await mutant(mutation);
    const search = {
      raw: () => raw(2, plans),
      log: () => log(false, 2, plans),
      retired: () => retired(1, plans),
    };
    const { failure } = search[format]();
    expect(failure).not.toBeNull();
  });
});
