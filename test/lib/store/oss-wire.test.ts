import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerReader, BadAnswer, requestHead } from '../../../lib/store/oss-wire.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;

/** Reads `text` in pieces that end at `cuts`; null if it is not whole. */
function readOf(text: string, { method = 'GET', cuts = [] as readonly number[] } = {}) {
  const reader = new AnswerReader(method);
  const bytes = latin1(text);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  let start = 0;
  let whole = false;
  for (const end of ends) {
    if (end > start) whole = reader.push(bytes.subarray(start, end));
    start = Math.max(start, end);
  }
  const { status, headers, body } = reader.answer();
  return whole
    ? { status, headers: [...headers], body: body.toString('latin1'), keepsAlive: reader.keepsAlive }
    : null;
}

describe('an answer on the wire', () => {
  const cuts = fc.array(fc.nat(), { maxLength: 6 });
  const CHUNKED = head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked');
  const answers: [string, { text: string; body: string; keepsAlive: boolean; method?: string }][] = [
    [
      'with a length',
      { text: `${head('HTTP/1.1 200 OK', 'Content-Length: 5')}12345`, body: '12345', keepsAlive: true },
    ],
    ['with no body', { text: head('HTTP/1.1 200', 'Content-Length: 0'), body: '', keepsAlive: true }],
    [
      'to a HEAD',
      { text: head('HTTP/1.1 200 OK', 'Content-Length: 5'), body: '', keepsAlive: true, method: 'HEAD' },
    ],
    ['without content', { text: head('HTTP/1.1 204 No Content'), body: '', keepsAlive: true }],
    [
      'in chunks',
      {
        text: `${CHUNKED}5;a=b\r\n12345\r\n0A\r\n67890abcde\r\n0\r\nTrailer: x\r\n\r\n`,
        body: '1234567890abcde',
        keepsAlive: true,
      },
    ],
    ['in no chunks', { text: `${CHUNKED}0\r\n\r\n`, body: '', keepsAlive: true }],
    [
      'after interim ones',
      {
        text: `${head('HTTP/1.1 100 Continue')}${head('HTTP/1.1 103 Early Hints', 'Link: x')}${head('HTTP/1.1 200 OK', 'Content-Length: 1')}x`,
        body: 'x',
        keepsAlive: true,
      },
    ],
    [
      'that closes',
      {
        text: head('HTTP/1.1 200 OK', 'Connection: close', 'Content-Length: 0'),
        body: '',
        keepsAlive: false,
      },
    ],
    ['of HTTP/1.0', { text: head('HTTP/1.0 200 OK', 'Content-Length: 0'), body: '', keepsAlive: false }],
    [
      'with bytes behind it',
      { text: `${head('HTTP/1.1 200 OK', 'Content-Length: 1')}xy`, body: 'x', keepsAlive: false },
    ],
  ];
  it.each(answers)(
    '%s is whole at its end, however it is cut',
    (_, { text, body, keepsAlive, method = 'GET' }) => {
      fc.assert(
        fc.property(cuts, (at) => {
          const whole = readOf(text, { method, cuts: at });
          expect(whole?.body).toBe(body);
          // Bytes that come later are the connection's business.
          if (at.length === 0) expect(whole?.keepsAlive).toBe(keepsAlive);
        }),
        { examples: [[[]], [Array.from({ length: text.length }, (__, i) => i)]] },
      );
      const tooMuch = keepsAlive ? 0 : text.endsWith('xy') ? 1 : 0;
      for (let end = 0; end < text.length - tooMuch; end++) {
        expect(readOf(text.slice(0, end), { method }), text.slice(0, end)).toBeNull();
      }
    },
  );

  it('without a length ends with the connection, and only there', () => {
    const reader = new AnswerReader('GET');
    expect(reader.push(latin1(`${head('HTTP/1.1 200 OK')}ab`))).toBe(false);
    expect(reader.push(latin1('c'))).toBe(false);
    expect(reader.closed()).toBe(true);
    expect(String(reader.answer().body)).toBe('abc');
    expect(reader.keepsAlive).toBe(false);
    for (const text of [
      '',
      'HTTP/1.1 200 OK\r\n',
      `${head('HTTP/1.1 200 OK', 'Content-Length: 2')}a`,
      CHUNKED,
    ]) {
      const other = new AnswerReader('GET');
      other.push(latin1(text));
      expect(other.closed(), text).toBe(false);
    }
  });

  it('has its headers in lower case, without the space around, and together what comes twice', () => {
    const text = head(
      'HTTP/1.1 200 OK',
      'X-Oss-A:  b c\t',
      'Via: 1',
      'via:2',
      'x-empty:',
      '__proto__: x',
      'content-length: 0',
    );
    expect(readOf(text)?.headers).toEqual([
      ['x-oss-a', 'b c'],
      ['via', '1, 2'],
      ['x-empty', ''],
      ['__proto__', 'x'],
      ['content-length', '0'],
    ]);
  });

  const bad: [string, string][] = [
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['another version', head('HTTP/2 200')],
    ['no status', head('HTTP/1.1 OK')],
    ['a status of four digits', head('HTTP/1.1 2000 OK')],
    ['a change of protocol', head('HTTP/1.1 101 Switching Protocols', 'Upgrade: x')],
    ['a line without a colon', head('HTTP/1.1 200 OK', 'Content-Length')],
    ['a space before the colon', head('HTTP/1.1 200 OK', 'Content-Length : 1')],
    ['a folded line', head('HTTP/1.1 200 OK', 'X-A: b', ' c: d')],
    ['a bare line feed', head('HTTP/1.1 200 OK', 'X-A: b\nContent-Length: 0')],
    ['a bare carriage return', head('HTTP/1.1 200 OK', 'X-A: b\rContent-Length: 0')],
    ['a NUL', head('HTTP/1.1 200 OK', 'X-A: \0')],
    ['a negative length', head('HTTP/1.1 200 OK', 'Content-Length: -1')],
    ['two lengths', head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 2')],
    ['a length and chunks', head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Transfer-Encoding: chunked')],
    ['another encoding', head('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked')],
    ['a chunk of no size', `${CHUNKED}x\r\n`],
    ['a chunk of a negative size', `${CHUNKED}-1\r\n`],
    ['a chunk longer than it says', `${CHUNKED}1\r\nab\r\n`],
    ['a head without an end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(20_000)}`],
    ['a chunk line without an end', `${CHUNKED}1;${'a'.repeat(20_000)}`],
  ];
  it.each(bad)('is none with %s', (_, text) => {
    expect(() => readOf(text)).toThrow(BadAnswer);
    expect(() => readOf(text, { cuts: [3, 17, 18, 40] })).toThrow(BadAnswer);
  });

  it('has the headers that a look at each character finds, or none', () => {
    /** RFC 9112 §4 and §5, slowly; null for what is no head. */
    const headersOf = (text: string): [string, string][] | null => {
      const [status = '', ...lines] = text.split('\r\n');
      const isText = (line: string) => [...line].every((c) => c === '\t' || (c >= ' ' && c !== '\x7f'));
      const isStatus =
        /^HTTP\/1\.[01] [1-9]\d\d$/.test(status.slice(0, 12)) && /^( |$)/.test(status.slice(12));
      if (!isStatus || ![status, ...lines].every(isText)) return null;
      const headers = new Map<string, string>();
      for (const line of lines) {
        const name = line.split(':', 1)[0]?.toLowerCase() ?? '';
        const isName =
          name !== '' && [...name].every((c) => c > ' ' && c < '\x7f' && !'"(),/;<=>?@[\\]{}'.includes(c));
        if (!isName || !line.includes(':')) return null;
        const value = line.slice(name.length + 1).trim();
        const before = headers.get(name);
        headers.set(name, before === undefined ? value : `${before}, ${value}`);
      }
      return [...headers];
    };
    const character = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    const piece = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(
          '\r\n',
          '\r\nX-A: b',
          '\r\nx-a:',
          'via',
          ':',
          ' ',
          '\t',
          ' OK',
          '\r',
          '\n',
        ),
      },
      { weight: 1, arbitrary: character },
    );
    const start = fc.constantFrom(
      'HTTP/1.1 204',
      'HTTP/1.0 204',
      'HTTP/1.1 204 ',
      'HTTP/1.1 204x',
      ' HTTP/1.1 204',
    );
    fc.assert(
      fc.property(start, fc.array(piece, { maxLength: 12 }), (first, pieces) => {
        const text = [first, ...pieces]
          .join('')
          .replace(/(\r\n)+/g, '\r\n')
          .replace(/\r\n$/, '');
        const expected = headersOf(text);
        const read = () => readOf(`${text}\r\n\r\n`)?.headers;
        if (expected === null) expect(read).toThrow(BadAnswer);
        else expect(read()).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('is read or is none, whatever the bytes are', () => {
    const piece = fc.constantFrom(
      'HTTP/1.1 ',
      '200',
      ' OK',
      '\r\n',
      '\r',
      '\n',
      'Content-Length',
      ': ',
      '3',
      'Transfer-Encoding: chunked',
      '0',
      'abc',
      '\xff',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), cuts, (pieces, at) => {
        try {
          readOf(pieces.join(''), { cuts: at });
        } catch (error) {
          expect(error).toBeInstanceOf(BadAnswer);
        }
      }),
    );
  });
});

describe('a request on the wire', () => {
  const request = {
    method: 'POST',
    path: '/a%20b?append=&position=0',
    headers: { host: 'h', 'x-a': 'b', 'x-b': undefined },
  };

  it('is its method, path and headers, with the length of the body', () => {
    expect(requestHead({ ...request, body: Buffer.from('123') })).toBe(
      'POST /a%20b?append=&position=0 HTTP/1.1\r\nhost: h\r\nx-a: b\r\ncontent-length: 3\r\n\r\n',
    );
    expect(requestHead({ method: 'HEAD', path: '/', headers: {} })).toBe('HEAD / HTTP/1.1\r\n\r\n');
  });

  it.each(['\r', '\n', '\0', '\x7f', '日'])('is none with a %j in it', (character) => {
    expect(() => requestHead({ ...request, path: `/a${character}b` })).toThrow(TypeError);
    expect(() => requestHead({ ...request, headers: { 'x-a': `a${character}b` } })).toThrow(TypeError);
  });

  it('is none with a space in its path, and says nothing of the value it refuses', () => {
    expect(() => requestHead({ ...request, path: '/a b' })).toThrow(TypeError);
    expect(() => requestHead({ ...request, headers: { 'x-oss-security-token': 'the-token\n' } })).toThrow(
      /^(?!.*the-token)/s,
    );
  });
});
