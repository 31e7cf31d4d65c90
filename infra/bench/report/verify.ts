/** Looks into an object for what was said to be in it. Every line that is no commit is a record with an `id`. */

export interface Found {
  /** Different records. */
  readonly records: number;
  /** Acknowledged, and not there. */
  readonly lost: readonly string[];
  /** There more than once. */
  readonly twice: readonly string[];
  /** Lines that are no record. */
  readonly strange: number;
}

const COMMIT = '{"$commit":';

export function verify(objects: readonly Uint8Array[], acknowledged: Iterable<string>): Found {
  const times = new Map<string, number>();
  let strange = 0;
  for (const object of objects) {
    const lines = Buffer.from(object.buffer, object.byteOffset, object.byteLength).toString().split('\n');
    for (const line of lines) {
      if (line === '' || line.startsWith(COMMIT)) continue;
      const id = idOf(line);
      if (id === null) strange++;
      else times.set(id, (times.get(id) ?? 0) + 1);
    }
  }
  return {
    records: times.size,
    lost: [...new Set(acknowledged)].filter((id) => !times.has(id)),
    twice: [...times].filter(([, count]) => count > 1).map(([id]) => id),
    strange,
  };
}

function idOf(line: string): string | null {
  try {
    const value: unknown = JSON.parse(line);
    const found = value !== null && typeof value === 'object' && 'id' in value ? value.id : null;
    return typeof found === 'string' ? found : null;
  } catch {
    return null;
  }
}
