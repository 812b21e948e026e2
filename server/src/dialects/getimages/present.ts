// Core words into Get Images' words. Its errors carry a message and, for a failed check, zod's details.
import type { z } from '@hono/zod-openapi'
import type { UsageRow } from '../../credits/ledger.ts'
import { AppError, type ErrorCode, type ErrorDetail, errorTable, isModelNotAllowed } from '../../errors.ts'
import { type Generation, reasonTexts } from '../../generations/generation.ts'
import type { HttpContext } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import { toIssues } from '../../http/issues.ts'
import type { ModelList } from '../../models/catalog.ts'
import { type ImageMetadata, modelIds } from './schema.ts'

/** The contract knows 200, 400, 401, 404, 429 and 500; 202, 405 and 503 are added by rule. */
const statuses: Partial<Record<ErrorCode, number>> = {
  insufficient_credits: 400,
  spend_cap_reached: 400,
  monthly_cap_reached: 400,
  content_rejected: 400,
  idempotency_key_reused: 400,
  payload_too_large: 400,
  unsupported_media_type: 400,
  // Its keys have no scopes: a key that may not do this is no key for this.
  forbidden: 401,
  plan_required: 401,
}

export function renderError(context: HttpContext, error: AppError): Response {
  // A model that the key may not use is a wrong model: the contract has no 403, and the key is good for others.
  const status = isModelNotAllowed(error) ? 400 : (statuses[error.code] ?? errorTable[error.code].status)
  const { details } = error.options
  const message = isAboutBody(error) ? 'Invalid request body.' : error.message
  const shown = details && details.length > 0 ? { details: details.map(toOwnWords) } : {}
  return context.json(
    { error: { message, ...shown } },
    { status: status as 400, headers: errorHeaders(error) },
  )
}

/** Details of headers and of the query are named so, and their texts stand as they are. */
const outsideBody = ['limit', 'offset', 'Idempotency-Key']

function isAboutBody({ code, options: { details } }: AppError): boolean {
  return code === 'invalid_request' && details?.some(({ path }) => !outsideBody.includes(path)) === true
}

/** The core names its field `model`; here it is `modelId`. */
function toOwnWords(detail: ErrorDetail): ErrorDetail {
  return { ...detail, path: detail.path === 'model' ? 'modelId' : detail.path }
}

/** What the body check found. An unknown model alone has no details, and the text names the models offered now. */
export function toBodyError(error: z.ZodError, catalog: ModelList): AppError {
  // An empty list where a text belongs is also "too small"; its wrong type says it all.
  const mistyped = new Set<string>()
  const details = toIssues(error).filter(({ path, code }) => {
    if (mistyped.has(path)) return false
    if (code === 'invalid_type') mistyped.add(path)
    return true
  })
  const [first] = error.issues
  if (details.length === 1 && first?.code === 'invalid_value' && first.path.join('.') === 'modelId') {
    if (typeof first.input === 'string') {
      const offered = modelIds.filter(id => catalog.find('getimages', id)?.offered)
      const allowed = offered.length > 0 ? `allowed: ${offered.join(', ')}` : 'none is offered now'
      return new AppError('invalid_request', `Unknown model ID; ${allowed}.`, { reason: 'unknown_model' })
    }
  }
  return new AppError('invalid_request', undefined, { details })
}

/** Why there is no image, as this contract says it: 400 for a refusal, 500 for the rest. */
export function toOutcomeError(generation: Generation): AppError {
  const code = generation.state === 'blocked' ? 'content_rejected' : 'generation_failed'
  const text = generation.reason ? reasonTexts[generation.reason] : undefined
  return new AppError(code, text, {
    generationId: generation.id,
    ...(generation.reason ? { reason: generation.reason } : {}),
  })
}

export function toImageMetadata(generation: Generation, owner: string): ImageMetadata {
  const style = generation.echo.style
  const thinkingLevel = generation.echo.thinkingLevel
  return {
    id: generation.id,
    prompt: generation.prompt,
    modelId: generation.model as ImageMetadata['modelId'],
    providerId: owner as ImageMetadata['providerId'],
    aspectRatio: (generation.options.aspectRatio ?? '1:1') as ImageMetadata['aspectRatio'],
    style: typeof style === 'string' ? style : null,
    thinkingLevel: thinkingLevel === 'default' || thinkingLevel === 'deep' ? thinkingLevel : null,
    mediaType: generation.images[0]?.mediaType ?? 'image/png',
    creditCost: generation.captured,
    createdAt: generation.createdAt.toISOString(),
  }
}

export function toTransaction(row: UsageRow) {
  const { id, amount, kind: type, description, referenceId } = row
  return { id, amount, type, description, referenceId, createdAt: row.createdAt.toISOString() }
}
