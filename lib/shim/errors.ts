/**
 * What can go wrong between FC and a handler. Messages name triggers, fields, counts and JSON types and never quote an
 * event or an answer: FC writes them to logs and to the caller.
 */

/** Where an event comes from; `queue` until the source is known. */
export type Trigger =
  | 'context'
  | 'http'
  | 'timer'
  | 'queue'
  | 'smq'
  | 'rabbitmq'
  | 'rocketmq'
  | 'kafka'
  | 'mqtt'
  | 'mns-topic';

export abstract class ShimError extends Error {
  abstract readonly code:
    | 'MalformedEvent'
    | 'UnknownEventShape'
    | 'BatchFailed'
    | 'InvalidResult'
    | 'Unsupported';
}

/** An event of a known trigger that lacks what the trigger's documentation promises. Trying again does not help. */
export class MalformedEventError extends ShimError {
  override readonly name = 'MalformedEventError';
  override readonly code = 'MalformedEvent';
  readonly trigger: Trigger;
  /** Path of the field inside the event or the batch's item, such as `data.messageId`; `event` for the whole. */
  readonly field: string;
  /** The item's place in its batch; undefined where the event is not a batch. */
  readonly index: number | undefined;

  /** @param expected What `field` should be: `a string`. */
  constructor(trigger: Trigger, field: string, expected: string, index?: number) {
    super(`Malformed ${trigger} event: ${field}${ofItem(index)} must be ${expected}.`);
    this.trigger = trigger;
    this.field = field;
    this.index = index;
  }
}

/** An event, or one item of a batch, that looks like no queue's. */
export class UnknownEventShapeError extends ShimError {
  override readonly name = 'UnknownEventShapeError';
  override readonly code = 'UnknownEventShape';
  readonly index: number | undefined;

  /** @param found What was recognised: a JSON type, or a CloudEvent's `type`. */
  constructor(found: string, index?: number) {
    super(
      `Unknown shape of queue event: found ${found}${ofItem(index)}. ` +
        "If it comes from an MNS topic with content format STREAM, declare shape 'mns-topic-stream'.",
    );
    this.index = index;
  }
}

/** A batch that FC has to deliver again, thrown because FC knows no partial success. */
export class BatchFailedError extends ShimError {
  override readonly name = 'BatchFailedError';
  override readonly code = 'BatchFailed';
  /** The `itemIdentifier`s that the handler reported; empty if its answer was unusable. */
  readonly failures: readonly string[];

  constructor(reason: string, failures: readonly string[] = []) {
    super(`${reason} The whole batch has to be delivered again.`);
    this.failures = failures;
  }
}

/** A handler's answer that cannot be sent as an HTTP response. */
export class InvalidResultError extends ShimError {
  override readonly name = 'InvalidResultError';
  override readonly code = 'InvalidResult';
}

/** Something of the Lambda programming model that has no counterpart here. */
export class UnsupportedError extends ShimError {
  override readonly name = 'UnsupportedError';
  override readonly code = 'Unsupported';
}

function ofItem(index: number | undefined): string {
  return index === undefined ? '' : ` in item ${index}`;
}
