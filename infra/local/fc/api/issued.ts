/** The temporary keys that functions got with their calls: with them they may call the invoke API, as their role allows. */
import type { Credentials } from '../context.ts';

export interface IssuedKeys {
  /** Those of a call that begins. */
  credentials(): Credentials;
  keyOf(accessKeyId: string): Credentials | undefined;
}

/** A role's keys live for hours in the cloud; here, until so many others were issued. */
const KEYS_MAX = 10_000;

export function issuedKeys(issue: () => Credentials): IssuedKeys {
  const issued = new Map<string, Credentials>();
  return {
    credentials() {
      const key = issue();
      issued.delete(key.accessKeyId);
      issued.set(key.accessKeyId, key);
      const [oldest] = issued.keys();
      if (oldest !== undefined && issued.size > KEYS_MAX) issued.delete(oldest);
      return key;
    },
    keyOf: (accessKeyId) => issued.get(accessKeyId),
  };
}
