import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import config from '../../../append.config.ts';
import { isRecord, readTemplate } from '../../../infra/deploy/template.ts';
import { outputsOf } from '../../../lib/aggregate/output.ts';
import type { Bucket } from '../../../lib/store/port.ts';

/** What each call of the store needs (OSS documentation, "RAM policies"): HEAD is a GET, an append is a PUT. */
const ACTIONS = {
  head: 'oss:GetObject',
  read: 'oss:GetObject',
  append: 'oss:PutObject',
  put: 'oss:PutObject',
  list: 'oss:ListObjects',
  // No function removes an object.
  remove: null,
} satisfies Readonly<Record<keyof Bucket, string | null>>;

const text = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
const json = (file: string): unknown => JSON.parse(text(file));

function vars(): Readonly<Record<string, unknown>> {
  const { value } = readTemplate(text('s.yaml'), { OSS_BUCKET: 'a-bucket', ALIBABA_CLOUD_ACCOUNT_ID: '1' });
  return isRecord(value) && isRecord(value['vars']) ? value['vars'] : {};
}

function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), value);
}

describe('the policy of the role', () => {
  const jobs = [...config.jobs.values()];
  const keys = [...config.targets.values(), config.deadLetters].map(({ key }) => key);
  const written = [...keys, ...jobs.flatMap(outputsOf)].flatMap(({ reach }) =>
    reach.map(({ text, isWhole }) => `${text}${isWhole ? '' : '*'}`),
  );
  // The logs of jobs, and what rollups keep beside them.
  const logs = jobs.length > 0 ? [`${config.jobLogs.prefix}*`] : [];
  const objects = [...written.filter((key) => !key.startsWith(config.jobLogs.prefix)), ...logs].map(
    (key) => `acs:oss:*:*:BUCKET/${key}`,
  );
  const template = readTemplate(text('s.yaml'), {
    OSS_BUCKET: 'a-bucket',
    ALIBABA_CLOUD_ACCOUNT_ID: '1',
  }).value;
  const functionName = valueAt(template, 'resources', 'aggregate', 'props', 'functionName');
  const queue = String(vars()['deadLetters']).split(':').at(-1);

  it('lets the functions do what the store port does to what they write, list the bucket, call the function of jobs, and nothing more', () => {
    expect(objects.length).toBeGreaterThan(0);
    const { list, remove, ...ofObjects } = ACTIONS;
    expect(remove).toBeNull();
    expect(json('infra/policy.json')).toEqual({
      Version: '1',
      Statement: [
        { Effect: 'Allow', Action: [...new Set(Object.values(ofObjects))].sort(), Resource: objects.sort() },
        { Effect: 'Allow', Action: [list], Resource: ['acs:oss:*:*:BUCKET'] },
        {
          Effect: 'Allow',
          Action: ['fc:InvokeFunction'],
          Resource: [`acs:fc:*:*:functions/${functionName}`],
        },
        { Effect: 'Allow', Action: ['mns:SendMessage'], Resource: [`acs:mns:*:*:${queue}/messages`] },
      ],
    });
  });

  it('is for a role that Function Compute may take on, and nobody else', () => {
    expect(json('infra/trust.json')).toEqual({
      Version: '1',
      Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: ['fc.aliyuncs.com'] } }],
    });
  });
});
