/** The writers of a run: processes that are killed, stopped and continued, and replaced by new ones of new names. */
import { type Child, isRunning, start } from './child.ts';
import type { Outcome } from './evidence.ts';
import { type Call, END, type Said, type Told, type WriterOptions } from './messages.ts';

/** A writer that is told to end does so in a moment. */
const END_MS_MAX = 5000;

export interface Writer {
  readonly name: string;
  readonly child: Child;
  state: 'starting' | 'up' | 'frozen' | 'gone';
}

export interface WriterEvents {
  answered(call: string, outcome: Outcome): void;
  /** All that it said has been heard. `wanted`: it was killed, or told to end. */
  gone(writer: Writer, wanted: boolean): void;
}

export class Writers {
  readonly #program: string;
  readonly #options: Omit<WriterOptions, 'writer'>;
  readonly #events: WriterEvents;
  readonly #all = new Set<Writer>();
  readonly #wanted = new Set<Writer>();
  #names = 0;

  constructor(program: string, options: Omit<WriterOptions, 'writer'>, events: WriterEvents) {
    this.#program = program;
    this.#options = options;
    this.#events = events;
  }

  /** Those that take calls, frozen ones too: a platform cannot tell. */
  get taking(): readonly Writer[] {
    return [...this.#all].filter(({ state }) => state === 'up' || state === 'frozen');
  }

  /** Those that run. */
  get running(): readonly Writer[] {
    return [...this.#all].filter(({ state }) => state === 'up');
  }

  /** Resolves when the writer takes calls, or is gone before that. */
  async add(): Promise<Writer> {
    const name = `w${++this.#names}`;
    let ready = () => {};
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const heard = (said: Said) => {
      if ('outcome' in said) {
        this.#events.answered(said.name, said.outcome);
        return;
      }
      if (writer.state === 'starting') writer.state = 'up';
      ready();
    };
    const child = start(this.#program, { ...this.#options, writer: name } satisfies WriterOptions, heard);
    const writer: Writer = { name, child, state: 'starting' };
    this.#all.add(writer);
    void child.ended.then(() => {
      writer.state = 'gone';
      this.#all.delete(writer);
      this.#events.gone(writer, this.#wanted.has(writer));
      ready();
    });
    await isReady;
    return writer;
  }

  /** A call that cannot be sent is one whose writer is gone, which is told when it is. */
  send(writer: Writer, call: Call): void {
    this.#say(writer, call);
  }

  #say({ child }: Writer, told: Told): void {
    if (child.process.connected) child.process.send(told, () => {});
  }

  kill(writer: Writer): void {
    this.#wanted.add(writer);
    writer.child.process.kill('SIGKILL');
  }

  freeze(writer: Writer): void {
    writer.state = 'frozen';
    writer.child.process.kill('SIGSTOP');
  }

  thaw(writer: Writer): void {
    if (writer.state !== 'frozen') return;
    writer.state = 'up';
    writer.child.process.kill('SIGCONT');
  }

  /** Lets them end by themselves; kills what does not. */
  async end(): Promise<void> {
    const all = [...this.#all];
    for (const writer of all) {
      this.#wanted.add(writer);
      this.thaw(writer);
      this.#say(writer, END);
    }
    const timer = setTimeout(() => this.killAll(), END_MS_MAX);
    await Promise.all(all.map(({ child }) => child.ended));
    clearTimeout(timer);
  }

  killAll(): void {
    for (const writer of this.#all) if (isRunning(writer.child)) this.kill(writer);
  }
}
