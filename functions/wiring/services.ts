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
  const { oss, writer, ...base } = foundation();
  const { runtime } = base;
  const store = ossStore(oss);
  const appender = createAppender({ store, runtime, writer });
  const intake = createIntake({ appender, runtime, instance: writer });
  return { ...base, store, intake };
}

/** The part of it that has no store yet: `oss` says where it is, `writer` how this instance is named in its appends. */
export function foundation() {
  const deployment = deploymentFrom();
  const runtime = systemRuntime();
  const credentials = credentialHolder();
  const { endpoint, region, bucket, instance } = deployment;
  const oss = { endpoint, region, bucket, credentials: credentials.current, runtime };
  return { config, deployment, runtime, credentials, oss, writer: instance ?? runtime.uuid() };
}
