/**
 * From nothing to an instance that is ready for its first call: the process is launched, listens, and has initialized.
 * What does not get that far is ended, with a `StartFailed` that says why.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { newInstanceId } from '../ids.ts';
import { START_MS_MAX } from '../limits.ts';
import type { FunctionConfig } from '../template/function.ts';
import { type Answer, Instance, type InstanceHost, isFailure } from './instance.ts';
import { launch, listening } from './launch.ts';

/** The instance did not become ready. `answer` is what its initializer, or the loading of its code, replied. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
  readonly answer: Answer | null;
  /** Somebody else listens on the port it was given. */
  readonly portTaken: boolean;

  constructor(message: string, answer: Answer | null = null, portTaken = false) {
    super(message);
    this.answer = answer;
    this.portTaken = portTaken;
  }
}

const POLL_MS = 10;
/** Attempts to start a custom runtime, each on another port, while others take the port first. */
const PORT_ATTEMPTS_MAX = 5;

/** A ready instance. Throws `StartFailed`, also when `signal` breaks it off. */
export async function startInstance(
  fn: FunctionConfig,
  host: InstanceHost,
  signal: AbortSignal,
): Promise<Instance> {
  for (let attempt = 1; ; attempt++) {
    const id = newInstanceId();
    const instance = new Instance(fn, id, host, await launch(fn, id, host));
    const breakOff = () => instance.kill();
    signal.addEventListener('abort', breakOff);
    if (signal.aborted) breakOff();
    try {
      await untilListening(instance);
      await initialize(instance);
      signal.removeEventListener('abort', breakOff);
      return instance;
    } catch (error) {
      signal.removeEventListener('abort', breakOff);
      instance.kill();
      await instance.exited;
      const again = error instanceof StartFailed && error.portTaken && attempt < PORT_ATTEMPTS_MAX;
      if (!again) throw error;
    }
  }
}

async function untilListening(instance: Instance): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  const { address } = instance;
  while (!(await listening(address))) {
    const where = 'port' in address ? ` on port ${address.port} (FC_CUSTOM_LISTEN_PORT)` : '';
    if (instance.gone)
      throw new StartFailed(
        `Function instance exited before it listened${where}`,
        null,
        await portTaken(instance),
      );
    if (Date.now() > deadline)
      throw new StartFailed(`Function instance did not listen${where} within ${START_MS_MAX / 1000} s`);
    await sleep(POLL_MS);
  }
  // A process that lost the race for its port exits a moment later, while somebody else answers there.
  if (instance.gone)
    throw new StartFailed('Function instance exited at its start', null, await portTaken(instance));
}

async function portTaken({ address }: Instance): Promise<boolean> {
  return 'port' in address && (await listening(address));
}

async function initialize(instance: Instance): Promise<void> {
  const { initializer, runtime } = instance.fn;
  if (runtime.kind === 'custom' && !initializer) return;
  // The built-in runtime reports here, too, whether its code could be loaded.
  const timeoutMs = initializer ? initializer.timeoutS * 1000 : START_MS_MAX;
  const answer = await instance.hook('initialize', timeoutMs).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartFailed(
      `the initialize hook did not answer within ${timeoutMs / 1000} s or broke off: ${why}`,
    );
  });
  if (isFailure(answer)) throw new StartFailed('the initializer failed', answer);
}
