/**
 * The credentials of the function's role. The platform brings new ones with each call, and a warm instance outlives
 * its first ones, so whatever signs requests asks here every time.
 */
import { IntakeError } from './intake/errors.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string;
}

export interface CredentialHolder {
  /** Takes what a call brought. Throws `IntakeError` `MissingCredentials` if it brought none. */
  update(brought: Partial<Record<keyof Credentials, string | undefined>>): void;
  /** The newest. Throws `MissingCredentials` before the first update. */
  current(): Credentials;
}

export function credentialHolder(): CredentialHolder {
  let newest: Credentials | null = null;
  return {
    update({ accessKeyId, accessKeySecret, securityToken }) {
      if (!accessKeyId || !accessKeySecret) throw missing();
      newest = { accessKeyId, accessKeySecret, ...(securityToken && { securityToken }) };
    },
    current() {
      if (newest === null) throw missing();
      return newest;
    },
  };
}

function missing(): IntakeError {
  return new IntakeError(
    'MissingCredentials',
    'The call brought no credentials. Give the function a role that may append to the bucket.',
  );
}
