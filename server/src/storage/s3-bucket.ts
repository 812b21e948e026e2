// The bucket as the driver calls it: the SDK's client with our bounds, loaded when it is first needed, because
// installations that keep their pictures in a folder should not pay for it.
import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import type { BucketAddress } from './s3-address.ts'
import { toBucketError } from './s3-failure.ts'
import type { StorageError } from './storage.ts'

type Sdk = typeof import('@aws-sdk/client-s3')
export type Opened = { sdk: Sdk; client: S3Client }

export type Bucket = {
  readonly address: BucketAddress
  /** The SDK and a client of the address that we reach, or that our clients reach. */
  open(): Promise<Opened>
  openPublic(): Promise<Opened>
  /** Where the object of that key lies. */
  at(key: string): { Bucket: string; Key: string }
  /** For calls whose caller does not wait for all the repetitions of one; the bodies of their answers end with it. */
  readonly callOptions: { abortSignal?: AbortSignal }
  fail(error: unknown): StorageError
}

/** Every call is repeated so often when it may have failed for a moment; all of ours may be. */
const MAX_ATTEMPTS = 3
const CONNECT_TIMEOUT_MS = 5_000
/** From the call to the first byte of the answer: a part of 5 MiB at 1.4 Mbit/s. */
const ANSWER_TIMEOUT_MS = 30_000
/** A body that brings nothing for so long; a reader of ours who is slow must be faster. */
const IDLE_TIMEOUT_MS = 60_000
/** Each costs some 100 kB while it is in use. */
const MAX_SOCKETS = 64

/** TLS encrypts whatever it is given at once, into memory of its own. */
const SENT_AT_ONCE_BYTES = 64 * 1024

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

export function openBucket(address: BucketAddress): Bucket {
  const { bucket, prefix, endpoint, publicEndpoint } = address
  const openOnce = (at: string | null) => {
    let opened: Promise<Opened> | null = null
    return () => {
      opened ??= createClient(address, at)
      return opened
    }
  }
  const open = openOnce(endpoint)
  return {
    address,
    open,
    openPublic: publicEndpoint === null ? open : openOnce(publicEndpoint),
    callOptions: {},
    at: key => ({ Bucket: bucket, Key: prefix + key }),
    fail: error => toBucketError(error, bucket),
  }
}

async function createClient(
  { region, isPathStyle }: BucketAddress,
  endpoint: string | null,
): Promise<Opened> {
  const sdk = await import('@aws-sdk/client-s3')
  const client = new sdk.S3Client({
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    forcePathStyle: isPathStyle,
    maxAttempts: MAX_ATTEMPTS,
    // Checksums of the newest kind are unknown to many stores; the signature holds a SHA-256 of every body anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would open a connection for each large body.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: IDLE_TIMEOUT_MS,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      logger: silent,
    },
  })
  // The innermost step: each repetition begins with the whole body that was signed.
  client.middlewareStack.add(next => args => next({ ...args, request: sendInPieces(args.request) }), {
    step: 'deserialize',
    priority: 'low',
    name: 'sendInPieces',
  })
  return { sdk, client }
}

/** The same request, whose body is given to the socket no faster than it takes it. */
function sendInPieces(request: unknown): unknown {
  if (!(request instanceof Object && 'body' in request && Buffer.isBuffer(request.body))) return request
  if (request.body.length <= SENT_AT_ONCE_BYTES) return request
  return { ...request, body: Readable.from(cutInPieces(request.body)) }
}

function* cutInPieces(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += SENT_AT_ONCE_BYTES) {
    yield body.subarray(at, at + SENT_AT_ONCE_BYTES)
  }
}
