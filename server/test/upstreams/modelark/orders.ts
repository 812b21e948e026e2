// Reads a create as ModelArk does: JSON, each field checked for its model. The first fault is the answer.
import type { Answer } from '../faults.ts'
import type { PictureFormat } from '../pictures.ts'
import type { UpstreamRequest } from '../upstream.ts'
import { refuse } from './refusals.ts'

export type Order = {
  prompt: string
  model: string
  width: number
  height: number
  format: PictureFormat
  /** Pictures to make. */
  count: number
  wantsUrl: boolean
  watermark: boolean
  stream: boolean
  /** Everything as understood, for the log. */
  fields: Record<string, unknown>
}

/** The prompt is there for directives in requests that are refused. */
export type ReadOrder = { prompt: string; order: Order } | { prompt: string; answer: Answer }

type EmulatedModel = {
  minPixels: number
  maxReferences: number
  words: Record<string, number>
  /** Empty where the format cannot be chosen. */
  formats: string[]
}
type Fields = Record<string, unknown>

class Refused extends Error {
  constructor(readonly answer: Answer) {
    super('refused')
  }
}

const models: Record<string, EmulatedModel> = {
  'seedream-5-0-lite-260128': {
    minPixels: 3_686_400,
    maxReferences: 14,
    words: { '2K': 2048, '4K': 4096 },
    formats: ['png', 'jpeg'],
  },
  'dola-seedream-5-0-pro-260628': {
    minPixels: 3_686_400,
    maxReferences: 14,
    words: { '2K': 2048, '4K': 4096 },
    formats: ['png', 'jpeg'],
  },
  'seedream-4-5-251128': {
    minPixels: 3_686_400,
    maxReferences: 14,
    words: { '2K': 2048, '4K': 4096 },
    formats: [],
  },
  'seedream-4-0-250828': {
    minPixels: 921_600,
    maxReferences: 10,
    words: { '1K': 1024, '1.5K': 1536, '2K': 2048, '4K': 4096 },
    formats: [],
  },
}
const maxPixels = 4096 * 4096
const maxPictures = 15
const known = [
  'model',
  'prompt',
  'image',
  'size',
  'response_format',
  'watermark',
  'sequential_image_generation',
  'sequential_image_generation_options',
  'stream',
  'output_format',
  'optimize_prompt_options',
]

export function readOrder(request: UpstreamRequest): ReadOrder {
  const fields = parseBody(request)
  const prompt = typeof fields?.prompt === 'string' ? fields.prompt : ''
  if (fields === null)
    return { prompt, answer: refuse(400, 'InvalidParameter', 'The body is no JSON object.') }
  try {
    return { prompt, order: checkOrder(fields) }
  } catch (error) {
    if (error instanceof Refused) return { prompt, answer: error.answer }
    throw error
  }
}

function parseBody({ headers, body }: UpstreamRequest): Fields | null {
  if (!(headers['content-type'] ?? '').startsWith('application/json')) return null
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
  } catch {
    return null
  }
}

function checkOrder(fields: Fields): Order {
  const { prompt } = fields
  const name = fields.model
  if (typeof name !== 'string') return fail('model', 'MissingParameter')
  const model = models[name]
  if (model === undefined)
    throw new Refused(
      refuse(
        404,
        'InvalidEndpointOrModel.NotFound',
        `The model or endpoint ${name} does not exist or you do not have access to it.`,
      ),
    )
  if (typeof prompt !== 'string' || prompt === '') return fail('prompt', 'MissingParameter')
  const unknown = Object.keys(fields).find(field => !known.includes(field))
  if (unknown !== undefined) return fail(unknown)
  const references = readReferences(fields.image, model)
  const [width, height] = readSize(fields.size, model)
  const format = fields.output_format
  if (format !== undefined && !model.formats.includes(String(format))) return fail('output_format')
  for (const flag of ['watermark', 'stream']) {
    if (fields[flag] !== undefined && typeof fields[flag] !== 'boolean') return fail(flag)
  }
  const wanted = fields.response_format ?? 'url'
  if (wanted !== 'url' && wanted !== 'b64_json') return fail('response_format')
  const count = readCount(fields, references.length)
  return {
    ...{ prompt, model: name, width, height, count },
    format: (format ?? 'jpeg') as PictureFormat,
    wantsUrl: wanted === 'url',
    watermark: fields.watermark !== false,
    stream: fields.stream === true,
    fields: { ...fields, ...(references.length > 0 ? { image: references } : {}) },
  }
}

/** Type and size of each picture, which must be what its address says. */
function readReferences(value: unknown, model: EmulatedModel): { mediaType: string; sizeBytes: number }[] {
  const list = value === undefined ? [] : Array.isArray(value) ? value : [value]
  if (list.length > model.maxReferences) return fail('image')
  return list.map(text => {
    if (typeof text === 'string' && text.startsWith('https://')) return { mediaType: 'url', sizeBytes: 0 }
    const match = /^data:(image\/(?:png|jpeg|webp));base64,([A-Za-z0-9+/]+=*)$/.exec(String(text))
    if (match === null) return fail('image')
    return { mediaType: match[1] ?? '', sizeBytes: Buffer.from(match[2] ?? '', 'base64').length }
  })
}

function readSize(value: unknown, model: EmulatedModel): [number, number] {
  const text = String(value ?? Object.keys(model.words)[0])
  const edge = model.words[text]
  if (edge !== undefined) return [edge, edge]
  const match = /^(\d+)x(\d+)$/.exec(text)
  const [width, height] = [Number(match?.[1]), Number(match?.[2])]
  const pixels = width * height
  const ratio = width / height
  const isGood = pixels >= model.minPixels && pixels <= maxPixels && ratio >= 1 / 16 && ratio <= 16
  if (match !== null && isGood) return [width, height]
  return fail('size', 'InvalidParameter', `image size must be at least ${model.minPixels} pixels.`)
}

function readCount(fields: Fields, references: number): number {
  const series = fields.sequential_image_generation ?? 'disabled'
  if (series !== 'disabled' && series !== 'auto') return fail('sequential_image_generation')
  const options = fields.sequential_image_generation_options as Fields | undefined
  if (series === 'disabled') {
    return options === undefined ? 1 : fail('sequential_image_generation_options')
  }
  const most = options?.max_images ?? maxPictures
  const isGood = typeof most === 'number' && Number.isInteger(most) && most >= 1
  return isGood && most + references <= maxPictures
    ? most
    : fail('sequential_image_generation_options.max_images')
}

function fail(param: string, code = 'InvalidParameter', why = ''): never {
  const message = `The parameter \`${param}\` specified in the request is not valid. ${why}`.trim()
  throw new Refused(refuse(400, code, { message, param }))
}
