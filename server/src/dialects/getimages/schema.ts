// Get Images on the wire. The same schemas validate requests and make the published document; its thirteen
// components must stay as they are (docs/openapi holds the original, a test compares).
import { z } from '@hono/zod-openapi'
import { atMostCodePoints } from '../shared-code-points.ts'

export const modelIds = [
  'openai:gpt-image-1.5',
  'openai:gpt-image-2',
  'google:gemini-2.5-flash-image',
  'google:gemini-3.1-flash-image-preview',
  'google:gemini-3-pro-image-preview',
] as const
const aspectRatios = ['1:1', '3:2', '2:3', '16:9', '9:16', '4:3', '3:4', '21:9'] as const
const thinkingLevels = ['default', 'deep'] as const

/** The contract's limit, in Unicode code points. */
export const maxPromptLength = 2000
/** The contract leaves `style` open; longer ones are no short instruction. */
export const maxStyleLength = 500

export const generateImageRequest = z
  .strictObject({
    prompt: z
      .string()
      .trim()
      .min(1)
      .check(atMostCodePoints(maxPromptLength))
      .openapi({ maxLength: maxPromptLength, description: 'Text prompt for the image.' }),
    modelId: z.enum(modelIds),
    aspectRatio: z.enum(aspectRatios).default('1:1'),
    style: z
      .string()
      .check(atMostCodePoints(maxStyleLength))
      .optional()
      .openapi({ description: 'Optional style instruction.' }),
    thinkingLevel: z.enum(thinkingLevels).optional().openapi({
      description:
        'Only supported by: google:gemini-3.1-flash-image-preview, google:gemini-3-pro-image-preview.',
    }),
  })
  .openapi('GenerateImageRequest')

export const imageMetadata = z
  .object({
    id: z.uuid(),
    prompt: z.string(),
    modelId: z.enum(modelIds),
    providerId: z.enum(['openai', 'google']),
    aspectRatio: z.enum(aspectRatios),
    style: z.string().nullable(),
    thinkingLevel: z.enum(thinkingLevels).nullable(),
    mediaType: z.string().openapi({ examples: ['image/png'] }),
    creditCost: z.int().min(0).nullable().optional(),
    createdAt: z.iso.datetime(),
  })
  .openapi('ImageMetadata')
export type ImageMetadata = z.infer<typeof imageMetadata>

// A keyword of JSON Schema 2020-12 that the library's types, made for OpenAPI 3.0, do not know.
const base64 = { contentEncoding: 'base64', description: 'Base64-encoded image bytes.' }
const bytes = z.object({ b64_json: z.string().openapi(base64 as { description: string }) })
const generatedImage = imageMetadata.and(bytes).openapi('GeneratedImage')
const imageWithBytes = imageMetadata.and(bytes).openapi('ImageWithBytes')

const creditCharge = z.object({ charged: z.int().min(0), remaining: z.int().min(0) }).openapi('CreditCharge')

export const generateImageResponse = z
  .object({ image: generatedImage, credits: creditCharge })
  .openapi('GenerateImageResponse')
export const getImageResponse = z.object({ image: imageWithBytes }).openapi('GetImageResponse')
export const getImageMetadataResponse = z.object({ image: imageMetadata }).openapi('GetImageMetadataResponse')

/** An integer of the query: one out of range is taken for the nearest in it, as the contract says; all else is refused. */
function clampedInt({ min, max, fallback }: { min: number; max?: number; fallback: number }) {
  const wanted = z.int('Invalid input: expected int').min(min)
  const clamp = (text: unknown) =>
    typeof text === 'string' && /^[+-]?\d+$/.test(text)
      ? Math.min(Math.max(Number(text), min), max ?? Number.MAX_SAFE_INTEGER)
      : text
  return z.preprocess(clamp, (max === undefined ? wanted : wanted.max(max)).default(fallback))
}

export const pageQuery = z.object({
  limit: clampedInt({ min: 1, max: 100, fallback: 20 }).openapi({
    param: { description: 'Number of items to return. Defaults to 20. Maximum is 100.' },
  }),
  offset: clampedInt({ min: 0, fallback: 0 }).openapi({
    param: { description: 'Number of items to skip. Defaults to 0.' },
  }),
})

const pageFields = {
  total: z.int().min(0),
  limit: z.int().min(1).max(100),
  offset: z.int().min(0),
}
export const listImagesResponse = z
  .object({ images: z.array(imageMetadata), ...pageFields })
  .openapi('ListImagesResponse')

export const accountResponse = z
  .object({ userId: z.string(), email: z.email(), creditBalance: z.int().min(0) })
  .openapi('AccountResponse')

const creditTransaction = z
  .object({
    id: z.uuid(),
    amount: z.int(),
    type: z.enum(['addition', 'deduction', 'refund']),
    description: z.string().nullable(),
    referenceId: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('CreditTransaction')
export const listUsageResponse = z
  .object({ transactions: z.array(creditTransaction), ...pageFields })
  .openapi('ListUsageResponse')

export const errorResponse = z
  .object({
    error: z.object({
      message: z.string(),
      details: z.array(z.object({ path: z.string(), message: z.string(), code: z.string() })).optional(),
    }),
  })
  .openapi('ErrorResponse')
