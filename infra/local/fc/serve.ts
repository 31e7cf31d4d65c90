/** Binding the platform's two ports. */
import { createServer, type RequestListener } from 'node:http';
import { listen } from '../listen.ts';

export interface Bound {
  readonly port: number;
  /** Takes no more connections; resolves when the open requests are answered. */
  stop(): Promise<void>;
  /** Stops listening, if `stop` has not, and cuts the connections that are left. */
  cut(): void;
}

/** Above the trigger's own limits, which answer more precisely. */
const PARSED_HEADER_BYTES_MAX = 64 * 1024;

const SWEEP_MS = 20;

/** Throws `PortTakenError`. */
export async function bind(listener: RequestListener, host: string, port: number): Promise<Bound> {
  const server = createServer({ maxHeaderSize: PARSED_HEADER_BYTES_MAX, requestTimeout: 0 }, listener);
  const bound = await listen(server, port, host);
  return {
    port: bound,
    stop: () =>
      new Promise((resolve) => {
        // Connections that are kept alive become idle, one by one, when their last request is answered.
        const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
        server.close(() => {
          clearInterval(sweep);
          resolve();
        });
      }),
    cut: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
