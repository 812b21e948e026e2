// Turns one create in core words into a Gemini generateContent body. Only fields named here are ever sent, and
// whatever the upstream cannot honour is refused before a byte leaves, because a wrong picture is billed too.
import type { ProviderFailure, ProviderRequest } from '../provider.ts'

/** Body of a generateContent call; `sizeBytes` is its exact length, for the content-length header. */
export type GoogleBody = { content: string | AsyncIterable<Uint8Array>; sizeBytes: number }

export type BuiltRequest =
  | { ok: true; path: string; body: GoogleBody }
  | { ok: false; failure: ProviderFailure }

/** These ids answer 400 to any `imageSize`; they make one size, which the core calls `1K`. */
export const MODELS_WITHOUT_IMAGE_SIZE: readonly string[] = ['gemini-2.5-flash-image']

/** Route parameters this adapter understands: the wire words of `thinkingLevel` for our two levels. */
export const GOOGLE_PARAMETERS = ['thinkingDefault', 'thinkingDeep'] as const

// The wire's seed is a signed 32-bit integer, while customers may send any safe integer.
const SEED_SPAN = 2 ** 31

// A multiple of three, so that every slice but the last encodes to base64 without padding.
const BASE64_SLICE_BYTES = 3 * 64 * 1024

type Part = { text: string } | { inlineData: { mimeType: string; data: string } }
type LoadedReference = { mediaType: string; bytes: Buffer }

/**
 * Builds path and body. References are read whole before anything is sent, so that a storage fault can never
 * leave a half-sent create behind; they are encoded slice by slice, so no base64 copy of them is held.
 * Rejects with the storage's own error when a reference cannot be read.
 */
export async function buildGoogleRequest(request: ProviderRequest): Promise<BuiltRequest> {
  const failure = findUnsupported(request)
  if (failure !== null) return { ok: false, failure }
  const references: LoadedReference[] = []
  for (const reference of request.references) {
    references.push({ mediaType: reference.mediaType, bytes: await reference.read() })
  }
  return {
    ok: true,
    path: `/models/${encodeURIComponent(request.upstreamModel)}:generateContent`,
    body: encodeBody(request, references),
  }
}

function findUnsupported(request: ProviderRequest): ProviderFailure | null {
  const unknown = Object.keys(request.parameters).find(
    name => !GOOGLE_PARAMETERS.some(known => known === name),
  )
  if (unknown !== undefined) {
    return {
      kind: 'failed',
      failure: 'misconfigured',
      message: `The route parameter "${unknown}" is unknown.`,
    }
  }
  if (request.count !== 1) return refuse('count', 'One call makes one picture.')
  if (request.mask !== null) return refuse('mask', 'Gemini takes no mask.')
  if (request.negativePrompt !== null) return refuse('negativePrompt', 'Gemini takes no negative prompt.')
  if (request.background === 'transparent')
    return refuse('background', 'Gemini makes no transparent pictures.')
  if (request.aspectRatio === null && (request.width !== null || request.height !== null)) {
    return refuse('size', 'Gemini takes a ratio, not pixels.')
  }
  if (request.seed !== null && !Number.isSafeInteger(request.seed))
    return refuse('seed', 'The seed is no integer.')
  if (request.resolution !== null && request.resolution !== '1K' && lacksImageSize(request)) {
    return refuse('resolution', `${request.upstreamModel} makes one size only.`)
  }
  if (request.thinkingLevel === 'deep' && request.parameters.thinkingDeep === undefined) {
    return refuse('thinkingLevel', `${request.upstreamModel} takes no thinking level on this route.`)
  }
  return null
}

function refuse(field: string, message: string): ProviderFailure {
  return { kind: 'failed', failure: 'invalid_request', message, field }
}

function lacksImageSize(request: ProviderRequest): boolean {
  return MODELS_WITHOUT_IMAGE_SIZE.includes(request.upstreamModel)
}

function describeGenerationConfig(request: ProviderRequest): Record<string, unknown> {
  const imageConfig: Record<string, string> = {}
  if (request.aspectRatio !== null) imageConfig.aspectRatio = request.aspectRatio
  if (request.resolution !== null && !lacksImageSize(request)) imageConfig.imageSize = request.resolution
  const config: Record<string, unknown> = { responseModalities: ['IMAGE'] }
  if (Object.keys(imageConfig).length > 0) config.imageConfig = imageConfig
  const thinking = findThinkingWord(request)
  if (thinking !== undefined) config.thinkingConfig = { thinkingLevel: thinking }
  // Folding keeps the promise that the same seed is the same upstream seed.
  if (request.seed !== null) config.seed = ((request.seed % SEED_SPAN) + SEED_SPAN) % SEED_SPAN
  return config
}

function findThinkingWord(request: ProviderRequest): string | undefined {
  if (request.thinkingLevel === null) return undefined
  const name = request.thinkingLevel === 'deep' ? 'thinkingDeep' : 'thinkingDefault'
  const word = request.parameters[name]
  return word === undefined ? undefined : String(word)
}

function encodeBody(request: ProviderRequest, references: LoadedReference[]): GoogleBody {
  const parts: Part[] = [{ text: request.prompt }]
  for (const reference of references) {
    parts.push({ inlineData: { mimeType: reference.mediaType, data: '' } })
  }
  const generationConfig = describeGenerationConfig(request)
  if (references.length === 0) {
    const content = JSON.stringify({ contents: [{ role: 'user', parts }], generationConfig })
    return { content, sizeBytes: Buffer.byteLength(content) }
  }
  return encodeWithReferences(parts, references, generationConfig)
}

/** Writes the JSON around each picture as text and leaves a gap where its base64 goes. */
function encodeWithReferences(
  parts: Part[],
  references: LoadedReference[],
  generationConfig: Record<string, unknown>,
): GoogleBody {
  const [text, ...pictures] = parts
  const open = `{"contents":[{"role":"user","parts":[${JSON.stringify(text)}`
  const close = `]}],"generationConfig":${JSON.stringify(generationConfig)}}`
  const pieces: (Buffer | string)[] = [open]
  for (const [index, reference] of references.entries()) {
    // An empty `data` is the last thing in the part: cut before its closing quote, the picture fits between.
    const shell = JSON.stringify(pictures[index])
    const gap = shell.length - '"}}'.length
    pieces.push(`,${shell.slice(0, gap)}`, reference.bytes, shell.slice(gap))
  }
  pieces.push(close)
  let sizeBytes = 0
  for (const piece of pieces) {
    sizeBytes += typeof piece === 'string' ? Buffer.byteLength(piece) : Math.ceil(piece.length / 3) * 4
  }
  return { content: streamPieces(pieces), sizeBytes }
}

async function* streamPieces(pieces: readonly (Buffer | string)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      yield Buffer.from(piece)
      continue
    }
    for (let start = 0; start < piece.length; start += BASE64_SLICE_BYTES) {
      yield Buffer.from(piece.toString('base64', start, start + BASE64_SLICE_BYTES), 'latin1')
    }
  }
}
