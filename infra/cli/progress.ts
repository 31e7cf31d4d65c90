/** Progress of long work, on standard error: a line that renews itself on a terminal, a line now and then elsewhere. */

const UNITS = ['B', 'kB', 'MB', 'GB'] as const;
const TERMINAL_MS = 100;
const LOG_MS = 5000;

export interface Progress {
  /** `done` of `total` bytes (null if it is not known). */
  update(done: number, total: number | null): void;
  end(): void;
}

export function progress(what: string): Progress {
  const terminal = process.stderr.isTTY === true;
  const startMs = Date.now();
  let lastMs = terminal ? 0 : startMs;
  let shown = false;
  return {
    update(done, total) {
      const nowMs = Date.now();
      if (nowMs - lastMs < (terminal ? TERMINAL_MS : LOG_MS)) return;
      lastMs = nowMs;
      shown = true;
      const share = total ? ` of ${bytes(total)} (${Math.floor((100 * done) / total)} %)` : '';
      const rate = bytes(done / Math.max(0.001, (nowMs - startMs) / 1000));
      process.stderr.write(
        `${terminal ? '\r\x1b[K' : ''}${what} ${bytes(done)}${share}, ${rate}/s${terminal ? '' : '\n'}`,
      );
    },
    end() {
      if (terminal && shown) process.stderr.write('\r\x1b[K');
    },
  };
}

export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
