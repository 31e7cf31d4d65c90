/** A program that the bench starts: calls come in over IPC, and so do its answers. It ends when the bench does. */

// biome-ignore lint/suspicious/noExplicitAny: each method has an argument of its own, which `Child` checks
export type Methods = Readonly<Record<string, (argument: any) => unknown>>;

export interface Request {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

export type Response =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

export function serve(methods: Methods): void {
  const answer = async ({ id, method, argument }: Request): Promise<Response> => {
    try {
      return { id, value: await methods[method]?.(argument) };
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', (request: Request) => {
    void answer(request).then((response) => process.send?.(response));
  });
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches the whole group; the bench ends its programs itself.
  process.on('SIGINT', () => {});
}
