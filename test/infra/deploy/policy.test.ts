import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import config from '../../../append.config.ts';
import { isRecord, readTemplate } from '../../../infra/deploy/template.ts';
import type { ObjectStore } from '../../../lib/store/port.ts';

/** What each call of the store needs (OSS documentation, "RAM policies"): HEAD is a GET, an append is a PUT. */
const ACTIONS: Readonly<Record<keyof ObjectStore, string>> = {
  head: 'oss:GetObject',
  read: 'oss:GetObject',
  append: 'oss:PutObject',
};

const text = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
const json = (file: string): unknown => JSON.parse(text(file));

function vars(): Readonly<Record<string, unknown>> {
  const { value } = readTemplate(text('s.yaml'), { OSS_BUCKET: 'a-bucket', ALIBABA_CLOUD_ACCOUNT_ID: '1' });
  return isRecord(value) && isRecord(value['vars']) ? value['vars'] : {};
}

describe('the policy of the role', () => {
  const targets = [...config.targets.values(), config.deadLetters].flatMap(({ key }) =>
    key.reach.map(({ text, isWhole }) => `acs:oss:*:*:BUCKET/${text}${isWhole ? '' : '*'}`),
  );
  const queue = String(vars()['deadLetters']).split(':').at(-1);

  it('lets the functions do what the store port does to the objects of the targets and the dead letters, and nothing more', () => {
    expect(targets.length).toBeGreaterThan(0);
    expect(json('infra/policy.json')).toEqual({
      Version: '1',
      Statement: [
        { Effect: 'Allow', Action: [...new Set(Object.values(ACTIONS))].sort(), Resource: targets.sort() },
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
