// OpenAI's Images API on the wire. The same schemas validate requests and make the document. Members that clients send
// for other models are accepted by name; what is on no list is refused.
import { z } from '@hono/zod-openapi'
import { atMostCodePoints } from '../shared-code-points.ts'

/** The contract's limit for GPT image models, in Unicode code points. */
export const maxPromptLength = 32_000
export const maxImages = 16
/** The contract's limit of an `image_url`, in characters. */
export const maxUrlLength = 20_971_520

const common = {
  prompt: z
    .string()
    .trim()
    .min(1)
    .check(atMostCodePoints(maxPromptLength))
    .openapi({ maxLength: maxPromptLength, description: 'What to draw. 1 to 32,000 characters.' }),
  model: z.string().min(1).max(200).nullish().openapi({
    description: 'Any id of `/v1/models`. Left out: the model that the operator has set.',
  }),
  n: z.int().min(1).max(10).nullish().openapi({ description: 'How many images; 1 when left out.' }),
  size: z
    .string()
    .regex(/^(?:auto|[1-9]\d{1,4}x[1-9]\d{1,4})$/, 'Give auto or a size such as 1024x1024.')
    .nullish()
    .openapi({ description: '`auto`, or `WIDTHxHEIGHT` in pixels; what the model makes.' }),
  quality: z
    .enum(['auto', 'low', 'medium', 'high', 'standard', 'hd', 'xhigh', 'max'])
    .nullish()
    .openapi({ description: '`standard` is `auto`; `hd`, `xhigh` and `max` are `high`.' }),
  background: z.enum(['auto', 'transparent', 'opaque']).nullish().openapi({
    description: '`transparent` needs png or webp.',
  }),
  output_format: z.enum(['png', 'jpeg', 'webp']).nullish(),
  output_compression: z
    .int()
    .min(0)
    .max(100)
    .nullish()
    .openapi({ description: 'For jpeg and webp; 100 when left out.' }),
  moderation: z.enum(['auto', 'low']).nullish(),
  response_format: z.enum(['url', 'b64_json']).nullish().openapi({
    description:
      'Base64 when left out, but for models that begin `dall-e-`: there an address, which opens for 60 minutes.',
  }),
  stream: z.boolean().nullish().openapi({ description: 'Answer with server-sent events.' }),
  partial_images: z.int().min(0).max(3).nullish().openapi({
    description: 'How many unfinished pictures to send with `stream`; fewer may come.',
  }),
  user: z.string().max(1000).nullish().openapi({ description: 'Accepted and not used.' }),
  safety_identifier: z.string().max(1000).nullish().openapi({ description: 'Accepted and not used.' }),
}

const inputFidelity = z.enum(['high', 'low']).nullish()

export const generateRequest = z
  .strictObject({
    ...common,
    style: z.string().max(1000).nullish().openapi({
      description: 'Of an older model: accepted and not used.',
    }),
  })
  .openapi('OpenAiGenerateRequest')

const imageReference = z
  .strictObject({
    image_url: z.string().min(1).max(maxUrlLength).optional().openapi({
      description: 'An https URL, or a data URL such as `data:image/png;base64,…`.',
    }),
    file_id: z.string().optional().openapi({ description: 'Refused: there is no file store here.' }),
  })
  .refine(({ image_url, file_id }) => (image_url === undefined) !== (file_id === undefined), {
    message: 'Send exactly one of image_url and file_id.',
  })
  .openapi('OpenAiImageReference')
export type ImageReference = z.infer<typeof imageReference>

export const editRequest = z
  .strictObject({
    ...common,
    images: z.array(imageReference).min(1).max(maxImages).openapi({
      description: 'The pictures to edit, as many as the model takes.',
    }),
    mask: imageReference.nullish().openapi({
      description: "A PNG of the first picture's size; its transparent areas are drawn anew.",
    }),
    input_fidelity: inputFidelity,
  })
  .openapi('OpenAiEditRequest')

/** The fields of a form; its files are no part of it. */
export const editFields = z.strictObject({ ...common, input_fidelity: inputFidelity })

export type CommonRequest = z.infer<typeof editFields>

const binary = z.string().openapi({ format: 'binary' })

/** For the document only. */
export const editForm = z
  .object({
    image: binary.optional().openapi({ description: 'One picture: PNG, JPEG or WebP, at most 50 MB.' }),
    'image[]': z.array(binary).max(maxImages).optional().openapi({ description: 'Several pictures.' }),
    mask: binary.optional().openapi({ description: 'A PNG of at most 4 MB.' }),
    ...editFields.shape,
  })
  .openapi('OpenAiEditForm')

const usage = z
  .object({
    total_tokens: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    input_tokens_details: z.object({ text_tokens: z.int(), image_tokens: z.int() }),
  })
  .openapi('OpenAiUsage')
export type WireUsage = z.infer<typeof usage>

export const imagesResponse = z
  .object({
    created: z.int().openapi({ description: 'Unix seconds.' }),
    data: z.array(z.object({ b64_json: z.string().optional(), url: z.url().optional() })),
    background: z.enum(['transparent', 'opaque']).optional(),
    output_format: z.enum(['png', 'jpeg', 'webp']),
    size: z.string(),
    quality: z.string().optional(),
    usage: usage
      .optional()
      .openapi({ description: 'Of the whole call; left out when the model tells none.' }),
  })
  .openapi('OpenAiImagesResponse')

const eventFields = {
  b64_json: z.string(),
  created_at: z.int(),
  size: z.string(),
  quality: z.string(),
  background: z.string(),
  output_format: z.string(),
}

export const partialEvent = z
  .object({
    type: z.enum(['image_generation.partial_image', 'image_edit.partial_image']),
    ...eventFields,
    partial_image_index: z.int(),
  })
  .openapi('OpenAiPartialImageEvent')

export const completedEvent = z
  .object({ type: z.enum(['image_generation.completed', 'image_edit.completed']), ...eventFields, usage })
  .openapi('OpenAiCompletedEvent')

export const modelObject = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int().openapi({ description: 'Unix seconds.' }),
    owned_by: z.string(),
    shutdown_date: z.iso
      .date()
      .optional()
      .openapi({ description: 'The first day on which nothing serves it.' }),
  })
  .openapi('OpenAiModel')

export const modelList = z
  .object({ object: z.literal('list'), data: z.array(modelObject) })
  .openapi('OpenAiModelList')

export const acceptedResponse = z
  .object({ generationId: z.uuid(), status: z.enum(['queued', 'running']) })
  .openapi('OpenAiAccepted')

export const openAiError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('OpenAiError')
