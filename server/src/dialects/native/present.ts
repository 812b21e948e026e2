// Core words onto the native wire: errors as `{error, code, issues?}`, a generation as one object.
import type { z } from '@hono/zod-openapi'
import type { AppError } from '../../errors.ts'
import { type Generation, reasonTexts, shownCost, shownStatus } from '../../generations/generation.ts'
import type { QueuePlace } from '../../generations/queue-place.ts'
import { type ShowNeeds, showOutputs } from '../../generations/shown-outputs.ts'
import type { HttpContext } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import { renameFields, toErrorText } from '../../http/issues.ts'
import type { generationObject, UsedOptions } from './schema.ts'

/** The core's words for what is called otherwise here. */
const nativeNames = { count: 'n', referenceCount: 'images', hasMask: 'mask' }

export function renderError(context: HttpContext, error: AppError): Response {
  const issues = error.options.details && renameFields(error.options.details, nativeNames)
  const body = { error: toErrorText(error, issues), code: error.code, ...(issues ? { issues } : {}) }
  return context.json(body, { status: error.status as 400, headers: errorHeaders(error) })
}

export function toGenerationObject(
  needs: ShowNeeds,
  generation: Generation,
  /** Its place, where it is queued. */
  queue: QueuePlace | null,
): z.infer<typeof generationObject> {
  return {
    id: generation.id,
    status: shownStatus(generation),
    type: generation.options.referenceCount > 0 ? 'edit' : 'text2img',
    model: generation.model,
    prompt: generation.prompt,
    dialect: generation.dialect,
    key: generation.apiKeyId,
    n: generation.count,
    options: toOptions(generation),
    queue,
    outputs: showOutputs(needs, generation),
    error: generation.reason ? reasonTexts[generation.reason] : null,
    reason: generation.reason,
    costCredits: shownCost(generation),
    ownKey: generation.ownProviders !== null,
    warnings: generation.warnings,
    usage: toUsage(generation),
    filesExpireAt: generation.filesExpireAt?.toISOString() ?? null,
    ...toLabels(generation),
    createdAt: generation.createdAt.toISOString(),
    completedAt: generation.completedAt?.toISOString() ?? null,
  }
}

/** The words of the caller are gone from generations whose time is over. */
function toOptions({ options }: Generation): UsedOptions {
  const given = optionNames.flatMap(name => {
    const value = options[name]
    return value === null || value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(given)
}

const optionNames = [
  ...(['aspectRatio', 'resolution', 'size', 'quality', 'style', 'thinkingLevel', 'negativePrompt'] as const),
  ...(['seed', 'outputFormat', 'outputCompression', 'background', 'moderation', 'inputFidelity'] as const),
]

function toUsage({ usage }: Generation): z.infer<typeof generationObject>['usage'] {
  const { inputTokens = null, outputTokens = null } = usage ?? {}
  if (!usage || (inputTokens === null && outputTokens === null)) return null
  const { inputTextTokens = null, inputImageTokens = null } = usage
  return { inputTokens, outputTokens, inputTextTokens, inputImageTokens }
}

/** What the caller said about the order for its own use; only this API takes it. */
function toLabels({ dialect, echo }: Generation): Required<Labels> {
  const { metadata = {}, tags = [], parentId = null } = dialect === 'native' ? (echo as Labels) : {}
  return { metadata, tags, parentId }
}

/** As kept in `echo`: what was not said is not there. */
export type Labels = { metadata?: Record<string, string>; tags?: string[]; parentId?: string | null }
