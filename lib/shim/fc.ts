/**
 * What Function Compute's built-in Node.js runtimes call and pass (documentation: "Node.js event handlers", "Context",
 * "Use an HTTP trigger to invoke a function"). Types only.
 */

/** What FC calls. The event is a Buffer whatever the trigger. */
export type FcHandler<Result = unknown> = (event: Buffer, context: FcContext) => Promise<Result>;

/** Temporary credentials of the function's role; empty if the function has none. Valid for this call's context only. */
export interface FcCredentials {
  readonly accessKeyId?: string;
  readonly accessKeySecret?: string;
  readonly securityToken?: string;
}

export interface FcContext {
  readonly requestId: string;
  readonly credentials: FcCredentials;
  readonly function: {
    readonly name: string;
    readonly handler: string;
    /** Megabytes. */
    readonly memory: number;
    /** Seconds. */
    readonly timeout: number;
  };
  readonly service: {
    /** Only in FC 2.0, where functions belong to services. */
    readonly name?: string;
    readonly logProject: string;
    readonly logStore: string;
    readonly qualifier: string;
    readonly versionId?: string;
  };
  readonly region: string;
  readonly accountId: string;
  readonly logger: FcLogger;
  /** How often an asynchronous invocation was tried before. */
  readonly retryCount?: number;
  readonly tracing?: {
    readonly openTracingSpanContext?: string;
    readonly openTracingSpanBaggages?: object;
    readonly jaegerEndpoint?: string;
  };
}

/** Prefixes each line with the request's id. */
export interface FcLogger {
  debug(...message: unknown[]): void;
  info(...message: unknown[]): void;
  warn(...message: unknown[]): void;
  error(...message: unknown[]): void;
}

/** The event of an HTTP trigger, version `v1`. */
export interface FcHttpEvent {
  readonly version: string;
  /** Percent-encoded. */
  readonly rawPath: string;
  /** Names in any case; repeated headers joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded; repeated parameters joined by commas. */
  readonly queryParameters: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
  readonly requestContext: {
    readonly accountId: string;
    readonly domainName: string;
    readonly domainPrefix: string;
    readonly triggerId?: string;
    readonly requestId: string;
    /** RFC 3339. */
    readonly time: string;
    /** Epoch milliseconds, as a string of digits. */
    readonly timeEpoch: string;
    readonly http: {
      readonly method: string;
      /** Decoded. */
      readonly path: string;
      readonly protocol: string;
      readonly sourceIp: string;
      readonly userAgent: string;
    };
  };
}

/** The answer to an HTTP trigger. All members are there, since FC does not say what it makes of others. */
export interface FcHttpResponse {
  readonly statusCode: number;
  /** One value a header. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}
