// What an order says, in core words. JSON and forms meet here: from this point on nobody knows which it was.
import { invalidField } from '../../errors.ts'
import { type GenerationOptions, noOptions } from '../../models/options.ts'
import type { InputRequest, InputRequests } from '../../uploads/input.ts'
import { readSource } from '../../uploads/reference.ts'
import type { CommonRequest, ImageReference } from './schema.ts'

/** Which of the two endpoints: their events are named after it. */
export type Mode = 'image_generation' | 'image_edit'

export type Order = {
  mode: Mode
  prompt: string
  /** Null = the configured default. */
  model: string | null
  options: GenerationOptions
  inputs: InputRequests | null
  /** Canonical, for the fingerprint; null once that is made. */
  body: unknown
  streams: boolean
  /** Null = not said. */
  responseFormat: 'url' | 'b64_json' | null
}

/** Throws AppError for what no single member shows to be wrong. */
export function toOrder(
  request: CommonRequest,
  rest: { mode: Mode; inputs: InputRequests | null; body: unknown },
): Order {
  const streams = request.stream === true
  const partialImages = request.partial_images ?? 0
  if (partialImages > 0 && !streams) {
    throw invalidField('partial_images', 'partial_images needs stream.')
  }
  if (streams && request.response_format === 'url') {
    throw invalidField(
      'response_format',
      'With stream, response_format is b64_json: events carry the pictures.',
    )
  }
  return {
    ...rest,
    prompt: request.prompt,
    model: request.model ?? null,
    options: toOptions(request, partialImages),
    streams,
    responseFormat: request.response_format ?? null,
  }
}

function toOptions(request: CommonRequest, partialImages: number): GenerationOptions {
  // The best quality is said anyhow, also for formats that know none.
  const compression = request.output_compression === 100 ? null : request.output_compression
  return {
    ...noOptions,
    count: request.n ?? 1,
    size: request.size ?? null,
    quality: toQuality(request.quality),
    background: request.background ?? null,
    outputFormat: request.output_format ?? null,
    outputCompression: compression ?? null,
    moderation: request.moderation ?? null,
    // `low` is what is done unasked, also by a model that knows no other; clients name it all the same.
    inputFidelity: request.input_fidelity === 'high' ? 'high' : null,
    partialImages,
  }
}

/** Words of older and newer models than ours, by what they mean. */
function toQuality(quality: CommonRequest['quality']): string | null {
  if (quality === 'standard') return 'auto'
  if (quality === 'hd' || quality === 'xhigh' || quality === 'max') return 'high'
  return quality ?? null
}

/** Limits of the contract, in bytes. */
export const maxImageBytes = 50_000_000
export const maxMaskBytes = 4_000_000

export function toInputRequests(images: ImageReference[], mask: ImageReference | null): InputRequests {
  return {
    references: images.map((image, index) => toInputRequest(image, `images[${index}]`, maxImageBytes)),
    mask: mask ? toInputRequest(mask, 'mask', maxMaskBytes) : null,
  }
}

function toInputRequest(
  { image_url: url, file_id: fileId }: ImageReference,
  path: string,
  maxBytes: number,
): InputRequest {
  if (fileId !== undefined) {
    const field = `${path}.file_id`
    throw invalidField(field, `There is no file store here: send image_url instead of ${field}.`)
  }
  const field = `${path}.image_url`
  return { source: readSource(url ?? '', field), field, maxBytes }
}
