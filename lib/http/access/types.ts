/** What goes into the check of a caller, and what comes out. */
import type { Scope } from '../../config/access.ts';

export interface AccessRequest {
  readonly headers: Headers;
  /** The body as it came, read once. Throws `IntakeError` `PayloadTooLarge` beyond `bytesMax`. */
  readonly body: (bytesMax?: number) => Promise<Uint8Array>;
  /** What is left of the call's time, milliseconds. */
  readonly remainingMs: () => number;
}

/** One way to show who one is, with all the credentials that a target knows of this kind. */
export interface Scheme {
  /** For `WWW-Authenticate`. */
  readonly challenge: string;
  /** What to send, for people. */
  readonly wants: string;
  /** Whether the request shows anything of this kind, good or bad. */
  isShown(headers: Headers): boolean;
  /** Throws `AccessError`. */
  identify(request: AccessRequest): Promise<Identity>;
}

/** A credential that holds. */
export interface Identity {
  /** As the configuration calls it. */
  readonly credential: string;
  /** What it is good for: all that one of these allows. */
  readonly scopes: readonly Scope[];
  readonly delivery: Delivery | null;
}

/** What a signed delivery names the records in it by. */
export interface Delivery {
  /** `webhook/NAME` */
  readonly source: string;
  /** Undefined if the sender named none. */
  readonly id: string | undefined;
  /** When it was sent, epoch milliseconds, where that is signed too. */
  readonly timeMs: number | undefined;
}

/** Who calls, and what is open to them. */
export interface Caller {
  /** Null where none is asked for. */
  readonly credential: string | null;
  /** Throws `AccessError` `Forbidden` for a key that is not. */
  readonly allow: (key: string) => void;
  readonly delivery: Delivery | null;
}
