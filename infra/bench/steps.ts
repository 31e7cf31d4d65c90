/** Progress of the bench, on standard error: a line that renews itself on a terminal, a line a step elsewhere. */

export interface Steps {
  /** The next step begins. */
  begin(name: string, seconds: number): void;
  end(): void;
}

const REFRESH_MS = 250;

export function steps(count: number, seconds: number): Steps {
  const { stderr } = process;
  let done = 0;
  let leftSeconds = seconds;
  let timer: NodeJS.Timeout | undefined;
  const clear = () => {
    clearInterval(timer);
    if (stderr.isTTY) stderr.write('\r\x1b[K');
  };
  return {
    begin(name, own) {
      clear();
      done++;
      const startMs = Date.now();
      const left = leftSeconds;
      leftSeconds -= own;
      const show = () => {
        // A step that takes longer than thought takes nothing from those after it.
        const rest = left - Math.min(own, (Date.now() - startMs) / 1000);
        stderr.write(
          `${stderr.isTTY ? '\r\x1b[K' : ''}[${done}/${count}] ${name}, about ${clock(rest)} left`,
        );
        if (!stderr.isTTY) stderr.write('\n');
      };
      show();
      if (stderr.isTTY) timer = setInterval(show, REFRESH_MS);
    },
    end: clear,
  };
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
