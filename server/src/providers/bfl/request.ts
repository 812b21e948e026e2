// Turns a request in core words into the vendor's JSON. Only fields that it documents for the model leave this file;
// pictures go as bare base64, because a data URL is refused.
import type { PictureText } from '../json-body.ts'
import type { ProviderFailure, ProviderRequest } from '../provider.ts'

export type BflCall = {
  fields: Record<string, unknown>
  /** What the route or the customer wanted and this upstream does not take. */
  warnings: string[]
}

type Family = 'flux-2' | 'kontext' | 'fill' | 'other'

const MAX_REFERENCES: Record<Family, number> = { 'flux-2': 10, kontext: 4, fill: 1, other: 1 }
// Parameters a route may fix beyond what the core's own words set.
const ROUTE_PARAMETERS = [
  'steps',
  'guidance',
  'prompt_upsampling',
  'safety_tolerance',
  'raw',
  'image_prompt_strength',
]

/** The failure of a request that no call can be made for; null when one can. */
export function findRefusal(request: ProviderRequest): ProviderFailure | null {
  const { count, mask, references, upstreamModel } = request
  const family = findFamily(upstreamModel)
  if (count !== 1) return refuse('count', 'Black Forest Labs makes one picture a call')
  if (mask !== null && family !== 'fill') return refuse('mask', `${upstreamModel} takes no mask`)
  if (references.length > MAX_REFERENCES[family]) {
    return refuse('references', `${upstreamModel} takes at most ${MAX_REFERENCES[family]} pictures`)
  }
  if (family === 'fill' && references.length === 0) {
    return refuse('references', `${upstreamModel} needs a picture`)
  }
  return null
}

export function describeCall(request: ProviderRequest): BflCall {
  const warnings: string[] = []
  const fields: Record<string, unknown> = { prompt: request.prompt, ...describePictures(request) }
  const { width, height, aspectRatio, seed, outputFormat } = request
  if (width !== null && height !== null) {
    fields.width = width
    fields.height = height
  } else if (aspectRatio !== null) fields.aspect_ratio = aspectRatio
  if (seed !== null) fields.seed = seed
  if (outputFormat === 'webp') warnings.push('Black Forest Labs makes no webp; it was left to its own format')
  else if (outputFormat !== null) fields.output_format = outputFormat
  if (request.negativePrompt !== null) warnings.push('Black Forest Labs takes no negative prompt')
  for (const [name, value] of Object.entries(request.parameters)) {
    if (ROUTE_PARAMETERS.includes(name)) fields[name] = value
    else warnings.push(`Black Forest Labs takes no parameter ${name}; it was left out`)
  }
  return { fields, warnings }
}

/** `input_image`, `input_image_2`, …; the models before Kontext call theirs otherwise. */
function describePictures({
  references,
  mask,
  upstreamModel,
}: ProviderRequest): Record<string, PictureText | null> {
  const family = findFamily(upstreamModel)
  const first = family === 'fill' ? 'image' : family === 'other' ? 'image_prompt' : 'input_image'
  const fields: Record<string, PictureText> = {}
  for (const [index, picture] of references.entries()) {
    fields[index === 0 ? first : `${first}_${index + 1}`] = { picture, form: 'base64' }
  }
  if (mask !== null) fields.mask = { picture: mask, form: 'base64' }
  return fields
}

function findFamily(upstreamModel: string): Family {
  if (upstreamModel.startsWith('flux-2')) return 'flux-2'
  if (upstreamModel.includes('kontext')) return 'kontext'
  return upstreamModel.includes('fill') ? 'fill' : 'other'
}

function refuse(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', field, message }
}
