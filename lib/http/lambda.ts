/** The app behind the handler shim: what Hono's adapter for Lambda passes on of a call. */
import type { CredentialHolder } from '../credentials.ts';
import type { Platform } from './app.ts';

export interface LambdaBindings {
  readonly event: { readonly rawPath: string };
  readonly lambdaContext: {
    readonly awsRequestId: string;
    readonly fc: { readonly credentials: Parameters<CredentialHolder['update']>[0] };
    getRemainingTimeInMillis(): number;
  };
}

export function lambdaPlatform(credentials: CredentialHolder): Platform<LambdaBindings> {
  return {
    rawPath: ({ event }) => event.rawPath,
    call: ({ lambdaContext }) => ({
      requestId: lambdaContext.awsRequestId,
      remainingMs: () => lambdaContext.getRemainingTimeInMillis(),
      authorize: () => credentials.update(lambdaContext.fc.credentials),
      // It has come with the event.
      acceptBody: () => {},
    }),
  };
}
