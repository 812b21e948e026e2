// Success answers of the Images API: real pictures in base64 and usage by the vendor's formula, or the ways in
// which such an answer can be unusable.
import type { Answer } from '../faults.ts'
import { encodePicture, makePicture, makeRedPicture, type PictureFormat } from '../pictures.ts'
import { type Exchange, readNumber } from '../upstream.ts'
import type { Order } from './requests.ts'

export type Making = {
  exchange: Exchange
  order: Order
  endpoint: 'generation' | 'edit'
  sizeBytes: number | undefined
}

/** Output tokens of one picture; the factors for xhigh and max are the emulator's own, none are published. */
export function countOutputTokens(quality: string, width: number, height: number): number {
  const factors: Record<string, number> = { low: 16, medium: 48, high: 96, xhigh: 128, max: 160 }
  const factor = factors[quality] ?? 48
  const short = Math.round((factor * Math.min(width, height)) / Math.max(width, height))
  return Math.ceil((factor * short * (2_000_000 + width * height)) / 4_000_000)
}

/** Usage of a whole call. An input picture counts 272 tokens here: the vendor's number depends on its size. */
export function countUsage(order: Order, pictures: number, partials = 0): Record<string, unknown> {
  const textTokens = Math.ceil(order.prompt.length / 4)
  const imageTokens = order.inputPictures * 272
  const output = countOutputTokens(order.quality, order.width, order.height) * pictures + partials * 100
  return {
    total_tokens: textTokens + imageTokens + output,
    input_tokens: textTokens + imageTokens,
    output_tokens: output,
    input_tokens_details: { text_tokens: textTokens, image_tokens: imageTokens },
    output_tokens_details: { image_tokens: output, text_tokens: 0 },
  }
}

/** What every answer and event repeats of the order. */
export function describeOrder(order: Order): Record<string, unknown> {
  return {
    background: order.background === 'auto' ? 'opaque' : order.background,
    output_format: order.format,
    size: `${order.width}x${order.height}`,
    quality: order.quality === 'auto' ? 'medium' : order.quality,
  }
}

export async function buildImageAnswer(making: Making): Promise<Answer> {
  const { exchange, order } = making
  const { directives } = exchange
  const count = Math.min(order.count, readNumber(directives, 'fewer', order.count))
  const headers = { 'content-type': 'application/json' }
  const tail = {
    ...describeOrder(order),
    ...(directives.has('no_usage') ? {} : { usage: countUsage(order, count) }),
    ...(directives.has('extra_fields') ? { trace: { steps: [1, 2, null] }, note: 'new' } : {}),
  }
  const created = secondsNow()
  if (directives.has('no_data')) return { status: 200, headers, body: [JSON.stringify({ created, ...tail })] }
  const data = findDataInstead(making)
  if (data !== undefined) return { status: 200, headers, body: [JSON.stringify({ created, data, ...tail })] }
  const body: (Buffer | string)[] = [`{"created":${created},"data":[`]
  for (let index = 0; index < count; index += 1) {
    const extra = directives.has('extra_fields') ? '"revised":false,' : ''
    body.push(index > 0 ? `,{${extra}"b64_json":"` : `{${extra}"b64_json":"`)
    body.push(await makeBase64(making, index))
    body.push('"}')
  }
  if (directives.has('half_json')) return { status: 200, headers, body }
  body.push(`],${JSON.stringify(tail).slice(1)}`)
  return { status: 200, headers, body }
}

/** The value of `data` for answers that hold no picture; undefined = pictures as usual. */
function findDataInstead({ exchange: { directives } }: Making): unknown {
  if (directives.has('null_arrays')) return null
  if (directives.has('empty_data')) return []
  if (directives.has('null_base64')) return [{ b64_json: null }]
  if (directives.has('empty_base64')) return [{ b64_json: '' }]
  return undefined
}

/** The base64 of one picture, spoilt as the directives ask. */
export async function makeBase64(making: Making, index: number): Promise<Buffer> {
  const { exchange, order } = making
  const { directives } = exchange
  if (directives.has('base64_text')) return toBase64('This is not a picture, only words. '.repeat(40))
  if (directives.has('html_picture')) return toBase64('<!doctype html><html><script>alert(1)</script></html>')
  if (directives.has('svg_picture')) {
    return toBase64('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
  }
  const red = directives.get('red_picture')
  if (red === '' || red === `${index}`) return encodePicture(await makeRedPicture(order))
  const small = directives.has('tiny_picture') ? 1 : directives.has('other_size') ? 512 : null
  const picture = await makePicture({
    width: small ?? order.width,
    height: small ?? order.height,
    format: directives.has('wrong_type') ? otherFormat(order.format) : order.format,
    seed: `${order.model}:${order.prompt}:${index}`,
    ...(making.sizeBytes === undefined || small !== null ? {} : { sizeBytes: making.sizeBytes }),
  })
  if (directives.has('truncated_picture')) {
    return Buffer.from(picture.subarray(0, picture.length / 2).toString('base64'))
  }
  const encoded = encodePicture(picture)
  return directives.has('half_base64') ? encoded.subarray(0, Math.floor(encoded.length / 8) * 4 + 1) : encoded
}

/** Unix time in whole seconds. */
export function secondsNow(): number {
  return Math.floor((performance.timeOrigin + performance.now()) / 1000)
}

function toBase64(text: string): Buffer {
  return Buffer.from(Buffer.from(text).toString('base64'))
}

function otherFormat(format: PictureFormat): PictureFormat {
  return format === 'png' ? 'jpeg' : 'png'
}
