/**
 * The two kinds of errors of the local platform. `PlatformError`: it cannot start or go on, the user must change
 * something. `ApiError`: one call is refused, with the HTTP status and code that Function Compute gives.
 * A function that fails is not an error here but a result (`InvocationResult`).
 */

export type PlatformErrorCode =
  /** s.yaml is missing, not YAML, or asks for something that does not exist or is not supported here. */
  | 'InvalidTemplate'
  /** The code directory of a function, or its handler's file, is not there. */
  | 'MissingCode'
  /** Another platform works on the same data directory. */
  | 'DataDirInUse'
  /** A journal has an unreadable line before its end. */
  | 'JournalCorrupt'
  /** The platform was closed. */
  | 'Closed';

export class PlatformError extends Error {
  override readonly name = 'PlatformError';
  readonly code: PlatformErrorCode;

  constructor(code: PlatformErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status of the answer. */
  readonly status: number;
  /** FC's error code, such as `FunctionNotFound`. */
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}

export const functionNotFound = (name: string, known: readonly string[]): ApiError =>
  new ApiError(404, 'FunctionNotFound', `no function '${name}'; there are: ${known.join(', ')}`);

/** The `code` of a system error such as `ECONNREFUSED`, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
