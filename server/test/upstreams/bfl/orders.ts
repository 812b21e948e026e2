// Reads a create as Black Forest Labs does: JSON, each field checked for its model. The first fault is the answer.
import type { Answer } from '../faults.ts'
import type { PictureFormat } from '../pictures.ts'
import type { UpstreamRequest } from '../upstream.ts'
import { refuseField, say } from './refusals.ts'

export type Order = {
  prompt: string
  model: string
  width: number
  height: number
  format: PictureFormat
  seed: number
  /** Credits of a cent. */
  cost: number
  inputMp: number
  outputMp: number
  /** Everything as understood, for the log: pictures by their size. */
  fields: Record<string, unknown>
}

/** The prompt is there for directives in requests that are refused. */
export type ReadOrder = { prompt: string; order: Order } | { prompt: string; answer: Answer }

type EmulatedModel = {
  /** How the shape is told. */
  by: 'pixels' | 'ratio'
  multipleOf: number
  maxEdge: number
  maxPixels: number
  /** Names of its pictures, in order. */
  pictures: string[]
  /** Credits of the first megapixel, of each further one, and of each that is given. */
  price: [number, number, number]
}
type Fields = Record<string, unknown>

class Refused extends Error {
  constructor(readonly answer: Answer) {
    super('refused')
  }
}

const eight = ['input_image', ...[2, 3, 4, 5, 6, 7, 8].map(n => `input_image_${n}`)]
const flux2 = { by: 'pixels', multipleOf: 16, maxEdge: 4096, maxPixels: 4_194_304, pictures: eight } as const
const flux1 = { by: 'pixels', multipleOf: 32, maxEdge: 1440, maxPixels: 2_073_600 } as const
const byRatio = { by: 'ratio', multipleOf: 1, maxEdge: 0, maxPixels: 0 } as const
const kontext = { ...byRatio, pictures: eight.slice(0, 4) }
const models: Record<string, EmulatedModel> = {
  'flux-2-pro': { ...flux2, price: [3, 1.5, 1.5] },
  'flux-2-max': { ...flux2, price: [7, 3, 3] },
  'flux-2-flex': { ...flux2, price: [5, 5, 5] },
  'flux-2-klein-4b': { ...flux2, price: [1.4, 0.1, 0.1] },
  'flux-2-klein-9b': { ...flux2, price: [1.5, 0.2, 0.2] },
  'flux-kontext-pro': { ...kontext, price: [4, 0, 0] },
  'flux-kontext-max': { ...kontext, price: [8, 0, 0] },
  'flux-pro-1.1': { ...flux1, pictures: ['image_prompt'], price: [4, 0, 0] },
  'flux-pro-1.1-ultra': { ...byRatio, pictures: ['image_prompt'], price: [6, 0, 0] },
  'flux-pro': { ...flux1, pictures: ['image_prompt'], price: [5, 0, 0] },
  'flux-dev': { ...flux1, pictures: ['image_prompt'], price: [2.5, 0, 0] },
  'flux-pro-1.0-fill': { ...byRatio, pictures: ['image', 'mask'], price: [5, 0, 0] },
}
const others = [
  'prompt',
  'seed',
  'steps',
  'guidance',
  'prompt_upsampling',
  'safety_tolerance',
  'output_format',
  'raw',
  'image_prompt_strength',
]
const megapixel = 1024 * 1024

export function readOrder(model: string, request: UpstreamRequest): ReadOrder {
  const fields = parseBody(request)
  const prompt = typeof fields?.prompt === 'string' ? fields.prompt : ''
  const known = models[model]
  if (known === undefined) return { prompt, answer: say(404, 'Not Found') }
  if (fields === null) return { prompt, answer: refuseField('body', 'JSON decode error', null) }
  try {
    return { prompt, order: checkOrder({ name: model, ...known }, fields) }
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

function checkOrder(model: EmulatedModel & { name: string }, fields: Fields): Order {
  const prompt = fields.prompt
  if (typeof prompt !== 'string') return fail('prompt', 'Field required', prompt)
  const shape = model.by === 'pixels' ? ['width', 'height'] : ['aspect_ratio']
  const allowed = [...others, ...shape, ...model.pictures]
  const unknown = Object.keys(fields).find(name => !allowed.includes(name))
  if (unknown !== undefined) return fail(unknown, 'Extra inputs are not permitted', fields[unknown])
  const format = fields.output_format ?? 'jpeg'
  if (format !== 'jpeg' && format !== 'png')
    return fail('output_format', "Input should be 'jpeg' or 'png'", format)
  checkNumber(fields, 'safety_tolerance', [0, 6])
  checkNumber(fields, 'seed', [0, Number.MAX_SAFE_INTEGER])
  const pictures = Object.fromEntries(
    model.pictures
      .filter(name => fields[name] !== undefined)
      .map(name => [name, measure(name, fields[name])]),
  )
  const [width, height] = model.by === 'pixels' ? readPixels(model, fields) : readRatio(model.name, fields)
  const inputMp = Object.keys(pictures).length
  const outputMp = Math.ceil((width * height) / megapixel)
  const [first, further, given] = model.price
  return {
    ...{ prompt, model: model.name, width, height, format: format as PictureFormat },
    seed: Number(fields.seed ?? 0),
    ...{ inputMp, outputMp },
    cost: first + further * (outputMp - 1) + given * inputMp,
    fields: { model: model.name, ...fields, ...pictures },
  }
}

function readPixels({ multipleOf, maxEdge, maxPixels }: EmulatedModel, fields: Fields): [number, number] {
  const edges = ['width', 'height'].map(name => {
    const edge = fields[name] ?? 1024
    const isGood = typeof edge === 'number' && edge >= 64 && edge <= maxEdge && edge % multipleOf === 0
    return isGood ? edge : fail(name, `Input should be a multiple of ${multipleOf} up to ${maxEdge}`, edge)
  })
  const [width = 0, height = 0] = edges
  return width * height <= maxPixels ? [width, height] : fail('width', 'The picture is too large', width)
}

/** The nearest size of about one megapixel, or four for Ultra, in steps of 16. */
function readRatio(name: string, fields: Fields): [number, number] {
  const text = String(fields.aspect_ratio ?? '1:1')
  const match = /^(\d{1,2}):(\d{1,2})$/.exec(text)
  const ratio = Number(match?.[1]) / Number(match?.[2])
  if (!(ratio >= 3 / 7 - 0.01 && ratio <= 7 / 3 + 0.01)) {
    return fail('aspect_ratio', 'Input should be a ratio from 3:7 to 7:3', text)
  }
  const area = name.endsWith('ultra') ? 4 * megapixel : megapixel
  const round = (edge: number) => Math.round(edge / 16) * 16
  return [round(Math.sqrt(area * ratio)), round(Math.sqrt(area / ratio))]
}

function checkNumber(fields: Fields, name: string, [least, most]: [number, number]): void {
  const value = fields[name]
  if (value === undefined) return
  const isGood = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
  if (!isGood) fail(name, `Input should be a whole number from ${least} to ${most}`, value)
}

/** The size of a picture in bytes: an address, or bare base64. */
function measure(name: string, value: unknown): { sizeBytes: number } {
  if (typeof value === 'string' && value.startsWith('https://')) return { sizeBytes: 0 }
  const isBase64 = typeof value === 'string' && /^[A-Za-z0-9+/]+=*$/.test(value)
  const bytes = isBase64 ? Buffer.from(value, 'base64') : Buffer.alloc(0)
  const isPicture =
    bytes.subarray(0, 4).toString('latin1') === '\x89PNG' ||
    bytes.subarray(0, 2).equals(Buffer.from([0xff, 0xd8])) ||
    bytes.subarray(8, 12).toString('latin1') === 'WEBP'
  return isPicture ? { sizeBytes: bytes.length } : fail(name, 'Input should be a picture in base64', 'base64')
}

function fail(field: string, message: string, input: unknown): never {
  throw new Refused(refuseField(field, message, input))
}
