// Signatures of a delivery, in two families made from one secret with different keys: gptimage2's hex over the body,
// keyed with the whole text of the secret, and Standard Webhooks', keyed with the bytes behind its prefix.
import { createHmac, randomBytes } from 'node:crypto'

const prefix = 'whsec_'
/** Standard Webhooks asks for 24 to 64 bytes; 32 is what SHA-256 can use. */
const secretBytes = 32

export function newWebhookSecret(): string {
  return prefix + randomBytes(secretBytes).toString('base64')
}

/** `old` still signs during a rotation; the older of the two makes the one signature that the first family has. */
export type SigningSecrets = { current: string; old: string | null }

export type SignedMessage = {
  /** The delivery's, the same over retries. */
  id: string
  event: string
  body: string
  /** The time of this attempt. */
  sentAt: Date
}

export function signedHeaders(secrets: SigningSecrets, message: SignedMessage): Record<string, string> {
  const { id, event, body, sentAt } = message
  const timestamp = String(Math.floor(sentAt.getTime() / 1000))
  const signing = secrets.old === null ? [secrets.current] : [secrets.current, secrets.old]
  return {
    'content-type': 'application/json',
    'x-gptimg-event': event,
    'x-gptimg-signature': hmac(secrets.old ?? secrets.current, body).toString('hex'),
    'x-gptimg-delivery': id,
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signing
      .map(secret => Buffer.from(secret.slice(prefix.length), 'base64'))
      .map(key => `v1,${hmac(key, `${id}.${timestamp}.${body}`).toString('base64')}`)
      .join(' '),
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest()
}
