// Turns one create in core words into getimg's JSON. Only documented fields leave this file: another one is a 400
// there. What getimg cannot honour is refused before a byte leaves, because a wrong picture is billed too.
import type { ProviderFailure, ProviderRequest, ReferenceImage } from '../provider.ts'

/** What the vendor takes at most, whatever the model. */
const MAX_REFERENCES = 8

/** The JSON body, or why there is none. */
export function buildBody(request: ProviderRequest): { body: string } | { failure: ProviderFailure } {
  const failure = findUnsupported(request)
  if (failure !== null) return { failure }
  const images: { url: string; role: string }[] = []
  for (const [index, reference] of request.references.entries()) {
    const url = findAddress(reference)
    if (url === null) return { failure: refuse('references', unreachableMessage(index)) }
    images.push({ url, role: 'reference_image' })
  }
  const fields: Record<string, unknown> = { model: request.upstreamModel, prompt: request.prompt }
  if (request.aspectRatio !== null) fields.aspect_ratio = request.aspectRatio
  if (request.resolution !== null) fields.resolution = request.resolution
  if (request.outputFormat !== null) fields.output_format = request.outputFormat
  if (images.length > 0) fields.images = images
  return { body: JSON.stringify(fields) }
}

/** getimg fetches references itself and takes neither base64 nor data URLs. */
function findAddress({ publicUrl }: ReferenceImage): string | null {
  return publicUrl?.startsWith('https://') ? publicUrl : null
}

function unreachableMessage(index: number): string {
  return `getimg fetches reference pictures by a public https address, and picture ${index} has none: set PUBLIC_URL to an https address that can be reached from outside.`
}

function findUnsupported(request: ProviderRequest): ProviderFailure | null {
  const [parameter] = Object.keys(request.parameters)
  if (parameter !== undefined) {
    const message = `getimg takes no route parameters; "${parameter}" is one.`
    return { kind: 'failed', failure: 'misconfigured', message }
  }
  if (request.count !== 1) return refuse('count', 'One call makes one picture.')
  if (request.references.length > MAX_REFERENCES)
    return refuse('references', `getimg takes at most ${MAX_REFERENCES} reference pictures.`)
  if (request.mask !== null) return refuse('mask', 'getimg takes no mask.')
  if (request.negativePrompt !== null) return refuse('negativePrompt', 'getimg takes no negative prompt.')
  if (request.seed !== null) return refuse('seed', 'getimg takes no seed.')
  if (request.quality !== null) return refuse('quality', 'getimg takes no quality.')
  if (request.thinkingLevel === 'deep') return refuse('thinkingLevel', 'getimg takes no thinking level.')
  if (request.background === 'transparent')
    return refuse('background', 'getimg makes no transparent pictures.')
  if (request.aspectRatio === null && (request.width !== null || request.height !== null))
    return refuse('size', 'getimg takes a ratio, not pixels.')
  return null
}

function refuse(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', message, field }
}
