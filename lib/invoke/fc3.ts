/** Function Compute 3.0: API version 2023-03-30, by `@alicloud/fc20230330`. */
import { Readable } from 'node:stream';
import type { Invoker } from '../aggregate/ports.ts';
import { type InvokerOptions, invoker, type Refusal } from './invoker.ts';

export function fc3Invoker(options: InvokerOptions): Invoker {
  const { endpoint, region: regionId, functionName } = options;
  const { protocol, host } = new URL(endpoint);
  return invoker(options, {
    async send(event, { accessKeyId, accessKeySecret, securityToken }, timeoutMs) {
      // Loaded by the first call: most runs of a job make none.
      const fc = await import('@alicloud/fc20230330');
      const { $OpenApiUtil } = await import('@alicloud/openapi-core');
      const { RuntimeOptions } = await import('@darabonba/typescript');
      const key = { accessKeyId, accessKeySecret, ...(securityToken && { securityToken }) };
      const Client = classOf(fc.default);
      const client = new Client(
        new $OpenApiUtil.Config({ ...key, regionId, endpoint: host, protocol: protocol.slice(0, -1) }),
      );
      const request = new fc.InvokeFunctionRequest({ body: Readable.from([event]) });
      const headers = new fc.InvokeFunctionHeaders({ xFcInvocationType: 'Async' });
      const limits = new RuntimeOptions({ readTimeout: timeoutMs, connectTimeout: timeoutMs });
      const { body } = await client.invokeFunctionWithOptions(functionName, request, headers, limits);
      body?.resume();
    },
    refusalOf,
  });
}

/** What a CommonJS module calls its default is in what it exports, or is it: loaders disagree. */
function classOf<T>(exported: { readonly default: T }): T {
  return 'default' in exported ? exported.default : exported;
}

function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number')) return null;
  const text = (name: 'code' | 'requestId') => {
    const value: unknown = Object.entries(error).find(([key]) => key === name)?.[1];
    return typeof value === 'string' && value !== 'undefined' ? value : null;
  };
  return { code: text('code') ?? 'Unknown', status: error.statusCode, requestId: text('requestId') };
}
