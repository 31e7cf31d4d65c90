import { beforeAll, describe, expect, it } from 'vitest';
import { check } from '../../infra/torture/processes/check.ts';
import { checkLog, type LogEvidence } from '../../infra/torture/processes/check-log.ts';
import { disorder } from '../../infra/torture/processes/disorder.ts';
import {
  type Delivery,
  type Evidence,
  nameOf,
  type Outcome,
} from '../../infra/torture/processes/evidence.ts';
import { logKeyOf, segmentsOf } from '../../infra/torture/processes/segments.ts';
import { type ReferenceCommit, readLog } from '../lib/append/reference.ts';
import { LOG, RAW, soundEvidence } from './sound.ts';

let sound: Evidence;
beforeAll(async () => {
  sound = await soundEvidence();
});

const bytesOf = (key: string): Buffer => Buffer.from(sound.objects.get(key) ?? []);
const texts = (evidence: Evidence) => check(evidence).violations.map(({ text }) => text);
/** What is said if the object has other bytes. */
const ofBytes = (key: string, bytes: Uint8Array) =>
  texts({ ...sound, objects: new Map([...sound.objects, [key, bytes]]) });
/** What is said if a call had ended otherwise. */
const ofOutcome = (name: string, change: (outcome: Outcome | null) => Outcome | null) =>
  texts({
    ...sound,
    deliveries: sound.deliveries.map((call) =>
      nameOf(call) === name ? { ...call, outcome: change(call.outcome) } : call,
    ),
  });
const receiptsChanged = (change: (receipt: object, at: number) => object) => (outcome: Outcome | null) =>
  outcome?.kind === 'receipts'
    ? ({ ...outcome, receipts: outcome.receipts.map((one, at) => change(one, at)) } as Outcome)
    : outcome;
const failed = (code: string | null, fate: string) => (): Outcome => ({
  kind: 'error',
  code,
  fate,
  message: 'so it is',
});

describe('the checker of processes', () => {
  it('has nothing to say of a run that kept its promises', () => {
    expect(sound.deliveries).toHaveLength(8);
    expect(texts(sound)).toEqual([]);
  });

  it('notices bytes that were dropped, doubled or swapped', () => {
    const data = readLog(bytesOf(LOG));
    // A commit line has some bytes to itself, such as its time, that no promise is about.
    const matters = (key: string, at: number) =>
      key === RAW || data.some(({ start, lineStart }) => start <= at && at + 1 < lineStart);
    for (const key of [LOG, RAW]) {
      const bytes = bytesOf(key);
      for (let at = 0; at < bytes.length; at += 7) {
        const dropped = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
        expect(ofBytes(key, dropped), `${key} without byte ${at}`).not.toEqual([]);
        const doubled = Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
        expect(ofBytes(key, doubled), `${key} with byte ${at} twice`).not.toEqual([]);
        const [one, other] = bytes.subarray(at);
        if (other === undefined || one === undefined || one === other || !matters(key, at)) continue;
        const swapped = Buffer.from(bytes);
        swapped.set([other, one], at);
        expect(ofBytes(key, swapped), `${key} with bytes ${at} and ${at + 1} swapped`).not.toEqual([]);
      }
    }
  });

  it('misses an acknowledged record whose append is gone, though the log is whole', () => {
    const commits = readLog(bytesOf(LOG));
    expect(ofBytes(LOG, bytesOf(LOG).subarray(0, commits.at(-1)?.start))[0]).toMatch(
      /^P1: call 5\.1 was told that f is record 0 of .*nor is it elsewhere/,
    );
  });

  it('misses an acknowledged payload, and counts those that are there too often', () => {
    const pieces =
      bytesOf(RAW)
        .toString()
        .match(/<[^>]*>/g) ?? [];
    expect(pieces).toHaveLength(3);
    expect(ofBytes(RAW, Buffer.from(pieces.slice(0, 2).join('')))[0]).toMatch(/^P1: call 4\.1 was told/);
    const twice = Buffer.from([...pieces, pieces[0]].join(''));
    expect(ofBytes(RAW, twice)).toEqual([`P3: ${pieces[0]?.slice(0, 20)} is in ${RAW} 2 times (3.1 in)`]);
    expect(ofBytes(RAW, Buffer.from(`${pieces.join('')}else`))).toEqual([
      expect.stringMatching(/^P4: raw\/a.txt has 4 bytes at \d+ that nobody sent: else$/),
    ]);
  });

  it('takes an object that nobody was asked for', () => {
    const more = (key: string) =>
      texts({ ...sound, objects: new Map([...sound.objects, [key, Buffer.from('x')]]) });
    expect(more('logs/b.ndjson')).toEqual(['P4: there is an object logs/b.ndjson that nobody was asked for']);
    expect(more('raw/a~00001.txt')).toEqual([
      'P4: there is an object raw/a~00001.txt that nobody was asked for',
    ]);
    // A segment is the log's own, so it is read: what is in this one is no append.
    expect(more('logs/a~00001.ndjson')).toContain(
      'P4: logs/a~00001.ndjson has bytes at 0-1 that are no append',
    );
  });

  it('holds a call to what it said', () => {
    expect(ofOutcome('5.1', failed('NotAppended', 'not-in'))).toEqual([
      expect.stringMatching(/^P1: job 5 was never acknowledged/),
      expect.stringMatching(/^fate: call 5\.1 ended not-in, and f is record 0/),
    ]);
    expect(ofOutcome('3.1', failed('NotAppended', 'not-in'))).toEqual([
      expect.stringMatching(/^P3: .* is in raw\/a.txt 1 times \(3\.1 not-in\)/),
    ]);
    expect(ofOutcome('3.1', failed('OutcomeUnknown', 'unknown'))).toEqual([]);
    expect(ofOutcome('3.1', failed('OutcomeUnknown', 'not-in'))[0]).toMatch(/^error: call 3\.1 ended with/);
    expect(ofOutcome('3.1', failed('AppendRefused', 'not-in'))[0]).toMatch(/^error: call 3\.1 ended with/);
    expect(ofOutcome('3.1', failed(null, 'unknown'))).toEqual([
      'error: call 3.1 ended with what is no error of an append: so it is',
    ]);
    expect(ofOutcome('3.1', () => null)).toEqual(['error: call 3.1 has no end']);
    expect(ofOutcome('5.1', () => ({ kind: 'gone' }))).toEqual([
      'P1: job 5 was never acknowledged, in 1 calls',
    ]);
  });

  it('holds a receipt to the truth', () => {
    const changed = (name: string, change: object) =>
      ofOutcome(
        name,
        receiptsChanged((receipt) => ({ ...receipt, ...change })),
      )[0];
    expect(changed('1.1', { record: 1 })).toMatch(/^P1: call 1\.1 was told that d is record 1 of/);
    expect(changed('1.1', { start: 0 })).toMatch(/^P1: call 1\.1 was told that d/);
    expect(changed('1.1', { object: 'logs/b.ndjson' })).toMatch(/^P1: call 1\.1 was told that d/);
    expect(changed('1.1', { repeat: true })).toMatch(/was there before, and put it there itself$/);
    expect(changed('0.2', { repeat: false })).toMatch(/^receipt: call 0\.2 .* and 0\.1 did$/);
    expect(changed('1.1', { id: 'e' })).toBe('receipt: call 1.1 sent d and got receipts for e');
    expect(changed('4.1', { end: 1 })).toMatch(/^P1: call 4\.1 was told raw\/a.txt/);
    // Recognised by its number, a record's place is not told.
    expect(changed('0.2', { start: null, end: null, record: null })).toBeUndefined();
  });
});

describe('the checker of a log', () => {
  const log = (change: Partial<LogEvidence> = {}): LogEvidence => ({
    key: LOG,
    segments: [{ key: LOG, length: bytesOf(LOG).length, commits: readLog(bytesOf(LOG)) }],
    calls: sound.deliveries.filter(({ job }) => job.key === LOG),
    windowRecords: sound.windowRecords,
    segmentBytesMax: sound.segmentBytesMax,
    ...change,
  });
  const said = (evidence: LogEvidence) => checkLog(evidence).violations.map(({ text }) => text);
  const from = (call: string, id: string): string => {
    const found = readLog(bytesOf(LOG)).flatMap(({ records }) => records);
    const line = found.find((record) => record.id === id)?.line ?? '';
    return line.replace(/"of":"[^"]*"/, `"of":"${call}"`);
  };
  /** The log with one more append of one record at its end. */
  const withMore = (id: string, line: string): LogEvidence['segments'] => {
    const end = bytesOf(LOG).length;
    const commit: ReferenceCommit = {
      start: end,
      end: end + 100,
      appendEnd: end + 100,
      lineStart: end + 50,
      writer: 'w9',
      atMs: 0,
      closes: false,
      records: [{ source: 'torture', id, numbered: false, ageMs: 0, line }],
    };
    return [{ key: LOG, length: end + 100, commits: [...readLog(bytesOf(LOG)), commit] }];
  };

  it('finds nothing in a log that is sound', () => {
    expect(said(log())).toEqual([]);
  });

  it('finds a record twice within the window, and counts it past the window', () => {
    // c, then d, e and f; then c again, from the call that was told it was a repeat.
    const segments = withMore('c', from('0.2', 'c'));
    expect(said(log({ segments }))).toContainEqual(
      expect.stringMatching(/^P2: c is in logs\/a.ndjson twice, .*, 3 records apart$/),
    );
    expect(said(log({ segments, windowRecords: 4 }))).not.toEqual([]);
    expect(checkLog(log({ segments, windowRecords: 3 }))).toEqual({ violations: [], outOfWindow: 1 });
  });

  it('takes no call that puts a record in twice, window or not', () => {
    const found = said(log({ segments: withMore('c', from('0.1', 'c')), windowRecords: 3 }));
    expect(found).toEqual([expect.stringMatching(/^P2: c is in/)]);
  });

  it('finds a record that nobody sent, or not so', () => {
    expect(said(log({ segments: withMore('z', from('0.1', 'c')) }))).toEqual([
      expect.stringMatching(/^P4: record 0 of .*, z, is not what anybody sent/),
    ]);
    expect(said(log({ segments: withMore('c', `${from('0.2', 'c')} `) }))[0]).toMatch(/^P4: record 0 of/);
  });

  it('finds segments that begin too early, go on too long, or are closed for no reason', () => {
    const [first] = log().segments;
    if (first === undefined) throw new Error('a log has a segment');
    const { length, commits } = first;
    const next = { key: 'logs/a~00001.ndjson', length: 0, commits: [] };
    const closing = (at: number) => commits.map((commit, n) => ({ ...commit, closes: n === at }));
    const last = commits.length - 1;
    const closed = { ...first, commits: closing(last) };
    expect(said(log({ segments: [closed, next], segmentBytesMax: length }))).toEqual([]);
    expect(said(log({ segments: [closed, next], segmentBytesMax: length + 1 }))).toEqual([
      `P4: ${LOG} is closed at ${length}, with a limit of ${length + 1}`,
    ]);
    expect(said(log({ segmentBytesMax: length }))).toEqual([
      `P4: ${LOG} is not closed at ${length}, with a limit of ${length}`,
    ]);
    expect(said(log({ segments: [first, next] }))).toEqual([
      `P4: ${next.key} begins, and ${LOG} is not closed`,
    ]);
    const early = { ...first, commits: closing(last - 1) };
    expect(said(log({ segments: [early] }))).toContain(
      `P4: ${LOG} has an append at ${commits[last]?.start}, and was closed before`,
    );
  });

  it('keeps the order of segments, and of what was acknowledged before another was sent', () => {
    const commits = readLog(bytesOf(LOG));
    const cut = commits.at(-1)?.start ?? 0;
    const before = commits.slice(0, -1).map((commit) => ({ ...commit, closes: commit.end === cut }));
    const moved = commits.slice(-1).map((commit) => ({
      ...commit,
      start: 0,
      end: commit.end - cut,
      appendEnd: commit.end - cut,
      closes: commit.end - cut >= cut,
    }));
    const key = 'logs/a~00001.ndjson';
    const calls = log().calls.map((call): Delivery => {
      if (nameOf(call) !== '5.1') return call;
      const change = receiptsChanged(() => ({
        object: key,
        start: 0,
        end: moved[0]?.end,
        id: 'f',
        record: 0,
        repeat: false,
      }));
      return { ...call, outcome: change(call.outcome) };
    });
    const segments = [
      { key: LOG, length: cut, commits: before },
      { key, length: moved[0]?.end ?? 0, commits: moved },
    ];
    expect(said(log({ segments, calls, segmentBytesMax: cut }))).toEqual([]);
    expect(said(log({ segments: [...segments].reverse(), calls }))).toContainEqual(
      expect.stringMatching(/^P5: . was acknowledged before f was sent, and comes after it$/),
    );
  });
});

describe('segmentsOf', () => {
  it('finds a log’s own segments, in order', () => {
    const keys = [
      'a~00010.ndjson',
      'a.ndjson',
      'b.ndjson',
      'a~00002.ndjson',
      'a~1.ndjson',
      'a~100000.ndjson',
    ];
    expect(segmentsOf(keys, 'a.ndjson')).toEqual([
      'a.ndjson',
      'a~00002.ndjson',
      'a~00010.ndjson',
      'a~100000.ndjson',
    ]);
    expect(logKeyOf('x/a~00001')).toBe('x/a');
    expect(segmentsOf(['x.d/a~00001', 'x.d/a'], 'x.d/a')).toEqual(['x.d/a', 'x.d/a~00001']);
  });
});

describe('disorder', () => {
  it('finds what was over before another began, and comes after it', () => {
    const call = (sentAt: number, endedAt: number | null, place: number) => ({
      call: { sentAt, endedAt } as Delivery,
      place,
    });
    const [one, other] = [call(0, 2, 10), call(3, 4, 5)];
    expect(disorder([one, other], ({ place }) => place)).toEqual([[one, other]]);
    expect(disorder([one, other], ({ place }) => -place)).toEqual([]);
    expect(disorder([call(0, 3, 10), call(2, 4, 5)], ({ place }) => place)).toEqual([]);
    expect(disorder([call(0, null, 10), call(2, 4, 5)], ({ place }) => place)).toEqual([]);
  });
});
