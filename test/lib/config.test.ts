import { describe, expect, it } from 'vitest';
import example from '../../append.config.ts';
import { ConfigError } from '../../lib/config/error.ts';
import { type ConfigInput, defineConfig } from '../../lib/config.ts';

/** What is wrong with a configuration, which may be of any shape: types do not reach what is loaded. */
function problems(input: unknown): readonly string[] {
  try {
    defineConfig(input as ConfigInput<string>);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const log = (key: string) => ({ format: 'log', key }) as const;
const raw = (key: string) => ({ format: 'raw', key }) as const;

describe('the configuration', () => {
  it('fills in what is not said', () => {
    const { targets, queues, schedules } = defineConfig({
      targets: { a: raw('a/{path}'), b: log('b/{time:yyyy}'), c: { ...log('c/x'), cloudEvents: 'event' } },
      queues: { orders: { target: 'b' } },
      schedules: { hourly: { target: 'c' } },
    });
    expect(targets.get('a')).toMatchObject({
      name: 'a',
      format: 'raw',
      contentType: 'application/octet-stream',
    });
    expect(targets.get('b')).toMatchObject({ contentType: 'application/x-ndjson', cloudEvents: 'data' });
    expect(targets.get('c')).toMatchObject({ cloudEvents: 'event' });
    expect(queues.get('orders')).toBe(targets.get('b'));
    expect(schedules.get('hourly')).toBe(targets.get('c'));
  });

  it('is sound in the example', () => {
    expect([...example.targets.keys()]).toEqual(['notes', 'events']);
  });

  it('takes the names of its own targets only, also for the compiler', () => {
    const input = { targets: { a: log('a/x') }, queues: { q: { target: 'b' } } } as const;
    // @ts-expect-error: there is no target b
    expect(() => defineConfig(input)).toThrowError(ConfigError);
  });

  it('tells all mistakes at once, each with its place and what to write', () => {
    expect(
      problems({
        targets: {
          'no spaces': log('s/x'),
          a: { format: 'log' },
          b: { format: 'csv', key: 'b/x' },
          c: log('c/{date}'),
          d: { ...raw('d/{path}'), contentType: 'text', compress: true },
          e: { ...raw('e/x'), cloudEvents: 'data' },
          f: { ...log('f/x'), cloudEvents: 'all' },
          g: 'g/x',
        },
        queues: { q: { target: 'z' }, r: 'a' },
        schedules: { t: {} },
        topics: {},
      }),
    ).toEqual([
      'targets.no spaces: write targets by name, with letters, digits, - and _ in a name (it is part of the URL)',
      'topics: there is no such setting; there are targets, queues, schedules',
      'targets.a.key: is missing; write a key such as "events/{time:yyyy/MM/dd/HH}.ndjson"',
      'targets.b.format: write "log" (NDJSON, every record exactly once) or "raw" (bytes as they come)',
      'targets.c.key: {date} is no placeholder; there are {path}, {time:yyyy/MM/dd/HH}, {queue} and {field.NAME}',
      'targets.d.contentType: write a MIME type such as "text/plain"',
      'targets.d.compress: there is no such setting; there are format, key, contentType',
      'targets.e.cloudEvents: there is no such setting; there are format, key, contentType',
      'targets.f.cloudEvents: write "data" or "event"',
      'targets.g: write "log" (NDJSON, every record exactly once) or "raw" (bytes as they come)',
      'queues.q.target: write the name of a target: no spaces, a, b, c, d, e, f, g',
      'queues.r: write an object with target',
      'schedules.t.target: is missing; write the name of a target: no spaces, a, b, c, d, e, f, g',
    ]);
  });

  it('says so when there is nothing, or something else', () => {
    expect(problems({})).toEqual([expect.stringContaining('targets: is missing')]);
    expect(problems({ targets: {} })).toEqual(['targets: write one target or more']);
    for (const nothing of [undefined, null, 3, []]) {
      expect(problems(nothing)).toEqual([
        'the configuration: write an object with targets, queues, schedules',
      ]);
    }
  });

  it('puts all problems into the message of its error', () => {
    expect(() => defineConfig({ targets: {} })).toThrowError(/append\.config\.ts.*\n {2}targets: write one/);
  });

  it('keeps two targets from writing the same object', () => {
    const [problem, ...more] = problems({
      targets: { a: raw('x/{path}'), b: log('x/y/{time:yyyy}'), c: log('z/x') },
    });
    expect(problem).toMatch(/^targets\.b\.key: could write the keys of targets\.a; .*directory each$/);
    expect(more).toEqual([]);
  });

  it('asks of a target only what its queues and timers bring', () => {
    const targets = { p: raw('p/{path}'), q: log('q/{queue}'), f: log('f/{field.tenant}') };
    expect(problems({ targets, queues: { ok: { target: 'q' }, fine: { target: 'f' } } })).toEqual([]);
    expect(problems({ targets, queues: { a: { target: 'p' }, 'b/c': { target: 'q' } } })).toEqual([
      'queues.a.target: p needs {path}, and a queue message brings no path; take it out of the key, or choose another target',
      'queues.b/c.target: q has {queue} in its key, which this name cannot be part of: The name of the queue may not hold a slash.',
    ]);
    expect(
      problems({ targets, schedules: { a: { target: 'p' }, b: { target: 'q' }, c: { target: 'f' } } }),
    ).toEqual([
      expect.stringContaining('schedules.a.target: p needs {path}, and a timer brings no path'),
      expect.stringContaining('schedules.b.target: q needs {queue}, and a timer brings none'),
      expect.stringContaining('schedules.c.target: f needs {field.tenant}, and a timer brings no fields'),
    ]);
  });

  it('takes no content type that could end a header', () => {
    for (const contentType of ['text/plain\r\nx: y', 'text/plain; a="\u0007"', 'text', '']) {
      expect(problems({ targets: { a: { ...raw('a/x'), contentType } } })).toHaveLength(1);
    }
    for (const contentType of ['text/plain; charset=utf-8', 'application/vnd.x+json', 'a/b;c="d e"']) {
      expect(problems({ targets: { a: { ...raw('a/x'), contentType } } })).toEqual([]);
    }
  });
});
