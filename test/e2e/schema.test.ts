/** A target with a schema, in a function as it is built. */
import { describe, expect, it } from 'vitest';
import { readLog } from '../lib/append/reference.ts';
import { startLocal } from './local.ts';
import { clientOf } from './stack.ts';

const CONFIG = `
import { defineConfig } from './lib/config.ts';

export default defineConfig({
  targets: {
    events: { format: 'log', key: 'events/all.ndjson', schema: { type: 'object', required: ['order'] } },
  },
});`;

describe('the web function, as it is built,', () => {
  it('refuses what does not fit the schema of its target, and appends what does', async () => {
    const { fc, oss } = await startLocal({ resources: ['web'], config: CONFIG });
    const post = (body: string) =>
      fetch(`${fc.url}/append/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    const refused = await post('{"customer":17}');
    expect([refused.status, await refused.json()]).toMatchObject([
      422,
      {
        type: 'urn:oss-append:problem:schema-mismatch',
        errors: [{ pointer: '/order', keyword: 'required' }],
      },
    ]);
    expect((await post('{"order":17}')).status).toBe(200);
    const { content } = await clientOf(oss.port).get('events/all.ndjson');
    expect(readLog(content as Buffer).flatMap(({ records }) => records.map(({ line }) => line))).toEqual([
      '{"order":17}',
    ]);
  });
});
