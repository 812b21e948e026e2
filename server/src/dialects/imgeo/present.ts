// Core words into imgeo's: errors as `{error, code}`, a model as one row of the list, images as addresses.
import type { z } from '@hono/zod-openapi'
import { AppError, type ErrorCode, type ErrorDetail, errorTable, isModelNotAllowed } from '../../errors.ts'
import { type Generation, reasonTexts } from '../../generations/generation.ts'
import { type ShowNeeds, showOutputs } from '../../generations/shown-outputs.ts'
import type { HttpContext } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import { renameFields, toErrorText } from '../../http/issues.ts'
import type { ListedModel } from '../../models/catalog.ts'
import { type generateResponse, isAspectRatio, type modelObject } from './schema.ts'

/** Refusals are 400 in this contract, whatever is refused. */
const statuses: Partial<Record<ErrorCode, number>> = { content_rejected: 400, idempotency_key_reused: 400 }

/** The core's words for what is called otherwise here. */
const names = { aspectRatio: 'aspect_ratio', negativePrompt: 'negative_prompt' }

export function renderError(context: HttpContext, error: AppError): Response {
  // The contract has no 403; the key is good for other models.
  const status = isModelNotAllowed(error) ? 400 : (statuses[error.code] ?? errorTable[error.code].status)
  const body = { error: toErrorText(error, ownDetails(error)), code: error.code }
  return context.json(body, { status: status as 400, headers: errorHeaders(error) })
}

/** At most one picture is ever sent, so the number of pictures is wrong only for what the model does at all. */
function ownDetails({ options: { details } }: AppError): ErrorDetail[] | undefined {
  const own = details?.map(detail => {
    if (detail.path !== 'referenceCount') return detail
    const message = `This model has no mode ${detail.code === 'too_big' ? 'img2img' : 'text2img'}.`
    return { ...detail, path: 'mode', message }
  })
  return own && renameFields(own, names)
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

export function toGenerateResponse(
  needs: ShowNeeds,
  generation: Generation,
  available: number,
): z.infer<typeof generateResponse> {
  return {
    images: showOutputs(needs, generation).map(output => output.webp),
    model: generation.model,
    prompt: generation.prompt,
    aspect_ratio: generation.options.aspectRatio ?? '1:1',
    credits_used: generation.captured,
    credits_remaining: available,
  }
}

export function toModelObject(model: ListedModel): z.infer<typeof modelObject> {
  return {
    id: model.id,
    name: model.name,
    credits: Math.max(0, ...model.prices.map(price => price.credits)),
    modes: model.modes.map(mode => (mode === 'edit' ? 'img2img' : 'text2img')),
    aspect_ratios: model.aspectRatios.filter(isAspectRatio),
    supports_negative_prompt: model.supportsNegativePrompt,
    max_count: model.maxCount,
  }
}
