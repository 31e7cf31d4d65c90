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
    expect([...example.targets.keys()]).toEqual(['notes', 'events', 'stats']);
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
      'topics: there is no such setting; there are targets, queues, schedules, access, deadLetters, jobs, jobLogs, cors',
      'targets.a.key: is missing; write a key such as "events/{time:yyyy/MM/dd/HH}.ndjson"',
      'targets.b.format: write "log" (NDJSON, every record exactly once) or "raw" (bytes as they come)',
      'targets.c.key: {date} is no placeholder; there are {path}, {time:yyyy/MM/dd/HH}, {queue}, {field.NAME} and {lane}',
      'targets.d.contentType: write a MIME type such as "text/plain"',
      'targets.d.compress: there is no such setting; there are format, key, contentType, lanes, access, readable',
      'targets.e.cloudEvents: there is no such setting; there are format, key, contentType, lanes, access, readable',
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
        'the configuration: write an object with targets, queues, schedules, access, deadLetters, jobs, jobLogs, cors',
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

  it('knows that a log goes on in segments, with keys of its own', () => {
    const [problem, ...more] = problems({
      targets: {
        a: log('x/all.ndjson'),
        b: raw('x/all~2/{path}'),
        c: log('x/all-2.ndjson'),
        d: raw('x/all'),
      },
    });
    expect(problem).toMatch(/^targets\.b\.key: could write the keys of targets\.a; /);
    expect(more).toEqual([]);
    expect(problems({ targets: { a: log('x/all~00001.ndjson') } })).toEqual([
      'targets.a.key: its keys would not be allowed: a key has "~" and five digits or more before its extension, as a later segment of another log has',
    ]);
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

  it('keeps dead letters in a log of their own, which is no target', () => {
    const targets = { a: raw('a/{path}') };
    const { deadLetters, targets: made } = defineConfig({ targets });
    expect(deadLetters).toMatchObject({ format: 'log', contentType: 'application/x-ndjson', lanes: null });
    expect(deadLetters.key.text).toBe('dead-letters/{queue}/{time:yyyy/MM/dd}.ndjson');
    expect([...made.keys()]).toEqual(['a']);
    expect(defineConfig({ targets, deadLetters: { key: 'dead/all.ndjson' } }).deadLetters.key.text).toBe(
      'dead/all.ndjson',
    );
  });

  it('keeps dead letters apart from the targets, and gives them no key that they cannot make', () => {
    const targets = { a: raw('a/{path}'), d: log('dead-letters/x') };
    expect(problems({ targets })).toEqual([
      expect.stringMatching(/^deadLetters\.key: could write the keys of targets\.d; .*directory each$/),
    ]);
    const key = (text: unknown) => problems({ targets: { a: raw('a/{path}') }, deadLetters: text });
    expect(key({ key: 'x/{path}' })).toEqual([expect.stringContaining('deadLetters.key: needs {path}, and')]);
    expect(key({ key: 'x/{lane}' })).toEqual([expect.stringContaining('deadLetters.key: needs {lane}, and')]);
    expect(key({ key: 'x/{field.t}' })).toEqual([expect.stringContaining('needs {field.t}, and')]);
    expect(key({ key: '{queue}' })).toEqual([expect.stringContaining('deadLetters.key: start it with')]);
    expect(key({ key: 'x/y', format: 'raw' })).toEqual([
      'deadLetters.format: there is no such setting; there are key',
    ]);
    expect(key('x')).toEqual(['deadLetters: write an object with key']);
    expect(key({})).toEqual([expect.stringContaining('deadLetters.key: is missing')]);
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

describe('what a log remembers and how long it gets', () => {
  const settings = (more: object) => {
    const input = { targets: { a: { ...log('a/x'), ...more } } };
    const { dedupe, segmentBytesMax } = defineConfig(input).targets.get('a') ?? {};
    return { dedupe, segmentBytesMax };
  };

  it('is 16,000 records of any age and 1 GiB, unless it is set', () => {
    expect(settings({})).toEqual({ dedupe: { records: 16_000, ageMs: null }, segmentBytesMax: 1024 ** 3 });
    expect(settings({ dedupe: {} })).toEqual(settings({}));
    expect(settings({ dedupe: { ageMs: 60_000 }, segmentBytesMax: 4 * 1024 ** 3 })).toEqual({
      dedupe: { records: 16_000, ageMs: 60_000 },
      segmentBytesMax: 4 * 1024 ** 3,
    });
    expect(settings({ dedupe: { records: 1_000_000 }, segmentBytesMax: 1024 })).toEqual({
      dedupe: { records: 1_000_000, ageMs: null },
      segmentBytesMax: 1024,
    });
  });

  it.each([
    [{ dedupe: { records: 0 } }, 'dedupe.records: write a number of records from 1 to 1,000,000'],
    [{ dedupe: { records: 1_000_001 } }, 'dedupe.records: write a number of records from 1 to 1,000,000'],
    [{ dedupe: { records: 1.5 } }, 'dedupe.records: write a number of records from 1 to 1,000,000'],
    [{ dedupe: { ageMs: 59_999 } }, 'dedupe.ageMs: write an age in milliseconds, 60,000 or more'],
    [{ dedupe: { ageMs: '1h' } }, 'dedupe.ageMs: write an age in milliseconds, 60,000 or more'],
    [{ dedupe: { bytes: 1 } }, 'dedupe.bytes: there is no such setting; there are records, ageMs'],
    [{ dedupe: 16_000 }, 'dedupe: write an object with records, ageMs'],
    [
      { segmentBytesMax: 1023 },
      'segmentBytesMax: write a length in bytes from 1,024 to 4,294,967,296 (4 GiB)',
    ],
    [
      { segmentBytesMax: 4 * 1024 ** 3 + 1 },
      'segmentBytesMax: write a length in bytes from 1,024 to 4,294,967,296 (4 GiB)',
    ],
  ])('cannot be %j', (more, problem) => {
    expect(problems({ targets: { a: { ...log('a/x'), ...more } } })).toEqual([`targets.a.${problem}`]);
  });

  it('is not to be set for a raw target', () => {
    for (const more of [{ dedupe: {} }, { segmentBytesMax: 1024 }]) {
      const [name] = Object.keys(more);
      expect(problems({ targets: { a: { ...raw('a/x'), ...more } } })).toEqual([
        `targets.a.${name}: there is no such setting; there are format, key, contentType, lanes, access, readable`,
      ]);
    }
  });
});

describe('lanes', () => {
  const target = (format: 'raw' | 'log', lanes: unknown, key = 'a/{lane}') => ({
    targets: { a: { format, key, lanes } },
  });

  it('are by the id, by a field or by the instance, or there are none', () => {
    const { targets } = defineConfig({
      targets: {
        a: { ...log('a/{lane}'), lanes: { by: 'id', count: 2 } },
        b: { ...raw('b/{field.x}/{lane}'), lanes: { by: 'field.y', count: 1024 } },
        c: { ...raw('c/{lane}/{path}'), lanes: { by: 'instance' } },
        d: log('d/x'),
        e: { ...log('e/{field.x}/{lane}'), lanes: { by: 'field.x', count: 3 } },
      },
    });
    expect([...targets.values()].map(({ lanes, fields }) => ({ lanes, fields }))).toEqual([
      { lanes: { by: 'id', count: 2 }, fields: [] },
      { lanes: { by: 'field', field: 'y', count: 1024 }, fields: ['x', 'y'] },
      { lanes: { by: 'instance' }, fields: [] },
      { lanes: null, fields: [] },
      { lanes: { by: 'field', field: 'x', count: 3 }, fields: ['x'] },
    ]);
  });

  it('of a raw target cannot be by the id, also for the compiler', () => {
    const lanes = { by: 'id', count: 2 } as const;
    // @ts-expect-error: a payload of a raw target has no id
    expect(() => defineConfig({ targets: { a: { ...raw('a/{lane}'), lanes } } })).toThrowError(
      'targets.a.lanes.by: write "field.NAME" or "instance"',
    );
  });

  it.each([
    [{ by: 'id' }, 'lanes.count: is missing; write how many lanes, from 2 to 1024'],
    [{ by: 'id', count: 1 }, 'lanes.count: write how many lanes, from 2 to 1024'],
    [{ by: 'field.x', count: 1025 }, 'lanes.count: write how many lanes, from 2 to 1024'],
    [{ by: 'id', count: 2.5 }, 'lanes.count: write how many lanes, from 2 to 1024'],
    [{ by: 'instance', count: 2 }, 'lanes.count: each instance has a lane; take it out'],
    [{ by: 'tenant', count: 2 }, 'lanes.by: write "id", "field.NAME" or "instance"'],
    [{ by: 'field.', count: 2 }, 'lanes.by: write "id", "field.NAME" or "instance"'],
    [{ count: 2 }, 'lanes.by: is missing; write "id", "field.NAME" or "instance"'],
    [{ by: 'id', count: 2, of: 3 }, 'lanes.of: there is no such setting; there are by, count'],
    [16, 'lanes: write an object with by, count'],
  ])('cannot be %j', (lanes, problem) => {
    expect(problems(target('log', lanes))).toEqual([`targets.a.${problem}`]);
  });

  it('need {lane} in the key, once, and it needs them', () => {
    const lanes = { by: 'field.x', count: 4 };
    expect(problems(target('raw', lanes, 'a/x'))).toEqual([
      'targets.a.key: write {lane} in it, so that each lane has an object, or take lanes out',
    ]);
    expect(problems(target('raw', lanes, 'a/{lane}/{lane}'))).toEqual([
      'targets.a.key: use {lane} only once',
    ]);
    expect(problems(target('raw', undefined))).toEqual([
      'targets.a.lanes: is missing, and {lane} is in the key; write such as { by: "field.NAME", count: 16 }, or take {lane} out',
    ]);
    expect(problems(target('log', undefined))).toEqual([expect.stringContaining('{ by: "id", count: 16 }')]);
  });

  it('by a field are none for a timer, which brings no fields', () => {
    const door = { d: { target: 'a' } };
    const byField = target('log', { by: 'field.x', count: 4 });
    expect(problems({ ...byField, queues: door })).toEqual([]);
    expect(problems({ ...byField, schedules: door })).toEqual([
      'schedules.d.target: a has lanes by field.x, and a timer brings no fields; choose other lanes, or another target',
    ]);
    expect(problems({ ...target('log', { by: 'id', count: 4 }), schedules: door })).toEqual([]);
  });
});

describe('cors', () => {
  const targets = { a: log('a/x') };

  it('is for no origin, for some, or for all', () => {
    expect(defineConfig({ targets }).cors).toBeNull();
    for (const origins of ['*', ['https://app.example', 'http://[2001:db8::1]:8080']] as const)
      expect(defineConfig({ targets, cors: { origins } }).cors).toEqual({ origins });
  });

  it('takes origins as browsers send them, and says so', () => {
    const wrong = [
      'https://app.example/',
      'https://App.example',
      'https://app.example:443',
      'app.example',
      'https://*.example',
      '*',
      'null',
      'ftp://a.example',
      3,
    ];
    for (const origin of wrong) {
      const told = problems({ targets, cors: { origins: ['https://ok.example', origin] } });
      expect(told, String(origin)).toEqual([
        expect.stringMatching(
          /^cors\.origins\.1: write an origin as browsers send it.*"https:\/\/app\.example"$/,
        ),
      ]);
    }
  });

  it('says what to write instead of anything else', () => {
    for (const origins of [[], 'https://app.example', 3])
      expect(problems({ targets, cors: { origins } })).toEqual([
        'cors.origins: write "*" for all pages, or a list of origins such as ["https://app.example"]',
      ]);
    expect(problems({ targets, cors: {} })).toEqual([
      'cors.origins: is missing; write "*" for all pages, or a list of origins such as ["https://app.example"]',
    ]);
    for (const cors of [null, '*', true])
      expect(problems({ targets, cors })).toEqual(['cors: write an object with origins']);
    expect(problems({ targets, cors: { origins: '*', methods: [] } })).toEqual([
      'cors.methods: there is no such setting; there are origins',
    ]);
  });
});
