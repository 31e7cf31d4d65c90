/**
 * Who sent a request, and what it is meant for.
 *
 * A request is read in every way its Host and path allow (`request.ts`); the reading its signature was made for is the
 * one that holds. There are no anonymous calls: every bucket is private, whatever ACL was asked for.
 */
import { OssError } from '../errors.ts';
import { type Address, addressesOf, type OssRequest } from '../request.ts';
import { type Claim, type Expectation, equalSignatures } from './signature.ts';
import { claimV1 } from './v1.ts';
import { claimV4 } from './v4.ts';

export interface Credential {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Makes it a temporary (STS) credential: requests must carry this token as well. */
  readonly securityToken?: string;
  /** Epoch milliseconds after which the credential is refused. */
  readonly expiresAtMs?: number;
}

/** Throws `OssError` with the code OSS would give. */
export function authenticate(
  request: OssRequest,
  credentials: readonly Credential[],
  defaultBucket: string | undefined,
): Address {
  const claim = claimV4(request) ?? claimV1(request);
  if (claim === null) throw noClaim(request);
  const credential = credentialOf(claim, credentials, request.arrivedMs);
  const expected = (address: Address): Expectation[] => claim.expected(credential.accessKeySecret, address);
  const addresses = addressesOf(request, defaultBucket);
  const meant = addresses.find((address) =>
    expected(address).some(({ signature }) => equalSignatures(signature, claim.signature)),
  );
  if (meant !== undefined) return meant;
  const [likeliest] = addresses.slice(0, 1).flatMap(expected);
  throw mismatch(claim, likeliest, defaultBucket);
}

export function isSigned(request: OssRequest): boolean {
  return (
    request.headers.has('authorization') ||
    request.query.has('OSSAccessKeyId') ||
    request.query.has('x-oss-signature-version')
  );
}

function noClaim(request: OssRequest): OssError {
  if (!isSigned(request)) {
    return new OssError('AccessDenied', { message: 'Anonymous access is forbidden for this operation.' });
  }
  return new OssError('InvalidArgument', {
    message: 'Unsupported authorization type: use a V1 or V4 signature.',
    ec: '0002-00000002',
    elements: { ArgumentName: 'Authorization' },
  });
}

/** A temporary credential's key id is unknown to OSS as long as no token comes with it. */
function credentialOf(claim: Claim, credentials: readonly Credential[], nowMs: number): Credential {
  const known = credentials.filter(({ accessKeyId }) => accessKeyId === claim.accessKeyId);
  const credential = known.find(({ securityToken }) => securityToken === claim.securityToken);
  if (known.length === 0 || (credential === undefined && claim.securityToken === undefined)) {
    throw new OssError('InvalidAccessKeyId', { elements: { OSSAccessKeyId: claim.accessKeyId } });
  }
  if (credential === undefined) throw new OssError('InvalidSecurityToken');
  if (credential.expiresAtMs !== undefined && credential.expiresAtMs <= nowMs) {
    throw new OssError('SecurityTokenExpired');
  }
  return credential;
}

/** Shows what the server signed, so that the difference can be found; never the secret or the right signature. */
function mismatch(
  claim: Claim,
  expected: Expectation | undefined,
  defaultBucket: string | undefined,
): OssError {
  const stringToSign = Buffer.from(expected?.stringToSign ?? '', 'latin1');
  return new OssError('SignatureDoesNotMatch', {
    ...(defaultBucket === undefined
      ? {
          message:
            'The request signature we calculated does not match the signature you provided. Check your key and signing method. ' +
            'If the bucket is neither in the Host header nor in the path (cname), start this server with a default bucket.',
        }
      : {}),
    elements: {
      OSSAccessKeyId: claim.accessKeyId,
      SignatureProvided: claim.signature,
      StringToSign: stringToSign.toString('utf8'),
      StringToSignBytes: (stringToSign.toString('hex').match(/../g) ?? []).join(' ').toUpperCase(),
      ...(expected?.canonicalRequest === undefined
        ? {}
        : { CanonicalRequest: Buffer.from(expected.canonicalRequest, 'latin1').toString('utf8') }),
    },
  });
}
