// The emulated Gemini's strictness: unknown fields, wrong types and values the model does not take are a 400 with
// the vendor's words. What the adapter may send is proven by what is let through here.
import type { GoogleModel } from './models.ts'

/** What was understood of a create. */
export type GoogleCreate = {
  prompt: string
  ratio: string
  size: string
  seed: number | null
  thinking: string | null
  wantsImage: boolean
  wantsText: boolean
  referenceBytes: number[]
}

export type Violation = { message: string; field?: string }

export class GoogleInvalid extends Error {
  constructor(readonly violation: Violation) {
    super(violation.message)
  }
}

/** Leaves are checked by value below; here only their names count. `list` holds the shape of each item. */
type Shape = { [field: string]: Shape | 'any' | { list: Shape } }

const contentShape: Shape = {
  role: 'any',
  parts: {
    list: {
      text: 'any',
      thought: 'any',
      thoughtSignature: 'any',
      inlineData: { mimeType: 'any', data: 'any' },
      fileData: { mimeType: 'any', fileUri: 'any' },
    },
  },
}

const requestShape: Shape = {
  model: 'any',
  contents: { list: contentShape },
  systemInstruction: contentShape,
  safetySettings: { list: { category: 'any', threshold: 'any' } },
  tools: { list: { googleSearch: 'any' } },
  generationConfig: {
    responseModalities: 'any',
    imageConfig: { aspectRatio: 'any', imageSize: 'any' },
    thinkingConfig: { thinkingLevel: 'any', includeThoughts: 'any', thinkingBudget: 'any' },
    seed: 'any',
    temperature: 'any',
    topP: 'any',
    topK: 'any',
    candidateCount: 'any',
    maxOutputTokens: 'any',
    stopSequences: 'any',
  },
}

const maxInt32 = 2 ** 31 - 1
const referenceTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif']
const thinkingWords = ['THINKING_LEVEL_UNSPECIFIED', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH']

type Fields = Record<string, unknown>

/** Reads a body as Gemini would. Throws GoogleInvalid. */
export function parseCreate(body: Buffer, model: GoogleModel): GoogleCreate {
  const request = parseBody(body)
  checkShape(request, requestShape, '')
  const parts = readParts(request)
  const config = asFields(request.generationConfig)
  const image = asFields(config.imageConfig)
  const thinking = readThinking(asFields(config.thinkingConfig), model)
  if (config.candidateCount !== undefined && config.candidateCount !== 1) {
    throw invalid('Multiple candidates is not enabled for this model', 'generation_config.candidate_count')
  }
  const modalities = readModalities(config.responseModalities)
  return {
    prompt: parts.texts.join('\n'),
    ratio: readRatio(image.aspectRatio, model),
    size: readSize(image.imageSize, model),
    seed: readSeed(config.seed),
    thinking,
    wantsImage: modalities.includes('IMAGE'),
    wantsText: modalities.includes('TEXT'),
    referenceBytes: checkReferences(parts.references, model),
  }
}

/** The prompt alone, for directives in requests that are refused later; empty when there is none. */
export function peekPrompt(body: Buffer): string {
  try {
    return readParts(parseBody(body)).texts.join('\n')
  } catch {
    return ''
  }
}

function parseBody(body: Buffer): Fields {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch {
    // Said below, in the vendor's words.
  }
  throw new GoogleInvalid({ message: 'Invalid JSON payload received. Expected an object.' })
}

function checkShape(value: unknown, shape: Shape, at: string): void {
  for (const [name, inner] of Object.entries(asFields(value))) {
    const expected = shape[name]
    if (expected === undefined) {
      const place = at === '' ? '' : ` at '${at}'`
      throw invalid(`Invalid JSON payload received. Unknown name "${name}"${place}: Cannot find field.`, at)
    }
    if (expected === 'any') continue
    const below = at === '' ? toSnake(name) : `${at}.${toSnake(name)}`
    if (isList(expected)) {
      if (!Array.isArray(inner)) throw invalid(`Invalid value at '${below}', expected a list.`, below)
      for (const [index, item] of inner.entries()) checkShape(item, expected.list, `${below}[${index}]`)
    } else {
      if (typeof inner !== 'object' || inner === null) throw invalid(`Invalid value at '${below}'.`, below)
      checkShape(inner, expected, below)
    }
  }
}

function isList(shape: Shape | { list: Shape }): shape is { list: Shape } {
  return 'list' in shape
}

function readParts(request: Fields): { texts: string[]; references: Fields[] } {
  const contents = Array.isArray(request.contents) ? request.contents : []
  const parts = contents.flatMap(content => asList(asFields(content).parts)).map(asFields)
  if (parts.length === 0) {
    throw invalid('* GenerateContentRequest.contents: contents is not specified', 'contents')
  }
  const texts = parts.map(part => part.text).filter(text => text !== undefined)
  if (texts.some(text => typeof text !== 'string')) {
    throw invalid("Invalid value at 'contents[0].parts[0].text' (TYPE_STRING)", 'contents[0].parts[0].text')
  }
  return {
    texts: texts.map(String),
    references: parts.filter(part => part.inlineData !== undefined).map(part => asFields(part.inlineData)),
  }
}

function readModalities(value: unknown): string[] {
  if (value === undefined) return ['TEXT', 'IMAGE']
  const words = asList(value).map(String)
  if (words.length === 0 || words.some(word => word !== 'TEXT' && word !== 'IMAGE')) {
    throw invalid(
      "Invalid value at 'generation_config.response_modalities' (type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.Modality)",
      'generation_config.response_modalities',
    )
  }
  return words
}

function readRatio(value: unknown, model: GoogleModel): string {
  if (value === undefined) return '1:1'
  if (typeof value === 'string' && model.ratios.includes(value)) return value
  throw invalid(
    `* GenerateContentRequest.generation_config.image_config.aspect_ratio: Invalid aspect ratio. Supported ratios are ${model.ratios.join(', ')}.`,
    'generation_config.image_config.aspect_ratio',
  )
}

function readSize(value: unknown, model: GoogleModel): string {
  if (value === undefined) return '1K'
  // Exact case: `1k` is not `1K`.
  if (typeof value === 'string' && model.sizes.includes(value)) return value
  throw invalid(
    model.sizes.length === 0
      ? `Image size is not supported for ${model.id}.`
      : `* GenerateContentRequest.generation_config.image_config.image_size: Invalid image size. Supported sizes are ${model.sizes.join(', ')}.`,
    'generation_config.image_config.image_size',
  )
}

function readThinking(config: Fields, model: GoogleModel): string | null {
  if (config.thinkingLevel === undefined) return null
  const field = 'generation_config.thinking_config.thinking_level'
  if (config.thinkingBudget !== undefined) {
    throw invalid('You can only set one of thinking budget and thinking level.', field)
  }
  const word = String(config.thinkingLevel).toUpperCase()
  if (!thinkingWords.includes(word))
    throw invalid(`Invalid value at '${field}' (ThinkingLevel), "${word}"`, field)
  if (!model.thinking.includes(word)) {
    throw invalid(
      `Thinking level ${word} is not supported for this model. Please retry with other thinking level.`,
      field,
    )
  }
  return word
}

function readSeed(value: unknown): number | null {
  if (value === undefined) return null
  if (typeof value === 'number' && Number.isInteger(value) && value >= -maxInt32 - 1 && value <= maxInt32)
    return value
  throw invalid(
    `Invalid value at 'generation_config.seed' (TYPE_INT32), ${String(value)}`,
    'generation_config.seed',
  )
}

/** Sizes of the decoded references, which must be what their type says. */
function checkReferences(references: Fields[], model: GoogleModel): number[] {
  if (references.length > model.maxReferences) {
    throw new GoogleInvalid({ message: `Please use fewer images: at most ${model.maxReferences}.` })
  }
  return references.map(({ mimeType, data }) => {
    if (!referenceTypes.includes(String(mimeType))) {
      throw new GoogleInvalid({ message: `Unsupported MIME type: ${String(mimeType)}` })
    }
    const bytes =
      typeof data === 'string' && /^[A-Za-z0-9+/]+=*$/.test(data) ? Buffer.from(data, 'base64') : null
    if (bytes === null || data === undefined) {
      const field = 'contents[0].parts[1].inline_data.data'
      throw invalid(`Invalid value at '${field}' (TYPE_BYTES), Base64 decoding failed`, field)
    }
    if (sniffType(bytes) === null)
      throw new GoogleInvalid({ message: 'Unable to process input image. Please retry.' })
    return bytes.length
  })
}

function sniffType(bytes: Buffer): string | null {
  if (bytes.subarray(0, 4).toString('latin1') === '\x89PNG') return 'image/png'
  if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return 'image/jpeg'
  if (bytes.subarray(8, 12).toString('latin1') === 'WEBP') return 'image/webp'
  return bytes.subarray(4, 8).toString('latin1') === 'ftyp' ? 'image/heic' : null
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

function invalid(message: string, field: string): GoogleInvalid {
  return new GoogleInvalid({ message, field })
}
