/** How the function calls itself: over the API of the Function Compute that it runs on. */
import type { Invoker } from '../../lib/aggregate/ports.ts';
import type { Deployment } from '../../lib/config/deployment.ts';
import type { CredentialHolder } from '../../lib/credentials.ts';
import { fc2Invoker } from '../../lib/invoke/fc2.ts';
import { fc3Invoker } from '../../lib/invoke/fc3.ts';
import type { Runtime } from '../../lib/runtime.ts';
import type { FcContext } from '../../lib/shim/index.ts';

export interface InvokerWiring {
  readonly deployment: Deployment;
  readonly credentials: CredentialHolder;
  readonly runtime: Runtime;
}

/** `fc` is the context of any call: the function, and where it is, are the same in all. */
export function selfInvoker(fc: FcContext, { deployment, credentials, runtime }: InvokerWiring): Invoker {
  const { accountId, region } = fc;
  const options = {
    endpoint: deployment.fcEndpoint ?? `https://${accountId}.${region}.fc.aliyuncs.com`,
    region,
    accountId,
    functionName: fc.function.name,
    credentials: credentials.current,
    runtime,
  };
  // Only functions of Function Compute 2.0 belong to a service.
  const { name: serviceName } = fc.service;
  return serviceName ? fc2Invoker({ ...options, serviceName }) : fc3Invoker(options);
}
