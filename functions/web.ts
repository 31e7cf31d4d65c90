/** The HTTP interface as a web function: many requests at a time in an instance, joined into few appends. */
import { createHttpApp } from '../lib/http/app.ts';
import { startWebServer, webPlatform } from '../lib/http/web.ts';
import { httpAccess } from './wiring/access.ts';
import { services } from './wiring/services.ts';

const { config, deployment, store, intake, runtime, credentials } = services();
const access = httpAccess({ config, deployment, runtime });
const app = createHttpApp({
  config,
  store,
  intake,
  access,
  runtime,
  platform: webPlatform(runtime, credentials),
});

void startWebServer({ fetch: app.fetch, port: deployment.port }).then((server) => {
  runtime.log.info('listening', { port: server.port });
  process.once('SIGTERM', () => void server.close().then(() => runtime.log.info('closed')));
});
