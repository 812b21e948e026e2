// The proof that a URL wants what it is sent: a text that nobody can know beforehand is sent there and must come back,
// alone. It lives in the memory of one attempt, so that neither the log nor the database can tell it before it is used.
import { randomBytes, timingSafeEqual } from 'node:crypto'

/** Sent to an endpoint whose owner is not known to own it; nobody subscribes to it. */
export const challengeEventType = 'webhook.challenge'

/** 32 bytes cannot be guessed, whatever an attacker may try. */
const challengeBytes = 32

export const newChallenge = () => randomBytes(challengeBytes).toString('base64url')

export function renderChallenge(endpointId: string, challenge: string, createdAt: Date): string {
  return JSON.stringify({
    event: challengeEventType,
    data: { endpointId, challenge, createdAt: createdAt.toISOString() },
  })
}

/**
 * Whether an answer is the echo: the text itself, or `{"challenge": "…"}`, and nothing beside it. A server that answers
 * everybody what it was sent, whole or wrapped in something, is nobody's consent.
 */
export function isEcho(answer: string, challenge: string): boolean {
  const given = Buffer.from(readEcho(answer.trim()))
  const wanted = Buffer.from(challenge)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

function readEcho(text: string): string {
  if (!text.startsWith('{')) return text
  try {
    const fields = Object.entries(JSON.parse(text) as object)
    const [[name, value] = ['', '']] = fields
    return fields.length === 1 && name === 'challenge' && typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}
