// Core words onto the native wire: errors as `{error, code, issues?}`, a generation as one object.
import type { z } from '@hono/zod-openapi'
import type { AppError } from '../../errors.ts'
import { type Generation, publicStatus, reasonTexts } from '../../generations/generation.ts'
import type { HttpContext } from '../../http/context.ts'
import { errorHeaders } from '../../http/errors.ts'
import type { generationObject } from './schema.ts'

/** The core's words for what is called otherwise here. */
const nativeNames: Record<string, string> = { count: 'n', referenceCount: 'images', hasMask: 'mask' }

export function renderError(context: HttpContext, error: AppError): Response {
  const { details } = error.options
  const issues = details?.map(detail => ({ ...detail, path: nativeNames[detail.path] ?? detail.path }))
  const body = { error: error.message, code: error.code, ...(issues ? { issues } : {}) }
  return context.json(body, { status: error.status as 400, headers: errorHeaders(error) })
}

export function toIssues(error: z.ZodError) {
  return error.issues.map(issue => ({
    path: issue.path.length > 0 ? issue.path.join('.') : 'body',
    message: issue.message,
    code: issue.code ?? 'custom',
  }))
}

export function toGenerationObject(
  generation: Generation,
  publicUrl: string,
): z.infer<typeof generationObject> {
  const status = publicStatus(generation.state)
  const shown = generation.state === 'succeeded' && !generation.deletedAt
  const open = status === 'queued' || status === 'running'
  return {
    id: generation.id,
    status,
    type: generation.options.referenceCount > 0 ? 'edit' : 'text2img',
    model: generation.model,
    prompt: generation.prompt,
    dialect: generation.dialect,
    outputs: shown
      ? generation.images.map(({ index, mediaType, width, height, sizeBytes, sha256 }) => ({
          url: `${publicUrl}/api/v1/generations/${generation.id}/images/${index}`,
          mediaType,
          width,
          height,
          sizeBytes,
          sha256,
        }))
      : [],
    error: generation.reason ? reasonTexts[generation.reason] : null,
    reason: generation.reason,
    costCredits: open ? generation.price : generation.captured,
    warnings: generation.warnings,
    createdAt: generation.createdAt.toISOString(),
    completedAt: generation.completedAt?.toISOString() ?? null,
  }
}
