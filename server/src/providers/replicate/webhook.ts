// Proves that a webhook is from Replicate: Standard Webhooks, HMAC over id, timestamp and the bytes as received. The
// secret belongs to the account of the key and is asked for when the first webhook comes.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { isRecord, parseJsonOrNull, textOrNull } from '../hosted-call.ts'
import type { WebhookContext, WebhookNotice, WebhookRequest } from '../provider.ts'
import { type ReplicateTask, readPredictionId, Unreadable } from './prediction.ts'

/** How far the signed time may lie from ours: retries are signed anew, so an older one is played back. */
const TOLERANCE_MS = 5 * 60_000
const MAX_SIGNATURES = 16
/** Anybody can send a wrong signature, so the secret is asked for again once a minute at most. */
const RENEW_AFTER_MS = 60_000

export type Secrets = {
  get(context: WebhookContext): Promise<string>
  /** Null when it was asked for a moment ago. */
  renew(at: Date, context: WebhookContext): Promise<string | null>
}

/** Keeps the secret once it was had. `fetchSecret` throws where it cannot be had. */
export function createSecrets(fetchSecret: (context: WebhookContext) => Promise<string>): Secrets {
  let known: string | null = null
  let asked: Promise<string> | null = null
  let renewedAtMs = Number.NEGATIVE_INFINITY

  /** Webhooks come in swarms; all of them wait for one answer. */
  async function fetchOnce(context: WebhookContext): Promise<string> {
    asked ??= fetchSecret(context).finally(() => {
      asked = null
    })
    known = await asked
    return known
  }

  return {
    get: async context => known ?? fetchOnce(context),
    async renew(at, context) {
      if (at.getTime() - renewedAtMs < RENEW_AFTER_MS) return null
      renewedAtMs = at.getTime()
      return fetchOnce(context)
    },
  }
}

/** Null unless the call proves that it is from the vendor, and new. */
export async function readSignedNotice(
  secrets: Secrets,
  request: WebhookRequest,
  context: WebhookContext,
): Promise<WebhookNotice | null> {
  if (!isFresh(request)) return null
  if (isSigned(request, await secrets.get(context))) return readNotice(request)
  // A new secret may have been made since.
  const renewed = await secrets.renew(request.receivedAt, context)
  return renewed !== null && isSigned(request, renewed) ? readNotice(request) : null
}

/** Whether one of the signatures is of this secret; compared in constant time. */
function isSigned({ headers, rawBody }: WebhookRequest, secret: string): boolean {
  const id = headers['webhook-id'] ?? ''
  const timestamp = headers['webhook-timestamp'] ?? ''
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  if (id === '' || key.length === 0) return false
  const wanted = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest()
  const given = (headers['webhook-signature'] ?? '').split(' ').slice(0, MAX_SIGNATURES)
  return given.filter(entry => isEqual(entry, wanted)).length > 0
}

function isEqual(entry: string, wanted: Buffer): boolean {
  const [scheme, signature = ''] = entry.split(',')
  const given = Buffer.from(signature, 'base64')
  return scheme === 'v1' && given.length === wanted.length && timingSafeEqual(given, wanted)
}

/** Whether it says that it was sent about now. */
function isFresh({ headers, receivedAt }: WebhookRequest): boolean {
  const timestamp = headers['webhook-timestamp'] ?? ''
  if (!/^\d{1,12}$/.test(timestamp)) return false
  return Math.abs(receivedAt.getTime() - Number(timestamp) * 1000) <= TOLERANCE_MS
}

/** Which prediction it is about; null when the body is none. It holds all of the handle. */
function readNotice({ rawBody }: WebhookRequest): WebhookNotice | null {
  const value = parseJsonOrNull(rawBody.toString('utf8'))
  try {
    const id = readPredictionId(value)
    const prediction = isRecord(value) ? value : {}
    const input = isRecord(prediction.input) ? prediction.input : {}
    const count = Number.isInteger(input.num_outputs) ? Number(input.num_outputs) : 1
    const task: ReplicateTask = {
      id,
      model: textOrNull(prediction.model) ?? '',
      count,
      warnings: [],
      polls: 0,
    }
    return { taskId: id, task }
  } catch (error) {
    if (error instanceof Unreadable) return null
    throw error
  }
}
