/** The bench's end of a program: calls by name, answered in any order. Ends with the process. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Methods, Request, Response } from './programs/serve.ts';

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Child<M extends Methods> {
  readonly process: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;

  constructor(file: string, env: NodeJS.ProcessEnv) {
    // Its log lines are not ours to show; what goes wrong is.
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    this.process = fork(file, [], { stdio: [...stdio], env, execArgv: [], serialization: 'advanced' });
    this.process.on('message', (response: Response) => {
      const pending = this.#pending.get(response.id);
      this.#pending.delete(response.id);
      if ('error' in response) pending?.reject(new Error(response.error));
      else pending?.resolve(response.value);
    });
    this.process.on('error', (error) => this.#end(error));
    this.process.on('exit', () => this.#end(new Error('A program of the bench ended early.')));
  }

  call<Name extends keyof M & string>(
    method: Name,
    ...[argument]: Parameters<M[Name]>
  ): Promise<Awaited<ReturnType<M[Name]>>> {
    return new Promise((resolve, reject) => {
      const request: Request = { id: ++this.#calls, method, argument };
      // The other end is the same repository's program: its methods are `M`.
      this.#pending.set(request.id, { resolve: (value) => resolve(value as never), reject });
      this.process.send(request, (error) => error && this.#end(error));
    });
  }

  #end(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
