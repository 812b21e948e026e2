// Identifiers and random secrets. Ids sort by time (UUID version 7); secrets come from the system's random source
// and must never come from anywhere else.
import { randomBytes, randomUUID } from 'node:crypto'

export const base62Alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Bytes at or above this are thrown away, because 256 is no multiple of 62 and the first letters would win. */
const FAIR_BYTE_LIMIT = 248

/** A UUID version 7: 48 bits of milliseconds, then 74 random bits. */
export function newId(now: () => Date): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now().getTime(), 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether a text from outside may be compared with an id column. */
export function isId(text: string): boolean {
  return uuidPattern.test(text)
}

/** Random letters and digits, all equally likely: 5.95 bits each. */
export function randomToken(length: number): string {
  let token = ''
  while (token.length < length) {
    for (const byte of randomBytes(length - token.length + 8)) {
      if (byte < FAIR_BYTE_LIMIT && token.length < length) token += base62Alphabet.charAt(byte % 62)
    }
  }
  return token
}

/** Names one HTTP request in logs and in the answer's header: 122 random bits, which the platform draws in advance. */
export function newRequestId(): string {
  return `req_${randomUUID().replaceAll('-', '')}`
}
