/**
 * The built-in Node.js runtime: a program of its own, bundled at the platform's start and run by plain `node` in every
 * instance. It serves the custom runtime contract on a unix socket: `POST /initialize`, `/invoke`, `/pre-stop` with
 * `x-fc-*` headers, the event's bytes as body; the answer's bytes come back, with `x-fc-status: 200`, or 404 and
 * `x-fc-error-type` with `{errorMessage, errorType, stackTrace}`.
 *
 * Arguments: socket path, handler, initializer or '', preStop or ''. Handlers are `dir/file.exportName`.
 */
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { contextOf, type FcContext } from '../context.ts';
import { endLine, startLine } from './markers.ts';

type Callback = (error: unknown, value?: unknown) => void;
type Handler = (event: Buffer, context: FcContext, callback: Callback) => unknown;
type HookHandler = (context: FcContext, callback: Callback) => unknown;

interface Reply {
  readonly errorType?: 'HandledInvocationError' | 'UnhandledInvocationError';
  readonly body: Buffer;
}

/** `callback(error)`: the function reports a failure itself, as opposed to throwing. */
class HandledError extends Error {}

const EXTENSIONS = ['.js', '.cjs', '.mjs'];

async function load(name: string): Promise<unknown> {
  const dot = name.lastIndexOf('.');
  const base = join(process.cwd(), name.slice(0, dot));
  const file = EXTENSIONS.map((extension) => base + extension).find((path) => existsSync(path));
  if (dot < 1 || !file) throw new Error(`handler '${name}': no file ${base}{${EXTENSIONS.join(',')}}`);
  const module = await import(pathToFileURL(file).href);
  const exportName = name.slice(dot + 1);
  const found: unknown = module[exportName] ?? module.default?.[exportName];
  if (typeof found !== 'function')
    throw new Error(`handler '${name}': ${file} exports no function '${exportName}'`);
  return found;
}

const isHandler = (value: unknown): value is Handler => typeof value === 'function';
const isHook = (value: unknown): value is HookHandler => typeof value === 'function';

/** Settles with what the function returns, or what it gives to its callback. */
function settle(run: (callback: Callback) => unknown, takesCallback: boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback: Callback = (error, value) =>
      error ? reject(new HandledError('', { cause: error })) : resolve(value);
    const returned = run(callback);
    const isPromise = typeof returned === 'object' && returned !== null && 'then' in returned;
    if (isPromise || !takesCallback) resolve(returned);
  });
}

function serialize(value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (typeof value === 'string') return Buffer.from(value);
  return Buffer.from(JSON.stringify(value) ?? '');
}

function failure(thrown: unknown): Reply {
  const handled = thrown instanceof HandledError;
  const error: unknown = handled ? thrown.cause : thrown;
  const body =
    error instanceof Error
      ? {
          errorMessage: error.message,
          errorType: error.name,
          stackTrace: (error.stack ?? '')
            .split('\n')
            .slice(1)
            .map((line) => line.trim()),
        }
      : { errorMessage: String(error), errorType: typeof error, stackTrace: [] };
  return {
    errorType: handled ? 'HandledInvocationError' : 'UnhandledInvocationError',
    body: Buffer.from(JSON.stringify(body)),
  };
}

const write = (line: string): Promise<void> =>
  new Promise((resolve) => process.stdout.write(`${line}\n`, () => resolve()));

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function attempt(work: () => Promise<unknown>): Promise<Reply> {
  try {
    return { body: serialize(await work()) };
  } catch (error) {
    return failure(error);
  }
}

const [, , socketPath = '', handlerName = '', initializerName = '', preStopName = ''] = process.argv;

/** Loading starts at once; a module that does not load makes `/initialize` fail, with its own error. */
const loaded = Promise.all(
  [handlerName, initializerName, preStopName].map((name) => (name ? load(name) : null)),
);
loaded.catch(() => undefined);

async function serve(path: string, event: Buffer, context: FcContext): Promise<Reply> {
  const hook = (found: unknown) => async () =>
    isHook(found) ? settle((callback) => found(context, callback), found.length > 1) : undefined;
  if (path === '/initialize') return attempt(async () => hook((await loaded)[1])());
  if (path === '/pre-stop') return attempt(async () => hook((await loaded)[2])());
  const [handler] = await loaded;
  if (!isHandler(handler)) return failure(new Error('no handler'));
  await write(startLine(context.requestId));
  const reply = await attempt(() => settle((done) => handler(event, context, done), handler.length > 2));
  // The platform may freeze this process as soon as it has the answer: the log goes out first.
  await write(endLine(context.requestId));
  return reply;
}

const server = createServer(async (request, response) => {
  const event = await bodyOf(request);
  const context = contextOf((name) => String(request.headers[name] ?? ''));
  const { errorType, body } = await serve(request.url ?? '', event, context);
  response.setHeader('x-fc-status', errorType ? '404' : '200');
  if (errorType) response.setHeader('x-fc-error-type', errorType);
  response.setHeader('content-length', body.length);
  response.end(body);
});
// A frozen process must not find, when it is thawed, that its connections have timed out meanwhile.
server.keepAliveTimeout = 0;
server.headersTimeout = 0;
server.requestTimeout = 0;
server.listen(socketPath);
