// Addresses of files that need no key: permanent ones that nobody can guess, and signed ones that end. What makes an
// address true is an HMAC under a key derived from the service's secret, so every node makes and accepts the same.
// A signature stands for one output in one format and for reading alone.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** `thumb` is a small webp; `original` is whatever was stored, for paths that name no format. */
export const linkFormats = ['png', 'webp', 'jpeg', 'thumb'] as const
export type LinkFormat = (typeof linkFormats)[number]
export type OutputFormat = LinkFormat | 'original'

/** One output of a generation in one format; `index` from 0. */
export type OutputRef<Format extends OutputFormat = OutputFormat> = {
  generationId: string
  index: number
  format: Format
}

/** `exp` is the whole second at which the link ends, `sig` 64 lower-case hex digits. */
export type LinkSignature = { exp: number; sig: string }

export type Links = {
  /** Where links point: FILES_URL when it is set, else the public origin. */
  origin(): string
  /** Opens until the output is deleted, for whoever has it. */
  publicLink(output: OutputRef<LinkFormat>): string
  /** Opens while now < expiresAt, cut to whole seconds. */
  signedLink(output: OutputRef<LinkFormat>, expiresAt: Date): string
  /** For a dialect with a path of its own: what signedLink puts into its query. */
  sign(output: OutputRef, expiresAt: Date): LinkSignature
  verifyPublic(output: OutputRef<LinkFormat>, token: string): boolean
  /** True while now < exp. `exp` and `sig` as they stand in the query. */
  verifySigned(output: OutputRef, query: { exp: string; sig: string }, now: Date): boolean
}

export type LinkOptions = {
  /** The first signs; the others are earlier ones, whose links still open. */
  secrets: readonly string[]
  origin(): string
}

/** 192 bits: out of reach of guessing, and a whole number of letters, so that no letter has bits to spare. */
const TOKEN_BYTES = 24
/** The year 33658; keeps the number exact. */
const MAX_EXP = 999_999_999_999

const extensions: Record<LinkFormat, string> = {
  png: 'png',
  webp: 'webp',
  jpeg: 'jpg',
  thumb: 'thumb.webp',
}
const filePattern = /^(0|[1-9]\d{0,3})\.(png|webp|jpg|thumb\.webp)$/
const expPattern = /^[1-9]\d{0,11}$/

export function createLinks({ secrets, origin }: LinkOptions): Links {
  const publicMac = createSigner(secrets, 'public-file')
  const signedMac = createSigner(secrets, 'signed-file')
  const pathOf = ({ generationId, index, format }: OutputRef<LinkFormat>, token?: string) =>
    `/files/${generationId}/${token === undefined ? '' : `${token}/`}${index}.${extensions[format]}`
  const sign = (output: OutputRef, expiresAt: Date): LinkSignature => {
    const exp = Math.floor(expiresAt.getTime() / 1000)
    if (!(exp > 0 && exp <= MAX_EXP)) throw new TypeError(`not the end of a link: ${exp}`)
    return { exp, sig: signedMac.sign([...fieldsOf(output), String(exp)]).toString('hex') }
  }
  return {
    origin,
    sign,
    publicLink: output => origin() + pathOf(output, tokenOf(publicMac.sign(fieldsOf(output)))),
    signedLink(output, expiresAt) {
      const { exp, sig } = sign(output, expiresAt)
      return `${origin()}${pathOf(output)}?exp=${exp}&sig=${sig}`
    },
    verifyPublic: (output, token) =>
      publicMac.candidates(fieldsOf(output)).some(mac => isEqual(tokenOf(mac), token)),
    verifySigned(output, { exp, sig }, now) {
      if (!expPattern.test(exp)) return false
      const macs = signedMac.candidates([...fieldsOf(output), exp])
      // Both are looked at whatever the first says.
      const isGenuine = macs.some(mac => isEqual(mac.toString('hex'), sig))
      return now.getTime() < Number(exp) * 1000 && isGenuine
    },
  }
}

/** The last part of a link's path, such as `0.webp`, or null. There is one way to write each. */
export function parseFileName(text: string): { index: number; format: LinkFormat } | null {
  const [, index, extension] = filePattern.exec(text) ?? []
  const format = linkFormats.find(each => extensions[each] === extension)
  return index === undefined || format === undefined ? null : { index: Number(index), format }
}

/** The format a stored picture already has. */
export function formatOfMediaType(mediaType: string): 'png' | 'webp' | 'jpeg' {
  if (mediaType === 'image/webp') return 'webp'
  return mediaType === 'image/jpeg' ? 'jpeg' : 'png'
}

/** Only reading: a signature for anything else names another purpose and so has another key. */
function fieldsOf({ generationId, index, format }: OutputRef): string[] {
  return [generationId, String(index), format]
}

function tokenOf(mac: Buffer): string {
  return mac.subarray(0, TOKEN_BYTES).toString('base64url')
}

/** The texts themselves are compared: another spelling of the same bytes is another text. */
function isEqual(expected: string, presented: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(presented)]
  return one.length === other.length && timingSafeEqual(one, other)
}

export type Signer = {
  sign(fields: readonly string[]): Buffer
  /** What each secret would sign, the current one first; compare in constant time. */
  candidates(fields: readonly string[]): Buffer[]
}

/**
 * HMAC-SHA256 over fields under keys of one purpose, so that a signature made for one thing is worth nothing for
 * another. The purpose is part of what was given out: never change it. Fields may hold no line break.
 */
export function createSigner(secrets: readonly string[], purpose: string): Signer {
  const keys = secrets.map(secret => Buffer.from(hkdfSync('sha256', secret, 'darkroom', `${purpose}/1`, 32)))
  const [current] = keys
  if (!current) throw new TypeError('no secret to sign with')
  const macOf = (key: Buffer, fields: readonly string[]) => {
    if (fields.some(field => field.includes('\n'))) throw new TypeError('a signed field holds a line break')
    return createHmac('sha256', key).update(fields.join('\n')).digest()
  }
  return {
    sign: fields => macOf(current, fields),
    candidates: fields => keys.map(key => macOf(key, fields)),
  }
}
