/**
 * Every course that a small scope can take: two writers on one object or log, each request answered in every way, in
 * every order, with up to so many faults.
 *
 * It runs the plans of `lib/append` themselves. A plan is a function of the replies it gets, so a writer's state is
 * the list of its replies, and is had again by giving them to a new plan. Two courses that lead to the same object,
 * the same replies and the same requests under way have the same future, which is looked at once; the courses are
 * still counted each. Left out, because it changes nothing for anyone else:
 *
 * - A pause, or a turn, is over at once: it reads and writes nothing that is shared.
 * - A lost request and a lost answer to a conflict are one case, and so are a reset and a 5xx: the plan is told the same.
 * - A late request whose position is passed cannot act any more, since the object only grows, or is an ordinary one.
 */
import { crc64 } from '../../lib/append/crc64.ts';
import type { Ask, Plan, Reply } from '../../lib/append/plan.ts';

/** A writer: asks as its plans ask, and returns what it was told in the end. A crash is a reply. */
export type Writer<Told> = Generator<Ask | Put, readonly Told[], Reply | typeof CRASH>;
/** Puts an ordinary object in the place of another; `appended` is what is told of it, too. */
export interface Put {
  readonly ask: 'put';
  readonly key: string;
  readonly body: Uint8Array;
}
export const CRASH = 'crash';

export interface Scope<Told> {
  readonly faultsMax: number;
  /** Whether a writer is also told that its time is up. It need not be if it then does what it does after a crash. */
  readonly stops: boolean;
  writer(which: number): Writer<Told>;
  /** What is wrong with how it ended, null if nothing is. */
  verify(objects: Objects, told: readonly Told[]): string | null;
}

export type Objects = ReadonlyMap<string, Stored>;
export interface Stored {
  readonly bytes: Buffer;
  readonly crc64: bigint;
  /** What it stands in the place of, if it is an ordinary object. */
  readonly buried: Buffer | null;
}

export interface Explored {
  /** Distinct courses, from the start to an end. */
  readonly courses: bigint;
  readonly states: number;
  /** The first wrong end found, with the steps that lead there. */
  readonly failure: { readonly steps: readonly string[]; readonly why: string } | null;
}

/** All objects, one for each distinct content. */
interface Content {
  readonly id: number;
  readonly objects: Objects;
  /** What a write makes of it. */
  readonly after: Map<Append | Put, Content>;
}

interface Course {
  readonly content: Content;
  readonly writers: readonly number[];
  /** Requests that may still arrive. */
  readonly late: readonly Request[];
  readonly faults: number;
}

interface Request {
  /** The writer's node that sent it. */
  readonly from: number;
  readonly write: Append | Put;
}

/** A writer after some replies. */
interface Node<Told> {
  readonly which: number;
  readonly parent: number | null;
  readonly reply: Reply | typeof CRASH | null;
  readonly ask: Ask | Put | null;
  readonly told: readonly Told[];
}

const WRITERS = 2;

export function explore<Told>(scope: Scope<Told>): Explored {
  const nodes: Node<Told>[] = [];
  const children = new Map<string, number>();
  const contents = new Map<string, Content>();
  const courses = new Map<string, bigint>();
  const steps: string[] = [];
  let failure: Explored['failure'] = null;

  /** Runs writer `which` from its start through the replies that lead to `parent`, and one more. */
  function grow(which: number, parent: number | null, reply: Node<Told>['reply']): number {
    const replies: Exclude<Node<Told>['reply'], null>[] = reply === null ? [] : [reply];
    for (let at = parent; at !== null; at = nodes[at]?.parent ?? null) {
      const earlier = nodes[at]?.reply;
      if (earlier) replies.unshift(earlier);
    }
    const writer = scope.writer(which);
    let step = settled(writer, writer.next());
    for (const one of replies) step = settled(writer, writer.next(one));
    nodes.push({
      which,
      parent,
      reply,
      ask: step.done ? null : step.value,
      told: step.done ? step.value : [],
    });
    return nodes.length - 1;
  }

  /** The writer after `reply`. `name` tells it from every other reply that it could get here. */
  function after(at: number, name: string, reply: Reply | typeof CRASH): number {
    const key = `${at} ${name}`;
    const known = children.get(key);
    if (known !== undefined) return known;
    const made = grow(nodes[at]?.which ?? 0, at, reply);
    children.set(key, made);
    return made;
  }

  function contentOf(objects: Objects): Content {
    let text = '';
    for (const [key, { bytes, buried }] of objects)
      text += `${key} ${bytes.length} ${buried?.length} ${bytes.toString('latin1')}${buried?.toString('latin1')}`;
    const content = contents.get(text) ?? { id: contents.size, objects, after: new Map() };
    contents.set(text, content);
    return content;
  }

  function written({ objects, after: known }: Content, write: Append | Put): Content {
    const before = known.get(write);
    if (before !== undefined) return before;
    const found = objects.get(write.key) ?? { bytes: Buffer.alloc(0), crc64: 0n, buried: null };
    const body = Buffer.from(write.body);
    const stored =
      write.ask === 'put'
        ? { bytes: body, crc64: crc64(body), buried: found.buried ?? found.bytes }
        : { ...found, bytes: Buffer.concat([found.bytes, body]), crc64: crc64(body, found.crc64) };
    // In the order of the keys, so that one content has one text.
    const all = [...objects].filter(([key]) => key !== write.key);
    const content = contentOf(
      new Map([...all, [write.key, stored] as const].sort(([a], [b]) => (a < b ? -1 : 1))),
    );
    known.set(write, content);
    return content;
  }

  function visit(course: Course): bigint {
    if (failure !== null) return 0n;
    const { content } = course;
    const late = course.late.filter(({ write }) => acts(write, content.objects));
    const under = late
      .map(({ from }) => from)
      .sort()
      .join();
    const key = `${course.faults}|${course.writers.join()}|${under}|${content.id}`;
    const known = courses.get(key);
    if (known !== undefined) return known;
    let sum = 0n;
    const go = (step: string, next: Partial<Course>) => {
      steps.push(step);
      sum += visit({ ...course, late, ...next });
      steps.pop();
    };
    for (const [at, request] of late.entries())
      go(`a late request lands: ${textOf(request.write)}`, {
        content: written(content, request.write),
        late: late.toSpliced(at, 1),
      });
    for (const [which, at] of course.writers.entries()) {
      const ask = nodes[at]?.ask;
      if (ask == null) continue;
      for (const { name, acts: acted, sent, fault, reply } of waysOf(ask, content.objects)) {
        if (fault && course.faults === scope.faultsMax) continue;
        if (reply === STOP && !scope.stops) continue;
        const next = acted ? written(content, acted) : content;
        const told = typeof reply === 'function' ? reply(next.objects) : reply;
        const writers = course.writers.with(which, after(at, `${name} ${next.id}`, told));
        go(`writer ${which}: ${textOf(ask)}: ${name}`, {
          writers,
          content: next,
          late: sent ? [...late, { from: at, write: sent }] : late,
          faults: course.faults + (fault ? 1 : 0),
        });
      }
    }
    if (late.length === 0 && course.writers.every((at) => nodes[at]?.ask === null)) {
      sum = 1n;
      const why = scope.verify(
        content.objects,
        course.writers.flatMap((at) => nodes[at]?.told ?? []),
      );
      if (why !== null) failure ??= { steps: [...steps], why };
    }
    courses.set(key, sum);
    return sum;
  }

  const writers = Array.from({ length: WRITERS }, (_, which) => grow(which, null, null));
  const all = visit({ content: contentOf(new Map()), writers, late: [], faults: 0 });
  return { courses: all, states: courses.size, failure };
}

/** Runs a plan inside a writer; a crash ends it in the middle. */
export function* driven<T>(plan: Plan<T>): Generator<Ask, T | typeof CRASH, Reply | typeof CRASH> {
  let step = plan.next();
  while (!step.done) {
    const reply = yield step.value;
    if (reply === CRASH) return CRASH;
    step = plan.next(reply);
  }
  return step.value;
}

/** Past everything that only waits. */
function settled<Told>(writer: Writer<Told>, first: IteratorResult<Ask | Put, readonly Told[]>) {
  let step = first;
  while (!step.done && !isRequest(step.value)) step = writer.next({ kind: 'resumed' });
  return step;
}

const isRequest = ({ ask }: Ask | Put): boolean =>
  ask === 'append' || ask === 'put' || ask === 'head' || ask === 'read' || ask === 'tail';

type Append = Extract<Ask, { ask: 'append' }>;

interface Way {
  readonly name: string;
  /** What the writer is told; it may depend on the object then. */
  readonly reply: Reply | typeof CRASH | ((objects: Objects) => Reply);
  /** The request, if it acts. */
  readonly acts?: Append | Put;
  /** The request, if it is still under way. */
  readonly sent?: Append | Put;
  readonly fault: boolean;
}

const NO_ANSWER: Reply = failed('NoAnswer', null);
const STOP: Reply = { kind: 'stop', reason: 'time' };
const SILENT: readonly Way[] = [
  { name: 'no answer, not in', reply: NO_ANSWER, fault: true },
  { name: 'the time is up', reply: STOP, fault: true },
  { name: 'crash', reply: CRASH, fault: true },
];
const THROTTLED: Way = { name: 'throttled', reply: failed('TotalQpsLimitExceeded', 503), fault: true };
const BARRED: Way = { name: 'barred', reply: failed('ObjectNotAppendable', 409), fault: false };

const lengthOf = (objects: Objects, key: string): number => objects.get(key)?.bytes.length ?? 0;

/** Whether a write that arrives now does anything. */
function acts(write: Append | Put, objects: Objects): boolean {
  if (write.ask === 'put') return true;
  return objects.get(write.key)?.buried == null && write.position === lengthOf(objects, write.key);
}

function waysOf(ask: Ask | Put, objects: Objects): readonly Way[] {
  if (ask.ask !== 'append' && ask.ask !== 'put')
    return [{ name: 'answered', reply: (then) => look(ask, then), fault: false }, ...SILENT];
  const { key } = ask;
  if (!acts(ask, objects)) {
    const length = lengthOf(objects, key);
    const conflicting: Way[] = [
      { name: 'conflict', reply: { kind: 'conflict', length }, fault: false },
      { name: 'conflict without a length', reply: { kind: 'conflict', length: null }, fault: true },
    ];
    // Which of the two OSS says of an ordinary object of another length is not documented.
    const barred = objects.get(key)?.buried == null ? [] : [BARRED];
    const mayConflict = ask.ask === 'append' && ask.position !== length;
    return [...barred, ...(mayConflict ? conflicting : []), THROTTLED, ...SILENT];
  }
  const reply = (then: Objects): Reply => ({
    kind: 'appended',
    nextPosition: lengthOf(then, key),
    crc64: then.get(key)?.crc64 ?? null,
  });
  return [
    { name: 'done', reply, acts: ask, fault: false },
    { name: 'no answer, in', reply: NO_ANSWER, acts: ask, fault: true },
    { name: 'no answer, late', reply: NO_ANSWER, sent: ask, fault: true },
    { name: 'crash, in', reply: CRASH, acts: ask, fault: true },
    { name: 'crash, late', reply: CRASH, sent: ask, fault: true },
    THROTTLED,
    ...SILENT,
  ];
}

function look(ask: Exclude<Ask, { ask: 'append' }>, objects: Objects): Reply {
  const found = 'key' in ask ? objects.get(ask.key) : undefined;
  const { bytes: all = Buffer.alloc(0), crc64: sum = 0n, buried = null } = found ?? {};
  const whole = { length: all.length, crc64: sum, type: buried === null ? 'Appendable' : 'Normal' };
  const there = all.length > 0; // nothing here creates an empty object
  if (ask.ask === 'head') return { kind: 'info', info: there ? whole : null };
  if (!there || (ask.ask !== 'read' && ask.ask !== 'tail')) return { kind: 'bytes', read: null };
  const start = ask.ask === 'read' ? ask.start : Math.max(0, all.length - ask.bytesMax);
  const bytes = all.subarray(start, ask.ask === 'read' ? ask.end : undefined);
  return { kind: 'bytes', read: { bytes, start, ...whole } };
}

function failed(code: string, status: number | null): Reply {
  return { kind: 'failed', failure: { code, status, requestId: null, delayMs: null } };
}

function textOf(ask: Ask | Put): string {
  if (!('key' in ask)) return ask.ask;
  return ask.ask === 'append' ? `append to ${ask.key} at ${ask.position}` : `${ask.ask} ${ask.key}`;
}
