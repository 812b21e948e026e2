// The form of an API key's secret: prefix of its style, 32 random letters, 6 letters of checksum. The prefix
// proves nothing; the checksum only tells a typing mistake from a real key before the database is asked.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { base62Alphabet, randomToken } from '../ids.ts'

export const keyStyles = ['default', 'getimages', 'getimg', 'gptimage2', 'imgeo'] as const
export type KeyStyle = (typeof keyStyles)[number]

export const keyPrefixes: Readonly<Record<KeyStyle, string>> = {
  default: 'dr_',
  getimages: 'gi_live_',
  getimg: 'sk_',
  gptimage2: 'gimg_',
  imgeo: 'imgeo_sk_',
}

/** 32 letters of 62 carry 190 bits; the promise is at least 160. */
const RANDOM_LENGTH = 32
/** 62^6 is the first power above 2^32, so every checksum fits and has one spelling. */
const CHECKSUM_LENGTH = 6
/** Enough to tell one's keys apart in a list, far too little to guess the rest. */
const DISPLAY_LENGTH = 12

const bodyPattern = new RegExp(`^[0-9A-Za-z]{${RANDOM_LENGTH + CHECKSUM_LENGTH}}$`)

function checksumOf(text: string): string {
  let rest = crc32(text)
  let letters = ''
  for (let position = 0; position < CHECKSUM_LENGTH; position++) {
    letters = base62Alphabet.charAt(rest % 62) + letters
    rest = Math.floor(rest / 62)
  }
  return letters
}

/** A fresh secret; shown once, never stored. */
export function newSecret(style: KeyStyle): string {
  const body = keyPrefixes[style] + randomToken(RANDOM_LENGTH)
  return body + checksumOf(body)
}

/** The style a presented credential claims by its first letters, genuine or not. */
export function styleOfSecret(presented: string): KeyStyle | null {
  return keyStyles.find(style => presented.startsWith(keyPrefixes[style])) ?? null
}

/** Whether the text has the form of a key of ours and its checksum fits. Asks nobody. */
export function isWellFormedSecret(presented: string): boolean {
  const style = styleOfSecret(presented)
  if (style === null || !bodyPattern.test(presented.slice(keyPrefixes[style].length))) return false
  return checksumOf(presented.slice(0, -CHECKSUM_LENGTH)) === presented.slice(-CHECKSUM_LENGTH)
}

/** What is stored in place of the secret. It has 190 random bits, so a fast hash without salt is enough. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The part of a secret that lists may show: the prefix and a few letters. */
export function displayPrefixOf(secret: string): string {
  return secret.slice(0, DISPLAY_LENGTH)
}
