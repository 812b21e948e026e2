// Turns one create in core words into fal's input. A field is sent only where the route made the core fill it in, so
// what a model's row does not list never reaches it; what cannot be said is refused before a byte leaves.
import { buildJsonBody, type JsonBody } from '../json-body.ts'
import type { ProviderFailure, ProviderRequest } from '../provider.ts'

export type FalCall = {
  /** Behind the queue's address: the whole model path. */
  path: string
  body: JsonBody
}

/** fal's words for ratios, where a model takes presets instead of pixels. */
const PRESETS: Record<string, string> = {
  '1:1': 'square_hd',
  '3:4': 'portrait_4_3',
  '9:16': 'portrait_16_9',
  '4:3': 'landscape_4_3',
  '16:9': 'landscape_16_9',
}
// These decide how the answer comes, which is this adapter's business and not the route's.
const OWN_FIELDS = ['prompt', 'image_urls', 'image_size', 'num_images', 'sync_mode']
// A path of fal's gateway holds owner, alias and further names; anything else could reach another endpoint.
const MODEL_PATH = /^\w[\w.-]*(\/\w[\w.-]*)+$/

/** Reads the reference pictures and builds the call; the failure says why there is none. */
export async function buildCall(request: ProviderRequest): Promise<FalCall | { failure: ProviderFailure }> {
  const failure = findUnsupported(request)
  if (failure !== null) return { failure }
  const fields: Record<string, unknown> = { prompt: request.prompt }
  const size = findSize(request)
  if (size !== null) fields.image_size = size
  if (request.count > 1) fields.num_images = request.count
  if (request.seed !== null) fields.seed = request.seed
  if (request.negativePrompt !== null) fields.negative_prompt = request.negativePrompt
  if (request.outputFormat !== null) fields.output_format = request.outputFormat
  if (request.references.length > 0)
    fields.image_urls = request.references.map(picture => ({ picture, form: 'data_url' }))
  return {
    path: `/${request.upstreamModel}`,
    body: await buildJsonBody({ ...request.parameters, ...fields }),
  }
}

function findSize(request: ProviderRequest): string | { width: number; height: number } | null {
  const { width, height, aspectRatio, resolution } = request
  if (width !== null && height !== null) return { width, height }
  if (aspectRatio !== null) return PRESETS[aspectRatio] ?? null
  return resolution === null ? null : `auto_${resolution}`
}

function findUnsupported(request: ProviderRequest): ProviderFailure | null {
  if (!MODEL_PATH.test(request.upstreamModel))
    return misconfigured(`"${request.upstreamModel}" is no path of a model at fal.`)
  const own = Object.keys(request.parameters).find(name => OWN_FIELDS.includes(name))
  if (own !== undefined) return misconfigured(`A route may not set "${own}".`)
  if (request.mask !== null) return refuse('mask', 'No mask is sent to fal.')
  if (request.quality !== null) return refuse('quality', 'fal takes no quality.')
  if (request.thinkingLevel === 'deep') return refuse('thinkingLevel', 'fal takes no thinking level.')
  if (request.background === 'transparent')
    return refuse('background', 'No transparent pictures are asked of fal.')
  if (request.width === null && request.aspectRatio !== null && !(request.aspectRatio in PRESETS))
    return refuse('aspectRatio', `fal has no preset for ${request.aspectRatio}.`)
  return null
}

function refuse(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', message, field }
}

function misconfigured(message: string): ProviderFailure {
  return { kind: 'failed', failure: 'misconfigured', message }
}
