/**
 * `npm start`: the whole platform on this machine. Builds the functions, then runs them on a local FC that appends to
 * a local OSS, with everything on disk under the data directory.
 */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import config from '../../append.config.ts';
import { BuildError, build } from '../build.ts';
import { portFlag, runCommand, UsageError } from '../cli/command.ts';
import { DATA_DIR, LOCAL_BUCKET, LOCAL_KEY, LOCAL_REGION, leaveNote, removeNote } from '../cli/stack.ts';
import { jobMistakes } from '../deploy/jobs.ts';
import { banner } from './banner.ts';
import { BROKER_FLAGS, brokersOf } from './brokers/flags.ts';
import { type Broker, type FcPlatform, startFc } from './fc/platform.ts';
import { PortTakenError } from './listen.ts';
import { type OssServer, startOss } from './oss/server.ts';

const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const HTTP_PORT = 9000;
const FC_PORT = 9001;
const OSS_PORT = 9002;
const RTT_MS_MAX = 600_000;
const LOCAL_ACCOUNT_ID = '1234567890123456';
const FLAGS = [
  ['--port', 'http'],
  ['--fc-port', 'fc'],
  ['--oss-port', 'oss'],
] as const;
/** What the platform does all the time; the rest is worth a line. */
const ROUTINE_EVENTS: ReadonlySet<string> = new Set(['instance-started', 'instance-ended', 'timer-fired']);

await runCommand({
  help: `
Run oss-append on this machine: OSS, Function Compute, queues and timers, with data on disk.

  npm start
  npm start -- --port 8000 --rtt-ms 20

  --port P        HTTP trigger (${HTTP_PORT}); 0 takes any free port, also below
  --fc-port P     FC's invoke API and the queues (${FC_PORT})
  --oss-port P    OSS (${OSS_PORT})
  --data-dir D    where everything is kept (${DATA_DIR})
  --rtt-ms N      round trip to OSS to pretend, in milliseconds (0)

Messages of real brokers, besides those of the local queue:

  --amqp-url U    RabbitMQ to consume, amqp://user:password@host (AMQP_URL)
  --amqp-queue Q  its queues, name[,name], instead of those under queues in append.config.ts;
                  name=events consumes it as the queue events
  --mqtt-url U    MQTT broker to consume, mqtt://user:password@host (MQTT_URL)
  --mqtt-topic T  its topics, with all below them, in the same way

Ctrl-C ends it; nothing that was accepted is lost, and the next start goes on with it.`,
  flags: {
    port: { type: 'string' },
    'fc-port': { type: 'string' },
    'oss-port': { type: 'string' },
    'data-dir': { type: 'string' },
    'rtt-ms': { type: 'string' },
    ...BROKER_FLAGS,
  },
  async run({ values, positionals }) {
    if (positionals.length > 0)
      throw new UsageError(`What is ${positionals[0]}? Flags go after --, see --help.`);
    const ports = {
      http: portFlag('port', values.port) ?? HTTP_PORT,
      fc: portFlag('fc-port', values['fc-port']) ?? FC_PORT,
      oss: portFlag('oss-port', values['oss-port']) ?? OSS_PORT,
    };
    const named = Object.values(ports).filter((port) => port !== 0);
    if (new Set(named).size < named.length)
      throw new UsageError('Give each of the three its own port (0 takes any free one).');
    const dataDir = path.resolve(values['data-dir'] ?? path.join(ROOT, DATA_DIR));
    const brokers = brokersOf({
      values,
      env: process.env,
      queues: [...config.queues.keys()],
      dataDir,
    });
    await run(ports, dataDir, milliseconds('rtt-ms', values['rtt-ms']), brokers);
  },
});

interface Ports {
  readonly http: number;
  readonly fc: number;
  readonly oss: number;
}

async function run(ports: Ports, dataDir: string, rttMs: number, brokers: readonly Broker[]): Promise<void> {
  const mistakes = await jobMistakes(config.jobs.values());
  if (mistakes.length > 0)
    throw new UsageError(`Jobs of append.config.ts cannot run:\n  ${mistakes.join('\n  ')}`);
  const stop = stopSignal();
  await mkdir(dataDir, { recursive: true }).catch((cause: unknown) => {
    throw new UsageError(`--data-dir ${dataDir} cannot be made a directory. Choose another.`, { cause });
  });
  // The functions get temporary credentials, as their role would give them; the command line has a key of its own.
  const role = {
    accessKeyId: `STS.${randomUUID()}`,
    accessKeySecret: randomUUID(),
    securityToken: randomUUID(),
  };
  const oss = await startOss({
    port: ports.oss,
    dataDir: path.join(dataDir, 'oss'),
    credentials: [LOCAL_KEY, role],
    buckets: [LOCAL_BUCKET],
    rttMs,
  }).catch((error: unknown) => rejectClearly(error, ports));
  let fc: FcPlatform | undefined;
  try {
    // Only now, when no other stack on this data runs from the bundles.
    await build();
    fc = await startFc({
      template: path.join(ROOT, 's.yaml'),
      dataDir: path.join(dataDir, 'fc'),
      httpPort: ports.http,
      apiPort: ports.fc,
      vars: { region: LOCAL_REGION, bucket: LOCAL_BUCKET, accountId: LOCAL_ACCOUNT_ID },
      env: ({ apiUrl }) => ({
        OSS_ENDPOINT: oss.url,
        OSS_BUCKET: LOCAL_BUCKET,
        OSS_REGION: LOCAL_REGION,
        APPEND_FC_ENDPOINT: apiUrl,
        // No trigger checks anything here, and the ports are this machine's own.
        APPEND_ACCESS: 'open',
      }),
      credentials: () => role,
      apiCredentials: LOCAL_KEY,
      brokers,
      onLog: ({ functionName, line }) => process.stdout.write(`${functionName}  ${line}\n`),
      onEvent: ({ type, message }) => {
        if (!ROUTINE_EVENTS.has(type)) process.stderr.write(`fc  ${type}: ${message}\n`);
      },
    });
    for (const warning of fc.warnings) process.stderr.write(`s.yaml: ${warning}\n`);
    for (const { functionName, triggerName, reason } of fc.unserved) {
      process.stderr.write(`s.yaml: ${functionName}: trigger ${triggerName} is not served here: ${reason}\n`);
    }
    await leaveNote(dataDir, {
      pid: process.pid,
      httpPort: fc.httpPort,
      fcPort: fc.apiPort,
      ossPort: oss.port,
    });
    process.stdout.write(banner(fc, oss, path.relative(process.cwd(), dataDir) || dataDir));
    await stop.signal;
    process.stdout.write(
      'Stopping: what runs now may finish, and what waits is kept. Ctrl-C again to stop at once.\n',
    );
  } catch (error) {
    // Ctrl-C reaches the programs that building and starting use too, and they say so in their own words.
    if (stop.asked()) throw new UsageError('Stopped before it had started.', { cause: error });
    if (error instanceof BuildError) throw new UsageError(`The functions do not build:\n${error.message}`);
    rejectClearly(error, ports);
  } finally {
    await end(fc, oss);
    await removeNote(dataDir);
  }
}

async function end(fc: FcPlatform | undefined, oss: OssServer): Promise<void> {
  process.once('SIGINT', () => process.exit(130));
  await fc?.close();
  await oss.close();
}

/** A taken port or data directory is the caller's to solve: the message says how, and a stack trace would not help. */
function rejectClearly(error: unknown, ports: Ports): never {
  const message = error instanceof Error ? error.message : String(error);
  const flag =
    error instanceof PortTakenError ? FLAGS.find(([, name]) => ports[name] === error.port)?.[0] : null;
  throw new UsageError(flag ? `${message} (${flag})` : message, { cause: error });
}

function stopSignal(): { signal: Promise<void>; asked(): boolean } {
  let asked = false;
  const signal = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(name, () => {
        asked = true;
        resolve();
      });
    }
  });
  return { signal, asked: () => asked };
}

function milliseconds(name: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= RTT_MS_MAX) return value;
  throw new UsageError(`--${name} ${text}: give a number of milliseconds from 0 to ${RTT_MS_MAX}.`);
}
