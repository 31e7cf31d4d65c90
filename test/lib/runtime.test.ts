import { describe, expect, it } from 'vitest';
import { timeOfId } from '../../lib/intake/id-time.ts';
import { systemRuntime } from '../../lib/runtime.ts';

describe('the system runtime', () => {
  it('makes UUIDs of version 7 that carry their time and are all different', () => {
    const { uuid } = systemRuntime();
    const atMs = Date.UTC(2026, 10, 22);
    const made = Array.from({ length: 1000 }, () => uuid(atMs));
    for (const id of made) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(timeOfId(id)).toBe(atMs);
    }
    expect(new Set(made).size).toBe(made.length);
  });

  it('logs one line of JSON an event, shortened where a field is long', () => {
    const lines: string[] = [];
    const { log } = systemRuntime((line) => lines.push(line));
    log.info('a', { text: 'x\ny', count: 1, none: undefined });
    log.warn('b', { text: 'x'.repeat(100_000) });
    log.error('c');
    expect(lines.every((line) => /^[^\n]+\n$/.test(line) && line.length < 5000)).toBe(true);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'info', event: 'a', text: 'x\ny', count: 1 },
      { level: 'warn', event: 'b', text: expect.stringMatching(/^x+…$/) },
      { level: 'error', event: 'c', time: expect.stringMatching(/Z$/) },
    ]);
  });
});
