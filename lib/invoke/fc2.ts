/** Function Compute 2.0, whose functions belong to services: API version 2016-08-15, by `@alicloud/fc2`. */
import type { Invoker } from '../aggregate/ports.ts';
import { type InvokerOptions, invoker, type Refusal } from './invoker.ts';

export interface Fc2Options extends InvokerOptions {
  readonly serviceName: string;
}

export function fc2Invoker(options: Fc2Options): Invoker {
  const { endpoint, region, accountId, serviceName, functionName } = options;
  return invoker(options, {
    async send(event, { accessKeyId, accessKeySecret, securityToken }, timeout) {
      // Loaded by the first call: most runs of a job make none.
      const { default: Client } = await import('@alicloud/fc2');
      const key = { accessKeyID: accessKeyId, accessKeySecret, securityToken };
      const client = new Client(accountId, { ...key, region, endpoint, timeout });
      await client.invokeFunction(serviceName, functionName, event, { 'x-fc-invocation-type': 'Async' });
    },
    refusalOf,
  });
}

/** The client tells the status and the request's id in the text of its errors only: `… failed with 404. requestid: 1-…,`. */
const TOLD = /failed with (\d{3})\. requestid: (\S+), message/;

function refusalOf(error: unknown): Refusal | null {
  const [, status, requestId = null] = TOLD.exec(error instanceof Error ? error.message : '') ?? [];
  if (status === undefined) return null;
  const code = error instanceof Error && 'code' in error && error.code;
  return { code: typeof code === 'string' ? code : 'Unknown', status: Number(status), requestId };
}
