/** What the local platform knows about one function: the nouns that the other modules work with. */
import type { SourceKind } from '../queue/source.ts';

export interface FunctionConfig {
  readonly name: string;
  readonly region: string;
  /** Absolute path: the working directory of its processes. */
  readonly codeDir: string;
  /** `dir/file.exportName`; '' for a custom runtime that names none. */
  readonly handler: string;
  readonly runtime:
    | { readonly kind: 'node' }
    | { readonly kind: 'custom'; readonly command: readonly string[] };
  readonly memoryMB: number;
  readonly timeoutS: number;
  /** Requests that one instance serves at a time; 1 for the built-in runtime. */
  readonly concurrency: number;
  /** The user's own variables. */
  readonly environment: Readonly<Record<string, string>>;
  readonly initializer: Hook | null;
  readonly preStop: Hook | null;
  /** Asynchronous calls. `deadLetter`: an `onFailure` destination is configured. */
  readonly async: { readonly retriesMax: number; readonly ageMsMax: number; readonly deadLetter: boolean };
  readonly http: HttpTrigger | null;
  readonly timers: readonly TimerTrigger[];
  readonly streams: readonly StreamTrigger[];
}

export interface Hook {
  /** `dir/file.exportName`; unused by custom runtimes, whose hooks are the paths `/initialize` and `/pre-stop`. */
  readonly handler: string;
  readonly timeoutS: number;
}

export interface HttpTrigger {
  readonly triggerName: string;
  /** `anonymous`, `function` or `jwt`. Not enforced locally. */
  readonly authType: string;
  readonly methods: readonly string[];
}

export interface TimerTrigger {
  readonly triggerName: string;
  readonly cronExpression: string;
  readonly enable: boolean;
  readonly payload: string;
}

/** An event stream that takes messages from a queue and gives them to the function in batches. */
export interface StreamTrigger {
  readonly triggerName: string;
  readonly source: SourceKind;
  /** For MQTT the topic. */
  readonly queueName: string;
  readonly batchCountMax: number;
  readonly batchWindowMs: number;
  /** Batches that are delivered at a time. */
  readonly concurrency: number;
  /** The messages count as delivered when FC has queued the call. */
  readonly asynchronous: boolean;
  readonly eventSchema: 'CloudEvents' | 'RawData';
  readonly retryStrategy: 'BACKOFF_RETRY' | 'EXPONENTIAL_DECAY_RETRY';
  /** What happens to a batch after its last retry: `NONE` the stream stops there, `ALL` the batch is given up. */
  readonly errorsTolerance: 'NONE' | 'ALL';
  readonly deadLetter: boolean;
}

/** A trigger that the template declares and the laptop does not serve, with the reason. */
export interface UnservedTrigger {
  readonly functionName: string;
  readonly triggerName: string;
  readonly reason: string;
}

export interface Template {
  /** The application's name, the default FC 2.0 service name. */
  readonly name: string;
  /** From the first function's role, if it has one. */
  readonly accountId: string | null;
  readonly functions: readonly FunctionConfig[];
  readonly unserved: readonly UnservedTrigger[];
  /** One line each, for people. */
  readonly warnings: readonly string[];
}
