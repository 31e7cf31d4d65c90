import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { accessRules } from '../../../infra/deploy/access.ts';
import { checkTemplate, type Surroundings, surroundings } from '../../../infra/deploy/check.ts';
import { isRecord, pathText } from '../../../infra/deploy/template.ts';
import { cronProblem } from '../../../infra/deploy/triggers.ts';
import { defineConfig } from '../../../lib/config.ts';

const SHIPPED = readFileSync(new URL('../../../s.yaml', import.meta.url), 'utf8');
const ENVIRONMENT = { OSS_BUCKET: 'a-bucket', ALIBABA_CLOUD_ACCOUNT_ID: '1234567890123456' };
const AROUND: Surroundings = {
  functions: ['aggregate', 'http', 'queue', 'schedule', 'web'],
  routes: {
    queues: ['events'],
    schedules: ['heartbeat'],
    jobs: ['events-table'],
    retained: [],
    logs: ['events'],
  },
  access: { leftToTrigger: [], secretVariables: [] },
  cors: false,
  scheduled: new Map(),
};

type Path = readonly (string | number)[];

const check = (text: string, around = AROUND) => checkTemplate(text, ENVIRONMENT, around);
const shipped = (): unknown => parse(SHIPPED);

/** What the check says about s.yaml with one change. */
function changed(
  path: Path,
  change: (parent: Record<string | number, unknown>, key: string | number) => void,
) {
  // Through text and back, so that a YAML anchor's places can be changed one at a time.
  const document: unknown = JSON.parse(JSON.stringify(shipped()));
  let parent: unknown = document;
  for (const key of path.slice(0, -1)) parent = isIndexable(parent) ? parent[key] : undefined;
  const last = path.at(-1);
  if (last === undefined || !isIndexable(parent)) throw new Error(`no such place: ${pathText(path)}`);
  change(parent, last);
  return check(stringify(document));
}

const set = (path: Path, value: unknown) =>
  changed(path, (parent, key) => {
    parent[key] = value;
  });

function isIndexable(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Every place of the document, objects and lists included. */
function places(value: unknown, path: Path = []): readonly Path[] {
  const keys = Array.isArray(value) ? [...value.keys()] : isRecord(value) ? Object.keys(value) : [];
  return keys.flatMap((key) => {
    const child = [...path, key];
    return [child, ...places(isIndexable(value) ? value[key] : undefined, child)];
  });
}

const trigger = (resource: string, ...rest: Path): Path => [
  'resources',
  resource,
  'props',
  'triggers',
  0,
  ...rest,
];
const stream = (...rest: Path) => trigger('queue', 'triggerConfig', ...rest);
const prop = (resource: string, ...rest: Path): Path => ['resources', resource, 'props', ...rest];

describe('the shipped s.yaml', () => {
  it('can be deployed, and agrees with functions/ and append.config.ts', async () => {
    const around = await surroundings();
    expect(around.functions.length).toBeGreaterThan(0);
    expect(around.routes).not.toBeNull();
    expect(check(SHIPPED, around)).toEqual([]);
  });

  it('says which environment variables it needs, each once', () => {
    expect(checkTemplate(SHIPPED, {}, AROUND)).toEqual([
      { path: 'vars.bucket', message: expect.stringContaining('OSS_BUCKET') },
      { path: 'vars.accountId', message: expect.stringContaining('ALIBABA_CLOUD_ACCOUNT_ID') },
    ]);
  });
});

describe('any one change to s.yaml', () => {
  /** Objects whose keys are the user's own. */
  const free = /^(vars|resources|resources\.\w+\.props\.environmentVariables)$/;
  const optional = /\.(description|asyncInvokeConfig|destinationConfig|payload)$/;
  const all = places(shipped());
  const keys = all.filter(
    (path) => typeof path.at(-1) === 'string' && !free.test(pathText(path.slice(0, -1))),
  );
  const inside = (found: string, path: string) =>
    found === path || found.startsWith(`${path}.`) || found.startsWith(`${path}[`);

  it('that misspells a key is refused at that key', () => {
    expect(keys.length).toBeGreaterThan(80);
    for (const path of keys.filter((one) => pathText(one) !== 'vars')) {
      const last = `${String(path.at(-1))}X`;
      const problems = changed(path, (parent, key) => {
        parent[last] = parent[key];
        delete parent[key];
      });
      // The keys that say which kind this is cannot be checked further once they are gone.
      const kind = ['runtime', 'triggerType', 'eventSourceType'].includes(String(path.at(-1)));
      const expected = pathText(kind ? path : [...path.slice(0, -1), last]);
      expect(problems.map((problem) => problem.path)).toContain(expected);
    }
  });

  it('that removes a required key is refused at its place', () => {
    for (const path of keys.filter((one) => !optional.test(pathText(one)) && pathText(one) !== 'vars')) {
      const problems = changed(path, (parent, key) => {
        delete parent[key];
      });
      expect(problems.map((problem) => problem.path)).toContain(pathText(path));
    }
  });

  it('that makes a value of the wrong type is refused in that value', () => {
    for (const path of all.filter((one) => one[0] !== 'vars')) {
      const problems = set(path, [[]]);
      expect(
        problems.filter((problem) => inside(problem.path, pathText(path))),
        pathText(path),
      ).not.toEqual([]);
    }
  });
});

describe('values the platform would refuse or misread', () => {
  const cases: readonly (readonly [string, Path, unknown])[] = [
    ['memory that is no multiple of 64 MB', prop('http', 'memorySize'), 500],
    ['more memory than the CPU may have', prop('http', 'memorySize'), 4096],
    ['concurrency in a built-in runtime', prop('http', 'instanceConcurrency'), 10],
    ['concurrency over 200', prop('web', 'instanceConcurrency'), 201],
    ['a handler of another form', prop('http', 'handler'), 'dist/http.handler'],
    ['a runtime that does not exist', prop('http', 'runtime'), 'nodejs22'],
    ['a stream that outlasts its batch', prop('queue', 'timeout'), 301],
    ['a reserved environment variable', prop('http', 'environmentVariables', 'FC_REGION'), 'x'],
    ['an environment variable that is no text', prop('http', 'environmentVariables', 'DEPTH'), 3],
    ['no role', prop('http', 'role'), ''],
    [
      'an http trigger open to a token nobody configured',
      trigger('http', 'triggerConfig', 'authType'),
      'jwt',
    ],
    ['an unknown method', trigger('http', 'triggerConfig', 'methods', 0), 'APPEND'],
    ['five cron fields', trigger('schedule', 'triggerConfig', 'cronExpression'), '* * * * *'],
    ['messages acknowledged before they are appended', stream('asyncInvocationType'), true],
    ['one message a call', stream('runOptions', 'mode'), 'event-driven'],
    ['events without their ids', stream('eventSinkConfig', 'deliveryOption', 'eventSchema'), 'RawData'],
    ['a filter that is no JSON', stream('eventRuleFilterPattern'), '{'],
    ['a batch window over 15 s', stream('runOptions', 'batchWindow', 'TimeBasedWindow'), 16],
    ['an unknown retry strategy', stream('runOptions', 'retryStrategy', 'PushRetryStrategy'), 'NEVER'],
  ];
  it.each(cases)('%s', (_, path, value) => {
    const found = set(path, value).map((problem) => problem.path);
    // A rule about two keys complains at either.
    const place = pathText(path).replace(/authType$/, 'authConfig');
    expect(found).toContain(place);
  });

  it('tolerating errors without a dead-letter queue, which drops messages', () => {
    const path = stream('runOptions', 'deadLetterQueue');
    const problems = changed(path, (parent, key) => {
      delete parent[key];
    });
    expect(problems).toEqual([{ path: pathText(path), message: expect.stringContaining('drops messages') }]);
  });

  it('two triggers of one name', () => {
    const problems = changed(trigger('http'), (triggers, index) => {
      triggers[1] = triggers[index];
    });
    expect(problems.map((problem) => problem.path)).toEqual(['resources.http.props.triggers[1].triggerName']);
  });
});

describe('disagreement with the repository', () => {
  it('a function that does not exist, and one that is not deployed', () => {
    expect(
      check(SHIPPED, { ...AROUND, functions: ['aggregate', 'http', 'queue', 'schedule', 'compact'] }),
    ).toEqual([
      { path: 'resources.web.props.code', message: 'there is no functions/web.ts' },
      { path: 'resources', message: 'functions/compact.ts is not deployed (code: ./dist/compact)' },
    ]);
  });

  it('one function deployed twice', () => {
    expect(set(prop('web', 'code'), './dist/http').map((problem) => problem.path)).toEqual([
      'resources.web.props.code',
      'resources',
    ]);
  });

  it('a queue or a timer that nothing routes', () => {
    const problems = check(SHIPPED, {
      ...AROUND,
      routes: { queues: ['orders'], schedules: ['daily'], jobs: [], retained: [], logs: ['events'] },
    });
    expect(problems.map((problem) => problem.path)).toEqual([
      pathText(stream('eventSourceConfig', 'eventSourceParameters', 'sourceMNSParameters', 'QueueName')),
      pathText(trigger('schedule', 'triggerName')),
    ]);
  });
});

describe('timers that run jobs', () => {
  const payload = trigger('aggregate', 'triggerConfig', 'payload');

  it('name one that there is, and perhaps a group of it, none for all, or a log to audit', () => {
    const named = ['{"job":"events-table"}', '{"job":"events-table","group":"2026-11-22T20:00Z"}'];
    for (const text of ['', ...named, '{"verify":"events"}']) expect(set(payload, text)).toEqual([]);
  });

  it.each([
    ['{"verify":"notes"}', 'names the target "notes", and append.config.ts has events with format "log"'],
    ['{"retire":"events"}', 'names the target "events", and append.config.ts has none with retention'],
    ['{"job":"orders"}', 'names the job "orders", and append.config.ts has events-table'],
    ['events-table', 'Write {"job":"<name>"}, {"retire"'],
    ['{"job":"events-table","rebuild":true}', 'Write {"job":"<name>"}, {"retire"'],
  ])('say so for the payload %s', (text, message) => {
    expect(set(payload, text)).toEqual([
      { path: pathText(payload), message: expect.stringContaining(message) },
    ]);
  });
});

describe('who may write over HTTP', () => {
  const authType = (resource: string) => trigger(resource, 'triggerConfig', 'authType');
  const opened = (APPEND_ACCESS: string, access = AROUND.access) => {
    const document = JSON.parse(JSON.stringify(shipped()));
    const { triggers, environmentVariables } = document.resources.web.props;
    triggers[0].triggerConfig.authType = 'anonymous';
    environmentVariables.APPEND_ACCESS = APPEND_ACCESS;
    return check(stringify(document), { ...AROUND, access });
  };

  it('is not left to a trigger that lets anyone in', () => {
    const path = pathText(authType('web'));
    expect(opened('trigger')).toEqual([{ path, message: expect.stringContaining('APPEND_ACCESS to deny') }]);
    expect(opened('deny')).toEqual([]);
    expect(opened('open')).toEqual([]);
    expect(opened('deny', { leftToTrigger: ['notes'], secretVariables: [] })).toEqual([
      { path, message: expect.stringContaining('the target "notes" leaves it to the trigger') },
    ]);
  });

  it('is known by secrets that the functions for HTTP have', () => {
    const access = { leftToTrigger: ['notes'], secretVariables: ['HOOK', 'OSS_BUCKET'] };
    const message = expect.stringContaining('has no HOOK, which append.config.ts names; write HOOK: ');
    expect(check(SHIPPED, { ...AROUND, access })).toEqual([
      { path: 'resources.http.props.environmentVariables', message },
      { path: 'resources.web.props.environmentVariables', message },
    ]);
  });

  it('is read from the configuration', () => {
    const hook = { scheme: 'webhook', name: 'hook', secretVariable: 'HOOK' } as const;
    const { targets } = defineConfig({
      targets: {
        a: { format: 'log', key: 'a/x' },
        b: { format: 'log', key: 'b/x' },
        c: { format: 'log', key: 'c/x', access: 'trigger' },
      },
      access: [hook, { ...hook, scheme: 'github', name: 'git', secretVariable: 'GIT' }],
    });
    expect(accessRules(targets)).toEqual({ leftToTrigger: ['c'], secretVariables: ['HOOK', 'GIT'] });
    expect(accessRules(undefined)).toEqual({ leftToTrigger: [], secretVariables: [] });
  });
});

describe('pages of other origins', () => {
  const methods = ['GET', 'HEAD', 'POST'];
  const opened = (authType: string, extra: readonly string[]) => {
    const document = JSON.parse(JSON.stringify(shipped()));
    for (const resource of ['http', 'web']) {
      const { triggers, environmentVariables } = document.resources[resource].props;
      Object.assign(triggers[0].triggerConfig, { authType, methods: [...methods, ...extra] });
      environmentVariables.APPEND_ACCESS = 'deny';
    }
    return check(stringify(document), { ...AROUND, cors: true });
  };

  it('are let in by append.config.ts alone: preflights have to get there', () => {
    const at = (key: string) => ['http', 'web'].map((name) => pathText(trigger(name, 'triggerConfig', key)));
    expect(opened('anonymous', ['OPTIONS'])).toEqual([]);
    expect(opened('anonymous', [])).toEqual(
      at('methods').map((path) => ({ path, message: expect.stringContaining('add OPTIONS') })),
    );
    expect(opened('function', ['OPTIONS'])).toEqual(
      at('authType').map((path) => ({ path, message: expect.stringContaining('without credentials') })),
    );
    expect(check(SHIPPED)).toEqual([]);
  });
});

describe('the payload of a timer', () => {
  const { schedules } = defineConfig({
    targets: {
      checked: {
        format: 'log',
        key: 'a/x',
        schema: { type: 'object', properties: { heartbeat: { type: 'integer' }, time: { type: 'string' } } },
      },
      free: { format: 'log', key: 'b/x' },
      raw: { format: 'raw', key: 'c/x' },
    },
    schedules: { checked: { target: 'checked' }, free: { target: 'free' }, raw: { target: 'raw' } },
  });
  const problems = (target: string, payload: string | undefined) => {
    const document = JSON.parse(JSON.stringify(shipped()));
    const [{ triggerConfig }] = document.resources.schedule.props.triggers;
    Object.assign(triggerConfig, { payload });
    const made = schedules.get(target);
    const scheduled = new Map(made && [['heartbeat', made]]);
    return check(stringify(document), { ...AROUND, scheduled });
  };

  it('is one that its target takes', () => {
    const path = pathText(trigger('schedule', 'triggerConfig', 'payload'));
    expect(problems('checked', '{"heartbeat":true}')).toEqual([
      {
        path,
        message: expect.stringMatching(/^checked would refuse it: .* type at "\/heartbeat"$/),
      },
    ]);
    expect(problems('raw', undefined)).toEqual([{ path, message: expect.stringContaining('is empty') }]);
    for (const [target, payload] of [
      ['checked', '{"heartbeat":1}'],
      ['checked', undefined],
      ['free', 'any'],
      ['raw', 'any'],
    ] as const)
      expect(problems(target, payload)).toEqual([]);
  });
});

/** What s.yaml calls a variable. */
const magic = (expression: string) => `\${${expression}}`;

describe('variables', () => {
  const vars = (value: string) =>
    check(SHIPPED.replace(`${magic('vars.accountId')}:role/oss-append`, magic(value)));

  it('that nothing defines, that lead in a circle, or that the tool would misread are refused', () => {
    expect(vars('vars.nobody')[0]).toEqual({
      path: 'vars.role',
      message: expect.stringContaining('nobody'),
    });
    expect(vars('vars.role')[0]?.message).toContain('back to itself');
    expect(vars('env(ROLE, me)')[0]?.message).toContain("env('NAME', 'default')");
    expect(vars("file('role.txt')")[0]?.path).toBe('vars.role');
  });

  it('take the default where the environment has nothing, or nothing but an empty text', () => {
    for (const OSS_REGION of [undefined, '', 'cn-beijing']) {
      expect(checkTemplate(SHIPPED, { ...ENVIRONMENT, OSS_REGION }, AROUND)).toEqual([]);
    }
    expect(checkTemplate(SHIPPED, { ...ENVIRONMENT, OSS_REGION: 'Hangzhou' }, AROUND).length).toBeGreaterThan(
      0,
    );
  });

  it('in text that is no YAML are not looked for: the syntax error is the problem', () => {
    expect(check('a: [')).toEqual([{ path: '', message: expect.stringContaining('line 1') }]);
    expect(check('').map((problem) => problem.path)).toEqual(['']);
  });
});

describe('cron expressions', () => {
  it.each(['0 * * * * *', '@every 5m', 'CRON_TZ=Asia/Shanghai 0 5 * * * *', '0 0 4 1-7,15 */2 MON'])(
    '%s is one',
    (text) => {
      expect(cronProblem(text)).toBeNull();
    },
  );

  it.each([
    '',
    '* * * * *',
    '@hourly',
    '@every 0m',
    '@every 5s',
    '60 * * * * *',
    'CRON_TZ=Mars/Base 0 5 * * * *',
    '0 0 0 31 2 *',
  ])('"%s" is none', (text) => {
    expect(cronProblem(text)).not.toBeNull();
  });
});
