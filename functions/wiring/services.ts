/** What every function is made of: the configuration, and the way from a payload to OSS. */
import config from '../../append.config.ts';
import { createAppender } from '../../lib/appender.ts';
import { deploymentFrom } from '../../lib/config/deployment.ts';
import { credentialHolder } from '../../lib/credentials.ts';
import { createIntake } from '../../lib/intake/intake.ts';
import { systemRuntime } from '../../lib/runtime.ts';
import { ossStore } from '../../lib/store/oss.ts';

/** Made when a function is loaded, once an instance. Throws `ConfigError`, which Function Compute shows to the caller. */
export function services() {
  const deployment = deploymentFrom();
  const runtime = systemRuntime();
  const credentials = credentialHolder();
  const { endpoint, region, bucket, instance } = deployment;
  const store = ossStore({
    endpoint,
    region,
    bucket,
    credentials: credentials.current,
    runtime,
  });
  const writer = instance ?? runtime.uuid();
  const appender = createAppender({ store, runtime, writer });
  const intake = createIntake({ appender, runtime, instance: writer });
  return { config, deployment, runtime, credentials, store, intake };
}
