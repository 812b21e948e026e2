// gptimage2 on the wire: camelCase, sizes in pixels, unknown fields refused. The contract promises the schema
// library's own messages in refusals, so they stand as they are.
import { z } from '@hono/zod-openapi'
import { atMostCodePoints } from '../shared-code-points.ts'
import { announceUpload, uploadTicketOf } from '../shared-upload-schema.ts'

/** The contract's limit, in Unicode code points. */
export const maxPromptLength = 4000

const sizes = ['1024x1024', '1024x1536', '1536x1024'] as const
const qualities = ['low', 'medium', 'high'] as const

/** `high` is the contract's "HD 2K": both edges doubled. */
export const doubledSizes: Readonly<Record<(typeof sizes)[number], string>> = {
  '1024x1024': '2048x2048',
  '1024x1536': '2048x3072',
  '1536x1024': '3072x2048',
}

export const generateRequest = z
  .strictObject({
    prompt: z
      .string()
      .trim()
      .min(1)
      .check(atMostCodePoints(maxPromptLength))
      .openapi({ maxLength: maxPromptLength, description: 'What to draw. 1 to 4,000 characters.' }),
    type: z
      .enum(['text2img', 'edit'])
      .optional()
      .openapi({ description: 'Default `text2img`; `edit` needs `inputImageKeys`.' }),
    size: z
      .enum(sizes)
      .optional()
      .openapi({ description: 'Default `1024x1024`. With `quality: "high"` both edges are doubled.' }),
    quality: z
      .enum(qualities)
      .optional()
      .openapi({ description: 'Default `medium`. `low` is fast; `high` is HD 2K.' }),
    n: z.int().min(1).max(4).optional().openapi({ description: 'How many images. Default 1.' }),
    inputImageKeys: z
      .array(z.string().min(1).max(100))
      .max(4)
      .optional()
      .openapi({ description: 'Keys of `POST /api/v1/upload`. For `edit`.' }),
  })
  .superRefine(({ type, inputImageKeys = [] }, context) => {
    const isEdit = type === 'edit'
    if (isEdit === inputImageKeys.length > 0) return
    const message = isEdit ? 'Required when type is edit' : 'Only allowed when type is edit'
    context.addIssue({ code: 'custom', path: ['inputImageKeys'], message })
  })
  .openapi('Gptimage2GenerateRequest')
export type GenerateRequest = z.infer<typeof generateRequest>

const statuses = ['queued', 'running', 'succeeded', 'failed', 'blocked'] as const

export const acceptedResponse = z
  .object({
    generationId: z.uuid(),
    status: z.enum(statuses).openapi({
      description:
        '`queued`; after a wait, and to a repeat of an `Idempotency-Key`, the status as it is now.',
    }),
  })
  .openapi('Gptimage2Accepted')

export const generationObject = z
  .object({
    id: z.uuid(),
    status: z.enum(statuses),
    type: z.string().openapi({ description: '`text2img`, `edit`, …' }),
    outputs: z
      .array(z.object({ png: z.url(), webp: z.url(), width: z.int(), height: z.int() }))
      .openapi({ description: 'Permanent public addresses, once it has succeeded.' }),
    error: z.string().nullable().openapi({ description: 'Why there is no image.' }),
    costCredits: z.int().openapi({ description: 'Credits charged; given back if blocked or failed.' }),
    createdAt: z.iso.datetime(),
    completedAt: z.iso.datetime().nullable(),
  })
  .openapi('Gptimage2Generation')

export const uploadRequest = announceUpload('Gptimage2UploadRequest')

export const uploadTicket = uploadTicketOf('Gptimage2UploadTicket', {
  url: 'PUT the bytes here within 5 minutes.',
  key: 'For `inputImageKeys`.',
})

export const gptimage2Error = z
  .object({
    error: z.string(),
    code: z.string(),
    issues: z.array(z.object({ path: z.string(), message: z.string(), code: z.string() })).optional(),
  })
  .openapi('Gptimage2Error')
