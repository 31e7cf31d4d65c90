import { describe, expect, it } from 'vitest';
import {
  count,
  crc64,
  errorCode,
  isMissing,
  lengthOfRefusedRange,
  refusal,
  servedRange,
} from '../../../lib/store/oss-answer.ts';
import type { HttpAnswer } from '../../../lib/store/oss-wire.ts';

const answer = (status: number, headers: Record<string, string> = {}, body = ''): HttpAnswer => ({
  status,
  headers: new Map(Object.entries(headers)),
  body: Buffer.from(body),
});
const errorOf = (code: string, more = '') =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n  <Code>${code}</Code>\n  <Message>Because.</Message>${more}\n</Error>`;
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('what OSS answers', () => {
  it('has its error code in the body, or for a HEAD in a header, or nowhere', () => {
    expect(errorCode(answer(409, {}, errorOf('PositionNotEqualToLength')))).toBe('PositionNotEqualToLength');
    expect(errorCode(answer(404, { 'x-oss-err': base64(errorOf('NoSuchBucket')) }))).toBe('NoSuchBucket');
    expect(errorCode(answer(502, {}, '<html>Bad gateway</html>'))).toBeNull();
  });

  it('is a missing object with NoSuchKey or a bare 404, and with no other 404', () => {
    expect(isMissing(answer(404))).toBe(true);
    expect(isMissing(answer(404, {}, errorOf('NoSuchKey')))).toBe(true);
    expect(isMissing(answer(404, { 'x-oss-err': base64(errorOf('NoSuchBucket')) }))).toBe(false);
    expect(isMissing(answer(404, {}, errorOf('SymlinkTargetNotExist')))).toBe(false);
    expect(isMissing(answer(403, {}, errorOf('NoSuchKey')))).toBe(false);
  });

  it('tells the length with a refused range in its header or its document, or does not tell', () => {
    const document = errorOf('InvalidRange', '<ActualObjectSize>7</ActualObjectSize>');
    expect(lengthOfRefusedRange(answer(416, { 'content-range': 'bytes */12' }, document))).toBe(12);
    expect(lengthOfRefusedRange(answer(416, {}, document))).toBe(7);
    expect(lengthOfRefusedRange(answer(416, {}, errorOf('InvalidRange')))).toBeNull();
    expect(lengthOfRefusedRange(answer(404, { 'content-range': 'bytes */12' }))).toBeNull();
  });

  it('serves a range only if the body is as long as it says', () => {
    const range = { 'content-range': 'bytes 2-4/10' };
    expect(servedRange(answer(206, range, 'abc'))).toEqual({ start: 2, length: 10 });
    expect(servedRange(answer(206, range, 'ab'))).toBeNull();
    expect(servedRange(answer(206, range, 'abcd'))).toBeNull();
    expect(servedRange(answer(206, { 'content-range': 'bytes 2-4/*' }, 'abc'))).toBeNull();
    expect(servedRange(answer(206, {}, 'abc'))).toBeNull();
  });

  it('has numbers that are whole and exact, or none', () => {
    const position = (text: string) =>
      count(answer(200, { 'x-oss-next-append-position': text }), 'x-oss-next-append-position');
    expect(position('5368709120')).toBe(5_368_709_120);
    for (const text of ['', '-1', '1.5', '0x10', '1e3', ' 1', '9007199254740993'])
      expect(position(text)).toBeNull();
    expect(count(answer(200), 'content-length')).toBeNull();
    expect(crc64(answer(200, { 'x-oss-hash-crc64ecma': '18446744073709551615' }))).toBe(2n ** 64n - 1n);
    expect(crc64(answer(200, { 'x-oss-hash-crc64ecma': 'none' }))).toBeNull();
  });

  it('is an error with code, status, request id and the wait that is asked for', () => {
    const headers = { 'x-oss-request-id': '66A0F1', 'x-oss-qos-delay-time': '120' };
    expect(refusal(answer(503, headers, errorOf('TotalQpsLimitExceeded')))).toMatchObject({
      code: 'TotalQpsLimitExceeded',
      status: 503,
      requestId: '66A0F1',
      delayMs: 120,
      message: 'OSS refused with TotalQpsLimitExceeded (HTTP 503): Because.',
    });
    expect(refusal(answer(502))).toMatchObject({
      code: 'Http502',
      status: 502,
      requestId: null,
      delayMs: null,
    });
  });
});
