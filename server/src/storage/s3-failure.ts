// Turns what the S3 client says into a StorageError whose text tells the operator what to do. The client's own error
// is not handed on: it carries the request that was signed.
import { StorageError } from './storage.ts'

const region = 'the region is wrong; set `region` in STORAGE_URL to that of the bucket'
const rights =
  'access is denied; allow s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload on its objects, and s3:ListBucket, s3:ListBucketMultipartUploads on the bucket'
const expired = 'the session token has ended; renew AWS_SESSION_TOKEN or use a role that renews itself'
const busy = 'the store asks to be called less often; try later or raise its limits'
const full = 'the store is full or its quota is used up; free space or raise the quota'
const name = 'its host is not found; check `endpoint` in STORAGE_URL and the name server'
const unreachable = 'it cannot be reached; check `endpoint` in STORAGE_URL, the network and the store itself'
const silence = 'it does not answer in time; check the network and the store itself'
const certificate =
  'its certificate is not trusted; mend it or tell Node of its authority by NODE_EXTRA_CA_CERTS'

const advice: Record<string, string> = {
  NoSuchBucket: 'there is no such bucket; make it or correct STORAGE_URL',
  AccessDenied: rights,
  Forbidden: rights,
  AllAccessDisabled: rights,
  InvalidAccessKeyId: 'the access key is unknown there; check AWS_ACCESS_KEY_ID',
  SignatureDoesNotMatch:
    'the signature is refused; check AWS_SECRET_ACCESS_KEY, and that no proxy changes the host or the path',
  RequestTimeTooSkewed: "this machine's clock is wrong; run a time service (NTP)",
  ExpiredToken: expired,
  TokenRefreshRequired: expired,
  InvalidToken: expired,
  AuthorizationHeaderMalformed: region,
  PermanentRedirect: region,
  IllegalLocationConstraintException: region,
  CredentialsProviderError: 'there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  SlowDown: busy,
  TooManyRequests: busy,
  QuotaExceeded: full,
  InsufficientStorage: full,
  XMinioStorageFull: full,
  TimeoutError: silence,
  AbortError: silence,
  ENOTFOUND: name,
  EAI_AGAIN: name,
  ECONNREFUSED: unreachable,
  ECONNRESET: 'the connection was cut; check the network and the store itself',
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ETIMEDOUT: silence,
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate,
  SELF_SIGNED_CERT_IN_CHAIN: certificate,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate,
  CERT_HAS_EXPIRED: certificate,
  ERR_TLS_CERT_ALTNAME_INVALID: certificate,
}

/** What the store, the network or the client calls the failure. */
function codesOf(error: Error): string[] {
  const code = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  return [error.name, ...code]
}

function statusOf(error: Error): number | null {
  const metadata: unknown = Reflect.get(error, '$metadata')
  const status: unknown = metadata instanceof Object ? Reflect.get(metadata, 'httpStatusCode') : null
  return typeof status === 'number' ? status : null
}

/** True when the store says that there is no such object; a bucket that is missing is another matter. */
export function isNoSuchObject(error: unknown): boolean {
  return error instanceof Error && error.name === 'NoSuchKey'
}

export function isNoSuchUpload(error: unknown): boolean {
  return error instanceof Error && error.name === 'NoSuchUpload'
}

export function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && error.name === 'InvalidRange'
}

/** Wraps an error of the client; one that is wrapped already passes unchanged. */
export function toBucketError(error: unknown, bucket: string): StorageError {
  if (error instanceof StorageError) return error
  if (!(error instanceof Error)) return new StorageError(`storage bucket ${bucket}: ${String(error)}`)
  const codes = codesOf(error)
  const status = statusOf(error)
  const known = codes.map(code => advice[code]).find(text => text !== undefined)
  const text = known ?? (error.message === 'Region is missing' ? region : error.message)
  const label = codes.find(code => code in advice) ?? codes.find(code => code !== 'Error') ?? null
  const details = [label, status === null ? null : `status ${status}`].filter(detail => detail !== null)
  const message = `storage bucket ${bucket}: ${text}${details.length > 0 ? ` (${details.join(', ')})` : ''}`
  // The text alone: other fields of it hold the request as it was signed.
  return new StorageError(message, { cause: new Error(`${error.name}: ${error.message}`) })
}
