// The event stream of the Images API: partial pictures, the completed one, and every way in which it may end.
import { cutConnection, sendAnswer, write } from '../faults.ts'
import { makePicture } from '../pictures.ts'
import { readNumber } from '../upstream.ts'
import {
  buildImageAnswer,
  countUsage,
  describeOrder,
  type Making,
  makeBase64,
  secondsNow,
} from './answers.ts'
import { type ErrorFields, moderationError } from './refusals.ts'

/** Sends the stream; the work was billed before. */
export async function streamImages(making: Making): Promise<void> {
  const { exchange, order } = making
  const { directives, response } = exchange
  // Faults of the transport strike a stream as they strike one answer.
  const wholeFaults = ['endless_body', 'drip', 'reset_mid_body', 'stall_mid_body', 'long_content_length']
  if (wholeFaults.some(name => directives.has(name))) {
    return sendAnswer(exchange, { ...(await buildImageAnswer(making)), headers: streamHeaders })
  }
  response.writeHead(200, streamHeaders)
  const code = directives.get('stream_error')
  if (code) return sendError(making, { message: `Failed with ${code}.`, type: 'server_error', code })
  const partials = readNumber(directives, 'partials', order.partials)
  if (directives.has('final_first')) await sendCompleted(making, partials)
  for (let index = 0; index < partials; index += 1) {
    await sendPartial(making, index)
    if (code === '') return sendError(making, { message: 'The server had an error.', type: 'server_error' })
  }
  if (directives.has('cut_before_completed')) return void response.end()
  if (directives.has('reset_before_completed')) return cutConnection(exchange, true)
  if (!directives.has('final_first')) await sendCompleted(making, partials)
  if (directives.has('reset_after_completed')) return cutConnection(exchange, true)
  if (directives.has('done')) await write(exchange, 'data: [DONE]\n\n')
  response.end()
  await exchange.closed
}

/** An output-stage block inside a stream. */
export async function streamModerationBlock(making: Making): Promise<void> {
  making.exchange.response.writeHead(200, streamHeaders)
  await sendPartial(making, 0)
  await sendError(making, moderationError(making.exchange.directives, 'output'))
}

const streamHeaders = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }

async function sendPartial(making: Making, index: number): Promise<void> {
  const { order } = making
  const picture = await makePicture({
    width: order.width,
    height: order.height,
    format: order.format,
    seed: `partial:${order.prompt}:${index}`,
  })
  await sendEvent(making, {
    name: 'partial_image',
    base64: Buffer.from(picture.toString('base64')),
    rest: { created_at: secondsNow(), ...describeOrder(order), partial_image_index: index },
  })
}

async function sendCompleted(making: Making, partials: number): Promise<void> {
  const { order, exchange } = making
  const usage = exchange.directives.has('no_usage') ? {} : { usage: countUsage(order, 1, partials) }
  const count = Math.min(order.count, readNumber(exchange.directives, 'fewer', order.count))
  for (let index = 0; index < count; index += 1) {
    await sendEvent(making, {
      name: 'completed',
      base64: await makeBase64(making, index),
      rest: { created_at: secondsNow(), ...describeOrder(order), ...usage },
    })
  }
}

async function sendError({ exchange }: Making, error: ErrorFields): Promise<void> {
  const envelope = { error: { param: null, code: null, ...error } }
  await write(exchange, `event: error\ndata: ${JSON.stringify(envelope)}\n\n`)
  exchange.response.end()
  await exchange.closed
}

type StreamEvent = { name: string; base64: Buffer; rest: Record<string, unknown> }

async function sendEvent({ exchange, endpoint }: Making, event: StreamEvent): Promise<void> {
  const { directives } = exchange
  const type = `image_${endpoint}.${event.name}`
  const isBare = directives.has('bare_events')
  const newline = isBare ? '\r\n' : '\n'
  const head = isBare ? `: ping${newline}${newline}` : `event: ${type}${newline}`
  await write(exchange, `${head}data: {"type":"${type}","b64_json":"`)
  if (directives.has('cut_in_event') && event.name === 'completed') {
    await write(exchange, event.base64.subarray(0, event.base64.length / 2))
    return void exchange.response.end()
  }
  await write(exchange, event.base64)
  await write(exchange, `",${JSON.stringify(event.rest).slice(1)}${newline}${newline}`)
}
