import { describe, expect, it } from 'vitest';
import { CODES, ruleOf } from '../../../lib/append/errors.ts';

const failure = (code: string, status: number | null, delayMs: number | null = null) => ({
  code,
  status,
  delayMs,
});

describe('the table of codes', () => {
  it('tries again with the same bytes at the same position exactly where the bytes may be in or were turned away', () => {
    for (const [code, rule] of Object.entries(CODES)) {
      expect(rule.retry, code).toBe(
        { conflict: 'rebase', unclear: 'same', throttled: 'same', barred: 'never', refused: 'never' }[
          rule.outcome
        ],
      );
      expect(rule.mayHaveWritten, code).toBe(rule.outcome === 'unclear');
      expect(rule.httpStatus, code).toBeGreaterThanOrEqual(400);
      expect(rule.advice, code).toMatch(/\.$/);
    }
  });

  it('judges a code it does not have by its status', () => {
    expect(ruleOf(failure('Brand-new', 500)).outcome).toBe('unclear');
    expect(ruleOf(failure('Brand-new', null)).outcome).toBe('unclear');
    expect(ruleOf(failure('Brand-new', 400)).outcome).toBe('refused');
    expect(ruleOf(failure('constructor', 400)).outcome).toBe('refused');
  });

  it('takes a 503 that names a delay for a throttle, and one that does not for unclear', () => {
    expect(ruleOf(failure('ServiceUnavailable', 503, 200)).outcome).toBe('throttled');
    expect(ruleOf(failure('ServiceUnavailable', 503)).outcome).toBe('unclear');
  });
});
