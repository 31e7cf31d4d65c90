/**
 * Which stream is fed by what. A trigger for SMQ has a local queue. A queue of a real broker feeds the trigger that
 * s.yaml declares for it; where it declares none, the broker's queue stands beside the first event stream there is:
 * same function, same batches, retries and dead letters.
 */
import { PlatformError } from '../errors.ts';
import type { FunctionConfig, StreamTrigger, UnservedTrigger } from '../template/function.ts';
import type { Broker, Feed } from './source.ts';

export interface Wire {
  readonly fn: FunctionConfig;
  readonly trigger: StreamTrigger;
  /** null: a local queue of the trigger's name. */
  readonly fed: { readonly broker: Broker; readonly feed: Feed } | null;
}

export interface Wiring {
  readonly wires: readonly Wire[];
  /** Triggers for brokers that nobody has named. */
  readonly unserved: readonly UnservedTrigger[];
}

/** Throws `PlatformError` `InvalidTemplate` if there is no function that could take a broker's messages. */
export function wiringOf(functions: readonly FunctionConfig[], brokers: readonly Broker[]): Wiring {
  const declared = functions.flatMap((fn) => fn.streams.map((trigger) => ({ fn, trigger })));
  const feeds = brokers.flatMap((broker) => broker.feeds.map((feed) => ({ broker, feed })));
  const feedsOf = ({ source, queueName }: StreamTrigger) =>
    feeds.filter(({ broker, feed }) => broker.kind === source && feed.queue === queueName);
  const wires = declared.flatMap(({ fn, trigger }): Wire[] =>
    trigger.source === 'SMQ'
      ? [{ fn, trigger, fed: null }]
      : feedsOf(trigger).map((fed) => ({ fn, trigger, fed })),
  );
  const unserved = declared
    .filter(({ trigger }) => trigger.source !== 'SMQ' && feedsOf(trigger).length === 0)
    .map(({ fn, trigger }) => ({
      functionName: fn.name,
      triggerName: trigger.triggerName,
      reason: `${trigger.source}: no broker is given whose ${trigger.queueName} could be consumed`,
    }));
  const undeclared = feeds.filter((fed) => !wires.some((wire) => wire.fed?.feed === fed.feed));
  const [like] = declared;
  if (undeclared.length > 0 && like === undefined)
    throw new PlatformError(
      'InvalidTemplate',
      'no function has an event stream (an eventbridge trigger) that could take the messages of a broker',
    );
  const beside = undeclared.flatMap((fed): Wire[] =>
    like === undefined
      ? []
      : [
          {
            fn: like.fn,
            trigger: { ...like.trigger, source: fed.broker.kind, queueName: fed.feed.queue },
            fed,
          },
        ],
  );
  return { wires: [...wires, ...beside], unserved };
}
