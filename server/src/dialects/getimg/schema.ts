// getimg's second version on the wire. The same schemas validate requests and make the published document. Unknown
// fields are refused: what is not honoured must not be paid for in silence.
import { z } from '@hono/zod-openapi'

/** The contract's limit, in Unicode code points. */
export const maxPromptLength = 4096
/** The contract's; models may take fewer. */
export const maxImages = 8
/** Of one picture, decoded. */
export const maxImageBytes = 10 * 1024 * 1024
/** A data URL of the largest picture: a third more letters than bytes, and its head. */
const maxUrlLength = 14_000_000

export const outputFormats = ['png', 'jpeg', 'webp'] as const
export type OutputFormat = (typeof outputFormats)[number]
export const defaultOutputFormat: OutputFormat = 'jpeg'

/** Limits count code points, where zod would count UTF-16 units; a prompt of white space asks for nothing. */
function promptText(context: z.core.ParsePayload<string>): void {
  const { value, issues } = context
  if (value.trim() === '') {
    issues.push({ code: 'too_small', origin: 'string', minimum: 1, inclusive: true, input: value })
  } else if (value.length > maxPromptLength && [...value].length > maxPromptLength) {
    issues.push({
      code: 'too_big',
      origin: 'string',
      maximum: maxPromptLength,
      inclusive: true,
      input: value,
    })
  }
}

const referenceImage = z
  .strictObject({
    url: z.string().min(1).max(maxUrlLength).openapi({
      description:
        'A public https URL, or a data URL such as `data:image/png;base64,…`; PNG, JPEG or WebP of at most 10 MiB.',
    }),
    role: z.literal('reference_image').default('reference_image').optional(),
  })
  .openapi('GetimgReferenceImage')

export const generationRequest = z
  .strictObject({
    model: z.string().min(1).max(200).openapi({ description: 'An id of `GET /v2/models`.' }),
    prompt: z.string().check(promptText).openapi({
      minLength: 1,
      maxLength: maxPromptLength,
      description: 'What to draw. 1 to 4,096 characters.',
    }),
    aspect_ratio: z
      .string()
      .optional()
      .openapi({ description: "One of the model's `supported_aspect_ratios`; the first is the default." }),
    resolution: z
      .string()
      .optional()
      .openapi({ description: "One of the model's `supported_resolutions`; the first is the default." }),
    output_format: z.enum(outputFormats).default(defaultOutputFormat).optional(),
    images: z.array(referenceImage).max(maxImages).optional().openapi({
      description: "Pictures to follow; at most the model's `supported_references`.",
    }),
  })
  .openapi('GetimgImageRequest')
export type GenerationRequest = z.infer<typeof generationRequest>

const file = z
  .object({
    url: z.url().openapi({ description: 'Opens without a key until `deletes_at`.' }),
    width: z.int().nullable(),
    height: z.int().nullable(),
    mime_type: z.string().openapi({ examples: ['image/jpeg'] }),
    deletes_at: z.iso.datetime().openapi({ description: 'When the file is deleted and the URL ends.' }),
  })
  .openapi('GetimgFile')

const usage = z
  .object({
    total_cost: z.number().openapi({ description: 'USD.' }),
    unit_price: z.number().openapi({ description: 'USD.' }),
    quantity: z.int().min(1),
    billable_unit: z.literal('image'),
  })
  .openapi('GetimgUsage')

export const generationResponse = z
  .object({
    id: z.string().openapi({ examples: ['req-01KB5Q8W3V7J4XG2M0T9ZC6E1D'] }),
    status: z.literal('completed'),
    model: z.string(),
    data: z.array(file).min(1),
    usage,
  })
  .openapi('GetimgImageResponse')
export type GenerationResponse = z.infer<typeof generationResponse>

export const acceptedResponse = z
  .object({ generationId: z.uuid(), status: z.enum(['queued', 'running']) })
  .openapi('GetimgAccepted')

const rate = z.object({
  billable_unit: z.literal('image'),
  resolution: z.string().nullable(),
  sound: z.literal('not_applicable'),
  unit_price: z.string().openapi({ description: 'USD, a decimal.', examples: ['0.06'] }),
})

export const model = z
  .object({
    id: z.string(),
    name: z.string(),
    type: z.literal('image'),
    created_at: z.iso.datetime(),
    supported_aspect_ratios: z.array(z.string()),
    supported_resolutions: z.array(z.string()),
    supported_durations: z.array(z.int()).openapi({ description: 'Of videos; empty here.' }),
    supported_references: z
      .record(z.string(), z.int())
      .openapi({ description: 'The most references of each role.' }),
    supports_sound: z.boolean(),
    pricing: z.object({
      currency: z.literal('USD'),
      rates: z.array(rate).openapi({ description: 'Cheapest first.' }),
    }),
  })
  .openapi('GetimgModel')
export type Model = z.infer<typeof model>

export const balance = z
  .object({
    balance: z.string().openapi({ description: 'USD, an exact decimal.', examples: ['12.50'] }),
    currency: z.literal('USD'),
  })
  .openapi('GetimgBalance')

export const costs = z
  .object({
    currency: z.literal('USD'),
    data: z.array(z.object({ date: z.iso.date(), cost: z.number() })),
    start: z.iso.datetime(),
    end: z.iso.datetime(),
    total_cost: z.number(),
  })
  .openapi('GetimgCosts')

export const errorCodes = [
  'parameter_missing',
  'invalid_parameter',
  'invalid_api_key',
  'quota_exceeded',
  'not_found',
  'content_policy_violation',
  'rate_limit',
  'server_error',
] as const

export const errorResponse = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.literal('invalid_request_error'),
      param: z.string().nullable(),
      code: z.enum(errorCodes),
      doc_url: z.url().nullable(),
    }),
  })
  .openapi('GetimgError')
