// Stability's answers: the picture as raw bytes or as base64 in JSON, the ways in which one can be unusable, and
// its error envelope.
import { randomBytes } from 'node:crypto'
import sharp from 'sharp'
import type { Answer } from '../faults.ts'
import { makePicture, type PictureFormat } from '../pictures.ts'
import type { Exchange } from '../upstream.ts'
import type { Order } from './orders.ts'

export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: [JSON.stringify(value)] }
}

/** The vendor's error envelope. */
export function refuse(status: number, name: string, errors: string[]): Answer {
  return jsonAnswer(status, { id: randomBytes(16).toString('hex'), name, errors })
}

export async function buildAnswer(
  exchange: Exchange,
  order: Order,
  sizeBytes: number | undefined,
): Promise<Answer> {
  const { directives, request } = exchange
  const isFiltered = directives.has('filtered')
  const reason = isFiltered ? 'CONTENT_FILTERED' : 'SUCCESS'
  const bytes = isFiltered ? await blur(order) : await draw(exchange, order, sizeBytes)
  if (directives.has('json_answer') || request.headers.accept === 'application/json') {
    return buildDocument(exchange, { bytes, reason, seed: order.seed })
  }
  const finish = { 'finish-reason': reason, seed: String(order.seed) }
  const headers = {
    'content-type': `image/${order.format}`,
    ...(directives.has('no_finish') ? {} : finish),
  }
  if (directives.has('no_bytes')) return { status: 200, headers, body: [] }
  const isHalf = directives.has('half_picture')
  return { status: 200, headers, body: [isHalf ? bytes.subarray(0, bytes.length / 2) : bytes] }
}

type Made = { bytes: Buffer; reason: string; seed: number }

function buildDocument({ directives }: Exchange, { bytes, reason, seed }: Made): Answer {
  const rest = { finish_reason: reason, seed }
  if (directives.has('null_image')) return jsonAnswer(200, { image: null, ...rest })
  const base64 = directives.has('base64_text')
    ? Buffer.from('This is not a picture, only words. '.repeat(40)).toString('base64')
    : bytes.toString('base64')
  const image = directives.has('half_base64')
    ? base64.slice(0, Math.floor(base64.length / 8) * 4 + 1)
    : base64
  return jsonAnswer(200, { image, ...rest })
}

async function draw({ directives }: Exchange, order: Order, sizeBytes: number | undefined): Promise<Buffer> {
  if (directives.has('html_picture'))
    return Buffer.from('<!doctype html><script>alert(1)</script>'.repeat(20))
  const small = directives.has('tiny_picture') ? 1 : directives.has('other_size') ? 512 : null
  return makePicture({
    width: small ?? order.width,
    height: small ?? order.height,
    format: directives.has('wrong_type') ? otherFormat(order.format) : order.format,
    seed: `${order.model}:${order.prompt}:${order.seed}`,
    ...(sizeBytes === undefined || small !== null ? {} : { sizeBytes }),
  })
}

/** What the vendor sends in place of a picture that its filter has judged. */
async function blur(order: Order): Promise<Buffer> {
  const picture = await makePicture({ ...order, seed: order.prompt })
  return await sharp(picture).toColourspace('srgb').blur(12).toFormat(order.format).toBuffer()
}

/** An answer that neither states its length nor comes in chunks: an old proxy in between. */
export async function sendUnframedHalf(exchange: Exchange, order: Order): Promise<void> {
  const bytes = await draw(exchange, order, undefined)
  const { socket } = exchange.response
  socket?.write('HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nfinish-reason: SUCCESS\r\n\r\n')
  socket?.end(bytes.subarray(0, bytes.length / 2))
  await exchange.closed
}

function otherFormat(format: PictureFormat): PictureFormat {
  return format === 'png' ? 'jpeg' : 'png'
}
