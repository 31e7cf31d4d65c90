/** The environment of an instance's process: FC's variables and the user's, nothing of the platform's own. */
import { delimiter, dirname } from 'node:path';
import type { Credentials } from './context.ts';
import type { FunctionConfig } from './template/function.ts';

export interface EnvironmentInput {
  readonly fn: FunctionConfig;
  readonly instanceId: string;
  readonly accountId: string;
  readonly credentials: Credentials;
  /** Win over the function's own variables. */
  readonly overrides: Readonly<Record<string, string>>;
  /** Where a custom runtime must listen; null for the built-in runtime. */
  readonly port: number | null;
  readonly host: Readonly<Record<string, string | undefined>>;
}

/** Needed to run any program. `NODE_OPTIONS` and the like are left out on purpose: they would change the function. */
const INHERITED = ['HOME', 'LANG', 'TMPDIR'] as const;

export function environmentOf(input: EnvironmentInput): Record<string, string> {
  const { fn, credentials, host } = input;
  const inherited = INHERITED.flatMap((name) => (host[name] === undefined ? [] : [[name, host[name]]]));
  const port =
    input.port === null ? {} : { FC_CUSTOM_LISTEN_PORT: `${input.port}`, FC_SERVER_PORT: `${input.port}` };
  return {
    ...Object.fromEntries(inherited),
    // `node` in a custom runtime's command is the Node that runs the platform.
    PATH: [dirname(process.execPath), host['PATH'] ?? ''].join(delimiter),
    TZ: 'UTC',
    ...fn.environment,
    ...input.overrides,
    FC_FUNC_CODE_PATH: fn.codeDir,
    FC_ACCOUNT_ID: input.accountId,
    FC_REGION: fn.region,
    FC_FUNCTION_NAME: fn.name,
    FC_FUNCTION_HANDLER: fn.handler,
    FC_FUNCTION_MEMORY_SIZE: `${fn.memoryMB}`,
    FC_FUNCTION_VERSION: 'LATEST',
    FC_VER_ID: 'LATEST',
    FC_INSTANCE_ID: input.instanceId,
    ...port,
    ALIBABA_CLOUD_ACCESS_KEY_ID: credentials.accessKeyId,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: credentials.accessKeySecret,
    ALIBABA_CLOUD_SECURITY_TOKEN: credentials.securityToken,
  };
}
