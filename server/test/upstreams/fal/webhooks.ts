// The emulated fal's callers-back: signed with ED25519 under a key that it publishes, in every way they can go wrong.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Directives } from '../upstream.ts'

export type Signer = {
  /** As published. */
  jwks(): { keys: Record<string, unknown>[] }
  /** Headers that prove the body at that time, in seconds. */
  sign(body: string, requestId: string, timestampS: number): Record<string, string>
  /** From now on by another key, which is published beside the old one. */
  rotate(): void
}

export function createSigner(): Signer {
  const pairs = [generateKeyPairSync('ed25519')]
  return {
    jwks: () => ({
      keys: pairs.map(({ publicKey }, index) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid: `key-${index}`,
        use: 'sig',
      })),
    }),
    sign(body, requestId, timestampS) {
      const pair = pairs.at(-1)
      if (pair === undefined) throw new Error('There is no key')
      return signBody(pair.privateKey, { body, requestId, timestampS })
    },
    rotate: () => void pairs.push(generateKeyPairSync('ed25519')),
  }
}

function signBody(
  key: KeyObject,
  { body, requestId, timestampS }: { body: string; requestId: string; timestampS: number },
): Record<string, string> {
  const userId = 'user-emulated'
  const hash = createHash('sha256').update(body).digest('hex')
  const message = [requestId, userId, String(timestampS), hash].join('\n')
  return {
    'x-fal-webhook-request-id': requestId,
    'x-fal-webhook-user-id': userId,
    'x-fal-webhook-timestamp': String(timestampS),
    'x-fal-webhook-signature': sign(null, Buffer.from(message), key).toString('hex'),
  }
}

export type Call = { url: string; requestId: string; payload: unknown; isError: boolean }

/** Calls back as the directives say; resolves when all calls are answered or refused. */
export async function callBack(signer: Signer, call: Call, directives: Directives): Promise<void> {
  if (directives.has('webhook_never')) return
  const body = JSON.stringify({
    request_id: call.requestId,
    gateway_request_id: call.requestId,
    status: call.isError ? 'ERROR' : 'OK',
    payload: call.payload,
    ...(call.isError ? { error: 'The request failed' } : {}),
  })
  const ageS = directives.has('webhook_old') ? 600 : 0
  const timestampS = Math.floor(Date.now() / 1000) - ageS
  const by = directives.has('webhook_forged') ? createSigner() : signer
  const signed = by.sign(body, call.requestId, timestampS)
  const headers = directives.has('webhook_unsigned') ? {} : signed
  const sent = directives.has('webhook_changed') ? `${body} ` : body
  for (let times = directives.has('webhook_twice') ? 2 : 1; times > 0; times -= 1) {
    await fetch(call.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: sent,
    }).then(
      answer => answer.arrayBuffer(),
      () => null,
    )
  }
}
