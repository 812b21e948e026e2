// Turns a request in core words into OpenAI's: JSON for generations, multipart for edits. Only fields that the
// vendor documents for the endpoint and the model leave this file; an unknown one is a 400 there.
import { buildMultipartForm, type MultipartForm } from '../multipart-form.ts'
import type { ProviderRequest } from '../provider.ts'

export type OpenAiCall = {
  /** Behind the base URL. */
  path: '/images/generations' | '/images/edits'
  headers: Record<string, string>
  body: string | AsyncIterable<Uint8Array>
  /** Whether an event stream was asked for. */
  streams: boolean
  /** What the route or the customer wanted and this upstream does not take. */
  warnings: string[]
}

/** A request that no body can be made for; the message is for the operator. */
export class UnusableRequest extends Error {
  override name = 'UnusableRequest'
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message)
  }
}

type Fields = Record<string, string | number | boolean>

// Parameters a route may fix beyond what the core's own words set.
const ROUTE_PARAMETERS = [
  'complexity',
  'safety_identifier',
  'user',
  'quality',
  'size',
  'moderation',
  'background',
]
// Edits take at most this many pictures; the vendor refuses more.
const MAX_REFERENCES = 16

/** Reads the reference pictures and builds the call. Throws UnusableRequest before anything is sent. */
export async function buildCall(request: ProviderRequest): Promise<OpenAiCall> {
  const streams = request.partialImages > 0
  const warnings: string[] = []
  if (request.references.length === 0) {
    if (request.mask !== null) throw new UnusableRequest('mask', 'A mask needs a picture to be edited')
    return {
      path: '/images/generations',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(buildFields(request, { isEdit: false, warnings })),
      streams,
      warnings,
    }
  }
  if (request.references.length > MAX_REFERENCES) {
    throw new UnusableRequest('references', `OpenAI takes at most ${MAX_REFERENCES} pictures`)
  }
  const form = await buildForm(request, buildFields(request, { isEdit: true, warnings }))
  return { path: '/images/edits', ...form, streams, warnings }
}

function buildFields(request: ProviderRequest, target: { isEdit: boolean; warnings: string[] }): Fields {
  const { warnings } = target
  const fields: Fields = { model: request.upstreamModel, prompt: request.prompt, n: request.count }
  if (request.width !== null && request.height !== null) fields.size = `${request.width}x${request.height}`
  if (request.quality !== null) fields.quality = request.quality
  if (request.background !== null) fields.background = request.background
  if (request.outputFormat !== null) fields.output_format = request.outputFormat
  if (request.outputCompression !== null && request.outputFormat !== null && request.outputFormat !== 'png') {
    fields.output_compression = request.outputCompression
  }
  if (request.moderation !== null) fields.moderation = request.moderation
  if (request.partialImages > 0) {
    fields.stream = true
    fields.partial_images = request.partialImages
  }
  for (const [name, value] of Object.entries(request.parameters)) {
    if (ROUTE_PARAMETERS.includes(name)) fields[name] = value
    else warnings.push(`OpenAI takes no parameter ${name}; it was left out`)
  }
  if (target.isEdit) {
    // Whether the multipart form takes it is undocumented, and an unknown field would refuse the whole request.
    if (fields.moderation === 'low')
      warnings.push('OpenAI takes no moderation level for edits; it was left out')
    delete fields.moderation
  }
  const fidelity = findInputFidelity(request)
  if (target.isEdit && fidelity !== null) fields.input_fidelity = fidelity
  if (request.seed !== null) warnings.push('OpenAI takes no seed')
  if (request.negativePrompt !== null) warnings.push('OpenAI takes no negative prompt')
  return fields
}

/** gpt-image-1.5 takes both levels and mini `low` only; later models always work at high fidelity. */
function findInputFidelity({ upstreamModel, inputFidelity }: ProviderRequest): string | null {
  if (/^gpt-image-1-mini\b/.test(upstreamModel)) return inputFidelity === 'low' ? 'low' : null
  return /^(gpt-image-1(\.5)?(-\d|$)|chatgpt-image)/.test(upstreamModel) ? inputFidelity : null
}

function buildForm(request: ProviderRequest, fields: Fields): Promise<MultipartForm> {
  const field = request.references.length === 1 ? 'image' : 'image[]'
  const files = request.references.map((picture, index) => ({ field, name: `image-${index + 1}`, picture }))
  const { mask } = request
  return buildMultipartForm(fields, mask ? [...files, { field: 'mask', name: 'mask', picture: mask }] : files)
}
