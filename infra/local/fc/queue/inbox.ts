/** Messages in memory that wait to be taken, in order, and how many of them are taken. */

export class Inbox<T> {
  #waiting: T[] = [];
  #taken = 0;
  #watchers: (() => void)[] = [];

  get waitingCount(): number {
    return this.#waiting.length;
  }
  get takenCount(): number {
    return this.#taken;
  }

  add(...entries: readonly T[]): void {
    this.#waiting.push(...entries);
    for (const wake of this.#watchers.splice(0)) wake();
  }

  take(): T | undefined {
    if (this.#waiting.length > 0) this.#taken++;
    return this.#waiting.shift();
  }

  giveBack(entries: readonly T[]): void {
    this.#taken -= entries.length;
    this.#waiting.unshift(...entries);
    for (const wake of this.#watchers.splice(0)) wake();
  }

  /** `count` of the taken ones are done with. */
  settle(count: number): void {
    this.#taken -= count;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
  }

  async untilWaiting(signal: AbortSignal): Promise<void> {
    while (this.#waiting.length === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        this.#watchers.push(wake);
      });
    }
  }
}
