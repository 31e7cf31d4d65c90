/**
 * Every error this server answers with: one table from OSS's code to HTTP status, EC and message.
 *
 * Codes, statuses and messages are those of the API reference's error pages. An EC (`x-oss-ec`) is a hint that OSS may
 * change at any time; it is given where a public page or an SDK's recorded answer shows it, and absent elsewhere.
 */
interface ErrorEntry {
  readonly status: number;
  readonly message: string;
  readonly ec?: string;
}

const ERRORS = {
  AccessDenied: { status: 403, ec: '0003-00000001', message: 'You have no right to access this object.' },
  BucketNotEmpty: {
    status: 409,
    ec: '0015-00000301',
    message: 'The bucket you tried to delete is not empty.',
  },
  EntityTooLarge: {
    status: 400,
    message: 'Your proposed upload exceeds the maximum allowed size.',
  },
  EntityTooSmall: { status: 400, message: 'Your proposed upload smaller than the minimum allowed size.' },
  FileAlreadyExists: {
    status: 409,
    message: 'The object you specified already exists and can not be overwritten.',
  },
  InternalError: { status: 500, message: 'We encountered an internal error. Please try again.' },
  InvalidAccessKeyId: {
    status: 403,
    ec: '0002-00000902',
    message: 'The OSS Access Key Id you provided does not exist in our records.',
  },
  InvalidArgument: { status: 400, message: 'Invalid argument.' },
  InvalidBucketName: {
    status: 400,
    ec: '0015-00000001',
    message: 'The specified bucket is not valid.',
  },
  InvalidDigest: { status: 400, message: 'The Content-MD5 you specified was invalid.' },
  InvalidEncryptionAlgorithmError: {
    status: 400,
    message: 'The Encryption Method you specified is invalid.',
  },
  InvalidObjectName: { status: 400, message: 'The specified object is not valid.' },
  InvalidPart: {
    status: 400,
    message:
      'One or more of the specified parts could not be found or the specified entity tag might not have matched.',
  },
  InvalidPartOrder: {
    status: 400,
    message: 'The list of parts was not in ascending order.',
  },
  InvalidRange: { status: 416, message: 'The requested range cannot be satisfied.' },
  InvalidSecurityToken: { status: 403, message: 'The security token you provided is invalid.' },
  InvalidURI: { status: 400, message: "Couldn't parse the specified URI." },
  KmsServiceNotEnabled: { status: 403, message: 'The KMS service is not enabled.' },
  MalformedXML: {
    status: 400,
    ec: '0016-00000608',
    message: 'The XML you provided was not well-formed or did not validate against our published schema.',
  },
  MethodNotAllowed: { status: 405, message: 'The specified method is not allowed against this resource.' },
  MissingArgument: { status: 400, ec: '0016-00000502', message: 'Missing Some Required Arguments.' },
  MissingContentLength: { status: 411, message: 'You must provide the Content-Length HTTP header.' },
  NoSuchBucket: { status: 404, ec: '0015-00000101', message: 'The specified bucket does not exist.' },
  NoSuchKey: { status: 404, ec: '0026-00000001', message: 'The specified key does not exist.' },
  NoSuchUpload: {
    status: 404,
    ec: '0042-00000002',
    message:
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  },
  NotImplemented: {
    status: 501,
    message: 'A header or parameter you provided implies functionality that is not implemented.',
  },
  ObjectNotAppendable: { status: 409, ec: '0026-00000017', message: 'The object is not appendable.' },
  OperationNotSupported: { status: 400, message: 'The operation is not supported for this resource.' },
  PositionNotEqualToLength: {
    status: 409,
    ec: '0026-00000016',
    message: 'Position is not equal to file length.',
  },
  PreconditionFailed: {
    status: 412,
    message: 'At least one of the pre-conditions you specified did not hold.',
  },
  RequestTimeout: {
    status: 400,
    message:
      'Your socket connection to the server was not read from or written to within the timeout period.',
  },
  RequestTimeTooSkewed: {
    status: 403,
    ec: '0002-00000504',
    message: 'The difference between the request time and the current time is too large.',
  },
  SecurityTokenExpired: { status: 403, message: 'The security token you provided has expired.' },
  SignatureDoesNotMatch: {
    status: 403,
    ec: '0002-00000040',
    message:
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  },
  TotalQpsLimitExceeded: {
    status: 503,
    message: 'Please reduce your request rate. The total QPS limit of the account has been exceeded.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type OssErrorCode = keyof typeof ERRORS;

export interface OssErrorDetail {
  readonly message?: string;
  readonly status?: number;
  readonly ec?: string;
  /** Headers the answer carries besides the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further elements of the XML body, such as `StringToSign`. */
  readonly elements?: Readonly<Record<string, string>>;
}

/** An error the client is answered with. */
export class OssError extends Error {
  override readonly name = 'OssError';
  readonly code: OssErrorCode;
  readonly status: number;
  readonly ec: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly elements: Readonly<Record<string, string>>;

  constructor(code: OssErrorCode, detail: OssErrorDetail = {}) {
    const entry: ErrorEntry = ERRORS[code];
    super(detail.message ?? entry.message);
    this.code = code;
    this.status = detail.status ?? entry.status;
    this.ec = detail.ec ?? entry.ec;
    this.headers = detail.headers ?? {};
    this.elements = detail.elements ?? {};
  }
}

/** `InvalidArgument`, naming the argument as OSS does. */
export function invalidArgument(name: string, value: string, message: string, ec?: string): OssError {
  return new OssError('InvalidArgument', {
    message,
    ...(ec === undefined ? {} : { ec }),
    elements: { ArgumentName: name, ArgumentValue: value },
  });
}

/** A header or parameter this server knows of but does not serve; OSS answers 400 for headers and 501 for calls. */
export function notImplemented(kind: 'Header' | 'Parameter', name: string): OssError {
  return new OssError('NotImplemented', {
    status: kind === 'Header' ? 400 : 501,
    message: `${kind} ${name} is not implemented by this server.`,
    elements: { [kind]: name },
  });
}
