// The address of a bucket: s3://bucket/prefix?endpoint=…&region=…. Never repeats one in an error: whoever writes
// credentials into it would find them in a log.
import { assertObjectKey } from './keys.ts'
import { StorageError } from './storage.ts'

export type BucketAddress = {
  bucket: string
  /** Empty, or ending in `/`: what all keys of this installation begin with. */
  prefix: string
  /** Null = Amazon's own, or what the SDK finds in its usual places. */
  endpoint: string | null
  /** Where clients of ours reach the same bucket; as `endpoint` by default. */
  publicEndpoint: string | null
  /** Null = what the SDK finds in its usual places. */
  region: string | null
  /** The bucket as the first part of the path and not of the host name. */
  isPathStyle: boolean
  /** Whether clients of ours may be sent to the bucket. */
  mayPresign: boolean
}

const FORM =
  's3://bucket/prefix?endpoint=https://s3.example.com&region=eu-1; for Amazon leave the endpoint out'
const parameters = ['endpoint', 'public-endpoint', 'region', 'path-style', 'presign']
/** Most stores without names for regions call theirs so. */
const COMMON_REGION = 'us-east-1'
/** Leaves what a key may have, 512, far within the 1,024 bytes that buckets allow. */
const MAX_PREFIX_CHARS = 200

/** Throws StorageError that says what is wrong and not what stands there. */
export function parseBucketAddress(text: string): BucketAddress {
  const url = URL.canParse(text) ? new URL(text) : refuse('is no URL')
  if (url.username !== '' || url.password !== '') {
    refuse('holds credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead')
  }
  if (url.port !== '' || url.hash !== '') refuse('has a port or a fragment; the host belongs into `endpoint`')
  const bucket = url.hostname
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) refuse('names no bucket')
  for (const name of new Set(url.searchParams.keys())) {
    if (!parameters.includes(name)) refuse(`has an unknown parameter; known are ${parameters.join(', ')}`)
    if (url.searchParams.getAll(name).length > 1) refuse(`has the parameter ${name} twice`)
  }
  const endpoint = readOrigin(url, 'endpoint')
  const region = url.searchParams.get('region')
  if (region !== null && !/^[a-z0-9][a-z0-9-]{0,62}$/.test(region)) refuse('has a region that is none')
  return {
    bucket,
    prefix: readPrefix(url),
    endpoint,
    publicEndpoint: readOrigin(url, 'public-endpoint'),
    region: region ?? (endpoint ? COMMON_REGION : null),
    // Stores of one's own seldom have a host name for each bucket.
    isPathStyle: readFlag(url, 'path-style', endpoint !== null),
    mayPresign: readFlag(url, 'presign', true),
  }
}

function refuse(why: string): never {
  throw new StorageError(`the storage address ${why}; it has the form ${FORM}`)
}

function readPrefix(url: URL): string {
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '')
  if (prefix === '') return ''
  try {
    assertObjectKey(prefix)
  } catch {
    refuse('has a prefix with other characters than letters, digits, `_`, `-` and `.` between slashes')
  }
  if (prefix.length > MAX_PREFIX_CHARS) refuse(`has a prefix of more than ${MAX_PREFIX_CHARS} letters`)
  return `${prefix}/`
}

function readOrigin(url: URL, name: string): string | null {
  const text = url.searchParams.get(name)
  if (text === null) return null
  const origin = URL.canParse(text) ? new URL(text) : refuse(`has no URL as ${name}`)
  const isBare = origin.pathname === '/' && origin.search === '' && origin.hash === ''
  const isPlain = origin.username === '' && origin.password === ''
  if (!/^https?:$/.test(origin.protocol) || !isBare || !isPlain) {
    refuse(`needs as ${name} an http or https origin with nothing behind it`)
  }
  return origin.origin
}

function readFlag(url: URL, name: string, fallback: boolean): boolean {
  const text = url.searchParams.get(name)
  if (text !== null && text !== 'on' && text !== 'off') refuse(`needs on or off as ${name}`)
  return text === null ? fallback : text === 'on'
}
