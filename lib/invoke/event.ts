/**
 * The event of such a call. It is that of a timer whose payload says what to do, so a function takes both the same way,
 * and whoever configures a timer can write the same: `{"job":"orders-table"}`.
 */
import * as z from 'zod/mini';

export interface JobCall {
  readonly job: string;
  /** As the job's log names it; null: whichever are due. */
  readonly group: string | null;
}

/** What the events of hand-overs are named, where a timer's have the name of its trigger. */
export const HAND_OVER = 'hand-over';

const payloadShape = z.union([
  z.strictObject({ job: z.string(), group: z.optional(z.nullable(z.string())) }),
  z.strictObject({ retire: z.string() }),
  z.strictObject({ verify: z.string() }),
]);

/** The payload of a timer is not what it has to be. The message says what to write. */
export class InvalidJobCall extends Error {
  override readonly name = 'InvalidJobCall';
}

export function callEvent({ job, group }: JobCall, timeMs: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      triggerTime: new Date(timeMs).toISOString(),
      triggerName: HAND_OVER,
      payload: JSON.stringify({ job, ...(group !== null && { group }) }),
    }),
  );
}

/** What there is to ask for. */
export interface Known {
  readonly jobs: readonly string[];
  /** Targets with a retention. */
  readonly retained: readonly string[];
  /** Log targets. */
  readonly logs: readonly string[];
}

export type JobTask =
  | (JobCall & { readonly kind: 'run' })
  | { readonly kind: 'retire' | 'verify'; readonly target: string };

/**
 * What a payload asks for: `{"job":…}` one job, `{"retire":…}` that the old objects of a target are removed, `{"verify":…}`
 * that a target is audited, and no payload each of the jobs. Throws `InvalidJobCall`.
 */
export function jobTasks(payload: string, { jobs, retained, logs }: Known): readonly JobTask[] {
  if (payload === '') return jobs.map((job) => ({ kind: 'run', job, group: null }));
  const { data } = z.safeParse(payloadShape, parsed(payload));
  if (data === undefined)
    throw new InvalidJobCall(
      'The payload of the timer is no call of a job. Write {"job":"<name>"}, {"retire":"<target>"} or {"verify":"<target>"}, or none for all jobs.',
    );
  if ('retire' in data) {
    known('target', data.retire, retained, 'with retention');
    return [{ kind: 'retire', target: data.retire }];
  }
  if ('verify' in data) {
    known('target', data.verify, logs, 'with format "log"');
    return [{ kind: 'verify', target: data.verify }];
  }
  known('job', data.job, jobs, '');
  return [{ kind: 'run', job: data.job, group: data.group ?? null }];
}

function known(kind: string, name: string, names: readonly string[], which: string): void {
  if (names.includes(name)) return;
  const there = `${names.join(', ') || 'none'}${which && ` ${which}`}`;
  throw new InvalidJobCall(
    `The payload of the timer names the ${kind} ${JSON.stringify(name)}, and append.config.ts has ${there}.`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
