// Reads OpenAI's success answers, one JSON document or an event stream. Pictures flow to context.receiveImage;
// what is left decides the outcome. Errors of the source and of storage are not judged here.
import { JsonImagesError, readJsonWithImages } from '../json-images.ts'
import {
  type CallContext,
  ImageRejected,
  type ImageSource,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type ReceivedImage,
  type Usage,
} from '../provider.ts'
import { readSseEvents } from '../sse-events.ts'
import { classifyErrorInSuccess, parseErrorObject } from './failures.ts'

/** The largest base64 form of one picture that is read: storage takes 80 MiB of bytes, a 4K png of noise. */
export const MAX_PICTURE_TEXT_BYTES = 112 * 1024 * 1024

export type Expected = {
  /** Pictures asked for. */
  count: number
  /** Pixels asked for; null = the upstream chose. */
  width: number | null
  height: number | null
  upstreamRequestId: string | null
  warnings: string[]
}

type Body = AsyncIterable<Uint8Array>
type Listener = Pick<CallContext, 'receiveImage' | 'onPartialImage'>

/** Reads `{"data":[{"b64_json":…}],"usage":…}`. */
export async function readDocument(
  body: Body,
  context: Listener,
  expected: Expected,
): Promise<ProviderOutcome> {
  const rejections: string[] = []
  const { value, images } = await readJsonWithImages(body, {
    isImage: path =>
      path.length === 3 && path[0] === 'data' && typeof path[1] === 'number' && path[2] === 'b64_json',
    receive: bytes => receiveOrReject(bytes, context, rejections),
    spoilt: () => {
      rejections.push('a picture is not valid base64')
      return null
    },
  })
  const error = parseErrorObject(value)
  if (error !== null && images.length === 0)
    return { ...classifyErrorInSuccess(error, false), usage: readUsage(value, expected) }
  const received = images.flatMap(image => (image.received === null ? [] : [image.received]))
  // What is spoilt was made all the same.
  const usage = { ...readUsage(value, expected), images: images.length > 0 ? images.length : null }
  return conclude({ received, rejections, usage }, expected)
}

/** Reads partial pictures and the completed one; a stream that ends without it is of unknown outcome. */
export async function readStream(
  body: Body,
  context: Listener,
  expected: Expected,
): Promise<ProviderOutcome> {
  const state: StreamState = {
    received: [],
    rejections: [],
    usage: { ...noUsage, upstreamRequestId: expected.upstreamRequestId },
    hadPartial: false,
    completed: 0,
  }
  try {
    for await (const event of readSseEvents(body, { maxEventBytes: MAX_PICTURE_TEXT_BYTES })) {
      const failure = await takeEvent(event.data, { state, context, expected, name: event.event })
      if (failure !== null) return failure
    }
  } catch (error) {
    // Whatever breaks after the completed event cannot take the picture away again.
    if (state.received.length > 0) return conclude(state, expected)
    if (error instanceof JsonImagesError && error.code === 'truncated') return endedEarly(state)
    throw error
  }
  if (state.received.length === 0 && state.rejections.length === 0) return endedEarly(state)
  return conclude(state, expected)
}

type StreamState = Read & { hadPartial: boolean; completed: number }
type Step = { state: StreamState; context: Listener; expected: Expected; name: string | null }

/** Takes one event; answers with the failure that ends the stream, or null to go on. */
async function takeEvent(data: Buffer, step: Step): Promise<ProviderFailure | null> {
  const { state, context, expected } = step
  // Some servers send words to keep the connection alive.
  if (data.subarray(0, 64).toString('latin1').trimStart()[0] !== '{') return null
  const { value, images } = await readJsonWithImages([data], {
    isImage: path => path.length === 1 && path[0] === 'b64_json',
    receive: async (bytes): Promise<Buffer | null> => collect(bytes),
    spoilt: () => null,
  })
  const error = parseErrorObject(value)
  if (error !== null) {
    if (state.received.length > 0) return null
    return { ...classifyErrorInSuccess(error, state.hadPartial), usage: readUsage(value, expected) }
  }
  const fields = (value ?? {}) as { type?: unknown; partial_image_index?: unknown }
  const type = typeof fields.type === 'string' ? fields.type : (step.name ?? '')
  const picture = images[0]?.received ?? undefined
  if (type.endsWith('.partial_image') && picture !== undefined) {
    state.hadPartial = true
    const index = typeof fields.partial_image_index === 'number' ? fields.partial_image_index : 0
    if (state.received.length === 0) context.onPartialImage?.(picture, index)
  }
  if (type.endsWith('.completed')) {
    if (picture === undefined) state.rejections.push('the completed event holds no picture')
    const image =
      picture === undefined ? null : await receiveOrReject(once(picture), context, state.rejections)
    if (image !== null) state.received.push(image)
    state.completed += 1
    state.usage = { ...readUsage(value, expected), images: state.completed }
  }
  return null
}

/** A picture that is none is noted and does not end the answer: the others may be good. */
async function receiveOrReject(
  bytes: ImageSource,
  context: Listener,
  rejections: string[],
): Promise<ReceivedImage | null> {
  try {
    return await context.receiveImage(bytes)
  } catch (error) {
    if (!(error instanceof ImageRejected)) throw error
    rejections.push(error.message)
    return null
  }
}

type Read = { received: ReceivedImage[]; rejections: string[]; usage: Usage }

function conclude({ received, rejections, usage }: Read, expected: Expected): ProviderOutcome {
  if (received.length === 0) {
    const why = rejections.length > 0 ? rejections.join('; ') : 'data holds no picture'
    return {
      kind: 'failed',
      failure: 'malformed_response',
      message: `OpenAI's answer is unusable: ${why}`,
      usage,
    }
  }
  const warnings = [...expected.warnings, ...rejections.map(why => `A picture was unusable: ${why}`)]
  if (received.length !== expected.count) {
    warnings.push(`Asked for ${expected.count} pictures, ${received.length} arrived`)
  }
  for (const { width, height } of received) {
    if (expected.width === null || (width === expected.width && height === expected.height)) continue
    warnings.push(`Asked for ${expected.width}x${expected.height}, a picture of ${width}x${height} arrived`)
  }
  // More than were asked for cannot be sold; the first ones are kept.
  const images = received.slice(0, expected.count).map(image => ({ kind: 'received' as const, image }))
  return { kind: 'succeeded', images, usage, warnings }
}

function endedEarly({ usage }: Read): ProviderFailure {
  const message = 'OpenAI ended the stream without its completed event'
  return { kind: 'failed', failure: 'unknown_outcome', message, usage }
}

/** Tokens of the whole call; what is absent or no whole number is null. */
function readUsage(value: unknown, { upstreamRequestId }: Expected): Usage {
  const usage = child(value, 'usage')
  const details = child(usage, 'input_tokens_details')
  const made = child(usage, 'output_tokens_details')
  return {
    inputTokens: count(usage.input_tokens),
    outputTokens: count(usage.output_tokens),
    inputTextTokens: count(details.text_tokens),
    inputImageTokens: count(details.image_tokens),
    outputTextTokens: count(made.text_tokens),
    outputImageTokens: count(made.image_tokens),
    thinkingTokens: null,
    images: null,
    costUsdMicro: null,
    upstreamRequestId,
  }
}

function child(value: unknown, name: string): Record<string, unknown> {
  const found = (value as Record<string, unknown> | null | undefined)?.[name]
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  // Its memory is used again for the next part.
  for await (const part of bytes) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}
