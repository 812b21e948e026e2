// imgeo on the wire. Unknown fields are refused; what a model offers is the catalogue's affair.
import { z } from '@hono/zod-openapi'
import { atMostCodePoints } from '../shared-code-points.ts'

/** The contract's limit, in Unicode code points. */
export const maxPromptLength = 2000
/** The longest address that proxies pass on. */
const maxUrlLength = 8192

const aspectRatios = [
  '1:1',
  '2:3',
  '3:2',
  '3:4',
  '4:3',
  '4:5',
  '5:4',
  '9:16',
  '16:9',
  '9:21',
  '21:9',
] as const
export const modes = ['text2img', 'img2img'] as const

export function isAspectRatio(text: string): boolean {
  return aspectRatios.some(ratio => ratio === text)
}

export const generateRequest = z
  .strictObject({
    model: z.string().min(1).max(200).openapi({ description: 'An id of `GET /api/v1/models`.' }),
    prompt: z
      .string()
      .trim()
      .min(1)
      .check(atMostCodePoints(maxPromptLength))
      .openapi({ maxLength: maxPromptLength, description: 'What to draw. 1 to 2,000 characters.' }),
    negative_prompt: z
      .string()
      .check(atMostCodePoints(maxPromptLength))
      .optional()
      .openapi({ description: 'What to leave out. Models with `supports_negative_prompt` only.' }),
    aspect_ratio: z
      .enum(aspectRatios)
      .optional()
      .openapi({ description: 'Default `1:1`. What the model offers.' }),
    count: z
      .int()
      .min(1)
      .optional()
      .openapi({ description: 'How many images, up to `max_count` of the model. Default 1.' }),
    mode: z
      .enum(modes)
      .optional()
      .openapi({ description: 'Default `text2img`; `img2img` needs `image` and a model that has the mode.' }),
    image: z
      .string()
      .max(maxUrlLength)
      .optional()
      .openapi({ description: 'The https address of a picture, for `img2img`. Ignored otherwise.' }),
  })
  .openapi('ImgeoGenerateRequest')
export type GenerateRequest = z.infer<typeof generateRequest>

export const generateResponse = z
  .object({
    images: z.array(z.url()).openapi({ description: 'Permanent public addresses of WebP files.' }),
    model: z.string(),
    prompt: z.string(),
    aspect_ratio: z.string(),
    credits_used: z.int().min(0).openapi({ description: 'Credits of the images that were delivered.' }),
    credits_remaining: z.int().min(0),
  })
  .openapi('ImgeoGenerateResponse')

export const acceptedResponse = z
  .object({ generationId: z.uuid(), status: z.enum(['queued', 'running']) })
  .openapi('ImgeoAccepted')

export const modelObject = z
  .object({
    id: z.string(),
    name: z.string(),
    credits: z.int().min(0).openapi({ description: 'For one image.' }),
    modes: z.array(z.enum(modes)),
    aspect_ratios: z.array(z.string()),
    supports_negative_prompt: z.boolean(),
    max_count: z.int().min(1),
  })
  .openapi('ImgeoModel')

export const balanceResponse = z
  .object({ balance: z.int().min(0), credits: z.int().min(0).openapi({ description: 'The same number.' }) })
  .openapi('ImgeoBalance')

export const imgeoError = z.object({ error: z.string(), code: z.string() }).openapi('ImgeoError')
