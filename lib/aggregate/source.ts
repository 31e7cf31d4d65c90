/**
 * What the key of a source object says: which log it is of, and which group its records belong to (PROTOCOL.md §10.1).
 * The inverse of `key.ts`, as far as jobs need it.
 */
import { laterSegment, splitKey } from '../append/segment.ts';
import { type KeyTemplate, type Part, TIME_TOKEN } from '../key-template.ts';
import { longer, parseTime, type Span, spanEnd, spanStart, timeText } from './time.ts';

export interface SourceLayout {
  /** What every key of the target starts with, those of later segments included. */
  readonly listPrefix: string;
  /** The interval of a group; null: all objects are one group. */
  readonly span: Span | null;
  /** Groups are longer than windows, so there is something to do before a group's end. */
  readonly isWide: boolean;
  /** Null if no input of the target makes this key. */
  parse(key: string): SourceObject | null;
  /** The group of this name, null if there is none. */
  group(name: string): Group | null;
}

export interface SourceObject {
  readonly key: string;
  readonly group: Group;
  /** Lanes and segments of one log are one family: the first segment's key, with `*` for the lane. */
  readonly family: string;
  /** Key of the log's first segment, and which one this is. */
  readonly first: string;
  readonly segment: number;
}

export interface Group {
  /** Its start, as `timeText` writes it, or `all`. */
  readonly name: string;
  /** `[startMs, endMs)`, epoch milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
}

const ALL: Group = { name: 'all', startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY };

/** What `{lane}` can be (`intake/lane.ts`). */
const LANE = '(?<lane>[\\w-]{1,100})';
/** Each says something only with those before it: an hour of no day is no time. */
const UNITS = [
  { token: 'yyyy', span: 'year', least: 0 },
  { token: 'MM', span: 'month', least: 1 },
  { token: 'dd', span: 'day', least: 1 },
  { token: 'HH', span: 'hour', least: 0 },
  { token: 'mm', span: 'minute', least: 0 },
] as const;

/** Why jobs cannot read a target with such keys, after the target's name; null if they can. */
export function sourceMisfit(template: KeyTemplate): string | null {
  const isVague = piecesOf(template).some(
    (piece) =>
      piece.filter((kind) => kind !== 'time').length > 1 && piece.some((kind) => /time|lane/.test(kind)),
  );
  return isVague
    ? 'key: a job could not tell the time or the lane in it from the values beside it; between two slashes, put {lane} or {time:…} beside one other placeholder at most'
    : null;
}

/** Of a target whose `template` has no misfit. */
export function sourceLayout(template: KeyTemplate, window: Span): SourceLayout {
  const { pattern, tokens } = patternOf(template);
  const objectSpan = spanOf(tokens);
  const span = objectSpan && longer(objectSpan, window);
  return {
    listPrefix: template.reach.length > 1 ? splitKey(template.prefix).stem : template.prefix,
    span,
    isWide: span !== window,
    parse(key) {
      const { first, segment } = laterSegment(key) ?? { first: key, segment: 0 };
      const match = pattern.exec(first);
      if (match === null) return null;
      const timeMs = timeOf(tokens.map((token, at) => [token, match.groups?.[`t${at}`] ?? '']));
      if (timeMs === null) return null;
      const group = span === null ? ALL : groupAt(spanStart(timeMs, span), span);
      return { key, group, family: familyOf(first, match), first, segment };
    },
    group(name) {
      if (span === null) return name === ALL.name ? ALL : null;
      const startMs = parseTime(name);
      return startMs === null || spanStart(startMs, span) !== startMs ? null : groupAt(startMs, span);
    },
  };
}

const groupAt = (startMs: number, span: Span): Group => ({
  name: timeText(startMs),
  startMs,
  endMs: spanEnd(startMs, span),
});

function familyOf(first: string, match: RegExpExecArray): string {
  const [start, end] = match.indices?.groups?.['lane'] ?? [0, 0];
  return end === 0 ? first : `${first.slice(0, start)}*${first.slice(end)}`;
}

/** Of first segments, with the tokens of its times in order: `t0`, `t1` and so on. */
function patternOf({ parts }: KeyTemplate): { pattern: RegExp; tokens: readonly string[] } {
  const tokens: string[] = [];
  const timeSource = (format: string) =>
    format
      .split(TOKEN)
      .map((text, at) => (at % 2 === 0 ? escaped(text) : `(?<t${tokens.push(text) - 1}>\\d{${text.length}})`))
      .join('');
  const sourceOf = (part: Part): string => {
    if (part.kind === 'text') return escaped(part.text);
    if (part.kind === 'time') return timeSource(part.format);
    if (part.kind === 'lane') return LANE;
    return part.kind === 'path' ? '.+' : '[^/]+';
  };
  return { pattern: new RegExp(`^${parts.map(sourceOf).join('')}$`, 'dsu'), tokens };
}

const TOKEN = new RegExp(`(${TIME_TOKEN.source})`);

/** What one object spans, null if its key tells no calendar time. */
function spanOf(tokens: readonly string[]): Span | null {
  const missing = UNITS.findIndex(({ token }) => !tokens.includes(token));
  return UNITS[(missing < 0 ? UNITS.length : missing) - 1]?.span ?? null;
}

/** The time that a key tells, as far as it does; null if no time has these values. */
function timeOf(values: readonly (readonly [string, string])[]): number | null {
  const said = new Map(values);
  // A token that is there twice has the same value twice.
  if (values.some(([token, value]) => said.get(token) !== value)) return null;
  const of = (token: string, least: number) => Number(said.get(token) ?? least);
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0] = UNITS.map(({ token, least }) =>
    of(token, least),
  );
  const second = of('ss', 0);
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  time.setUTCHours(hour, minute, second);
  const found = [time.getUTCFullYear(), time.getUTCMonth() + 1, time.getUTCDate()];
  const isTime = hour < 24 && minute < 60 && second < 60 && found.join() === [year, month, day].join();
  return isTime ? time.getTime() : null;
}

/** The placeholders between each two slashes. */
function piecesOf({ parts }: KeyTemplate): string[][] {
  const pieces: string[][] = [[]];
  for (const part of parts) {
    const text = part.kind === 'text' ? part.text : part.kind === 'time' ? part.format : '';
    for (const [at] of text.split('/').entries()) {
      if (at > 0) pieces.push([]);
      if (part.kind !== 'text') pieces.at(-1)?.push(part.kind);
    }
  }
  return pieces;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
