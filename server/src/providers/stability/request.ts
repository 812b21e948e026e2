// Turns a request in core words into Stability's form. Only fields that the vendor documents for the endpoint leave
// this file.
import { buildMultipartForm, type FormFile, type MultipartForm } from '../multipart-form.ts'
import type { ProviderFailure, ProviderRequest } from '../provider.ts'

export type StabilityCall = {
  /** Behind the base URL. */
  path: string
  form: MultipartForm
  /** What the route or the customer wanted and this upstream does not take. */
  warnings: string[]
}

type Fields = Record<string, string | number | boolean>
type Endpoint = 'ultra' | 'core' | 'sd3'

// Parameters a route may fix beyond what the core's own words set.
const ROUTE_PARAMETERS: Record<Endpoint, readonly string[]> = {
  ultra: ['style_preset', 'strength'],
  core: ['style_preset'],
  sd3: ['style_preset', 'strength', 'cfg_scale'],
}
// How far a result may go from the picture it is made from, where the route does not say: the vendor demands a number.
const DEFAULT_STRENGTH = 0.7
// The vendor's seeds end here; larger ones are folded, so that the same seed stays the same seed.
const SEED_SPAN = 4_294_967_295
// The vendor takes a form only with a file in it; for plain text it documents an empty one by this name.
const NO_PICTURE: FormFile = {
  field: 'none',
  name: 'none',
  picture: { mediaType: 'application/octet-stream', read: async () => Buffer.alloc(0) },
}

/** The failure of a request that no call can be made for; null when one can. */
export function findRefusal(request: ProviderRequest): ProviderFailure | null {
  const { count, references, mask, width, height, upstreamModel } = request
  if (count !== 1) return refuse('count', 'Stability makes one picture a call')
  if (mask !== null) return refuse('mask', 'Stability takes a mask at its edit endpoints only')
  if (references.length > 1) return refuse('references', 'Stability takes one picture')
  if (references.length > 0 && findEndpoint(upstreamModel) === 'core') {
    return refuse('references', 'Stable Image Core takes no picture')
  }
  if (request.aspectRatio === null && (width !== null || height !== null)) {
    return refuse('size', 'Stability takes a ratio, not pixels')
  }
  return null
}

/** Reads the reference picture and builds the call. */
export async function buildCall(request: ProviderRequest): Promise<StabilityCall> {
  const endpoint = findEndpoint(request.upstreamModel)
  const warnings: string[] = []
  const fields = buildFields(request, { endpoint, warnings })
  const [picture] = request.references
  const files = picture === undefined ? [NO_PICTURE] : [{ field: 'image', name: 'image', picture }]
  return {
    path: `/stable-image/generate/${endpoint}`,
    form: await buildMultipartForm(fields, files),
    warnings,
  }
}

function findEndpoint(upstreamModel: string): Endpoint {
  return upstreamModel === 'ultra' || upstreamModel === 'core' ? upstreamModel : 'sd3'
}

function buildFields(
  request: ProviderRequest,
  { endpoint, warnings }: { endpoint: Endpoint; warnings: string[] },
): Fields {
  const isEdit = request.references.length > 0
  const fields: Fields = { prompt: request.prompt }
  if (endpoint === 'sd3') {
    fields.model = request.upstreamModel
    fields.mode = isEdit ? 'image-to-image' : 'text-to-image'
  }
  // With a picture to work from the result has that picture's shape, and sd3 refuses a ratio beside it.
  if (request.aspectRatio !== null && !isEdit) fields.aspect_ratio = request.aspectRatio
  if (isEdit) fields.strength = DEFAULT_STRENGTH
  if (request.negativePrompt !== null) fields.negative_prompt = request.negativePrompt
  if (request.seed !== null) fields.seed = ((request.seed % SEED_SPAN) + SEED_SPAN) % SEED_SPAN
  if (request.outputFormat === 'webp' && endpoint === 'sd3') {
    warnings.push('Stability makes no webp with Stable Diffusion 3.5; it was left to its own format')
  } else if (request.outputFormat !== null) fields.output_format = request.outputFormat
  for (const [name, value] of Object.entries(request.parameters)) {
    const isTaken = ROUTE_PARAMETERS[endpoint].includes(name) && (name !== 'strength' || isEdit)
    if (isTaken) fields[name] = value
    else if (name !== 'strength') warnings.push(`Stability takes no parameter ${name}; it was left out`)
  }
  return fields
}

function refuse(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', field, message }
}
