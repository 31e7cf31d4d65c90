/** The shape of `append.config.ts`. What the parts mean together is in `config.ts`. */
import * as z from 'zod/mini';
import { JOB_NAME } from './jobs-shape.ts';
import { lanesShape } from './lanes.ts';
import { hint, only, wholeNumber } from './mistakes.ts';
import { templateOf } from './template.ts';

const TARGET_NAME = /^[A-Za-z0-9][\w-]*$/;
const MIME_TYPE = /^[\w.+-]+\/[\w.+-]+(?:\s*;\s*[\w-]+=(?:[\w.+-]+|"[^"\\\p{Cc}]*"))*$/u;

const KEY = 'a key such as "events/{time:yyyy/MM/dd/HH}.ndjson"';
const MIME = 'a MIME type such as "text/plain"';

const key = (segmented: boolean) =>
  z.pipe(
    z.string(hint(KEY)),
    z.transform((text: string, context) => templateOf(text, segmented, context)),
  );
const contentType = z.optional(z.string(hint(MIME)).check(z.regex(MIME_TYPE, hint(MIME))));
const cloudEvents = z.optional(z.enum(['data', 'event'], hint('"data" or "event"')));

const dedupe = z.optional(
  z.strictObject(
    {
      records: z.optional(wholeNumber(1, 1_000_000, 'a number of records from 1 to 1,000,000')),
      ageMs: z.optional(
        wholeNumber(60_000, Number.MAX_SAFE_INTEGER, 'an age in milliseconds, 60,000 or more'),
      ),
    },
    only('records, ageMs'),
  ),
);
const segmentBytesMax = z.optional(
  wholeNumber(1024, 4 * 1024 ** 3, 'a length in bytes from 1,024 to 4,294,967,296 (4 GiB)'),
);

const retention = z.optional(
  z.strictObject(
    { ageMs: wholeNumber(60_000, Number.MAX_SAFE_INTEGER, 'an age in milliseconds, 60,000 or more') },
    only('ageMs'),
  ),
);

/** Has a shape of its own, which depends on where it stands. */
const access = z.optional(z.unknown());

const readable = z.optional(z.boolean(hint('true or false')));

/** Checked by itself, see `schema.ts`. */
const schema = z.optional(z.unknown());

const raw = { key: key(false), contentType, lanes: lanesShape('raw'), access, readable };
const log = {
  key: key(true),
  contentType,
  cloudEvents,
  lanes: lanesShape('log'),
  access,
  readable,
  dedupe,
  segmentBytesMax,
  schema,
  retention,
};
const named = (shape: object) => only(['format', ...Object.keys(shape)].join(', '));

export const targetShape = z.discriminatedUnion(
  'format',
  [
    z.strictObject({ format: z.literal('raw'), ...raw }, named(raw)),
    z.strictObject({ format: z.literal('log'), ...log }, named(log)),
  ],
  hint('"log" (NDJSON, every record exactly once) or "raw" (bytes as they come)'),
);

/** `{ target: one of `targets` }`. */
export const doorShape = (targets: readonly string[]) =>
  z.strictObject(
    { target: z.enum([...targets], hint(`the name of a target: ${targets.join(', ')}`)) },
    only('target'),
  );

/** `DeadLettersInput` of `config.ts`. */
export const deadLettersShape = z.strictObject({ key: key(true) }, only('key'));

const NAMES = 'targets by name, with letters, digits, - and _ in a name (it is part of the URL)';
const targets = z
  .record(z.string().check(z.regex(TARGET_NAME)), z.unknown(), hint(NAMES))
  .check(z.refine((named) => Object.keys(named).length > 0, hint('one target or more')));
const routes = (example: string) =>
  z.optional(z.record(z.string(), z.unknown(), hint(`targets by name, such as ${example}`)));

/** The outside: what is in each entry is checked on its own. */
export const configShape = z.strictObject(
  {
    targets,
    queues: routes('{ orders: { target: "events" } }'),
    schedules: routes('{ hourly: { target: "events" } }'),
    access,
    deadLetters: z.optional(z.unknown()),
    jobs: z.optional(
      z.record(
        z.string().check(z.regex(JOB_NAME)),
        z.unknown(),
        hint('jobs by name, with a-z, 0-9 and - in a name'),
      ),
    ),
    jobLogs: z.optional(z.unknown()),
    cors: z.optional(z.unknown()),
  },
  only('targets, queues, schedules, access, deadLetters, jobs, jobLogs, cors'),
);

const entries = z.catch(z.record(z.string(), z.unknown()), {});

/** Whatever entries there are, so that a mistake outside does not hide those inside. Takes everything. */
export const entriesOf = z.catch(
  z.object({
    targets: entries,
    queues: entries,
    schedules: entries,
    access,
    deadLetters: z.optional(z.unknown()),
    jobs: entries,
    jobLogs: z.optional(z.unknown()),
    cors: z.optional(z.unknown()),
  }),
  {
    targets: {},
    queues: {},
    schedules: {},
    deadLetters: undefined,
    jobs: {},
    jobLogs: undefined,
    cors: undefined,
  },
);
