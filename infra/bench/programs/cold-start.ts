/**
 * What an instance does first, and then says so on standard output: loads a bundle and calls its handler once.
 *
 * Arguments: a task, the file to load, the event as JSON. The bundle that is a server of its own needs no driver.
 */
import { createRequire } from 'node:module';
import { ACCESS_KEY, ALI_OSS_OPTIONS, REGION } from './client.ts';

const load = createRequire(__filename);
const [, , task = '', file = '', event = ''] = process.argv;

const context = {
  requestId: 'bench',
  credentials: ACCESS_KEY,
  function: { name: 'bench', handler: 'index.handler', memory: 512, timeout: 60 },
  service: { logProject: '', logStore: '', qualifier: 'LATEST', versionId: '' },
  region: REGION,
  accountId: '1234567890123456',
  logger: console,
};

async function run(): Promise<void> {
  if (task === 'nothing') return;
  const loaded = load(file);
  if (task === 'append') {
    const oss = new loaded({ ...ALI_OSS_OPTIONS, endpoint: process.env['OSS_ENDPOINT'] });
    const key = `cold/${process.pid}`;
    const length = await oss.head(key).then(
      () => Promise.reject(new Error(`${key} is there already`)),
      () => 0,
    );
    await oss.append(key, Buffer.from('{"a":1}\n'), { position: String(length) });
  }
  if (task === 'handler') await loaded.handler(Buffer.from(event), context);
}

void run().then(
  () => process.stdout.write('answered\n', () => process.exit()),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  },
);
