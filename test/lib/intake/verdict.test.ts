import { describe, expect, it } from 'vitest';
import { AppendRefused, CODES, NotAppended, OutcomeUnknown, ruleOf } from '../../../lib/append/errors.ts';
import { IntakeError } from '../../../lib/intake/errors.ts';
import { failureOf } from '../../../lib/intake/failure.ts';
import { verdictOf } from '../../../lib/intake/verdict.ts';

const judged = (error: unknown) => verdictOf(failureOf(error));

describe('the verdict on a message that was not appended', () => {
  it.each([
    'UndecodableMessage',
    'UnknownQueue',
    'InvalidKey',
    'MalformedPayload',
    'InvalidRecord',
    'PayloadTooLarge',
    'UnsupportedMediaType',
  ])('is to park it for %s, which ends the same however often it comes', (code) => {
    expect(verdictOf({ code, fate: 'not-in' })).toBe('park');
  });

  it('is to drop what is empty', () => {
    expect(judged(new IntakeError('EmptyPayload', 'empty'))).toBe('drop');
  });

  it('is that the call fails for what may pass, or is not the fault of the message', () => {
    const refusals = Object.entries(CODES).filter(([, { outcome }]) => outcome === 'refused');
    expect(refusals.length).toBeGreaterThan(5);
    for (const [storeCode, rule] of refusals) {
      expect(judged(new AppendRefused(rule, { storeCode }))).toBe('again');
    }
    const unknown = ruleOf({ code: 'SomethingNew', status: 400, delayMs: null });
    expect(judged(new AppendRefused(unknown, {}))).toBe('again');
    expect(judged(new NotAppended('no time'))).toBe('again');
    expect(judged(new OutcomeUnknown('no answer'))).toBe('again');
    expect(judged(new IntakeError('MissingCredentials', 'no role'))).toBe('again');
  });

  it('is that the call fails for anything that is not known, or may be in', () => {
    expect(judged(new TypeError('InvalidKey'))).toBe('again');
    expect(judged('InvalidKey')).toBe('again');
    for (const code of ['NoSuchCode', 'toString', '__proto__', '']) {
      expect(verdictOf({ code, fate: 'not-in' })).toBe('again');
    }
    for (const fate of ['unknown', 'in'] as const)
      expect(verdictOf({ code: 'InvalidKey', fate })).toBe('again');
  });
});
