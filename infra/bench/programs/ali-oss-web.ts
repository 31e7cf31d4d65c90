/**
 * The peer of the web function: the same kind of app, which does one append of ali-oss a request. It is given what helps it:
 * nobody else writes its objects, so it knows the position; requests for one object wait for each other, so none meets a
 * conflict. Like the function it checks that the record is JSON, names the object in the answer and logs a line.
 */
import { serve } from '@hono/node-server';
import OSS from 'ali-oss';
import { Hono } from 'hono';
import { ALI_OSS_OPTIONS } from './client.ts';

const oss = new OSS({ ...ALI_OSS_OPTIONS, endpoint: process.env['OSS_ENDPOINT'] ?? '' });
/** Ends with the append that was asked for last; tells the length after it. */
const objects = new Map<string, Promise<number>>();

const app = new Hono();
app.post('/append/:name', async (c) => {
  const text = await c.req.text();
  JSON.parse(text);
  const object = `${c.req.param('name')}.ndjson`;
  const line = Buffer.from(`${text}\n`);
  const before = objects.get(object) ?? Promise.resolve(0);
  const appended = before.then(async (position) => {
    await oss.append(object, line, { position: String(position) });
    return position + line.length;
  });
  objects.set(object, appended);
  const end = await appended;
  process.stdout.write(`${JSON.stringify({ level: 'info', event: 'request', object, end })}\n`);
  return c.json({ object, end });
});

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ event: 'listening', port })}\n`);
});
