/** What goes into the local platform and what comes out: the contract of `startFc`. */
import type { AccessKey } from './api/signature.ts';
import type { Clock } from './clock.ts';
import type { Credentials } from './context.ts';
import type { PlatformEvent } from './events.ts';
import type { InvocationResult } from './invoke.ts';
import type { QueueStatus } from './queue/queues.ts';
import type { Broker, Feed } from './queue/source.ts';
import type { LogLine } from './runtime/instance.ts';
import type { InstanceStatus } from './runtime/pool.ts';
import type { FunctionConfig, UnservedTrigger } from './template/function.ts';
import type { TimerStatus } from './timer/timers.ts';

type Environment = Readonly<Record<string, string>>;

export interface FcOptions {
  /** Path of the s.yaml. */
  readonly template: string;
  /** Journals of queues and asynchronous calls; created if missing. One platform at a time. */
  readonly dataDir: string;
  /** 0 (the default) takes any free port. */
  readonly httpPort?: number;
  readonly apiPort?: number;
  /** Interface of both ports; only this machine by default. */
  readonly host?: string;
  /** Added to every function's `environmentVariables`, and stronger; a function of where the platform is, if it matters. */
  readonly env?: Environment | ((place: { readonly apiUrl: string }) => Environment);
  /** Stronger than `vars` of the s.yaml. */
  readonly vars?: Readonly<Record<string, unknown>>;
  /** What `${env(…)}` in the s.yaml sees; the platform's own environment by default. */
  readonly templateEnv?: Readonly<Record<string, string | undefined>>;
  /** Asked for every call: the function's role, so to speak. */
  readonly credentials: () => Credentials;
  /** What callers of the invoke API sign with, if not with the credentials of a function's call. */
  readonly apiCredentials: AccessKey;
  /** By default that of the first function's role, else a made-up one. */
  readonly accountId?: string;
  /** What FC 2.0 clients call the service; the s.yaml's `name` by default. */
  readonly serviceName?: string;
  /** Answers on host names that name no function; the first function with an http trigger by default. */
  readonly defaultHttpFunction?: string;
  /** Instances of one function, at most. */
  readonly instancesMax?: number;
  /** An instance without a call for this long is scaled in. */
  readonly idleMs?: number;
  /** Factor of all waits before retries: 0 retries at once. */
  readonly retryDelayScale?: number;
  /** Of the event streams and brokers: batch windows, waits before retries. The system's by default. */
  readonly clock?: Clock;
  /** Real brokers whose messages event streams take, besides those of the local queues. */
  readonly brokers?: readonly Broker[];
  /** false: timers fire only by `fireTimer`. */
  readonly timers?: boolean;
  /** Items of stream events as JSON strings instead of objects. */
  readonly streamItemsAsStrings?: boolean;
  /** How long `close()` lets running calls go on. */
  readonly closeGraceMs?: number;
  /** One line that a function wrote. */
  readonly onLog?: (line: LogLine) => void;
  readonly onEvent?: (event: PlatformEvent) => void;
}

export interface FcPlatform {
  readonly httpPort: number;
  readonly apiPort: number;
  /** `http://127.0.0.1:<port>`: the default function. Others: `http://<function>.localhost:<port>`. */
  readonly url: string;
  readonly apiUrl: string;
  readonly functions: readonly FunctionConfig[];
  /** `authType` is what the cloud would enforce; locally everybody gets in. */
  readonly httpFunctions: readonly { name: string; authType: string; methods: readonly string[] }[];
  /** Triggers that the s.yaml declares and that do nothing here. */
  readonly unserved: readonly UnservedTrigger[];
  readonly warnings: readonly string[];
  /** What is consumed from brokers. */
  readonly feeds: readonly (Feed & Pick<Broker, 'kind' | 'where'> & { readonly functionName: string })[];
  readonly queues: readonly QueueStatus[];
  /** Accepted and not done with; given up and kept (`onFailure` destination). */
  readonly asyncCalls: { readonly pending: number; readonly deadLetters: number };
  readonly timers: readonly TimerStatus[];
  /** One synchronous call. Throws `ApiError` 404, 429. */
  invoke(
    functionName: string,
    event: Uint8Array,
    options?: { signal?: AbortSignal; timeoutMsMax?: number },
  ): Promise<InvocationResult>;
  /** Resolves with the request id when the call is on disk. Throws `ApiError` 404, 413. */
  invokeAsync(functionName: string, event: Uint8Array): Promise<string>;
  /** Resolves when the message is on disk. Throws `ApiError` 404, 413. */
  publish(queueName: string, body: Uint8Array): Promise<{ messageId: string }>;
  /** Fires a timer trigger, enabled or not. Resolves with the request id when the call is accepted. */
  fireTimer(functionName: string, triggerName: string, at?: Date): Promise<string>;
  instances(): InstanceStatus[];
  /** Resolves when no call runs and nothing accepted waits. Messages of a stopped stream do not count. */
  idle(): Promise<void>;
  /** Lets running calls finish, leaves the rest on disk, ends all processes. */
  close(): Promise<void>;
}
