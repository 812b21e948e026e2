// Secrets as they lie in the database: encrypted with a key made of the installation's secret, so that a copy of the
// database alone forges no webhook and calls no upstream. They cannot be hashed, because they are needed again.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

export type Seal = {
  seal(text: string): string
  /** Throws where none of the installation's secrets opens it. */
  open(sealed: string): string
  /** Whether the secret in force opens it; false = it will be lost with the one before. */
  isFresh(sealed: string): boolean
}

/** What is sealed for one purpose does not open for another. */
export type SealPurpose = 'webhook secrets' | 'provider keys'

const cipher = 'aes-256-gcm'
/** What GCM is made for. */
const nonceBytes = 12
const tagBytes = 16

/** The first secret seals; the others, which the operator has replaced, still open. */
export function createSeal(secrets: readonly string[], purpose: SealPurpose): Seal {
  const keys = secrets.map(secret => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)))
  const [newest] = keys
  if (!newest) throw new Error('a seal needs a secret')
  return {
    seal(text) {
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, newest, nonce)
      const body = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()])
      return Buffer.concat([nonce, sealing.getAuthTag(), body]).toString('base64')
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64')
      for (const key of keys) {
        const text = tryToOpen(key, bytes)
        if (text !== null) return text
      }
      throw new Error(`one of the ${purpose} was sealed with another AUTH_SECRET`)
    },
    isFresh: sealed => tryToOpen(newest, Buffer.from(sealed, 'base64')) !== null,
  }
}

function tryToOpen(key: Buffer, bytes: Buffer): string | null {
  try {
    const opening = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes))
    opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
    const body = bytes.subarray(nonceBytes + tagBytes)
    return Buffer.concat([opening.update(body), opening.final()]).toString('utf8')
  } catch {
    return null
  }
}
