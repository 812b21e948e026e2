// The native API on the wire: core words in camelCase. Unknown fields are refused.
import { z } from '@hono/zod-openapi'
import { atMostCodePoints } from '../shared-code-points.ts'
import { announceUpload, uploadTicketOf } from '../shared-upload-schema.ts'

/** An endpoint that takes no query parameter refuses all. */
export const noQuery = z.strictObject({})

/** The longest prompt any model takes; each model's own limit is its upstream's affair. */
export const maxPromptLength = 32_000

/** A data URL of the largest picture: a third more letters than bytes, and its head. */
const maxUrlLength = 14_000_000

const picture = z
  .strictObject({
    url: z.string().min(1).max(maxUrlLength).optional().openapi({
      description: 'An https URL, or a data URL such as `data:image/png;base64,…`.',
    }),
    uploadKey: z.string().min(1).max(100).optional().openapi({ description: 'A key of `/api/v1/upload`.' }),
    role: z.literal('reference_image').optional(),
  })
  .refine(({ url, uploadKey }) => (url === undefined) !== (uploadKey === undefined), {
    message: 'Send exactly one of url and uploadKey.',
  })
  .openapi('InputPicture')
export type InputPicture = z.infer<typeof picture>

const tag = z.string().trim().min(1).check(atMostCodePoints(64)).openapi({ maxLength: 64 })

const metadata = z
  .record(z.string().min(1).check(atMostCodePoints(64)), z.string().check(atMostCodePoints(512)))
  .refine(given => Object.keys(given).length <= 16, { message: 'Send at most 16 entries.' })

export const createGenerationRequest = z
  .strictObject({
    model: z.string().min(1).max(200).openapi({ description: 'A model id from the model list.' }),
    prompt: z
      .string()
      .trim()
      .min(1)
      .check(atMostCodePoints(maxPromptLength))
      .openapi({ maxLength: maxPromptLength, description: 'What to draw. 1 to 32,000 characters.' }),
    aspectRatio: z.string().optional().openapi({ description: 'Such as `16:9`; what the model offers.' }),
    resolution: z
      .string()
      .optional()
      .openapi({ description: '`512`, `1K`, `2K` or `4K`; what the model offers.' }),
    size: z
      .string()
      .regex(/^\d{2,5}x\d{2,5}$/, 'Expected WIDTHxHEIGHT in pixels, such as 1024x1024')
      .optional()
      .openapi({ description: '`WIDTHxHEIGHT` in pixels, for models that work in pixels.' }),
    quality: z
      .string()
      .optional()
      .openapi({ description: 'Such as `low`, `medium`, `high`; what the model offers.' }),
    style: z.string().trim().min(1).check(atMostCodePoints(500)).optional(),
    thinkingLevel: z.enum(['default', 'deep']).optional(),
    negativePrompt: z.string().trim().min(1).check(atMostCodePoints(maxPromptLength)).optional(),
    seed: z.int().min(0).max(4_294_967_295).optional(),
    n: z.int().min(1).max(10).optional().openapi({ description: 'How many images. Default 1.' }),
    outputFormat: z.enum(['png', 'jpeg', 'webp']).optional(),
    outputCompression: z.int().min(0).max(100).optional(),
    background: z.enum(['auto', 'transparent', 'opaque']).optional(),
    moderation: z.enum(['auto', 'low']).optional().openapi({
      description: '`low`: the model judges less strictly. Only where the model offers it.',
    }),
    inputFidelity: z.enum(['high', 'low']).optional().openapi({
      description: 'How closely `images` are followed. Only where the model offers it.',
    }),
    images: z.array(picture).max(16).optional().openapi({
      description: 'Pictures to edit or to follow, PNG, JPEG or WebP; as many as the model takes.',
    }),
    mask: picture.optional().openapi({
      description: "A PNG of the first picture's size; its transparent areas are drawn anew.",
    }),
    onUnsupported: z.enum(['refuse', 'adapt']).optional().openapi({
      description:
        'What happens to options that the model does not offer: `refuse` (default), or `adapt`: the nearest shape, the most images there are, other options left out; `warnings` tells what was changed. Pictures are never left out.',
    }),
    partialImages: z.int().min(0).max(3).optional().openapi({
      description:
        'At most so many unfinished pictures on the way, for `…/events`; a model may send fewer, or none.',
    }),
    metadata: metadata.optional().openapi({
      description:
        'Yours: up to 16 texts of up to 512 characters, under names of up to 64. Shown, never searched.',
    }),
    tags: z
      .array(tag)
      .max(16)
      .refine(tags => new Set(tags).size === tags.length, { message: 'Send each tag once.' })
      .optional()
      .openapi({
        description: 'Up to 16 words of up to 64 characters; the list can be asked for one of them.',
      }),
    parentId: z
      .uuid()
      .optional()
      .openapi({ description: 'A generation of yours that this one goes on from.' }),
  })
  .openapi('CreateGenerationRequest', {
    example: {
      ...{ model: 'gpt-image-2', prompt: 'two foxes in snow', quality: 'low', n: 2 },
      ...{ tags: ['animals'], metadata: { order: '17' } },
    },
  })
export type CreateGenerationRequest = z.infer<typeof createGenerationRequest>

/** What an image can be read as; `thumb` is a WebP of at most 512 pixels an edge. */
export const imageFormats = ['png', 'webp', 'jpeg', 'thumb'] as const

export const createUploadRequest = announceUpload('CreateUploadRequest')

export const uploadTicket = uploadTicketOf('UploadTicket', {
  url: 'PUT the bytes here, once, with the type and length announced.',
  key: 'Names the picture in orders of this account.',
})

const queuePlace = z
  .object({
    position: z.int().openapi({
      description: '1 = it is next. Accounts take turns: it may come earlier, and no later.',
    }),
    estimatedSeconds: z.int().nullable().openapi({
      description:
        'Until it begins, as things went of late, or as they last went; null where nothing was ever made.',
    }),
  })
  .openapi('QueuePlace')

const generationOutput = z
  .object({
    url: z.url().openapi({
      description:
        'The image as the model made it. Opens for whoever has the address, except that of an image made through the Get Images or OpenAI API, which needs the API key.',
    }),
    png: z.url().openapi({ description: 'The image as PNG.' }),
    webp: z.url().openapi({ description: 'The image as WebP.' }),
    mediaType: z.string(),
    width: z.int(),
    height: z.int(),
    sizeBytes: z.int(),
    sha256: z.string(),
  })
  .openapi('GenerationOutput')

const upstreamProgress = z.object({
  share: z.number().nullable().openapi({ description: 'Of the work, 0 to 1.' }),
  queuePosition: z
    .int()
    .nullable()
    .openapi({ description: 'Orders before it in the queue of its upstream.' }),
})

export const progressEvent = upstreamProgress.extend({ id: z.uuid() }).openapi('ProgressEvent')

const usedOptions = z
  .object({
    aspectRatio: z.string().optional(),
    resolution: z.string().optional(),
    size: z.string().optional(),
    quality: z.string().optional(),
    style: z.string().optional(),
    thinkingLevel: z.string().optional(),
    negativePrompt: z.string().optional(),
    seed: z.int().optional(),
    outputFormat: z.string().optional(),
    outputCompression: z.int().optional(),
    background: z.string().optional(),
    moderation: z.string().optional(),
    inputFidelity: z.string().optional(),
  })
  .openapi('UsedOptions')
export type UsedOptions = z.infer<typeof usedOptions>

const tokenUsage = z
  .object({
    inputTokens: z.int().nullable(),
    outputTokens: z.int().nullable(),
    inputTextTokens: z.int().nullable(),
    inputImageTokens: z.int().nullable(),
  })
  .openapi('TokenUsage')

const ownKeyText = "True: with the account's own provider key; `costCredits` is then the fee alone."

export const generationObject = z
  .object({
    id: z.uuid(),
    status: z.enum(['queued', 'running', 'succeeded', 'failed', 'blocked', 'canceled']).openapi({
      description: 'A canceled order of the gptimage2 API is `failed`: that contract has no `canceled`.',
    }),
    type: z.string(),
    model: z.string(),
    prompt: z.string(),
    dialect: z.string().openapi({ description: 'The API it was made through.' }),
    key: z.uuid().nullable().openapi({ description: 'The id of the API key it was made with.' }),
    n: z.int().openapi({ description: 'Images ordered.' }),
    options: usedOptions.openapi({
      description:
        "What was asked for and, where nothing was, the model's defaults; what is left out was left to it.",
    }),
    queue: queuePlace.nullable().openapi({ description: 'Where it stands while it is `queued`, else null.' }),
    outputs: z.array(generationOutput),
    error: z.string().nullable(),
    reason: z.string().nullable().openapi({ description: 'Why there is no image: a stable code.' }),
    costCredits: z.int().openapi({ description: 'Credits charged; while it is open, credits held.' }),
    ownKey: z.boolean().openapi({ description: ownKeyText }),
    warnings: z.array(z.string()).openapi({
      description: 'What was changed of the order, and what its model or the safety check left out.',
    }),
    usage: tokenUsage.nullable().openapi({
      description: 'Tokens of all calls to the model, where it tells them. No price comes from them.',
    }),
    filesExpireAt: z.iso.datetime().nullable().openapi({
      description: 'When its files are deleted by themselves, as those of the getimg API are; null = never.',
    }),
    metadata: z.record(z.string(), z.string()),
    tags: z.array(z.string()),
    parentId: z.uuid().nullable(),
    createdAt: z.iso.datetime(),
    completedAt: z.iso.datetime().nullable(),
    progress: upstreamProgress.optional().openapi({
      description: 'What its upstream told of the work under way, if anything; where one generation is read.',
    }),
  })
  .openapi('Generation', {
    example: {
      ...{
        id: '0190f2f0-0000-7000-8000-000000000000',
        status: 'running',
        type: 'text2img',
        model: 'gpt-image-2',
      },
      ...{
        prompt: 'two foxes in snow',
        dialect: 'native',
        key: '0190f2f0-0000-7000-8000-000000000001',
        n: 2,
        options: { aspectRatio: '1:1', resolution: '1K', quality: 'low' },
        queue: null,
        outputs: [],
        error: null,
        reason: null,
        costCredits: 2,
        ownKey: false,
      },
      ...{
        usage: null,
        filesExpireAt: null,
        warnings: [],
        metadata: { order: '17' },
        tags: ['animals'],
        parentId: null,
      },
      ...{ createdAt: '2026-11-21T10:00:00.000Z', completedAt: null },
    },
  })

export const generationList = z
  .object({
    generations: z.array(generationObject),
    nextCursor: z.string().nullable().openapi({
      description:
        'Send it as `cursor` for what follows; null at the end. A page may be short, or empty, before the end.',
    }),
  })
  .openapi('GenerationList')

export const quote = z
  .object({
    model: z.string(),
    n: z.int().openapi({ description: 'Images ordered.' }),
    unitCredits: z.int().openapi({ description: 'Credits for one image.' }),
    costCredits: z
      .int()
      .openapi({ description: 'Credits for all: exactly what the order would be charged.' }),
    ownKey: z.boolean().openapi({ description: ownKeyText }),
    warnings: z.array(z.string()).openapi({ description: 'What `onUnsupported: adapt` would change.' }),
  })
  .openapi('Quote', {
    example: { model: 'gpt-image-2', n: 2, unitCredits: 1, costCredits: 2, ownKey: false, warnings: [] },
  })

export const cancellation = z
  .object({
    outcome: z.enum(['canceled', 'already_ended', 'runs_on']),
    message: z.string(),
    generation: generationObject,
  })
  .openapi('Cancellation')

export const statusEvent = z
  .object({ id: z.uuid(), status: z.enum(['queued', 'running']), queue: queuePlace.nullable() })
  .openapi('StatusEvent')

export const partialEvent = z
  .object({
    index: z.int().openapi({ description: 'From 0 upwards; a second try at the model begins at 0 again.' }),
    part: z
      .int()
      .openapi({ description: 'Which call to the model made it, from 0: large orders take several.' }),
    mediaType: z.string(),
    image: z.string().openapi({ description: 'The unfinished picture as base64.' }),
  })
  .openapi('PartialEvent')

export const nativeError = z
  .object({
    error: z.string(),
    code: z.string(),
    issues: z.array(z.object({ path: z.string(), message: z.string(), code: z.string() })).optional(),
  })
  .openapi('NativeError', {
    example: {
      error: 'n: Too big: expected number to be <=10',
      code: 'invalid_request',
      issues: [{ path: 'n', message: 'Too big: expected number to be <=10', code: 'too_big' }],
    },
  })
