/**
 * The invoker (`aggregate/ports.ts`): a function calls itself, asynchronously, to have a job gone on with elsewhere. What
 * the two APIs of Function Compute have in common is here; `fc2.ts` and `fc3.ts` each speak one of them.
 */
import type { Invoker } from '../aggregate/ports.ts';
import type { Credentials } from '../credentials.ts';
import type { Runtime } from '../runtime.ts';
import { callEvent } from './event.ts';

export interface InvokerOptions {
  /** A URL: `https://<account>.<region>.fc.aliyuncs.com`. */
  readonly endpoint: string;
  /** `cn-hangzhou` */
  readonly region: string;
  readonly accountId: string;
  readonly functionName: string;
  /** Asked for every call: those of a role change. */
  readonly credentials: () => Credentials;
  readonly runtime: Pick<Runtime, 'after' | 'now'>;
  /** A call that takes longer has failed. Default: 10,000. */
  readonly timeoutMs?: number;
}

/** The call was refused, or it is not known whether it was taken: then the same work may be done twice, to no harm. */
export class InvokeError extends Error {
  override readonly name = 'InvokeError';
  /** The platform's, such as `FunctionNotFound`; `Timeout` or `NoAnswer` if it did not answer. */
  readonly code: string;
  /** Of HTTP, null without an answer. */
  readonly status: number | null;
  readonly requestId: string | null;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    const { code, status, requestId } = refusal;
    const from = requestId === null ? '' : ` (request ${requestId})`;
    super(
      `Function Compute did not take the call: ${code}${status === null ? '' : `, ${status}`}${from}`,
      options,
    );
    this.code = code;
    this.status = status;
    this.requestId = requestId;
  }
}

export type Refusal = Pick<InvokeError, 'code' | 'status' | 'requestId'>;

/** One API: sends an event, and knows what its client's errors tell. */
export interface Api {
  send(event: Buffer, credentials: Credentials, timeoutMs: number): Promise<unknown>;
  /** Null if the platform gave no answer. */
  refusalOf(error: unknown): Refusal | null;
}

const TIMEOUT_MS = 10_000;

export function invoker(
  { credentials, runtime, timeoutMs = TIMEOUT_MS }: InvokerOptions,
  { send, refusalOf }: Api,
): Invoker {
  return {
    async invoke(call) {
      const key = credentials();
      const event = callEvent(call, runtime.now());
      const attempt = () => send(event, key, timeoutMs);
      // A connection that was kept while the instance was frozen may have ended meanwhile.
      const again = (error: unknown) => (refusalOf(error) === null ? attempt() : Promise.reject(error));
      try {
        await within(timeoutMs, runtime, attempt().catch(again));
      } catch (error) {
        if (error instanceof InvokeError) throw error;
        const refusal = refusalOf(error) ?? { code: 'NoAnswer', status: null, requestId: null };
        throw new InvokeError(refusal, { cause: withoutSecrets(error, key) });
      }
    },
  };
}

/** The clients bound connecting and each read, not the whole. */
function within<T>(timeoutMs: number, runtime: Pick<Runtime, 'after'>, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new InvokeError({ code: 'Timeout', status: null, requestId: null }));
    const cancel = runtime.after(timeoutMs, late);
    work.then(resolve, reject).finally(cancel);
  });
}

/** A refused signature is answered with the text that was to be signed, and the session's token is part of it. */
function withoutSecrets(error: unknown, { accessKeySecret, securityToken }: Credentials): Error {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const secrets = [accessKeySecret, securityToken].flatMap((secret) => secret || []);
  const clean = (text: string) => secrets.reduce((said, secret) => said.replaceAll(secret, '…'), text);
  // Without the other members: the clients keep requests in some.
  return Object.assign(new Error(clean(message)), { name, stack: clean(stack ?? '') });
}
