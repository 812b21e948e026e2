// ModelArk's success answers: pictures as base64 or addresses, errors beside them, and the ways in which an answer
// can be unusable.
import sharp from 'sharp'
import type { Answer } from '../faults.ts'
import type { FileHost } from '../files.ts'
import { makePicture, type PictureFormat } from '../pictures.ts'
import { type Exchange, readNumber } from '../upstream.ts'
import type { Order } from './orders.ts'
import { itemError, jsonAnswer } from './refusals.ts'

export type Making = {
  exchange: Exchange
  order: Order
  files: FileHost
  sizeBytes: number | undefined
}

/** A picture of an answer, or the error in its place. */
export type Item = Record<string, unknown>

export async function buildAnswer(making: Making): Promise<Answer> {
  const { exchange, order } = making
  const { directives } = exchange
  if (directives.has('error_in_200')) {
    return jsonAnswer(200, {
      error: { code: 'InternalServiceError', message: 'Try again later.', param: '' },
    })
  }
  const head = { model: order.model, created: secondsNow() }
  if (directives.has('no_data')) return jsonAnswer(200, head)
  if (directives.has('null_arrays')) return jsonAnswer(200, { ...head, data: null })
  if (directives.has('empty_data')) return jsonAnswer(200, { ...head, data: [] })
  const data: Item[] = []
  for (let index = 0; index < countItems(making); index += 1) data.push(await makeItem(making, index))
  return jsonAnswer(200, { ...head, data, ...describeUsage(making, data) })
}

export function countItems({ exchange, order }: Making): number {
  return Math.min(order.count, readNumber(exchange.directives, 'fewer', order.count))
}

/** Only pictures are billed. */
export function describeUsage({ exchange, order }: Making, items: readonly Item[]): { usage?: Item } {
  if (exchange.directives.has('no_usage')) return {}
  const made = items.filter(item => item.error === undefined).length
  const tokens = Math.ceil((order.width * order.height) / 256) * made
  return { usage: { generated_images: made, output_tokens: tokens, total_tokens: tokens } }
}

export async function makeItem(making: Making, index: number): Promise<Item> {
  const { exchange, order, files } = making
  const { directives } = exchange
  if (directives.has('failed') && index < readNumber(directives, 'failed', order.count)) {
    return { error: itemError(directives) }
  }
  const size = `${order.width}x${order.height}`
  if (directives.has('neither')) return { size }
  if (!order.wantsUrl) return { b64_json: await makeBase64(making, index), size }
  const url = files.publish({
    name: `0${index}.${order.format}`,
    mediaType: `image/${order.format}`,
    make: () => draw(making, index),
    directives,
  })
  return { url, size }
}

async function makeBase64(making: Making, index: number): Promise<string> {
  const { directives } = making.exchange
  if (directives.has('base64_text')) return toBase64('This is not a picture, only words. '.repeat(40))
  if (directives.has('html_picture')) return toBase64('<!doctype html><script>alert(1)</script>')
  const picture = await draw(making, index)
  if (directives.has('truncated_picture')) return picture.subarray(0, picture.length / 2).toString('base64')
  const base64 = picture.toString('base64')
  return directives.has('half_base64') ? base64.slice(0, Math.floor(base64.length / 8) * 4 + 1) : base64
}

/** The picture as the vendor would sell it, with its mark unless that was switched off. */
async function draw({ exchange, order, sizeBytes }: Making, index: number): Promise<Buffer> {
  const { directives } = exchange
  const small = directives.has('tiny_picture') ? 1 : directives.has('other_size') ? 512 : null
  const format = directives.has('wrong_type') ? otherFormat(order.format) : order.format
  const picture = await makePicture({
    width: small ?? order.width,
    height: small ?? order.height,
    format,
    seed: `${order.model}:${order.prompt}:${index}`,
    ...(sizeBytes === undefined || small !== null ? {} : { sizeBytes }),
  })
  return order.watermark && small === null ? stamp(picture, order, format) : picture
}

/** A white field in the lower right corner: words cannot be drawn without a font. */
async function stamp(picture: Buffer, { width, height }: Order, format: PictureFormat): Promise<Buffer> {
  const mark = { width: Math.ceil(width / 8), height: Math.ceil(height / 24), channels: 3 as const }
  const input = await sharp({ create: { ...mark, background: '#ffffff' } })
    .png()
    .toBuffer()
  return await sharp(picture)
    .composite([{ input, gravity: 'southeast' }])
    .toFormat(format)
    .toBuffer()
}

/** Unix time in whole seconds. */
export function secondsNow(): number {
  return Math.floor((performance.timeOrigin + performance.now()) / 1000)
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function otherFormat(format: PictureFormat): PictureFormat {
  return format === 'png' ? 'jpeg' : 'png'
}
