/** The HTTP interface as an event function: one request at a time in an instance. */
import type { Handler } from 'aws-lambda';
import { handle } from 'hono/aws-lambda';
import { createHttpApp } from '../lib/http/app.ts';
import { lambdaPlatform } from '../lib/http/lambda.ts';
import { fcHttp } from '../lib/shim/index.ts';
import { httpAccess } from './wiring/access.ts';
import { services } from './wiring/services.ts';

const { config, deployment, store, intake, runtime, credentials } = services();
const access = httpAccess({ config, deployment, runtime });
const app = createHttpApp({ config, store, intake, access, runtime, platform: lambdaPlatform(credentials) });
// What is text by its type can be cut within a character, or be none: as text, it would not come through whole.
const lambda: Handler = handle(app, { isContentTypeBinary: () => true });

export const handler = fcHttp(lambda, { now: runtime.monotonic });
