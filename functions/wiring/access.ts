/** Who may write over HTTP: the configuration, and what the deployment has to say and to hide. */
import type { Deployment } from '../../lib/config/deployment.ts';
import { secretsFrom } from '../../lib/config/secrets.ts';
import type { Config } from '../../lib/config.ts';
import { type Access, createAccess } from '../../lib/http/access/access.ts';
import type { Runtime } from '../../lib/runtime.ts';

export interface Wiring {
  readonly config: Config;
  readonly deployment: Deployment;
  readonly runtime: Runtime;
}

/** Throws `ConfigError` if a secret is missing. Other functions than those for HTTP do without. */
export function httpAccess({ config, deployment, runtime }: Wiring): Access {
  const secrets = secretsFrom(config.targets.values());
  return createAccess({ config, fallback: deployment.access, secrets, runtime, fetch: globalThis.fetch });
}
