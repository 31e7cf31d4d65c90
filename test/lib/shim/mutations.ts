/** Recorded events, changed: a value, a byte, or all of it. */
import fc from 'fast-check';
import { type EventName, eventOf } from './support.ts';

export const QUEUE_EVENTS: readonly EventName[] = [
  'kafka',
  'mns-topic-json',
  'mns-topic-stream',
  'mqtt',
  'rabbitmq-strings',
  'rocketmq',
  'rocketmq-self-built',
  'smq',
];

/** JSON values that events rarely hold where they are put. */
export const STRANGE = fc.constantFrom<unknown>(
  null,
  '',
  'x',
  -1,
  1.5,
  1e308,
  true,
  [],
  {},
  [null],
  { a: {} },
  '{"a":',
  '\ud800',
);

/** A recorded event with one value anywhere in it replaced, removed or moved into an array. */
const mutated = (events: readonly (() => Buffer)[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.constantFrom(...events), fc.nat(), fc.option(STRANGE, { nil: undefined }))
    .map(([event, at, strange]) => {
      const text = event().toString();
      let count = 0;
      JSON.parse(text, (_key, value) => {
        count++;
        return value;
      });
      let seen = 0;
      return Buffer.from(
        JSON.stringify(JSON.parse(text, (_key, value) => (seen++ === at % count ? strange : value))) ?? '',
      );
    });

/** A recorded event cut, or with a byte changed. */
const damaged = (events: readonly (() => Buffer)[]): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.constantFrom(...events), fc.nat(), fc.option(fc.nat(255))).map(([event, at, byte]) => {
    const bytes = Buffer.from(event());
    const index = at % bytes.length;
    if (byte === null) return bytes.subarray(0, index);
    bytes[index] = byte;
    return bytes;
  });

/** Of any kind, mostly such that resemble one of `events`. */
export const changed = (...events: readonly (() => Buffer)[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 5, arbitrary: mutated(events) },
    { weight: 3, arbitrary: damaged(events) },
    { weight: 1, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
  );

export const anyEvent = (names: readonly EventName[]): fc.Arbitrary<Buffer> =>
  changed(...names.map((name) => () => eventOf(name)));
