/** Events as the package of the CloudEvents project sends and reads them. */
import { CloudEvent, emitterFor, HTTP, type Message, Mode } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HttpBench, httpBench, receipts } from './support.ts';

const TIME = '2026-01-02T03:04:05.678Z';
const HOUR = 'events/2026-01-02-03';
const BATCH = { 'content-type': 'application/cloudevents-batch+json' };

/** Posts what the package makes of an event. */
function sender({ post }: HttpBench, path: string, mode: Mode) {
  const transport = ({ headers, body }: Message) =>
    post(
      path,
      body as string,
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, `${value}`])),
    );
  const emit = emitterFor(transport, { binding: HTTP, mode });
  return async (event: CloudEvent<unknown>) => receipts((await emit(event)) as Response);
}

/** The batch that the package reads back as these events. */
const batchOf = (events: readonly CloudEvent<unknown>[]) => JSON.stringify(events);

/** The event that a record is, as the package reads it. */
const eventOf = (record: string) =>
  HTTP.toEvent({
    headers: { 'content-type': 'application/cloudevents+json' },
    body: record,
  }) as CloudEvent<unknown>;

const event = (more: object = {}) =>
  new CloudEvent({ id: 'e-1', source: '/shop', type: 'order', time: TIME, data: { n: 1 }, ...more });

describe.each([Mode.BINARY, Mode.STRUCTURED])('an event in mode %s', (mode) => {
  it('is named by its id and source, goes where its time says, and is a repeat when it comes again', async () => {
    const it = httpBench();
    const send = sender(it, '/append/events', mode);
    const [receipt] = await send(event());
    expect(receipt).toMatchObject({
      id: 'e-1',
      source: '/shop',
      object: HOUR,
      repeat: false,
    });
    expect(await send(event())).toEqual([{ ...receipt, repeat: true }]);
    expect(await it.lines(HOUR)).toEqual(['{"n":1}']);
  });

  it.each([
    [
      'an object',
      { data: { n: 1, text: 'größer\u2028', list: [null, true] } },
      '{"n":1,"text":"größer\u2028","list":[null,true]}',
    ],
    ['a list', { data: [1, [2]] }, '[1,[2]]'],
    ['a text', { data: 'größer', datacontenttype: 'text/plain' }, '"größer"'],
    [
      'bytes',
      { data: Uint8Array.of(0, 255), datacontenttype: 'application/octet-stream' },
      '{"$bytes":"AP8="}',
    ],
  ])('has for a record its data, of %s', async (_, more, line) => {
    const it = httpBench();
    await sender(it, '/append/events', mode)(event(more));
    expect(await it.lines(HOUR)).toEqual([line]);
  });

  it('is the same to the package when it is kept whole and read back', async () => {
    const it = httpBench();
    const sent = event({ subject: 'a "b" c', dataschema: 'https://x.example/s', tenant: 'acme', count: 7 });
    const [receipt] = await sender(it, '/append/whole', mode)(sent);
    const response = await it.send(
      'GET',
      `/append/whole?record=${receipt?.['start']}:${receipt?.['record']}`,
    );
    const { count, datacontenttype, ...attributes } = eventOf(await response.text()).toJSON();
    const { count: sentCount, datacontenttype: _, ...expected } = sent.toJSON();
    expect(attributes).toEqual(expected);
    // A header is text, whatever it was.
    expect(String(count)).toBe(String(sentCount));
    expect(datacontenttype ?? 'application/json').toMatch(/^application\/json/);
  });

  it('has the id, the source and the time that it was given, whatever they are', async () => {
    const visible = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 40,
    });
    // The package writes headers as they are, so what has to be encoded there (CloudEvents HTTP binding 3.1.3.2) stays out.
    const plain = visible.filter((text) => mode !== Mode.BINARY || !/[%"]/.test(text));
    await fc.assert(
      fc.asyncProperty(
        plain,
        fc.webUrl().filter((url) => mode !== Mode.BINARY || !/[%"]/.test(url)),
        fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
        async (id, source, date) => {
          const it = httpBench();
          const time = date.toISOString();
          const [receipt] = await sender(it, '/append/events', mode)(event({ id, source, time }));
          const hour = time.slice(0, 13).replace('T', '-');
          expect(receipt).toMatchObject({ id, source, object: `events/${hour}` });
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a batch', () => {
  it('is the events that the package reads in it, each a record', async () => {
    const it = httpBench();
    const events = [1, 2, 3].map((n) => event({ id: `${n}`, data: { n } }));
    const body = batchOf(events);
    const understood = HTTP.toEvent({ headers: BATCH, body }) as CloudEvent<unknown>[];
    expect(understood.map(({ id }) => id)).toEqual(['1', '2', '3']);
    const found = await receipts(await it.post('/append/events', body, BATCH));
    expect(found).toMatchObject(understood.map(({ id, source }) => ({ id, source, repeat: false })));
    const again = batchOf([...events.slice(1), event({ id: '4', data: { n: 4 } })]);
    expect(await receipts(await it.post('/append/events', again, BATCH))).toMatchObject([
      { id: '2', repeat: true },
      { id: '3', repeat: true },
      { id: '4', repeat: false },
    ]);
    expect(await it.lines(HOUR)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}']);
  });

  it('is read back event by event', async () => {
    const it = httpBench();
    const events = [1, 2].map((n) => event({ id: `${n}`, subject: `größer ${n}` }));
    await it.post('/append/whole', batchOf(events), BATCH);
    const page = await it.send('GET', '/append/whole?records=0');
    const lines = (await page.text()).trimEnd().split('\n');
    expect(lines.map((line) => eventOf(line).toJSON())).toEqual(events.map((one) => one.toJSON()));
  });
});
