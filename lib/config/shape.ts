/** The shape of `append.config.ts`, and how mistakes in it are told. What the parts mean together is in `config.ts`. */
import * as z from 'zod/mini';
import { InvalidTemplate, type KeyTemplate, parseTemplate } from '../key.ts';

const TARGET_NAME = /^[A-Za-z0-9][\w-]*$/;
const MIME_TYPE = /^[\w.+-]+\/[\w.+-]+(?:\s*;\s*[\w-]+=(?:[\w.+-]+|"[^"\\\p{Cc}]*"))*$/u;

const KEY = 'a key such as "events/{time:yyyy/MM/dd/HH}.ndjson"';
const MIME = 'a MIME type such as "text/plain"';

const key = z.pipe(z.string(hint(KEY)), z.transform(template));
const contentType = z.optional(z.string(hint(MIME)).check(z.regex(MIME_TYPE, hint(MIME))));
const cloudEvents = z.optional(z.enum(['data', 'event'], hint('"data" or "event"')));

export const targetShape = z.discriminatedUnion(
  'format',
  [
    z.strictObject({ format: z.literal('raw'), key, contentType }, only('format, key, contentType')),
    z.strictObject(
      { format: z.literal('log'), key, contentType, cloudEvents },
      only('format, key, contentType, cloudEvents'),
    ),
  ],
  hint('"log" (NDJSON, every record exactly once) or "raw" (bytes as they come)'),
);

/** `{ target: one of `targets` }`. */
export const doorShape = (targets: readonly string[]) =>
  z.strictObject(
    { target: z.enum([...targets], hint(`the name of a target: ${targets.join(', ')}`)) },
    only('target'),
  );

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
  },
  only('targets, queues, schedules'),
);

const entries = z.catch(z.record(z.string(), z.unknown()), {});

/** Whatever entries there are, so that a mistake outside does not hide those inside. Takes everything. */
export const entriesOf = z.catch(z.object({ targets: entries, queues: entries, schedules: entries }), {
  targets: {},
  queues: {},
  schedules: {},
});

/** One line a mistake: where it is, and what to write there. */
export function problemsOf(error: z.core.$ZodError, path: readonly string[]): string[] {
  return error.issues.flatMap((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
    const where = [...path, ...issue.path];
    const places = unknown.length > 0 ? unknown.map((name) => [...where, name]) : [where];
    return places.map((place) => `${place.join('.') || 'the configuration'}: ${issue.message}`);
  });
}

export function hint(what: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => (input === undefined ? `is missing; write ${what}` : `write ${what}`) };
}

/** For a strict object. */
function only(names: string): { error: (issue: { code?: string }) => string } {
  return {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `there is no such setting; there are ${names}`
        : `write an object with ${names}`,
  };
}

function template(text: string, context: z.core.ParsePayload): KeyTemplate {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (!(error instanceof InvalidTemplate)) throw error;
    context.issues.push({ code: 'custom', message: error.message, input: text });
    return z.NEVER;
  }
}
