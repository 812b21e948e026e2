// Core words into getimg's. Its errors have five members, always, and codes from a closed list.
import type { z } from '@hono/zod-openapi'
import { AppError, type ErrorCode, errorTable, isModelNotAllowed, isUnknownModel } from '../../errors.ts'
import { type Generation, reasonTexts } from '../../generations/generation.ts'
import type { HttpContext } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import { listKnownFields } from '../../http/issues.ts'
import { toUsdText } from './money.ts'
import { refuse } from './query.ts'
import type { errorCodes } from './schema.ts'

type GetimgCode = (typeof errorCodes)[number]

/** The contract's code for each of its statuses. */
const codesByStatus: Record<number, GetimgCode> = {
  400: 'invalid_parameter',
  401: 'invalid_api_key',
  402: 'quota_exceeded',
  404: 'not_found',
  // Not in its table: there is no such operation.
  405: 'not_found',
  413: 'invalid_parameter',
  415: 'invalid_parameter',
  422: 'content_policy_violation',
  429: 'rate_limit',
}

/** Where the status alone does not say it. */
const exceptions: Partial<Record<ErrorCode, { status: number; code: GetimgCode }>> = {
  // Its keys have no scopes: a key that may not do this is no key for this.
  forbidden: { status: 401, code: 'invalid_api_key' },
  idempotency_key_reused: { status: 422, code: 'invalid_parameter' },
}

/** The key is good for other models. */
const wrongModel = { status: 400, code: 'invalid_parameter' } as const

/** The contract has it say where keys are managed. */
const wrongKey =
  'Incorrect API key provided. API keys are managed by the operator of this service: ask there for a new one.'

/** The core's words for what is called otherwise here, in paths and in texts. */
const ownNames: Record<string, { param: string; text: string }> = {
  aspectRatio: { param: 'aspect_ratio', text: 'aspect_ratio' },
  outputFormat: { param: 'output_format', text: 'output_format' },
  referenceCount: { param: 'images', text: 'the number of images' },
}

/** A caller may have called a field `constructor`. */
function ownNameOf(path: string) {
  return Object.hasOwn(ownNames, path) ? ownNames[path] : undefined
}

const missing = 'parameter_missing'

export function renderError(context: HttpContext, error: AppError): Response {
  const { status, code } = (isModelNotAllowed(error) ? wrongModel : exceptions[error.code]) ?? {
    status: errorTable[error.code].status,
    code: codesByStatus[errorTable[error.code].status] ?? 'server_error',
  }
  const body = {
    message: code === 'invalid_api_key' ? wrongKey : messageOf(error),
    type: 'invalid_request_error',
    param: paramOf(error),
    code: error.options.reason === missing ? missing : code,
    doc_url: null,
  }
  return context.json({ error: body }, { status: status as 400, headers: errorHeaders(error) })
}

/** The same error with its sums in dollars: this API knows no credits. */
export function inUsd(error: AppError, creditPriceUsdMicro: number): AppError {
  const { code, options } = error
  const text = options.say?.(credits => `$${toUsdText(credits, creditPriceUsdMicro)}`)
  return text === undefined ? error : new AppError(code, text, options)
}

function messageOf({ message, options: { details } }: AppError): string {
  const [detail] = details ?? []
  if (!detail) return message
  const own = ownNameOf(detail.path)
  if (!own) return detail.message
  const text = detail.message.replaceAll(detail.path, own.text)
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The field that is wrong, such as `images[0].url`; null when none is. */
function paramOf(error: AppError): string | null {
  const { code, options } = error
  const { details } = options
  if (code === 'idempotency_key_reused') return 'Idempotency-Key'
  if (isUnknownModel(error)) return 'model'
  const path = details?.[0]?.path
  if (path === undefined || path === 'body') return null
  return ownNameOf(path)?.param ?? toParam(path)
}

/** The first thing that the body check found; a field that is not there has a code of its own. */
export function toBodyError(error: z.ZodError): AppError {
  const [issue] = error.issues
  if (!issue) return new AppError('invalid_request')
  const path = issue.path.map(String).join('.')
  if (issue.code === 'invalid_type' && issue.input === undefined && path !== '') {
    return refuse(path, `Missing required parameter: ${toParam(path)}.`, missing)
  }
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? ''
    // A name from outside is shown no longer than names are.
    const name = [path, key.slice(0, 100)].filter(each => each !== '').join('.')
    return refuse(name, issue.message)
  }
  if (path === '') return new AppError('invalid_request', 'The request body must be a JSON object.')
  return refuse(path, `${toParam(path)}: ${issue.message}.`.replace(/\.\.$/, '.'))
}

/** For `safeParse`: a name that nobody knows, and those that stand to choose from. */
export const sayUnknown: z.core.$ZodErrorMap = issue =>
  issue.code === 'unrecognized_keys'
    ? `Unknown parameter: ${issue.keys[0]?.slice(0, 100)}; allowed: ${listKnownFields(issue)}.`
    : undefined

function toParam(path: string): string {
  return path.replace(/\.(\d+)(?=\.|$)/g, '[$1]')
}

/** Why there is no image: 422 when it was refused, else 500. Either way an order exists and was not charged. */
export function toOutcomeError(generation: Generation): AppError {
  const code = generation.state === 'blocked' ? 'content_rejected' : 'generation_failed'
  const text = generation.reason ? reasonTexts[generation.reason] : undefined
  return new AppError(code, text, {
    generationId: generation.id,
    ...(generation.reason ? { reason: generation.reason } : {}),
  })
}
