import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc64 } from '../../../../infra/local/oss/crc64.ts';
import {
  DataDirInUseError,
  DataLostError,
  JournalDamagedError,
  type OssServer,
  PortTakenError,
  startOss,
} from '../../../../infra/local/oss/server.ts';
import { append, client, KEY, send, start, tempDir } from './harness.ts';
import { listen } from './program.ts';

const NEXT = 'x-oss-next-append-position';

/** The same directory, a new server. */
async function restart(oss: OssServer, dataDir: string): Promise<OssServer> {
  await oss.close();
  return start({ dataDir });
}

const onlyFile = (dataDir: string): string => {
  const [file = '', ...others] = readdirSync(join(dataDir, 'objects'));
  expect(others).toEqual([]);
  return join(dataDir, 'objects', file);
};

describe('a restart', () => {
  it('finds everything as it was', async () => {
    const dataDir = tempDir();
    const before = await start({ dataDir });
    const store = client(before);
    await store.put('dir/normal', Buffer.from('bytes'), { meta: { uid: 1, pid: 2 }, mime: 'text/plain' });
    await append(before, '界/log', 0, 'one,', { 'x-oss-meta-a': '1' });
    await append(before, '界/log', 4, 'two,');
    await store.put('gone', Buffer.from('x'));
    await store.delete('gone');
    await store.putBucket('empty-bucket');
    const upload = await store.initMultipartUpload('big');
    const describeAll = async (oss: OssServer): Promise<unknown> => {
      const log = { ...(await send(oss, { key: '界/log' })).headers };
      for (const name of ['date', 'x-oss-request-id', 'x-oss-server-time']) delete log[name];
      const { objects } = await client(oss).list({ 'max-keys': 10 }, {});
      return [log, objects.map(({ url: _, ...object }) => object)];
    };
    const was = await describeAll(before);

    const after = await restart(before, dataDir);
    expect(await describeAll(after)).toEqual(was);
    expect((await send(after, { key: 'dir/normal' })).headers).toMatchObject({
      'x-oss-meta-uid': '1',
      'content-type': 'text/plain',
    });
    expect((await append(after, '界/log', 8, 'three')).headers['x-oss-hash-crc64ecma']).toBe(
      String(crc64(Buffer.from('one,two,three'))),
    );
    expect((await client(after).getBucketInfo('empty-bucket')).bucket).toMatchObject({
      Name: 'empty-bucket',
    });
    const sub = `partNumber=1&uploadId=${upload.uploadId}`;
    expect((await send(after, { method: 'PUT', key: 'big', sub, body: 'x' })).status).toBe(200);
  });

  it('forgets bytes that were never committed, in and beside the files', async () => {
    const dataDir = tempDir();
    const before = await start({ dataDir });
    await append(before, 'k', 0, 'committed');
    await before.close();
    const file = onlyFile(dataDir);
    appendFileSync(file, 'torn');
    writeFileSync(join(dataDir, 'objects', 'orphan'), 'x');
    writeFileSync(join(dataDir, 'incoming', 'half'), 'x');
    const after = await start({ dataDir });
    expect(readFileSync(file, 'utf8')).toBe('committed');
    expect(onlyFile(dataDir)).toBe(file);
    expect(readdirSync(join(dataDir, 'incoming'))).toEqual([]);
    expect((await append(after, 'k', 9, '!')).headers[NEXT]).toBe('10');
  });

  it.each(['half a line', '0123456789abcdef {"op":"delete-bucket"}\n', '\u0000\u0000\u0000\n\u0000'])(
    'tolerates a journal that ends in %j, and keeps what came before',
    async (tail) => {
      const dataDir = tempDir();
      const before = await start({ dataDir });
      await append(before, 'k', 0, 'committed');
      await before.close();
      appendFileSync(join(dataDir, 'journal'), tail);
      const middle = await start({ dataDir });
      expect((await append(middle, 'k', 9, ' more')).headers[NEXT]).toBe('14');
      const after = await restart(middle, dataDir);
      expect((await send(after, { key: 'k' })).body.toString()).toBe('committed more');
    },
  );

  it('forgets an append whose journal line is torn at any byte', async () => {
    const dataDir = tempDir();
    const before = await start({ dataDir });
    await append(before, 'k', 0, 'one');
    const whole = readFileSync(join(dataDir, 'journal')).length;
    await append(before, 'k', 3, 'two');
    await before.close();
    const journal = readFileSync(join(dataDir, 'journal'));
    for (const cut of [1, 16, 17, 18, 60, journal.length - whole - 1]) {
      const copy = tempDir();
      const file = onlyFile(dataDir);
      const first = await start({ dataDir: copy });
      await first.close();
      writeFileSync(join(copy, 'journal'), journal.subarray(0, whole + cut));
      writeFileSync(join(copy, 'objects', file.slice(file.lastIndexOf('/') + 1)), 'onetwo');
      const after = await start({ dataDir: copy });
      const reply = await send(after, { key: 'k' });
      expect([cut, reply.body.toString(), reply.headers[NEXT]]).toEqual([cut, 'one', '3']);
    }
  });

  it('refuses a journal damaged in the middle, and data that is missing, without touching either', async () => {
    const dataDir = tempDir();
    const before = await start({ dataDir });
    await append(before, 'k', 0, 'bytes');
    await before.close();
    const journal = readFileSync(join(dataDir, 'journal'));
    const damaged = Buffer.from(journal);
    damaged[20] = 0x7e;
    writeFileSync(join(dataDir, 'journal'), damaged);
    await expect(start({ dataDir })).rejects.toThrow(JournalDamagedError);
    expect(readFileSync(join(dataDir, 'journal'))).toEqual(damaged);

    writeFileSync(join(dataDir, 'journal'), journal);
    truncateSync(onlyFile(dataDir), 2);
    await expect(start({ dataDir })).rejects.toThrow(DataLostError);
    expect(readFileSync(join(dataDir, 'journal'))).toEqual(journal);
  });
});

describe('a data directory', () => {
  it('belongs to one server at a time', async () => {
    const dataDir = tempDir();
    const oss = await start({ dataDir });
    await expect(start({ dataDir })).rejects.toThrow(DataDirInUseError);
    const program = await listen(tempDir());
    await expect(listen(dataDir)).rejects.toThrow(`in use by process ${process.pid}`);
    program.process.kill();
    await restart(oss, dataDir);
  });

  it('is free again after its server could not listen', async () => {
    const dataDir = tempDir();
    const other = await start();
    const taken = startOss({ dataDir, credentials: [KEY], port: other.port });
    await expect(taken).rejects.toThrow(PortTakenError);
    await expect(taken).rejects.toMatchObject({ port: other.port });
    await start({ dataDir });
  });

  it.each(['', 'nonsense', '999999999 1', `${process.ppid} 1`, `${process.pid} 1`])(
    'is taken over from a holder that is gone (lock: "%s")',
    async (lock) => {
      const dataDir = tempDir();
      writeFileSync(join(dataDir, 'lock'), lock);
      const oss = await start({ dataDir });
      expect(readFileSync(join(dataDir, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} `));
      await oss.close();
      expect(readdirSync(dataDir).sort()).toEqual(['incoming', 'journal', 'objects']);
    },
  );
});

describe('a server killed in mid-traffic', () => {
  it('has every acknowledged append afterwards, and no torn one', async () => {
    const dataDir = tempDir();
    const writers = 6;
    const acknowledged = new Set<string>();
    const sent = Array.from({ length: writers }, () => 0);

    for (let round = 1; round <= 3; round++) {
      const program = await listen(dataDir);
      const enough = acknowledged.size + 60;
      const write = async (writer: number): Promise<void> => {
        let position = Number((await send(program, { method: 'HEAD', key: 'log' })).headers[NEXT] ?? 0);
        for (;;) {
          const id = `${writer}-${sent[writer]}`;
          const line = `${id}:${'x'.repeat((Number(sent[writer]) * 37) % 5000)}\n`;
          const reply = await append(program, 'log', position, line);
          position = Number(reply.headers[NEXT]);
          if (reply.status !== 200) continue;
          acknowledged.add(id);
          sent[writer] = Number(sent[writer]) + 1;
          if (acknowledged.size >= enough) program.process.kill('SIGKILL');
        }
      };
      // Each ends with the connection that the kill cut, its last append in doubt: it gets a new number.
      await Promise.allSettled(
        sent.map((_, writer) =>
          write(writer).finally(() => {
            sent[writer] = Number(sent[writer]) + 1;
          }),
        ),
      );
      expect((await program.ended).signal).toBe('SIGKILL');
    }

    const oss = await start({ dataDir });
    const { headers, body } = await send(oss, { key: 'log' });
    expect(headers[NEXT]).toBe(String(body.length));
    expect(headers['x-oss-hash-crc64ecma']).toBe(String(crc64(body)));
    const lines = body.toString().split('\n');
    expect(lines.pop()).toBe('');
    const ids = lines.map((line) => {
      const [id = '', rest = ''] = line.split(':');
      expect(rest).toBe('x'.repeat((Number(id.split('-')[1]) * 37) % 5000));
      return id;
    });
    expect(new Set(ids).size).toBe(ids.length);
    expect([...acknowledged].filter((id) => !ids.includes(id))).toEqual([]);
    expect(ids.length - acknowledged.size).toBeLessThanOrEqual(3 * writers);
    expect(acknowledged.size).toBeGreaterThanOrEqual(180);
    expect((await append(oss, 'log', body.length, 'goes on')).status).toBe(200);
  });
});
