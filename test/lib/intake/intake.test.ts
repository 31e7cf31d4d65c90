import { describe, expect, it } from 'vitest';
import { IntakeError } from '../../../lib/intake/errors.ts';
import type { IntakeCall, Outcome } from '../../../lib/intake/intake.ts';
import type { Content, Payload } from '../../../lib/intake/payload.ts';
import { StoreError } from '../../../lib/store/port.ts';
import { bench, NOW_MS } from './support.ts';

const targets = {
  notes: { format: 'raw', key: 'notes/{path}', contentType: 'text/plain' },
  hours: { format: 'log', key: 'hours/{time:yyyy-MM-dd-HH}' },
  tenants: { format: 'log', key: 'tenants/{field.tenant}' },
} as const;

const CALL: IntakeCall = { remainingMs: () => 5000, invalid: 'fails-call' };

const json = (text: string): Content => ({ kind: 'json', json: text });
const of = (content: Content, more: Partial<Payload> = {}): Payload => ({ content, source: 'test', ...more });
const tenant = (name: string, text: string, id?: string) =>
  of(json(text), { id, fields: new Map([['tenant', name]]) });

const receipts = (outcomes: readonly Outcome[]) =>
  outcomes.map((outcome) => ('receipt' in outcome ? outcome.receipt : null));
const codes = (outcomes: readonly Outcome[]) =>
  outcomes.map((outcome) => ('error' in outcome ? (outcome.error as IntakeError).code : 'in'));

describe('the intake of a log', () => {
  it('appends the records of a call to each object at once, in their order', async () => {
    const { intake, target, appends, lines } = bench({ targets });
    const outcomes = await intake.take(
      target('tenants'),
      [tenant('a', '1'), tenant('b', '2'), tenant('a', '3'), tenant('b', '4')],
      CALL,
    );
    expect(receipts(outcomes)).toMatchObject([
      { object: 'tenants/a', record: 0 },
      { object: 'tenants/b', record: 0 },
      { object: 'tenants/a', record: 1 },
      { object: 'tenants/b', record: 1 },
    ]);
    expect(appends.sort()).toEqual(['tenants/a', 'tenants/b']);
    expect(await lines('tenants/a')).toEqual(['1', '3']);
    expect(await lines('tenants/b')).toEqual(['2', '4']);
  });

  it('takes a record once, however often it comes', async () => {
    const { intake, target, lines } = bench({ targets });
    const twice = [tenant('a', '1', 'x'), tenant('a', '1', 'x')];
    const first = await intake.take(target('tenants'), twice, CALL);
    const second = await intake.take(target('tenants'), twice, CALL);
    expect(receipts(first)).toMatchObject([{ repeat: false }, { repeat: true }]);
    expect(receipts(second)).toMatchObject([{ repeat: true }, { repeat: true }]);
    expect(await lines('tenants/a')).toEqual(['1']);
  });

  it('takes the time of a record from the record, from its id, from its arrival, in this order', async () => {
    const { intake, target, runtime } = bench({ targets });
    const id = runtime.uuid(Date.UTC(2026, 0, 1, 5));
    const outcomes = await intake.take(
      target('hours'),
      [
        of(json('1'), { id, timeMs: Date.UTC(2025, 0, 1, 7) }),
        of(json('2'), { id: `${id}` }),
        of(json('3'), { id: 'm-3' }),
        of(json('4')),
      ],
      CALL,
    );
    expect(receipts(outcomes).map((receipt) => receipt?.object)).toEqual([
      'hours/2025-01-01-07',
      'hours/2026-01-01-05',
      'hours/2026-11-22-20',
      'hours/2026-11-22-20',
    ]);
  });

  it('gives a record without an id one under which it can be sent again, to the same object', async () => {
    const it = bench({ targets });
    const [first] = receipts(await it.intake.take(it.target('hours'), [of(json('1'))], CALL));
    it.nowMs = NOW_MS + 3_600_000;
    const id = first && 'id' in first ? String(first.id) : '';
    const [again] = receipts(await it.intake.take(it.target('hours'), [of(json('1'), { id })], CALL));
    expect(again).toEqual({ ...first, repeat: true });
  });

  it.each([
    ['numbers beyond doubles', json('{"n":9007199254740993}'), '{"n":9007199254740993}'],
    ['text', { kind: 'text', text: 'a\n"b"' }, '"a\\n\\"b\\""'],
    ['bytes', { kind: 'bytes', bytes: Uint8Array.of(0, 255) }, '{"$bytes":"AP8="}'],
    ['JSON that was not announced', { kind: 'json-or-text', text: '{"a" : 1e400}' }, '{"a" : 1e400}'],
    ['text that was not announced', { kind: 'json-or-text', text: '{"a"' }, '"{\\"a\\""'],
    ['an empty text', { kind: 'json-or-text', text: '' }, '""'],
    ['a record that looks like one of ours', json('{"$commit":1}'), '{"$record":{"$commit":1}}'],
  ] as const)('keeps %s', async (_what, content, line) => {
    const it = bench({ targets });
    await it.intake.take(it.target('hours'), [of(content)], CALL);
    expect(await it.lines('hours/2026-11-22-20')).toEqual([line]);
  });

  it.each([
    ['no JSON', of(json('{'))],
    ['an id that is none', of(json('1'), { id: '' })],
    ['an id with a line end', of(json('1'), { id: 'a\nb' })],
    ['an endless id', of(json('1'), { id: 'x'.repeat(10_000) })],
    ['a time that is none', of(json('1'), { timeMs: Number.NaN, fields: new Map([['tenant', 'a']]) })],
  ])('refuses %s, and says which record', async (_what, payload) => {
    const { intake, target, appends } = bench({ targets });
    const fields = new Map([['tenant', 'a']]);
    const call = intake.take(target('tenants'), [of(json('1'), { fields }), { ...payload, fields }], CALL);
    await expect(call).rejects.toMatchObject({ code: 'MalformedPayload', httpStatus: 400, fate: 'not-in' });
    await expect(call).rejects.toThrowError(/^Record 2 of 2: /);
    expect(appends).toEqual([]);
  });
});

describe('the intake of a raw target', () => {
  it('appends payloads for the same object at once, and tells where each is', async () => {
    const { intake, target, appends, text, store } = bench({ targets });
    const payload = (text: string) => of({ kind: 'json-or-text', text }, { path: 'x' });
    await intake.take(target('notes'), [payload('first ')], CALL);
    const outcomes = await intake.take(target('notes'), [payload('sécond '), payload('third')], CALL);
    expect(receipts(outcomes)).toEqual([
      { object: 'notes/x', start: 6, end: 14 },
      { object: 'notes/x', start: 14, end: 19 },
    ]);
    expect(appends).toHaveLength(2);
    expect(await text('notes/x')).toBe('first sécond third');
    expect(await store.head('notes/x', { timeoutMs: 1000 })).toMatchObject({ contentType: 'text/plain' });
  });

  it('refuses an empty payload, and text that has no bytes', async () => {
    const { intake, target, appends } = bench({ targets });
    for (const [text, code] of [
      ['', 'EmptyPayload'],
      ['\ud800', 'MalformedPayload'],
    ] as const) {
      const call = intake.take(target('notes'), [of({ kind: 'json-or-text', text }, { path: 'x' })], CALL);
      await expect(call).rejects.toMatchObject({ code });
    }
    expect(appends).toEqual([]);
  });
});

describe('a call', () => {
  it('leaves nothing behind if one of its payloads is bad', async () => {
    const { intake, target, appends } = bench({ targets });
    const payloads = [tenant('a', '1'), tenant('../b', '2')];
    await expect(intake.take(target('tenants'), payloads, CALL)).rejects.toMatchObject({
      code: 'InvalidKey',
    });
    expect(appends).toEqual([]);
  });

  it('appends the good ones if the bad ones are to fail alone', async () => {
    const { intake, target, lines } = bench({ targets });
    const payloads = [tenant('a', '1'), tenant('../b', '2'), tenant('a', '{'), tenant('a', '4')];
    const outcomes = await intake.take(target('tenants'), payloads, { ...CALL, invalid: 'fails-alone' });
    expect(codes(outcomes)).toEqual(['in', 'InvalidKey', 'MalformedPayload', 'in']);
    expect(await lines('tenants/a')).toEqual(['1', '4']);
  });

  it('tells of each payload what became of it, when one object refuses', async () => {
    const it = bench({ targets });
    const failure = new StoreError('AccessDenied', 'no', { status: 403, requestId: 'r-1' });
    it.intercept = (key) => (key === 'tenants/a' ? { kind: 'failed', failure } : undefined);
    const payloads = [tenant('a', '1'), tenant('b', '2'), tenant('a', '3')];
    const outcomes = await it.intake.take(it.target('tenants'), payloads, CALL);
    expect(codes(outcomes)).toEqual(['AppendRefused', 'in', 'AppendRefused']);
    expect(await it.text('tenants/a')).toBeNull();
    expect(await it.lines('tenants/b')).toEqual(['2']);
  });

  it('takes a condition about one object only', async () => {
    const { intake, target, appends } = bench({ targets });
    const payloads = [tenant('a', '1'), tenant('b', '2')];
    const call = intake.take(target('tenants'), payloads, { ...CALL, ifPosition: 0 });
    await expect(call).rejects.toMatchObject({ code: 'InvalidCondition', httpStatus: 400 });
    expect(appends).toEqual([]);
  });

  it('appends only at the position that was asked for', async () => {
    const { intake, target, lines } = bench({ targets });
    const take = (ifPosition: number) =>
      intake.take(target('tenants'), [tenant('a', '1')], { ...CALL, ifPosition });
    expect(codes(await take(3))).toEqual(['PositionMismatch']);
    expect(codes(await take(0))).toEqual(['in']);
    expect(await lines('tenants/a')).toEqual(['1']);
  });

  it('keeps back time to answer', async () => {
    const { intake, target, appends } = bench({ targets });
    const outcomes = await intake.take(target('tenants'), [tenant('a', '1')], {
      ...CALL,
      remainingMs: () => 200,
    });
    expect(codes(outcomes)).toEqual(['NotAppended']);
    expect(appends).toEqual([]);
  });

  it('serves more objects than it appends to at once', async () => {
    const { intake, target, appends } = bench({ targets });
    const payloads = Array.from({ length: 100 }, (_, index) => tenant(`t${index}`, '1'));
    expect(codes(await intake.take(target('tenants'), payloads, CALL))).toEqual(Array(100).fill('in'));
    expect(new Set(appends).size).toBe(100);
  });
});

describe('an intake error', () => {
  it('goes by its code as its name, so that a platform reports it as such', () => {
    const error = new IntakeError('UnknownTarget', 'x');
    expect([error.name, error.httpStatus, error.fate]).toEqual(['UnknownTarget', 404, 'not-in']);
  });
});
