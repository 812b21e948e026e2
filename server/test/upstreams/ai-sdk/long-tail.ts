// What the emulators of the long tail share: bodies, keys, shapes and refusals. Their wires are those that the provider
// packages of the Vercel AI SDK speak; the vendors' rarer answers are not known better than that.
import type { Answer, Refusal } from '../faults.ts'
import { makePicture, type PictureFormat } from '../pictures.ts'
import { type Directives, type Exchange, readNumber } from '../upstream.ts'

export type LongTailOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** Where pictures at a URL lie; 0 or absent = a free port. */
  filesPort?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a success without a `slow` directive. */
  latencyMs?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
}

/** Refusals that all three know, each in its own envelope. */
export const commonDirectives: Record<string, string> = {
  moderation_input: '4xx that names moderation, at once',
  rate_limit: '429 with Retry-After in seconds (default 2)',
  'rate_limit=S': 'the same with that delay',
  no_credits: '4xx: the account has no credit left',
  wrong_key: 'the key is refused, and repeated in the message',
  retired: '404 that names the model',
  error_500: "500 in the vendor's envelope",
  overloaded: "503 in the vendor's envelope",
}

export type Envelope = (status: number, message: string) => Answer

export function jsonAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: [JSON.stringify(value)],
  }
}

export function parseBody({ request }: Exchange): Record<string, unknown> | null {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return null
  try {
    const value: unknown = JSON.parse(request.body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** The key that was shown when it is not the right one; null = it is. */
export function findWrongKey({ request }: Exchange, apiKey: string): string | null {
  const given = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
  return given === apiKey ? null : given
}

/** The refusal that the directives ask for; null = the work goes ahead. */
export function findCommonRefusal(
  directives: Directives,
  envelope: Envelope,
  { apiKey, model }: { apiKey: string; model: string },
): Refusal | null {
  const answer = findAnswer(directives, envelope, { apiKey, model })
  return answer === null ? null : { answer, late: false }
}

function findAnswer(
  directives: Directives,
  envelope: Envelope,
  { apiKey, model }: { apiKey: string; model: string },
): Answer | null {
  if (directives.has('moderation_input'))
    return envelope(400, 'The prompt was rejected by content moderation.')
  if (directives.has('rate_limit')) {
    const answer = envelope(429, 'Too many requests.')
    const delay = String(readNumber(directives, 'rate_limit', 2))
    return { ...answer, headers: { ...answer.headers, 'retry-after': delay } }
  }
  if (directives.has('no_credits')) return envelope(402, 'Insufficient credits.')
  if (directives.has('wrong_key')) return envelope(401, `Incorrect API key provided: ${apiKey}.`)
  if (directives.has('retired')) return envelope(404, `The model ${model} does not exist.`)
  if (directives.has('error_500')) return envelope(500, 'Internal server error.')
  if (directives.has('overloaded')) return envelope(503, 'The service is overloaded.')
  return null
}

/** Pixels of about a megapixel for a ratio, in whole blocks of 16. */
export function findPixels(aspectRatio: string): { width: number; height: number } {
  const [across = 1, down = 1] = aspectRatio.split(':').map(Number)
  const width = Math.round(Math.sqrt((1_048_576 * across) / down) / 16) * 16
  return { width, height: Math.round((width * down) / across / 16) * 16 }
}

export type Drawing = {
  aspectRatio: string
  format: PictureFormat
  seed: unknown
  pictureSizeBytes: number | undefined
}

/** One picture, spoilt as the directives ask. */
export async function draw(
  directives: Directives,
  { aspectRatio, format, seed, pictureSizeBytes }: Drawing,
): Promise<Buffer> {
  if (directives.has('words_for_picture'))
    return Buffer.from('This is not a picture, only words. '.repeat(300))
  const picture = await makePicture({
    ...findPixels(aspectRatio),
    format,
    seed: JSON.stringify(seed),
    ...(pictureSizeBytes === undefined ? {} : { sizeBytes: pictureSizeBytes }),
  })
  return directives.has('half_picture') ? picture.subarray(0, picture.length / 2) : picture
}
