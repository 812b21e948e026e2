// Turns a request in core words into ModelArk's JSON. Only fields that the vendor documents for the model leave this
// file, and what it would guess against us is said: its default draws a watermark.
import type { PictureText } from '../json-body.ts'
import type { ProviderFailure, ProviderRequest } from '../provider.ts'

export type ModelArkCall = {
  fields: Record<string, unknown>
  /** Whether an event stream was asked for. */
  streams: boolean
  /** What the route or the customer wanted and this upstream does not take. */
  warnings: string[]
}

// Inputs and outputs of one call together.
const MAX_PICTURES = 15
const MAX_REFERENCES = 14
// What one 2K picture has, with room. Base64 beyond that is tens of megabytes in one answer, and a cut at its end
// would lose a paid picture; an address of it is small, and the download can be repeated for a day.
const MAX_PIXELS_AS_BYTES = 6_000_000

/** The failure of a request that no call can be made for; null when one can. */
export function findRefusal({ mask, references, count }: ProviderRequest): ProviderFailure | null {
  if (mask !== null) return refuse('mask', 'ModelArk takes no mask')
  if (references.length > MAX_REFERENCES) {
    return refuse('references', `ModelArk takes at most ${MAX_REFERENCES} pictures`)
  }
  if (count > MAX_PICTURES || (count > 1 && references.length + count > MAX_PICTURES)) {
    return refuse('count', `ModelArk takes and makes at most ${MAX_PICTURES} pictures in a call`)
  }
  return null
}

export function describeCall(request: ProviderRequest): ModelArkCall {
  const { count, outputFormat, references } = request
  const warnings: string[] = []
  const isSeries = count > 1
  const fields: Record<string, unknown> = {
    model: request.upstreamModel,
    prompt: request.prompt,
    response_format: isSeries || isLarge(request) ? 'url' : 'b64_json',
    watermark: false,
  }
  const size = describeSize(request)
  if (size !== null) fields.size = size
  const pictures = references.map((picture): PictureText => ({ picture, form: 'data_url' }))
  if (pictures.length > 0) fields.image = pictures.length === 1 ? pictures[0] : pictures
  if (isSeries) {
    fields.sequential_image_generation = 'auto'
    fields.sequential_image_generation_options = { max_images: count }
    // Each picture's address comes when it is made: what arrived before a cut is not lost with the rest.
    fields.stream = true
  }
  if (outputFormat === 'webp' || (outputFormat !== null && !takesFormat(request))) {
    warnings.push(`ModelArk makes no ${outputFormat} with ${request.upstreamModel}; it was left out`)
  } else if (outputFormat !== null) fields.output_format = outputFormat
  if (request.seed !== null) warnings.push('ModelArk takes no seed')
  if (request.negativePrompt !== null) warnings.push('ModelArk takes no negative prompt')
  addParameters(request, { fields, warnings })
  return { fields, streams: isSeries, warnings }
}

function addParameters(
  { parameters }: ProviderRequest,
  { fields, warnings }: { fields: Record<string, unknown>; warnings: string[] },
): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (name === 'watermark') fields.watermark = value
    else if (name === 'optimize_prompt_mode') fields.optimize_prompt_options = { mode: value }
    else warnings.push(`ModelArk takes no parameter ${name}; it was left out`)
  }
}

function describeSize({ width, height, resolution }: ProviderRequest): string | null {
  return width !== null && height !== null ? `${width}x${height}` : resolution
}

function isLarge({ width, height, resolution }: ProviderRequest): boolean {
  if (width === null || height === null) return resolution === '4K'
  return width * height > MAX_PIXELS_AS_BYTES
}

/** Seedream 5 is the first that lets the format be chosen; the earlier ones make jpeg. */
function takesFormat({ upstreamModel }: ProviderRequest): boolean {
  return /seedream-5-/.test(upstreamModel)
}

function refuse(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', field, message }
}
