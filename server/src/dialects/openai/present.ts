// Core words into OpenAI's: its error body, with all four members always, and what is said of a result.
import type { z } from '@hono/zod-openapi'
import { AppError, type ErrorCode, type ErrorDetail, isUnknownModel } from '../../errors.ts'
import { type Generation, reasonTexts } from '../../generations/generation.ts'
import type { HttpContext } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import { type FieldNames, renameFields } from '../../http/issues.ts'
import type { WireUsage } from './schema.ts'

type Wording = { status?: number; type: string; code: string | null }

const invalid = 'invalid_request_error'

const outOfMoney: Wording = { status: 429, type: 'insufficient_quota', code: 'insufficient_quota' }
const tooOften: Wording = { type: 'requests', code: 'rate_limit_exceeded' }

/** What needs more than its status says. */
const wordings: Partial<Record<ErrorCode, Wording>> = {
  unauthorized: { type: invalid, code: 'invalid_api_key' },
  forbidden: { type: invalid, code: 'insufficient_permissions' },
  idempotency_key_reused: { type: invalid, code: 'idempotency_key_reused' },
  content_rejected: { status: 400, type: 'image_generation_user_error', code: 'moderation_blocked' },
  rate_limited: tooOften,
  too_many_in_flight: tooOften,
  overloaded: { type: 'server_error', code: 'overloaded' },
  unavailable: { type: 'server_error', code: 'unavailable' },
}

/** A model that is not there is a missing thing here, and an order that the model refused is the caller's to mend. */
function wordingOf(error: AppError): Wording {
  const { code, status, options } = error
  const { reason } = options
  if (isUnknownModel(error)) return { status: 404, type: invalid, code: 'model_not_found' }
  if (reason === 'invalid_for_model' || reason?.startsWith('provider_key_'))
    return { status: 400, type: invalid, code: reason }
  // Whichever purse is empty: the account's, a key's or a month's.
  if (status === 402) return outOfMoney
  return wordings[code] ?? { type: status >= 500 ? 'server_error' : invalid, code: null }
}

export type ErrorBody = {
  error: { message: string; type: string; param: string | null; code: string | null }
}

export function toErrorBody(error: AppError): ErrorBody {
  const { type, code } = wordingOf(error)
  const { details } = error.options
  const shown = (details ?? []).slice(0, maxDetails).map(toOwnWords)
  const [first] = shown
  const message = first ? shown.map(textOf).join(' ') : error.message
  const named = isUnknownModel(error) ? 'model' : (first?.path ?? null)
  const param = named === 'body' ? null : named
  return { error: { message, type, param, code: code ?? finerCode(error, first) } }
}

/** As many as a person reads; a body can be wrong in thousands of places. */
const maxDetails = 10
/** Of a name that the caller chose. */
const maxNameLength = 100

/** The core's names for what is called otherwise here. */
const ownNames: FieldNames = {
  count: 'n',
  referenceCount: 'images',
  hasMask: 'mask',
  outputFormat: 'output_format',
  outputCompression: 'output_compression',
  partialImages: 'partial_images',
  inputFidelity: 'input_fidelity',
  aspectRatio: 'size',
  resolution: 'size',
}

/** `images.0.image_url` is `images[0].image_url` here. What nobody knows keeps the name that the caller gave it. */
function toOwnWords(detail: ErrorDetail): ErrorDetail {
  const isKnown = detail.code !== 'unrecognized_keys'
  const [named = detail] = isKnown ? renameFields([detail], ownNames) : []
  return { ...named, path: named.path.replace(/\.(\d+)(?=\.|$)/g, '[$1]').slice(0, maxNameLength) }
}

function textOf({ path, message, code }: ErrorDetail): string {
  if (code === 'unrecognized_keys') return `Unknown parameter: '${path}'.`
  if (code === 'missing') return `Missing required parameter: '${path}'.`
  const isNamed = path === 'body' || message.split(/[\s:;,]+/).some(word => word.replace(/\.$/, '') === path)
  const text = isNamed ? message : `${path}: ${message}`
  return text.endsWith('.') ? text : `${text}.`
}

function finerCode({ code, options: { reason } }: AppError, first: ErrorDetail | undefined): string | null {
  if (code === 'generation_failed') return reason ?? null
  if (code !== 'invalid_request' || !first) return null
  if (first.code === 'unrecognized_keys') return 'unknown_parameter'
  if (first.code === 'missing') return 'missing_required_parameter'
  return first.code === 'invalid_type' ? 'invalid_type' : 'invalid_value'
}

export function renderError(context: HttpContext, error: AppError): Response {
  const wording = wordingOf(error)
  const status = wording.status ?? error.status
  const headers = errorHeaders(error)
  // Waiting helps against a rate; money does not come by itself, and clients would send the order twice more.
  if (wording === outOfMoney) headers['x-should-retry'] = 'false'
  return context.json(toErrorBody(error), { status: status as 400, headers })
}

/** What the check of a body or a form found. */
export function toBodyError(error: z.ZodError): AppError {
  const details = error.issues.flatMap((issue): ErrorDetail[] => {
    const path = issue.path.join('.')
    if (issue.code === 'unrecognized_keys') {
      const at = (key: string) => (path === '' ? key : `${path}.${key}`)
      return issue.keys.map(key => ({ path: at(key), message: '', code: issue.code }))
    }
    // Only what is missing has no input at all.
    if (issue.code === 'invalid_type' && issue.input === undefined && path !== '') {
      return [{ path, message: '', code: 'missing' }]
    }
    return [{ path: path === '' ? 'body' : path, message: issue.message, code: issue.code ?? 'custom' }]
  })
  return new AppError('invalid_request', undefined, { details })
}

/** Why there is no image. */
export function toOutcomeError({ id, state, reason }: Generation): AppError {
  const code = state === 'blocked' ? 'content_rejected' : 'generation_failed'
  const text = reason ? reasonTexts[reason] : undefined
  return new AppError(code, text, { generationId: id, ...(reason ? { reason } : {}) })
}

/** Null when the upstream told nothing. */
export function toUsage({ usage }: Generation): WireUsage | null {
  if (!usage || (usage.inputTokens === null && usage.outputTokens === null)) return null
  const inputTokens = usage.inputTokens ?? 0
  const outputTokens = usage.outputTokens ?? 0
  const imageTokens = usage.inputImageTokens ?? 0
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_tokens_details: {
      text_tokens: usage.inputTextTokens ?? inputTokens - imageTokens,
      image_tokens: imageTokens,
    },
  }
}

/** What the typed event asks for even where nothing is known. */
export const noTokens: WireUsage = {
  total_tokens: 0,
  input_tokens: 0,
  output_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
}

export function toUnixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000)
}
