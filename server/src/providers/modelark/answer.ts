// Reads ModelArk's success answers, one JSON document or an event stream. Base64 flows to context.receiveImage; items
// that are errors stand beside the pictures. Errors of the source and of storage are not judged here.

import { OutboundError } from '../../outbound.ts'
import { isRecord, textOrNull } from '../hosted-call.ts'
import { JsonImagesError, type JsonPath, readJsonWithImages } from '../json-images.ts'
import {
  type CallContext,
  ImageRejected,
  type ImageSource,
  noUsage,
  type ProviderFailure,
  type ProviderOutcome,
  type ReceivedImage,
  type UpstreamImage,
  type Usage,
} from '../provider.ts'
import { readSseEvents } from '../sse-events.ts'
import { describeError, describeRejection, type ErrorObject, isSensitive, readError } from './failures.ts'

/** The largest base64 form of one picture that is read: a 4K png of noise. */
export const MAX_EVENT_BYTES = 96 * 1024 * 1024

export type Expected = {
  /** Pictures asked for. */
  count: number
  width: number | null
  height: number | null
  warnings: string[]
  upstreamRequestId: string | null
}

type Body = AsyncIterable<Uint8Array>
type Receiver = Pick<CallContext, 'receiveImage'>

/** What has been read so far. */
type Read = {
  images: UpstreamImage[]
  errors: ErrorObject[]
  /** Pictures that were none. */
  rejections: string[]
  /** Pictures billed, by the answer's word. */
  billed: number | null
  outputTokens: number | null
}

/** Reads `{"data":[{"b64_json":…} | {"url":…} | {"error":…}],"usage":…}`. */
export async function readDocument(
  body: Body,
  context: Receiver,
  expected: Expected,
): Promise<ProviderOutcome> {
  const read = beginRead()
  const received = new Map<number, ReceivedImage | null>()
  const { value } = await readJsonWithImages(body, {
    isImage: path => path.length === 3 && path[0] === 'data' && path[2] === 'b64_json',
    receive: async (bytes: ImageSource, path: JsonPath) => {
      received.set(Number(path[1]), await receiveOrReject(bytes, context, read))
    },
    spoilt: () => rejectSpoilt(read),
  })
  const document = isRecord(value) ? value : {}
  const data = Array.isArray(document.data) ? document.data : []
  for (const [index, item] of data.entries()) takeItem(read, item, received.get(index) ?? null)
  takeUsage(read, document)
  const error = readError(document)
  if (error !== null && read.images.length === 0)
    return classifyErrorInSuccess(error, describeUsage(read, expected))
  return conclude(read, expected)
}

/** Reads an event for each picture and the completed one. What arrived before a cut is kept. */
export async function readStream(
  body: Body,
  context: Receiver,
  expected: Expected,
): Promise<ProviderOutcome> {
  const read = beginRead()
  let isCompleted = false
  try {
    for await (const event of readSseEvents(body, { maxEventBytes: MAX_EVENT_BYTES })) {
      // Some servers send words to keep the connection alive.
      if (event.data.subarray(0, 64).toString('latin1').trimStart()[0] !== '{') continue
      const type = await takeEvent(event.data, { read, context, name: event.event })
      if (type.endsWith('.completed')) isCompleted = true
      const isEnd = type === 'error' && read.images.length === 0
      const error = isEnd ? read.errors.at(-1) : undefined
      if (error !== undefined) return classifyErrorInSuccess(error, describeUsage(read, expected))
    }
  } catch (error) {
    if (read.images.length === 0 && !isCut(error)) throw error
    if (!(error instanceof OutboundError) && !(error instanceof JsonImagesError)) throw error
    if (read.images.length === 0) return endedEarly(read, expected)
  }
  if (!isCompleted && read.images.length === 0) return endedEarly(read, expected)
  const outcome = conclude(read, expected)
  if (outcome.kind === 'succeeded' && !isCompleted) {
    outcome.warnings.push('ModelArk ended the stream without its completed event')
  }
  return outcome
}

type Step = { read: Read; context: Receiver; name: string | null }

/** Takes one event; answers with its type, `error` for one that ends the stream. */
async function takeEvent(data: Buffer, { read, context, name }: Step): Promise<string> {
  const { value, images } = await readJsonWithImages([data], {
    isImage: path => path.length === 1 && path[0] === 'b64_json',
    receive: (bytes: ImageSource) => receiveOrReject(bytes, context, read),
    spoilt: () => rejectSpoilt(read),
  })
  const event = isRecord(value) ? value : {}
  const type = textOrNull(event.type) ?? name ?? ''
  if (type.endsWith('.completed')) takeUsage(read, event)
  else if (type.endsWith('.partial_succeeded') || type.endsWith('.partial_failed')) {
    takeItem(read, event, images[0]?.received ?? null)
  } else {
    const error = readError(event)
    if (error === null) return type
    read.errors.push(error)
    return 'error'
  }
  return type
}

/** A cut shows as the connection's error, or as JSON that ends early. */
function isCut(error: unknown): boolean {
  return error instanceof JsonImagesError && error.code === 'truncated'
}

function beginRead(): Read {
  return { images: [], errors: [], rejections: [], billed: null, outputTokens: null }
}

/** One entry of `data`, or one event: a picture, an address or an error. */
function takeItem(read: Read, item: unknown, received: ReceivedImage | null): void {
  const error = readError(item)
  if (error !== null) return void read.errors.push(error)
  if (received !== null) return void read.images.push({ kind: 'received', image: received })
  const url = isRecord(item) ? textOrNull(item.url) : null
  if (url === null || url === '') return
  read.images.push({ kind: 'url', url, mediaType: null })
}

/** A picture that is none is noted and does not end the answer: the others may be good. */
async function receiveOrReject(
  bytes: ImageSource,
  context: Receiver,
  read: Read,
): Promise<ReceivedImage | null> {
  try {
    return await context.receiveImage(bytes)
  } catch (error) {
    if (!(error instanceof ImageRejected)) throw error
    read.rejections.push(error.message)
    return null
  }
}

function rejectSpoilt(read: Read): null {
  read.rejections.push('a picture is not valid base64')
  return null
}

function takeUsage(read: Read, holder: Record<string, unknown>): void {
  const usage = isRecord(holder.usage) ? holder.usage : {}
  read.billed = countOrNull(usage.generated_images)
  read.outputTokens = countOrNull(usage.output_tokens)
}

/** What the answer bills is the number of pictures it says it made: none made, nothing billed. */
function describeUsage({ billed, outputTokens }: Read, { upstreamRequestId }: Expected): Usage {
  const costUsdMicro = billed === 0 ? 0 : null
  return { ...noUsage, outputTokens, upstreamRequestId, images: billed, costUsdMicro }
}

function conclude(read: Read, expected: Expected): ProviderOutcome {
  const { images, errors, rejections, billed } = read
  const usage = describeUsage(read, expected)
  if (images.length === 0) return concludeEmpty(read, usage)
  const warnings = [...expected.warnings, ...rejections.map(why => `A picture was unusable: ${why}`)]
  for (const error of errors) warnings.push(`A picture was not made: ${describeError(error)}`)
  if (images.length !== expected.count) {
    warnings.push(`Asked for ${expected.count} pictures, ${images.length} arrived`)
  }
  if (billed !== null && billed !== images.length) {
    warnings.push(`ModelArk bills ${billed} pictures, ${images.length} arrived`)
  }
  for (const image of images) {
    if (image.kind !== 'received' || expected.width === null) continue
    const { width, height } = image.image
    if (width === expected.width && height === expected.height) continue
    warnings.push(`Asked for ${expected.width}x${expected.height}, a picture of ${width}x${height} arrived`)
  }
  // A picture that arrived costs what pictures cost, whatever the answer says it billed.
  const kept = { ...usage, costUsdMicro: null }
  // More than were asked for cannot be sold; the first ones are kept.
  return { kind: 'succeeded', images: images.slice(0, expected.count), usage: kept, warnings }
}

function concludeEmpty({ errors, rejections }: Read, usage: Usage): ProviderFailure {
  const [first] = errors
  if (first === undefined || rejections.length > 0) {
    const why = rejections.length > 0 ? rejections.join('; ') : 'data holds no picture'
    return {
      kind: 'failed',
      failure: 'malformed_response',
      message: `ModelArk's answer is unusable: ${why}`,
      usage,
    }
  }
  const message = `ModelArk made no picture: ${errors.map(describeError).join('; ')}`
  const sensitive = errors.find(isSensitive)
  if (sensitive === undefined) return { kind: 'failed', failure: 'upstream_failed', message, usage }
  const rejection = describeRejection(sensitive)
  return { kind: 'failed', failure: 'content_rejected', message, usage, ...rejection }
}

/** An error in place of a result, under a 200: the work had been accepted, so that a delay proves nothing. */
function classifyErrorInSuccess(error: ErrorObject, usage: Usage): ProviderFailure {
  const message = `ModelArk reported under status 200: ${describeError(error)}`
  if (!isSensitive(error)) return { kind: 'failed', failure: 'unknown_outcome', message, usage }
  return { kind: 'failed', failure: 'content_rejected', message, usage, ...describeRejection(error) }
}

function endedEarly(read: Read, expected: Expected): ProviderFailure {
  const message = 'ModelArk ended the stream without its completed event'
  return { kind: 'failed', failure: 'unknown_outcome', message, usage: describeUsage(read, expected) }
}

function countOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}
