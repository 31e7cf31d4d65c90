import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../../infra/local/oss/crc64.ts';
import { append, BUCKET, client, exchange, type Reply, send, signedHeaders, start } from './harness.ts';

const NEXT = 'x-oss-next-append-position';
const CRC = 'x-oss-hash-crc64ecma';

const head = (oss: { port: number }, key: string): Promise<Reply> => send(oss, { method: 'HEAD', key });
const read = async (oss: { port: number }, key: string): Promise<string> =>
  (await send(oss, { key })).body.toString();

describe("the platform guide's sample", () => {
  it.each([false, true])('does what the guide says (signature V4: %s)', async (authorizationV4) => {
    const oss = await start();
    const store = client(oss, { authorizationV4 });

    const first = await store.append('log.txt', Buffer.from('Hello '), { mime: 'text/plain' });
    expect(first.nextAppendPosition).toBe('6');
    const second = await store.append('log.txt', Buffer.from('OSS'), { position: first.nextAppendPosition });
    expect(second.nextAppendPosition).toBe('9');
    expect((await store.get('log.txt')).content.toString()).toBe('Hello OSS');

    const stale = store.append('log.txt', Buffer.from('again'), { position: '6' });
    await expect(stale).rejects.toMatchObject({
      status: 409,
      code: 'PositionNotEqualToLength',
      ecCode: '0026-00000016',
    });
    await store.put('ordinary.txt', Buffer.from('x'));
    const ordinary = store.append('ordinary.txt', Buffer.from('y'), { position: '1' });
    await expect(ordinary).rejects.toMatchObject({ status: 409, code: 'ObjectNotAppendable' });
    await expect(store.copy('copy.txt', 'log.txt')).rejects.toMatchObject({ code: 'OperationNotSupported' });
    expect((await store.get('log.txt')).content.toString()).toBe('Hello OSS');
  });
});

describe('an append', () => {
  it('answers with the next position, the checksum of the whole object and a changing ETag', async () => {
    const oss = await start();
    const first = await append(oss, 'k', 0, 'one');
    const second = await append(oss, 'k', 3, 'two!');
    expect([first.status, first.headers[NEXT], first.headers[CRC]]).toEqual([
      200,
      '3',
      String(crc64(Buffer.from('one'))),
    ]);
    expect([second.headers[NEXT], second.headers[CRC]]).toEqual(['7', String(crc64(Buffer.from('onetwo!')))]);
    expect(second.headers.etag).not.toBe(first.headers.etag);
    expect(second.headers.etag).not.toContain(
      createHash('md5').update('onetwo!').digest('hex').toUpperCase(),
    );
    expect(second.headers['content-length']).toBe('0');
    expect(second.headers['x-oss-request-id']).toMatch(/^[0-9A-F]{24}$/);
    expect(second.headers['x-oss-server-time']).toMatch(/^\d+$/);
  });

  it('at a position that is not the length is refused, with the length in a header and nowhere else', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'sixsix');
    for (const position of [0, 5, 7, 2 ** 40]) {
      const reply = await append(oss, 'k', position, 'x');
      expect([reply.status, reply.code, reply.headers[NEXT], reply.headers['x-oss-ec']]).toEqual([
        409,
        'PositionNotEqualToLength',
        '6',
        '0026-00000016',
      ]);
      expect(reply.headers['content-type']).toBe('application/xml');
      expect(reply.body.toString()).toContain(`<RequestId>${reply.headers['x-oss-request-id']}</RequestId>`);
      expect(reply.body.toString()).toContain('<EC>0026-00000016</EC>');
    }
    expect((await append(oss, 'missing', 1, 'x')).headers[NEXT]).toBe('0');
    expect(await read(oss, 'k')).toBe('sixsix');
    expect((await head(oss, 'missing')).status).toBe(404);
  });

  it('keeps the object equal to what was acknowledged, whatever the positions tried', async () => {
    const oss = await start();
    const attempt = fc.record({
      offset: fc.constantFrom(0, 0, 0, -1, 1),
      part: fc.uint8Array({ maxLength: 40 }),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { maxLength: 8 }), async (attempts) => {
        const key = `property/${run++}`;
        let model: Buffer | null = null;
        for (const { offset, part } of attempts) {
          const length: number = model?.length ?? 0;
          const reply = await append(oss, key, Math.max(0, length + offset), Buffer.from(part));
          const right = Math.max(0, length + offset) === length;
          expect(reply.status).toBe(right ? 200 : 409);
          expect(reply.headers[NEXT]).toBe(String(length + (right ? part.length : 0)));
          if (!right) continue;
          model = Buffer.concat([model ?? Buffer.alloc(0), part]);
          expect(reply.headers[CRC]).toBe(String(crc64(model)));
        }
        const reply = await send(oss, { key });
        expect(model === null ? reply.status : reply.body).toEqual(model ?? 404);
      }),
      { numRuns: 25 },
    );
  });

  it('without bytes creates an empty object, which the next append at 0 fills', async () => {
    const oss = await start();
    const created = await append(oss, 'k', 0, '', { 'content-type': 'text/plain', 'x-oss-meta-a': '1' });
    expect([created.status, created.headers[NEXT], created.headers[CRC]]).toEqual([200, '0', '0']);
    const filled = await append(oss, 'k', 0, 'bytes', { 'content-type': 'image/png', 'x-oss-meta-a': '2' });
    expect(filled.headers[NEXT]).toBe('5');
    const info = await head(oss, 'k');
    expect([info.headers['content-type'], info.headers['x-oss-meta-a']]).toEqual(['text/plain', '1']);
  });

  it('without bytes leaves an existing object as it was', async () => {
    let now = Date.now();
    const oss = await start({ now: () => now });
    await append(oss, 'k', 0, 'bytes');
    const before = await head(oss, 'k');
    now += 60_000;
    const empty = await append(oss, 'k', 5, '');
    expect([empty.status, empty.headers[NEXT]]).toEqual([200, '5']);
    const after = await head(oss, 'k');
    expect([after.headers.etag, after.headers['last-modified']]).toEqual([
      before.headers.etag,
      before.headers['last-modified'],
    ]);
    expect((await append(oss, 'k', 4, '')).status).toBe(409);
    await append(oss, 'k', 5, '!');
    expect((await head(oss, 'k')).headers['last-modified']).not.toBe(before.headers['last-modified']);
  });

  it('to an object that is not appendable is refused without a position', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'appendable');
    await send(oss, { method: 'PUT', key: 'k', body: 'normal' });
    for (const position of [0, 6, 10]) {
      const reply = await append(oss, 'k', position, 'x');
      expect([reply.status, reply.code, reply.headers[NEXT]]).toEqual([
        409,
        'ObjectNotAppendable',
        undefined,
      ]);
      expect(reply.headers['x-oss-ec']).toBe('0026-00000017');
    }
    await send(oss, { method: 'DELETE', key: 'k' });
    expect((await append(oss, 'k', 0, 'anew')).headers[NEXT]).toBe('4');
  });

  it.each(['', 'abc', '-1', '1.5', '0x1', '1e2', '99999999999999999999'])(
    'with the position "%s" is refused',
    async (position) => {
      const oss = await start();
      const sub = position === '' ? 'append&position' : `append&position=${position}`;
      const reply = await send(oss, { method: 'POST', key: 'k', sub, body: 'x' });
      expect([reply.status, reply.code, reply.headers['x-oss-ec']]).toEqual([
        400,
        'InvalidArgument',
        '0016-00000501',
      ]);
    },
  );

  it('without a position is refused', async () => {
    const oss = await start();
    const reply = await send(oss, { method: 'POST', key: 'k', sub: 'append', body: 'x' });
    expect([reply.status, reply.code]).toEqual([400, 'InvalidArgument']);
  });

  it('without a length is refused; chunked is as good as a length', async () => {
    const oss = await start();
    const call = { method: 'POST', key: 'k', sub: 'append&position=0' };
    const path = `/${BUCKET}/k?append&position=0`;
    const headers = Object.entries(signedHeaders(call)).map(([name, value]) => `${name}: ${value}`);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(oss.port, '127.0.0.1');
      let text = '';
      socket
        .setEncoding('latin1')
        .on('error', reject)
        .on('data', (data: string) => {
          text += data;
        });
      socket.on('close', () => resolve(text));
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n`,
      );
    });
    expect(answer).toMatch(/^HTTP\/1.1 411 [\s\S]*<Code>MissingContentLength<\/Code>/);

    const chunked = { ...signedHeaders(call), 'transfer-encoding': 'chunked' };
    expect((await exchange(oss.port, { method: 'POST', path, headers: chunked }, 'bytes')).status).toBe(200);
    expect(await read(oss, 'k')).toBe('bytes');
  });

  it('whose Content-MD5 is wrong or malformed is refused and writes nothing', async () => {
    const oss = await start();
    const md5 = (text: string): string => createHash('md5').update(text).digest('base64');
    await append(oss, 'k', 0, 'a');
    for (const digest of [md5('other'), 'not-base64', 'AAAA', md5('b').slice(1)]) {
      const reply = await append(oss, 'k', 1, 'b', { 'content-md5': digest });
      expect([reply.status, reply.code]).toEqual([400, 'InvalidDigest']);
    }
    expect((await append(oss, 'k', 1, 'b', { 'content-md5': md5('b') })).status).toBe(200);
    expect(await read(oss, 'k')).toBe('ab');
  });

  it('past the size limit is refused and writes nothing; up to it succeeds', async () => {
    const oss = await start({ appendableBytesMax: 10 });
    await append(oss, 'k', 0, '123456');
    for (const body of ['12345', '12345678901']) {
      const reply = await append(oss, 'k', 6, body);
      expect([reply.status, reply.code]).toEqual([400, 'EntityTooLarge']);
    }
    expect((await append(oss, 'k', 6, '7890')).headers[NEXT]).toBe('10');
    expect(await read(oss, 'k')).toBe('1234567890');
  });

  it.each(['', '/absolute', '\\windows', 'x'.repeat(1024), '界'.repeat(342)])(
    'to the key "%s" is refused',
    async (key) => {
      const oss = await start();
      const reply = await append(oss, key, 0, 'x');
      expect(reply.status).toBeGreaterThanOrEqual(400);
      expect(['InvalidObjectName', 'NotImplemented']).toContain(reply.code);
    },
  );

  it('to a key of 1023 bytes succeeds', async () => {
    const oss = await start();
    expect((await append(oss, '界'.repeat(341), 0, 'x')).status).toBe(200);
  });

  it.each([
    ['x-oss-storage-class', 'ColdArchive', 'InvalidArgument'],
    ['x-oss-object-acl', 'everybody', 'InvalidArgument'],
    ['x-oss-server-side-encryption', 'ROT13', 'InvalidEncryptionAlgorithmError'],
    ['x-oss-server-side-encryption', 'KMS', 'KmsServiceNotEnabled'],
    ['if-match', '"etag"', 'NotImplemented'],
    ['x-oss-tagging', 'a=b', 'NotImplemented'],
    ['x-oss-meta-big', 'x'.repeat(9000), 'InvalidArgument'],
  ])('with %s: %s is refused', async (name, value, code) => {
    const oss = await start();
    const reply = await append(oss, 'k', 0, 'x', { [name]: value });
    expect(reply.code).toBe(code);
    expect((await head(oss, 'k')).status).toBe(404);
  });

  it('larger than what is kept in memory arrives whole, at the start and later', async () => {
    const oss = await start();
    const large = Buffer.alloc(5 * 1024 * 1024, 'large ');
    await append(oss, 'k', 0, large);
    const reply = await append(oss, 'k', large.length, large);
    const whole = Buffer.concat([large, large]);
    expect(reply.headers[CRC]).toBe(String(crc64(whole)));
    expect((await send(oss, { key: 'k' })).body.equals(whole)).toBe(true);
  });
});

describe('a body that breaks off', () => {
  it.each([10, 5 * 1024 * 1024])('after %d bytes writes nothing', async (sentBytes) => {
    const oss = await start();
    await append(oss, 'k', 0, 'before');
    const headers = signedHeaders({ method: 'POST', key: 'k', sub: 'append&position=6' });
    const lines = Object.entries({ ...headers, host: 'x', 'content-length': String(sentBytes + 1) });
    await new Promise<void>((resolve) => {
      const socket = connect(oss.port, '127.0.0.1');
      socket.on('error', () => {}).on('close', () => resolve());
      socket.write(
        `POST /${BUCKET}/k?append&position=6 HTTP/1.1\r\n${lines.map(([n, v]) => `${n}: ${v}`).join('\r\n')}\r\n\r\n`,
      );
      socket.write(Buffer.alloc(sentBytes, 'x'), () => socket.destroy());
    });
    expect((await append(oss, 'k', 6, ' after')).headers[NEXT]).toBe('12');
    expect(await read(oss, 'k')).toBe('before after');
  });
});

describe('a body that stalls', () => {
  it('is answered with RequestTimeout, and writes nothing', async () => {
    const oss = await start({ bodyIdleMsMax: 50 });
    const headers = signedHeaders({ method: 'POST', key: 'k', sub: 'append&position=0' });
    const lines = Object.entries({ ...headers, host: 'x', 'content-length': '10' });
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(oss.port, '127.0.0.1');
      socket
        .setEncoding('latin1')
        .on('error', reject)
        .on('data', (data: string) => {
          text += data;
        });
      socket.on('close', () => resolve(text));
      const path = `/${BUCKET}/k?append&position=0`;
      socket.write(
        `POST ${path} HTTP/1.1\r\n${lines.map(([n, v]) => `${n}: ${v}`).join('\r\n')}\r\n\r\nhalf`,
      );
    });
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*<Code>RequestTimeout<\/Code>/);
    expect((await head(oss, 'k')).status).toBe(404);
  });
});

describe('racing writers', () => {
  it('at one position: exactly one wins, the others learn the new length', async () => {
    const oss = await start();
    await append(oss, 'k', 0, 'start');
    const bodies = Array.from({ length: 12 }, (_, i) => `-writer-${String(i).padStart(2, '0')}`);
    const replies = await Promise.all(bodies.map((body) => append(oss, 'k', 5, body)));
    const winner = replies.findIndex(({ status }) => status === 200);
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const reply of replies) expect(reply.headers[NEXT]).toBe('15');
    expect(await read(oss, 'k')).toBe(`start${bodies[winner]}`);
  });

  it('who retry at the position they are told lose nothing and write nothing twice', async () => {
    const oss = await start();
    const writers = 8;
    const each = 25;
    const write = async (writer: number): Promise<void> => {
      let position = 0;
      for (let i = 0; i < each; i++) {
        for (let done = false; !done; ) {
          const reply = await append(oss, 'k', position, `${writer}:${i}\n`);
          position = Number(reply.headers[NEXT]);
          done = reply.status === 200;
        }
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    const lines = (await read(oss, 'k')).trimEnd().split('\n');
    expect(lines).toHaveLength(writers * each);
    expect(new Set(lines).size).toBe(writers * each);
    for (let writer = 0; writer < writers; writer++) {
      const own = lines.filter((line) => line.startsWith(`${writer}:`));
      expect(own).toEqual(Array.from({ length: each }, (_, i) => `${writer}:${i}`));
    }
    expect((await head(oss, 'k')).headers[CRC]).toBe(String(crc64(Buffer.from(await read(oss, 'k')))));
  });
});
