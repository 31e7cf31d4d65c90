/**
 * What a call tells the code that serves it: the `x-fc-*` headers of the custom runtime contract (help page "Web
 * functions"), and, for the built-in runtime, the `context` argument made of them.
 */
import type { FunctionConfig } from './template/function.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken: string;
}

export type ControlPath = 'invoke' | 'http-invoke' | 'initialize' | 'pre-stop';

export interface CallContext {
  readonly requestId: string;
  readonly retryCount: number;
  readonly credentials: Credentials;
  readonly accountId: string;
}

export function callHeaders(
  fn: FunctionConfig,
  call: CallContext,
  path: ControlPath,
): Record<string, string> {
  return {
    'x-fc-request-id': call.requestId,
    'x-fc-control-path': path,
    'x-fc-access-key-id': call.credentials.accessKeyId,
    'x-fc-access-key-secret': call.credentials.accessKeySecret,
    'x-fc-security-token': call.credentials.securityToken,
    'x-fc-function-name': fn.name,
    'x-fc-function-handler': fn.handler,
    'x-fc-function-memory': String(fn.memoryMB),
    'x-fc-function-timeout': String(fn.timeoutS),
    'x-fc-region': fn.region,
    'x-fc-account-id': call.accountId,
    'x-fc-qualifier': 'LATEST',
    'x-fc-version-id': '',
    'x-fc-retry-count': String(call.retryCount),
  };
}

export type Header = (name: string) => string;

type LogLevel = 'debug' | 'info' | 'warn' | 'error';
type Log = (...items: unknown[]) => void;

export interface FcContext {
  readonly requestId: string;
  readonly credentials: Credentials;
  readonly function: { name: string; handler: string; memory: number; timeout: number };
  readonly service: { logProject: string; logStore: string; qualifier: string; versionId: string };
  readonly region: string;
  readonly accountId: string;
  readonly logger: Record<LogLevel | 'log', Log> & { readonly requestId: string };
  readonly retryCount: number;
  readonly tracing: Record<string, never>;
}

/** The `context` of the built-in runtime, from the headers of one call. */
export function contextOf(header: Header): FcContext {
  const requestId = header('x-fc-request-id');
  return {
    requestId,
    credentials: {
      accessKeyId: header('x-fc-access-key-id'),
      accessKeySecret: header('x-fc-access-key-secret'),
      securityToken: header('x-fc-security-token'),
    },
    function: {
      name: header('x-fc-function-name'),
      handler: header('x-fc-function-handler'),
      memory: Number(header('x-fc-function-memory')),
      timeout: Number(header('x-fc-function-timeout')),
    },
    service: { logProject: '', logStore: '', qualifier: header('x-fc-qualifier'), versionId: '' },
    region: header('x-fc-region'),
    accountId: header('x-fc-account-id'),
    logger: logger(requestId),
    retryCount: Number(header('x-fc-retry-count')),
    tracing: {},
  };
}

function logger(requestId: string): FcContext['logger'] {
  const write =
    (level: LogLevel): Log =>
    (...items) =>
      console[level](`${new Date().toISOString()} ${requestId} [${level}]`, ...items);
  return {
    requestId,
    debug: write('debug'),
    info: write('info'),
    log: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
}
