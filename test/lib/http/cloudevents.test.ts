import { describe, expect, it } from 'vitest';
import { EVENTS, httpBench, problem, receipts } from './support.ts';

const STRUCTURED = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const BATCH = { 'content-type': 'application/cloudevents-batch+json' };
const BINARY = { 'ce-specversion': '1.0', 'ce-id': 'e-1', 'ce-source': '/shop', 'ce-type': 'order' };

const ATTRIBUTES = '"specversion":"1.0","id":"e-1","source":"/shop","type":"order"';

describe('a CloudEvent in structured mode', () => {
  it('is named by its id and source, and leaves its data as it is written', async () => {
    const { post, lines } = httpBench();
    const body = `{${ATTRIBUTES},"data": {"n": 9007199254740993, "\\u00e9": 1e400}}`;
    expect(await receipts(await post('/append/events', body, STRUCTURED))).toMatchObject([
      { id: 'e-1', source: '/shop', object: EVENTS, repeat: false },
    ]);
    expect(await receipts(await post('/append/events', body, STRUCTURED))).toMatchObject([{ repeat: true }]);
    expect(await lines(EVENTS)).toEqual(['{"n": 9007199254740993, "\\u00e9": 1e400}']);
  });

  it('goes where its time says', async () => {
    const { post } = httpBench();
    for (const [id, time, object] of [
      ['1', '2026-01-01T00:30:00+01:00', 'events/2025-12-31-23'],
      ['2', '2026-01-01t05:00:00.123456789z', 'events/2026-01-01-05'],
    ]) {
      const event = { specversion: '1.0', id, source: 's', type: 't', time, data: 1 };
      expect(await receipts(await post('/append/events', JSON.stringify(event), STRUCTURED))).toMatchObject([
        { object },
      ]);
    }
  });

  it('may have bytes for data, or a null', async () => {
    const { post, lines } = httpBench();
    await post('/append/events', `{${ATTRIBUTES},"data_base64":"AP8="}`, STRUCTURED);
    await post('/append/events', `{${ATTRIBUTES.replace('e-1', 'e-2')},"data":null}`, STRUCTURED);
    expect(await lines(EVENTS)).toEqual(['{"$bytes":"AP8="}', 'null']);
  });

  it('is kept whole where the target asks for it', async () => {
    const { post, lines } = httpBench();
    const whole = `{${ATTRIBUTES}, "data": 9007199254740993}`;
    await post('/append/whole', whole, STRUCTURED);
    await post('/append/whole', `{${ATTRIBUTES.replace('e-1', 'e-2')}}`, STRUCTURED);
    expect(await lines('whole/x')).toEqual([whole, `{${ATTRIBUTES.replace('e-1', 'e-2')}}`]);
  });

  it('goes into a raw target like anything else', async () => {
    const { post, text } = httpBench();
    await post('/append/notes/a', '{"no event', { ...STRUCTURED, ...BINARY });
    expect(await text('notes/a')).toBe('{"no event');
  });
});

describe('a batch of CloudEvents', () => {
  it('is one record an event, in its order, and repeats none', async () => {
    const { post, lines, appends } = httpBench();
    const event = (id: string) => `{${ATTRIBUTES.replace('e-1', id)},"data":${id}.0}`;
    const sent = await receipts(await post('/append/events', `[${event('1')}, ${event('2')}]`, BATCH));
    expect(sent).toMatchObject([
      { id: '1', record: 0 },
      { id: '2', record: 1 },
    ]);
    await post('/append/events', `[${event('2')},${event('3')},${event('3')}]`, BATCH);
    expect(await lines(EVENTS)).toEqual(['1.0', '2.0', '3.0']);
    expect(appends).toHaveLength(2);
  });

  it('is kept event by event where the target asks for them whole', async () => {
    const { post, lines } = httpBench();
    const events = ['1', '2'].map((id) => `{${ATTRIBUTES.replace('e-1', id)} }`);
    await post('/append/whole', `[${events.join(' , ')}]`, BATCH);
    expect(await lines('whole/x')).toEqual(events);
  });
});

describe('a CloudEvent in binary mode', () => {
  it('has its attributes in headers, and for a record its body', async () => {
    const { post, lines } = httpBench();
    const headers = { ...BINARY, 'ce-time': '2026-01-01T05:00:00Z', 'ce-source': '/caf%C3%A9' };
    const response = await post('/append/events', '{"n":9007199254740993}', {
      ...headers,
      'content-type': 'application/json',
    });
    expect(await receipts(response)).toMatchObject([
      { id: 'e-1', source: '/café', object: 'events/2026-01-01-05' },
    ]);
    expect(await lines('events/2026-01-01-05')).toEqual(['{"n":9007199254740993}']);
  });

  it('takes text and bytes too', async () => {
    const { post, lines } = httpBench();
    await post('/append/events', 'hi', { ...BINARY, 'content-type': 'text/plain' });
    const bytes = { ...BINARY, 'ce-id': 'e-2', 'content-type': 'application/octet-stream' };
    await post('/append/events', Uint8Array.of(255), bytes);
    expect(await lines(EVENTS)).toEqual(['"hi"', '{"$bytes":"/w=="}']);
  });

  it('takes on its JSON form where the target asks for it whole', async () => {
    const { post, lines } = httpBench();
    const event = (id: string, type: string) => ({
      ...BINARY,
      'ce-id': id,
      'ce-tenant': 'a"b',
      'content-type': type,
    });
    await post('/append/whole', '{"n":9007199254740993}', event('1', 'application/json'));
    await post('/append/whole', 'hi', event('2', 'text/plain'));
    await post('/append/whole', Uint8Array.of(255), event('3', 'application/octet-stream'));
    await post('/append/whole', null, { ...BINARY, 'ce-id': '4' });
    const written = await lines('whole/x');
    expect(written[0]).toContain('"data":{"n":9007199254740993}}');
    const attributes = { specversion: '1.0', source: '/shop', type: 'order' };
    expect(written.slice(1).map((line) => JSON.parse(line))).toEqual([
      { ...attributes, id: '2', tenant: 'a"b', datacontenttype: 'text/plain', data: 'hi' },
      {
        ...attributes,
        id: '3',
        tenant: 'a"b',
        datacontenttype: 'application/octet-stream',
        data_base64: '/w==',
      },
      { ...attributes, id: '4' },
    ]);
  });
});

describe('a bad CloudEvent leaves nothing behind, and is told what is wrong:', () => {
  const json = { 'content-type': 'application/json' };

  it.each([
    ['no JSON', `{${ATTRIBUTES}`, STRUCTURED],
    ['no object', '[]', STRUCTURED],
    ['no batch', `{${ATTRIBUTES}}`, BATCH],
    ['no event in a batch', `[{${ATTRIBUTES},"data":1},2]`, BATCH],
    ['no specversion', '{"id":"1","source":"s","type":"t","data":1}', STRUCTURED],
    ['another specversion', `{${ATTRIBUTES.replace('1.0', '0.3')},"data":1}`, STRUCTURED],
    ['an empty id', `{${ATTRIBUTES.replace('e-1', '')},"data":1}`, STRUCTURED],
    ['an id that is no string', `{${ATTRIBUTES.replace('"e-1"', '7')},"data":1}`, STRUCTURED],
    ['a time that is none', `{${ATTRIBUTES},"time":"yesterday","data":1}`, STRUCTURED],
    ['a day that is none', `{${ATTRIBUTES},"time":"2026-02-30T00:00:00Z","data":1}`, STRUCTURED],
    ['a time without a zone', `{${ATTRIBUTES},"time":"2026-02-20T00:00:00","data":1}`, STRUCTURED],
    ['data of two kinds', `{${ATTRIBUTES},"data":1,"data_base64":"AA=="}`, STRUCTURED],
    ['bytes that are not base64', `{${ATTRIBUTES},"data_base64":"A"}`, STRUCTURED],
    ['no data', `{${ATTRIBUTES}}`, STRUCTURED],
    ['a source of our own', `{${ATTRIBUTES.replace('/shop', 'queue/orders')},"data":1}`, STRUCTURED],
    ['the source of a job', `{${ATTRIBUTES.replace('/shop', 'job')},"data":1}`, STRUCTURED],
    ['the source of a rollup', `{${ATTRIBUTES.replace('/shop', 'job/x/2026')},"data":1}`, STRUCTURED],
    ['only some of the headers', '1', { ...json, 'ce-id': '1' }],
    ['headers that are not encoded well', '1', { ...json, ...BINARY, 'ce-source': '%ff' }],
    ['no body', null, { ...json, ...BINARY }],
    ['a body that is not what it says', '{', { ...json, ...BINARY }],
  ])('%s', async (_what, body, headers) => {
    const { post, appends } = httpBench();
    expect(await problem(await post('/append/events', body, headers))).toMatchObject({
      status: 400,
      type: 'urn:oss-append:problem:malformed-payload',
    });
    expect(appends).toEqual([]);
  });

  it.each([
    ['an empty batch', '[]', BATCH, 400],
    ['nothing', '', STRUCTURED, 400],
    ['a name beside its own', `{${ATTRIBUTES},"data":1}`, { ...STRUCTURED, 'idempotency-key': 'k' }, 400],
    ['another format', '<event/>', { 'content-type': 'application/cloudevents+xml' }, 415],
    ['another charset', '{}', { 'content-type': 'application/cloudevents+json; charset=latin1' }, 415],
    ['many records in one event', '1\n2', { ...BINARY, 'content-type': 'application/x-ndjson' }, 415],
    ['data of another type', '<a/>', { ...BINARY, 'content-type': 'application/xml' }, 415],
  ] as const)('%s', async (_what, body, headers, status) => {
    const { post, appends } = httpBench();
    expect(await problem(await post('/append/events', body, headers))).toMatchObject({ status });
    expect(appends).toEqual([]);
  });

  it('whole events are checked too', async () => {
    const { post, appends } = httpBench();
    const headers = { ...json, ...BINARY };
    expect((await post('/append/whole', '1,"forged":2', headers)).status).toBe(400);
    expect(
      (await post('/append/whole', '<a/>', { ...BINARY, 'content-type': 'application/xml' })).status,
    ).toBe(415);
    expect(appends).toEqual([]);
  });
});
