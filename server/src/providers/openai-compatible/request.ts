// Turns a request in core words into the Images API as self-hosted engines understand it: JSON for generations, a form
// for edits, everything said that an engine would otherwise guess.
import { escapePipes, stripEngineCommands } from '../engine-prompt.ts'
import { buildJsonBody } from '../json-body.ts'
import { buildMultipartForm } from '../multipart-form.ts'
import type { ProviderRequest } from '../provider.ts'

/** `localai` says what to leave out behind a stroke, and takes pictures as base64 in the order itself. */
export type Profile = 'generic' | 'localai'

export type EngineCall = {
  /** Behind the base URL. */
  path: '/images/generations' | '/images/edits'
  headers: Record<string, string>
  body: string | AsyncIterable<Uint8Array>
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

/** The upstream model that stands for the one of the settings, or for whatever the engine has loaded. */
export const LOADED_MODEL = 'default'

type Fields = Record<string, string | number | boolean>

// What only we may say; everything else that a route fixes is sent as it is.
const OWN_FIELDS = [
  'prompt',
  'model',
  'n',
  'size',
  'response_format',
  'image',
  'image[]',
  'mask',
  'file',
  'stream',
]

/** Reads the pictures and builds the call. Throws UnusableRequest before anything is sent. */
export async function buildCall(
  request: ProviderRequest,
  { model, profile }: { model: string; profile: Profile },
): Promise<EngineCall> {
  const { references, mask } = request
  const warnings: string[] = []
  const fields = buildFields(request, { model, profile, warnings })
  const [first, ...others] = references
  if (!first) {
    if (mask !== null) throw new UnusableRequest('mask', 'A mask needs a picture to be edited')
    return { path: '/images/generations', ...(await buildJson(fields)), warnings }
  }
  if (profile === 'localai') {
    if (mask !== null) throw new UnusableRequest('mask', 'LocalAI takes no mask here')
    const more = others.map(picture => ({ picture, form: 'base64' as const }))
    const pictures = {
      file: { picture: first, form: 'base64' as const },
      ...(more.length > 0 ? { ref_images: more } : {}),
    }
    return { path: '/images/generations', ...(await buildJson({ ...fields, ...pictures })), warnings }
  }
  const field = others.length === 0 ? 'image' : 'image[]'
  const files = references.map((picture, index) => ({ field, name: `image-${index + 1}`, picture }))
  const form = await buildMultipartForm(
    fields,
    mask ? [...files, { field: 'mask', name: 'mask', picture: mask }] : files,
  )
  return { path: '/images/edits', ...form, warnings }
}

async function buildJson(fields: unknown): Promise<Pick<EngineCall, 'headers' | 'body'>> {
  const { headers, content } = await buildJsonBody(fields)
  return { headers, body: content }
}

function buildFields(
  request: ProviderRequest,
  { model, profile, warnings }: { model: string; profile: Profile; warnings: string[] },
): Fields {
  const { width, height, negativePrompt, seed, outputFormat } = request
  const words = clean(request.prompt)
  if (words === '') throw new UnusableRequest('prompt', 'The prompt holds nothing but commands to the engine')
  // An unreadable or missing size silently becomes the engine's own.
  if (width === null || height === null) {
    throw new UnusableRequest('size', 'A size must be given: the route has to work in pixels')
  }
  const negative = negativePrompt === null ? '' : clean(negativePrompt)
  const isPiped = profile === 'localai' && negative !== ''
  const parameters: Fields = {}
  for (const [name, value] of Object.entries(request.parameters)) {
    if (OWN_FIELDS.includes(name)) warnings.push(`${name} is not a route's to fix; it was left out`)
    else parameters[name] = value
  }
  const named = request.upstreamModel === LOADED_MODEL ? model : request.upstreamModel
  return {
    ...parameters,
    ...(named === '' ? {} : { model: named }),
    prompt: isPiped ? `${words}|${negative}` : words,
    ...(negative !== '' && !isPiped ? { negative_prompt: negative } : {}),
    n: request.count,
    size: `${width}x${height}`,
    response_format: 'b64_json',
    ...(seed === null ? {} : { seed }),
    ...(outputFormat === null ? {} : { output_format: outputFormat }),
    ...(request.outputCompression === null ? {} : { output_compression: request.outputCompression }),
    ...(request.quality === null ? {} : { quality: request.quality }),
  }
}

/** For every engine alike: which one answers behind an address is not known. */
function clean(words: string): string {
  return escapePipes(stripEngineCommands(words))
}
