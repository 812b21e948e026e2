// What refusals of self-hosted engines mean, whichever shape they have: A1111's envelope, FastAPI's `detail`, the bare
// string of sd-server, OpenAI's error object. A 5xx may hide work that ran, so that none of them is ever called 'unavailable'.
import { describeBody, isRecord, parseJsonOrNull, readRetryAfterMs, textOrNull } from './hosted-call.ts'
import type { FailureKind, ProviderFailure } from './provider.ts'

/** An answer outside 2xx; its text is bounded by the reader. */
export type ErrorAnswer = { status: number; headers: Record<string, string>; text: string }

const FIELD_WORDS: Record<string, string> = {
  negative_prompt: 'negativePrompt',
  n: 'count',
  image: 'references',
  batch_size: 'count',
  batch_count: 'count',
  n_iter: 'count',
  width: 'size',
  height: 'size',
  init_images: 'references',
  init_image: 'references',
  ref_images: 'references',
  mask_image: 'mask',
}

export function classifyErrorAnswer(vendor: string, answer: ErrorAnswer): ProviderFailure {
  const said = describeError(answer.text)
  const field = findField(answer.text)
  const failure = chooseKind(answer.status, said)
  const retryAfterMs = readRetryAfterMs(answer.headers)
  return {
    kind: 'failed',
    failure,
    message: `${vendor} answered ${answer.status}: ${said}`,
    ...(failure === 'rate_limited' && retryAfterMs !== null ? { retryAfterMs } : {}),
    ...(failure === 'invalid_request' && field !== null ? { field } : {}),
  }
}

function chooseKind(status: number, said: string): FailureKind {
  // Refused before the first step: the picture that came with the order could not be read.
  if (status === 500 && /invalid encoded image/i.test(said)) return 'invalid_request'
  if (status >= 500 || status === 408 || status === 409) return 'unknown_outcome'
  // A redirect is not followed: the password must not travel to another address.
  if (status < 400) return 'malformed_response'
  if (status === 429) return 'rate_limited'
  if (status === 401 || status === 403 || status === 405) return 'misconfigured'
  // The bare sentence is the web framework's: the engine runs without its API, or the address is wrong.
  if (status === 404 && /^(not found)?$/i.test(said.replace(/^\(empty\)$/, ''))) return 'misconfigured'
  // Named by the route, never by a customer.
  if (status === 404 && /sampler|scheduler|upscaler|script|checkpoint|model/i.test(said))
    return 'misconfigured'
  return 'invalid_request'
}

/** The engine's words, whichever of the three shapes they come in. */
export function describeError(text: string): string {
  const body = parseJsonOrNull(text)
  if (!isRecord(body)) return describeBody(text)
  const { error, message, detail, errors } = body
  if (isRecord(error)) return [error.type, error.message].map(textOrNull).filter(Boolean).join(': ')
  const words = [error, message, typeof detail === 'string' ? detail : listDetails(detail), errors]
  const said = words.map(textOrNull).filter(each => each !== null && each !== '')
  return said.length === 0 ? describeBody(text) : said.join(': ')
}

type Detail = { loc?: unknown; msg?: unknown }

function listDetails(detail: unknown): string | null {
  if (!Array.isArray(detail)) return null
  const lines = detail.filter(isRecord).map(({ loc, msg }: Detail) => {
    const place = Array.isArray(loc) ? loc.join('.') : ''
    return `${place} ${textOrNull(msg) ?? ''}`.trim()
  })
  return lines.join('; ')
}

/** The field at fault, in core words, where FastAPI's list names it. */
function findField(text: string): string | null {
  const body = parseJsonOrNull(text)
  const param = isRecord(body) && isRecord(body.error) ? textOrNull(body.error.param) : null
  if (param !== null) return FIELD_WORDS[param] ?? param
  const detail = isRecord(body) && Array.isArray(body.detail) ? body.detail : []
  const [first] = detail.filter(isRecord)
  const name = Array.isArray(first?.loc)
    ? first.loc.find(part => typeof part === 'string' && part !== 'body')
    : null
  if (typeof name !== 'string') return /invalid encoded image/i.test(text) ? 'references' : null
  return FIELD_WORDS[name] ?? name
}
