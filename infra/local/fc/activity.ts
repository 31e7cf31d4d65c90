/** Whether the platform is at rest: no call runs, and nothing that was accepted waits. */

export class Activity {
  /** Accepted work that is not done with. */
  readonly #pendingCount: () => number;
  #calls = 0;
  #watchers: (() => void)[] = [];

  constructor(pendingCount: () => number) {
    this.#pendingCount = pendingCount;
  }

  /** The same function, with its calls counted while they run. */
  counted<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      this.#calls++;
      try {
        return await call(...args);
      } finally {
        this.#calls--;
        this.changed();
      }
    };
  }

  /** To be called whenever pending work is done with. */
  changed(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  untilNoCalls(): Promise<void> {
    return this.#until(() => this.#calls === 0);
  }

  untilIdle(): Promise<void> {
    return this.#until(() => this.#calls === 0 && this.#pendingCount() === 0);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }
}
