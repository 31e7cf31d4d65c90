/** A line that renews itself on a terminal, a line now and then elsewhere. On standard error. */
const LOG_MS = 5000;

export interface Meter {
  update(line: string): void;
  end(): void;
}

/** On a terminal the line is renewed after `terminalMs` at the earliest. */
export function meter(terminalMs: number): Meter {
  const terminal = process.stderr.isTTY === true;
  let lastMs = performance.now();
  return {
    update(line) {
      if (performance.now() - lastMs < (terminal ? terminalMs : LOG_MS)) return;
      lastMs = performance.now();
      process.stderr.write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
    },
    end() {
      if (terminal) process.stderr.write('\r\x1b[K');
    },
  };
}
