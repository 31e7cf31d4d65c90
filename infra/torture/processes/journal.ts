/** All that the source did and heard, in one order. */
import { type Delivery, type Job, nameOf, type Outcome } from './evidence.ts';

interface OpenDelivery extends Delivery {
  endedAt: number | null;
  outcome: Outcome | null;
}

export interface Entry {
  readonly at: number;
  /** Since the start. */
  readonly ms: number;
  /** Null if it is about none. */
  readonly writer: string | null;
  readonly call: string | null;
  readonly text: string;
}

export class Journal {
  readonly #entries: Entry[] = [];
  readonly #deliveries = new Map<string, OpenDelivery>();
  readonly #numbers = new Map<Job, number>();
  readonly #startMs = performance.now();

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** In the order in which they were sent. */
  get deliveries(): readonly Delivery[] {
    return [...this.#deliveries.values()];
  }

  sent(job: Job, writer: string): Delivery {
    const number = (this.#numbers.get(job) ?? 0) + 1;
    this.#numbers.set(job, number);
    const delivery: OpenDelivery = {
      job,
      number,
      writer,
      sentAt: this.#entries.length,
      endedAt: null,
      outcome: null,
    };
    this.#deliveries.set(nameOf(delivery), delivery);
    const what = job.format === 'log' ? job.ids.join(', ') : `${job.bytes} bytes`;
    this.#write(writer, nameOf(delivery), `is sent: ${what} to ${job.key}, ${job.timeMs} ms`);
    return delivery;
  }

  /** Null if nothing of that name is open. */
  ended(name: string, outcome: Outcome): Delivery | null {
    const delivery = this.#deliveries.get(name);
    if (delivery === undefined || delivery.outcome !== null) return null;
    delivery.outcome = outcome;
    delivery.endedAt = this.#entries.length;
    this.#write(delivery.writer, name, `ends: ${textOf(outcome)}`);
    return delivery;
  }

  note(text: string, writer: string | null = null): void {
    this.#write(writer, null, text);
  }

  #write(writer: string | null, call: string | null, text: string): void {
    const ms = Math.round(performance.now() - this.#startMs);
    this.#entries.push({ at: this.#entries.length, ms, writer, call, text });
  }
}

function textOf(outcome: Outcome): string {
  if (outcome.kind === 'gone') return 'its writer is gone';
  if (outcome.kind === 'error') return `${outcome.code ?? outcome.message}, the payload is ${outcome.fate}`;
  const receipts = outcome.receipts.map(({ object, start, end, id, record, repeat }) => {
    const where = `${object} ${start}-${end}`;
    return id === undefined ? where : `${id} in ${where}/${record}${repeat === true ? ' (repeat)' : ''}`;
  });
  return receipts.join(', ');
}
