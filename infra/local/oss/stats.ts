/** Counts of what was asked and answered, and the request log's entries. Neither holds secrets or payloads. */

/** One request, when it is over. */
export interface RequestEntry {
  readonly at: string;
  readonly requestId: string;
  readonly method: string;
  readonly operation: string;
  readonly bucket: string | null;
  readonly key: string | null;
  /** Null if the client got no answer. */
  readonly status: number | null;
  /** OSS's error code. */
  readonly code: string | null;
  readonly fault: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
}

/** Operation → status (or `none` where no answer was sent) → number of requests. */
export type Stats = Readonly<Record<string, Readonly<Record<string, number>>>>;

export class Counter {
  readonly #counts = new Map<string, Map<string, number>>();

  count({ operation, status }: RequestEntry): void {
    const byStatus = this.#counts.get(operation) ?? new Map<string, number>();
    const name = String(status ?? 'none');
    byStatus.set(name, (byStatus.get(name) ?? 0) + 1);
    this.#counts.set(operation, byStatus);
  }

  stats(): Stats {
    return Object.fromEntries(
      [...this.#counts].map(([operation, byStatus]) => [operation, Object.fromEntries(byStatus)]),
    );
  }
}
