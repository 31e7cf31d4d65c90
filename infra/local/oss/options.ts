/** The command line of the server: `--flag value` to `OssOptions`, and the help text. */
import { parseArgs } from 'node:util';
import { FaultSyntaxError, parseFault } from './faults.ts';
import { OPERATIONS } from './routes.ts';
import { FAULTS, type OssOptions } from './server.ts';

/** The access key secret, where it should not stand in the process list. */
export const SECRET_VARIABLE = 'OSS_ACCESS_KEY_SECRET';
/** Not 9000, where FC's custom runtimes listen. */
const PORT = 9010;

export const HELP = `OSS on this machine.

  npm run oss -- --data-dir <dir> --access-key-id <id> --access-key-secret <secret> [options]

  --port <n>                 port to listen on, 0 for any free one (default ${PORT})
  --host <address>           address to listen on (default 127.0.0.1)
  --data-dir <dir>           where the data lives; created if missing
  --access-key-id <id>
  --access-key-secret <s>    or in the environment as ${SECRET_VARIABLE}
  --security-token <token>   makes the key a temporary one, which needs this token
  --bucket <name>            created if missing; repeatable. The first also serves requests that
                             name no bucket (cname)
  --appendable-bytes-max <n> largest size of an appendable object (default 5 GiB)
  --rtt-ms <n>               median round trip to pretend, half before the store acts (default 0)
  --rtt-sigma <n>            spread of the round trip: standard deviation of its logarithm (default 0)
  --fault <rule>             make requests go wrong; repeatable, asked in order
  --seed <n>                 of the randomness in faults and delays (default 1)
  --log                      print one line of JSON a request
  --help

A fault rule is <fault>[:<operation>][:<setting>=<value>]...

  faults      ${FAULTS.slice(0, 5).join(', ')},
              ${FAULTS.slice(5).join(', ')}
  operations  ${OPERATIONS.slice(0, 9).join(', ')},
              ${OPERATIONS.slice(9, 15).join(', ')},
              ${OPERATIONS.slice(15).join(', ')}
  settings    times=<n>        strike this often, then never again
              after=<n>        let this many matching requests pass first
              probability=<p>  strike with this probability
              delayMs=<n>      how late (slow), or the wait that is asked for (throttle)
              method=<method>, key=<prefix>

  --fault answer-lost:append:times=1
  --fault throttle:append:probability=0.1:delayMs=250
  --fault slow:get:key=logs/:delayMs=500

A running server takes commands from this machine at /-/faults, /-/rtt, /-/stats and /-/health.
`;

/** The command line says something that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Parsed {
  readonly options: OssOptions;
  readonly log: boolean;
}

/** What the arguments say, or `help`. Throws `UsageError`. */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Parsed | 'help' {
  const values = parseFlags(args);
  if (values.help === true) return 'help';
  const accessKeyId = required(values['access-key-id'], '--access-key-id');
  const accessKeySecret = required(
    values['access-key-secret'] ?? environment[SECRET_VARIABLE],
    `--access-key-secret (or ${SECRET_VARIABLE})`,
  );
  const securityToken = values['security-token'];
  const buckets = values.bucket ?? [];
  const [defaultBucket] = buckets;
  const appendableBytesMax = number(
    values['appendable-bytes-max'],
    '--appendable-bytes-max',
    Number.MAX_SAFE_INTEGER,
  );
  return {
    log: values.log === true,
    options: {
      dataDir: required(values['data-dir'], '--data-dir'),
      credentials: [
        { accessKeyId, accessKeySecret, ...(securityToken === undefined ? {} : { securityToken }) },
      ],
      port: number(values.port, '--port', 65_535) ?? PORT,
      host: values.host ?? '127.0.0.1',
      buckets,
      ...(defaultBucket === undefined ? {} : { defaultBucket }),
      ...(appendableBytesMax === undefined ? {} : { appendableBytesMax }),
      rttMs: number(values['rtt-ms'], '--rtt-ms', 600_000) ?? 0,
      rttSigma: number(values['rtt-sigma'], '--rtt-sigma', 10, 'fraction') ?? 0,
      faults: (values.fault ?? []).map(fault),
      seed: number(values.seed, '--seed', 2 ** 32 - 1) ?? 1,
    },
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        'data-dir': { type: 'string' },
        'access-key-id': { type: 'string' },
        'access-key-secret': { type: 'string' },
        'security-token': { type: 'string' },
        bucket: { type: 'string', multiple: true },
        'appendable-bytes-max': { type: 'string' },
        'rtt-ms': { type: 'string' },
        'rtt-sigma': { type: 'string' },
        fault: { type: 'string', multiple: true },
        seed: { type: 'string' },
        log: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function required(value: string | undefined, flag: string): string {
  if (value === undefined || value === '') throw new UsageError(`${flag} is missing.`);
  return value;
}

function number(
  text: string | undefined,
  flag: string,
  max: number,
  kind: 'integer' | 'fraction' = 'integer',
): number | undefined {
  if (text === undefined) return undefined;
  const pattern = kind === 'integer' ? /^\d+$/ : /^\d+(\.\d+)?$/;
  const value = pattern.test(text) ? Number(text) : Number.NaN;
  if (value <= max) return value;
  throw new UsageError(
    `${flag} must be ${kind === 'integer' ? 'an integer' : 'a number'} from 0 to ${max}, not ${text}.`,
  );
}

function fault(text: string): ReturnType<typeof parseFault> {
  try {
    return parseFault(text);
  } catch (error) {
    if (error instanceof FaultSyntaxError) throw new UsageError(error.message);
    throw error;
  }
}
