/** What the platform tells whoever started it, besides function logs. */

export type PlatformEventType =
  | 'instance-started'
  | 'instance-ended'
  | 'timer-fired'
  /** An asynchronous call ran out of retries; with an `onFailure` destination its event is kept, without it is lost. */
  | 'async-dead-lettered'
  | 'async-dropped'
  /** A journal could not be written; what it concerns is taken up again at the next start. */
  | 'journal-failed'
  | 'batch-retried'
  | 'batch-dead-lettered'
  | 'batch-dropped'
  /** A stream with `errorsTolerance: NONE` ran out of retries; it goes on at the next start. */
  | 'stream-stopped'
  | 'broker-connected'
  /** It is tried again until it answers; what it has handed out and was not acknowledged comes again. */
  | 'broker-unreachable';

export interface PlatformEvent {
  readonly type: PlatformEventType;
  /** One line for people, without payloads. */
  readonly message: string;
}

export type Report = (type: PlatformEventType, message: string) => void;
