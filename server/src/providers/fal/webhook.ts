// Proves that a call comes from fal: an ED25519 signature over the headers' ids, the time and the body's hash, by one
// of the keys that fal publishes. Keys are kept for a while; a signature by none of them may mean new keys, which are
// then fetched again, but not more often than forgers could make us.
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { OutboundError } from '../../outbound.ts'
import { isRecord, limitCall, parseJsonOrNull, readSmallJson, textOrNull } from '../hosted-call.ts'
import { JsonImagesError } from '../json-images.ts'
import type { WebhookContext, WebhookNotice, WebhookRequest } from '../provider.ts'

export type WebhookOptions = {
  jwksUrl: string
  /** How long fetched keys are believed. */
  keysLifetimeMs: number
}

/** fal's own tolerance, both ways: what is older may be played back, what is newer has a wrong clock. */
const TOLERANCE_MS = 5 * 60_000
/** Between two fetches that an unknown signature asked for. */
const REFETCH_AFTER_MS = 60_000
const MAX_KEYS_BYTES = 256 * 1024
const MAX_KEYS = 16

type Keys = { keys: KeyObject[]; fetchedAtMs: number }

/** Makes the reader; the fetched keys live as long as it does. */
export function createWebhookReader(options: WebhookOptions) {
  let known: Keys | null = null
  return async (request: WebhookRequest, context: WebhookContext): Promise<WebhookNotice | null> => {
    const nowMs = request.receivedAt.getTime()
    const signed = readSigned(request, nowMs)
    if (signed === null) return null
    const isFresh = known !== null && nowMs - known.fetchedAtMs < options.keysLifetimeMs
    if (!known || !isFresh) known = await fetchKeys(options.jwksUrl, context, nowMs)
    if (!isSigned(signed, known.keys)) {
      if (nowMs - known.fetchedAtMs < REFETCH_AFTER_MS) return null
      known = await fetchKeys(options.jwksUrl, context, nowMs)
      if (!isSigned(signed, known.keys)) return null
    }
    return readNotice(request.rawBody)
  }
}

type Signed = { message: Buffer; signature: Buffer }

/** Null where a header is missing, malformed, or tells another time. */
function readSigned({ headers, rawBody }: WebhookRequest, nowMs: number): Signed | null {
  const requestId = headers['x-fal-webhook-request-id'] ?? ''
  const userId = headers['x-fal-webhook-user-id'] ?? ''
  const timestamp = headers['x-fal-webhook-timestamp'] ?? ''
  const signature = headers['x-fal-webhook-signature'] ?? ''
  if (requestId === '' || userId === '') return null
  if (!/^\d{1,12}$/.test(timestamp) || !/^[0-9a-f]{128}$/i.test(signature)) return null
  if (Math.abs(Number(timestamp) * 1000 - nowMs) > TOLERANCE_MS) return null
  const bodyHash = createHash('sha256').update(rawBody).digest('hex')
  return {
    message: Buffer.from([requestId, userId, timestamp, bodyHash].join('\n')),
    signature: Buffer.from(signature, 'hex'),
  }
}

function isSigned({ message, signature }: Signed, keys: readonly KeyObject[]): boolean {
  return keys.some(key => verify(null, message, key, signature))
}

/** What else the body says, the whole payload among it, is not looked at: the result is read at its own address. */
function readNotice(rawBody: Buffer): WebhookNotice | null {
  const body = parseJsonOrNull(rawBody.toString('utf8'))
  const taskId = isRecord(body) ? textOrNull(body.request_id) : null
  return taskId === null || taskId === '' ? null : { taskId }
}

async function fetchKeys(url: string, context: WebhookContext, nowMs: number): Promise<Keys> {
  const { http, headers, signal, timeoutMs } = context
  const limits = limitCall({ signal, timeoutMs }, MAX_KEYS_BYTES)
  const response = await http.request({ method: 'GET', url, trust: 'configured', headers, ...limits })
  if (response.status !== 200) {
    await response.discard()
    throw new OutboundError('unreachable', true, `fal's keys could not be read: status ${response.status}`)
  }
  let value: unknown
  try {
    value = await readSmallJson(response)
  } catch (error) {
    if (!(error instanceof JsonImagesError)) throw error
    throw new OutboundError('unreachable', true, `fal's keys could not be read: ${error.message}`)
  }
  const listed = isRecord(value) && Array.isArray(value.keys) ? value.keys.slice(0, MAX_KEYS) : []
  return { keys: listed.flatMap(readKey), fetchedAtMs: nowMs }
}

function readKey(jwk: unknown): KeyObject[] {
  if (!isRecord(jwk) || typeof jwk.x !== 'string') return []
  try {
    return [createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: jwk.x }, format: 'jwk' })]
  } catch {
    return []
  }
}
