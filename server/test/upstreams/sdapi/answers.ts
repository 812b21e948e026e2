// The success answer of A1111's interface: pictures in base64, the order repeated, and `info` as JSON in a string.
import sharp from 'sharp'
import { makeEnginePicture, spoilBase64 } from '../engine/pictures.ts'
import type { Answer } from '../faults.ts'
import type { PictureFormat } from '../pictures.ts'
import type { Directives } from '../upstream.ts'
import { countPictures, json, type SdOrder } from './requests.ts'

export type Drawing = {
  order: SdOrder
  directives: Directives
  /** By the engine's option `samples_format`; sd-server knows png only. */
  format: PictureFormat
  /** sd-server leaves `info` empty. */
  info: Record<string, unknown> | null
  isInterrupted: boolean
}

export async function buildSdapiAnswer(drawing: Drawing): Promise<Answer> {
  const { order, directives } = drawing
  const { init_images: _, mask: __, ...repeated } = order.fields
  const tail = { parameters: repeated, info: drawing.info === null ? '' : JSON.stringify(drawing.info) }
  if (directives.has('no_images')) return json(200, tail)
  if (directives.has('null_images')) return json(200, { images: null, ...tail })
  const pictures = await drawAll(drawing)
  const body: (Buffer | string)[] = ['{"images":[']
  for (const [index, picture] of pictures.entries()) {
    body.push(index > 0 ? ',"' : '"', spoilBase64(picture, directives), '"')
  }
  if (!directives.has('half_json')) body.push(`],${JSON.stringify(tail).slice(1)}`)
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

async function drawAll(drawing: Drawing): Promise<Buffer[]> {
  const { order, directives } = drawing
  const count = drawing.isInterrupted ? 1 : countPictures(order.count, directives)
  const pictures: Buffer[] = []
  for (let index = 0; index < count; index += 1) pictures.push(await drawOne(drawing, order.seed + index))
  const hasSheet = directives.has('grid') && pictures.length > 1
  return hasSheet ? [await drawSheet(pictures, order), ...pictures] : pictures
}

function drawOne({ order, directives, format }: Drawing, seed: number): Promise<Buffer> {
  const size = directives.has('tiny_picture') ? 1 : directives.has('other_size') ? 768 : null
  const base = order.initImages.map(image => image.length).join()
  const { prompt, negativePrompt, steps } = order
  const settings = `${prompt}\nNegative prompt: ${negativePrompt}\nSteps: ${steps}, Seed: ${seed}`
  return makeEnginePicture({
    width: size ?? order.width,
    height: size ?? order.height,
    format,
    seed: `${prompt}:${negativePrompt}:${seed}:${steps}:${base}`,
    metadata: { parameters: settings },
  })
}

/** All pictures of the batch side by side; it comes first. */
async function drawSheet(pictures: Buffer[], { width, height }: SdOrder): Promise<Buffer> {
  const composite = pictures.map((input, index) => ({ input, left: index * width, top: 0 }))
  const sheet = { width: width * pictures.length, height, channels: 3 as const, background: '#000' }
  return sharp({ create: sheet }).composite(composite).png().toBuffer()
}
