// Reads and checks create requests as OpenAI does: JSON for generations, multipart or JSON for edits. The first
// fault found is the answer, with the parameter's name.
import type { Answer } from '../faults.ts'
import type { PictureFormat } from '../pictures.ts'
import type { UpstreamRequest } from '../upstream.ts'
import { type EmulatedModel, findEmulatedModel } from './models.ts'
import { refuse } from './refusals.ts'

export type Order = {
  prompt: string
  model: string
  count: number
  /** `auto` has become pixels here. */
  width: number
  height: number
  quality: string
  background: string
  format: PictureFormat
  stream: boolean
  partials: number
  /** Pictures to work from, for the usage arithmetic. */
  inputPictures: number
  /** Everything as understood, for the log. */
  fields: Record<string, unknown>
}

export type ReadOrder = { order: Order } | { answer: Answer }

type Upload = { name: string; mediaType: string; bytes: Buffer }
type Fields = Record<string, unknown>

class Refused extends Error {
  constructor(readonly answer: Answer) {
    super('refused')
  }
}

const sharedNames = [
  'prompt',
  'model',
  'n',
  'size',
  'quality',
  'background',
  'output_format',
  'output_compression',
  'stream',
  'partial_images',
  'complexity',
  'safety_identifier',
  'user',
]
const generationNames = [...sharedNames, 'moderation', 'frame_count', 'frame_duration_ms', 'svg']
const editNames = [...sharedNames, 'image', 'mask', 'input_fidelity', 'markup', 'moderation']
const jsonEditNames = [...sharedNames, 'images', 'mask', 'input_fidelity', 'moderation']

/** What the vendor documents as the most for one uploaded picture and for a mask. */
const maxImageBytes = 50 * 1024 * 1024
const maxMaskBytes = 4 * 1024 * 1024

export function readGeneration(request: UpstreamRequest): ReadOrder {
  return guard(() => {
    const fields = parseJson(request)
    refuseUnknown(fields, generationNames)
    return checkOrder(fields, 0)
  })
}

export async function readEdit(request: UpstreamRequest): Promise<ReadOrder> {
  if (!(request.headers['content-type'] ?? '').startsWith('multipart/form-data')) {
    return guard(() => readJsonEdit(request))
  }
  const form = await parseMultipart(request)
  if (form === null) return { answer: refuse(400, { message: 'Could not parse multipart form' }) }
  return guard(() => {
    const uploads = form.uploads.filter(upload => /^image(\[\])?$/.test(upload.name))
    if (uploads.length === 0)
      refuseParam('image', 'missing_required_parameter', "Missing required parameter: 'image'.")
    if (uploads.length > 16) refuseParam('image', 'invalid_value', 'At most 16 images are supported.')
    for (const upload of uploads)
      checkUpload(upload, ['image/png', 'image/jpeg', 'image/webp'], maxImageBytes)
    const mask = form.uploads.find(upload => upload.name === 'mask')
    if (mask !== undefined) checkUpload(mask, ['image/png'], maxMaskBytes)
    refuseUnknown(form.fields, editNames)
    const order = checkOrder(readFormNumbers(form.fields), uploads.length)
    const images = uploads.map(({ name, mediaType, bytes }) => ({ name, mediaType, sizeBytes: bytes.length }))
    order.fields = {
      ...order.fields,
      images,
      mask: mask === undefined ? null : { sizeBytes: mask.bytes.length },
    }
    return order
  })
}

function guard(read: () => Order): ReadOrder {
  try {
    return { order: read() }
  } catch (error) {
    if (error instanceof Refused) return { answer: error.answer }
    throw error
  }
}

function readJsonEdit(request: UpstreamRequest): Order {
  const fields = parseJson(request)
  refuseUnknown(fields, jsonEditNames)
  const images = fields.images
  if (!Array.isArray(images) || images.length < 1 || images.length > 16) {
    return refuseParam('images', 'invalid_value', "Invalid 'images': expected 1 to 16 items.")
  }
  for (const image of fields.mask === undefined ? images : [...images, fields.mask])
    checkImageReference(image)
  return checkOrder(fields, images.length)
}

function checkImageReference(image: unknown): void {
  const keys = typeof image === 'object' && image !== null ? Object.keys(image) : []
  const url = (image as Fields | null)?.image_url
  const isGood =
    keys.length === 1 &&
    (keys[0] === 'file_id' || (typeof url === 'string' && /^(https:|data:image\/)/.test(url)))
  if (!isGood)
    refuseParam('images', 'invalid_value', 'Each image needs exactly one of image_url and file_id.')
}

function checkOrder(fields: Fields, inputPictures: number): Order {
  const prompt = fields.prompt
  if (prompt === undefined) {
    refuseParam('prompt', 'missing_required_parameter', "Missing required parameter: 'prompt'.")
  }
  if (typeof prompt !== 'string' || prompt === '') return refuseValue('prompt', prompt)
  if ([...prompt].length > 32_000)
    refuseParam('prompt', 'string_above_max_length', "Invalid 'prompt': too long.")
  const name = fields.model ?? 'gpt-image-1.5'
  const model = typeof name === 'string' ? findEmulatedModel(name) : null
  if (model === null) throw new Refused(retiredModel(String(name)))
  const format = oneOf(fields, 'output_format', ['png', 'jpeg', 'webp'])
  const background = oneOf(fields, 'background', ['auto', 'transparent', 'opaque'])
  if (background === 'transparent' && format === 'jpeg') {
    refuseParam('background', 'invalid_value', 'Transparent background is not supported for JPEG output.')
  }
  const compression = integer(fields, 'output_compression', { from: 0, to: 100, fallback: 100 })
  if (compression < 100 && format === 'png') {
    refuseParam(
      'output_compression',
      'invalid_png_output_compression',
      'Compression less than 100 is not supported for PNG output format',
    )
  }
  oneOf(fields, 'moderation', ['auto', 'low'])
  checkModelFields(fields, model)
  const stream = fields.stream ?? false
  if (typeof stream !== 'boolean') return refuseValue('stream', stream)
  const partials = integer(fields, 'partial_images', { from: 0, to: 3, fallback: 0 })
  if (partials > 0 && !stream) refuseParam('partial_images', 'invalid_value', 'partial_images needs stream.')
  const { width, height } = checkSize(fields.size ?? 'auto', model)
  return {
    prompt,
    model: model.id,
    count: integer(fields, 'n', { from: 1, to: 10, fallback: 1 }),
    width,
    height,
    quality: oneOf(fields, 'quality', model.qualities),
    background,
    format: format === 'jpeg' || format === 'webp' ? format : 'png',
    stream,
    partials,
    inputPictures,
    fields,
  }
}

function checkModelFields(fields: Fields, model: EmulatedModel): void {
  if (fields.complexity !== undefined) {
    if (!model.complexity) refuseUnknown({ complexity: true }, [])
    oneOf(fields, 'complexity', ['low', 'medium', 'high'])
  }
  if (fields.input_fidelity !== undefined) {
    if (model.inputFidelity.length === 0) {
      refuseParam(
        'input_fidelity',
        'invalid_input_fidelity_model',
        `The model '${model.id}' does not support input_fidelity.`,
      )
    }
    oneOf(fields, 'input_fidelity', model.inputFidelity)
  }
}

function checkSize(size: unknown, model: EmulatedModel): { width: number; height: number } {
  if (size === 'auto') return { width: 1024, height: 1024 }
  const match = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(typeof size === 'string' ? size : '')
  if (match === null) return refuseValue('size', size)
  const [width, height] = [Number(match[1]), Number(match[2])]
  const isClassic = ['1024x1024', '1536x1024', '1024x1536'].includes(match[0])
  const ratio = width / height
  const area = width * height
  const isFree =
    width % 16 === 0 &&
    height % 16 === 0 &&
    ratio >= 1 / 3 &&
    ratio <= 3 &&
    Math.max(width, height) <= 3840 &&
    area >= 655_360 &&
    area <= 8_294_400
  return isClassic || (model.freeSizes && isFree) ? { width, height } : refuseValue('size', size)
}

function retiredModel(model: string): Answer {
  const message = /^(gpt-image-1|dall-e-\d)$/.test(model)
    ? `The model \`${model}\` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations`
    : `The model \`${model}\` does not exist or you do not have access to it.`
  return refuse(404, { message, code: 'model_not_found' })
}

function oneOf(fields: Fields, name: string, allowed: readonly string[]): string {
  const value = fields[name]
  if (value === undefined) return allowed[0] ?? ''
  return typeof value === 'string' && allowed.includes(value) ? value : refuseValue(name, value, allowed)
}

function integer(
  fields: Fields,
  name: string,
  range: { from: number; to: number; fallback: number },
): number {
  const value = fields[name]
  if (value === undefined) return range.fallback
  if (typeof value !== 'number' || !Number.isInteger(value)) return refuseValue(name, value)
  return value >= range.from && value <= range.to ? value : refuseValue(name, value)
}

function refuseUnknown(fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields)) {
    if (!known.includes(name)) refuseParam(name, 'unknown_parameter', `Unknown parameter: '${name}'.`)
  }
}

function refuseValue(name: string, value: unknown, allowed: readonly string[] = []): never {
  const supported =
    allowed.length > 0 ? ` Supported values are: ${allowed.map(one => `'${one}'`).join(', ')}.` : ''
  return refuseParam(name, 'invalid_value', `Invalid value: ${JSON.stringify(value)}.${supported}`)
}

function refuseParam(param: string, code: string, message: string): never {
  throw new Refused(refuse(400, { message, param, code }))
}

function checkUpload(upload: Upload, mediaTypes: string[], maxBytes: number): void {
  if (!mediaTypes.includes(upload.mediaType)) {
    refuseParam(
      upload.name,
      'unsupported_file_mimetype',
      `Invalid file '${upload.name}': unsupported mimetype ('${upload.mediaType}').`,
    )
  }
  if (upload.bytes.length >= maxBytes) {
    refuseParam(upload.name, 'invalid_value', `Invalid file '${upload.name}': too large.`)
  }
  const { bytes } = upload
  const head = bytes.subarray(0, 4).toString('latin1')
  if (!head.startsWith('\x89PNG') && !head.startsWith('\xff\xd8\xff') && head !== 'RIFF') {
    refuseParam(
      upload.name,
      'invalid_image_file',
      'Invalid image file or mode, please check your image file.',
    )
  }
}

function parseJson(request: UpstreamRequest): Fields {
  if (!(request.headers['content-type'] ?? '').startsWith('application/json')) {
    const message = `Unsupported content type: '${request.headers['content-type'] ?? ''}'. This API method only accepts 'application/json' requests.`
    throw new Refused(refuse(400, { message, code: 'unsupported_content_type' }))
  }
  try {
    const value: unknown = JSON.parse(request.body.toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch {
    // The vendor's words for both cases follow.
  }
  throw new Refused(refuse(400, { message: 'We could not parse the JSON body of your request.' }))
}

async function parseMultipart(
  request: UpstreamRequest,
): Promise<{ fields: Fields; uploads: Upload[] } | null> {
  const headers = { 'content-type': request.headers['content-type'] ?? '' }
  const form = await new Response(new Uint8Array(request.body), { headers }).formData().catch(() => null)
  if (form === null) return null
  const fields: Fields = {}
  const uploads: Upload[] = []
  for (const [name, value] of form) {
    if (typeof value === 'string') fields[name] = value
    else uploads.push({ name, mediaType: value.type, bytes: Buffer.from(await value.arrayBuffer()) })
  }
  return { fields, uploads }
}

/** Form fields are text; numbers and switches are read as the vendor reads them. */
function readFormNumbers(fields: Fields): Fields {
  const read = { ...fields }
  for (const name of ['n', 'output_compression', 'partial_images']) {
    const value = read[name]
    if (typeof value === 'string' && /^\d+$/.test(value)) read[name] = Number(value)
  }
  if (read.stream === 'true') read.stream = true
  if (read.stream === 'false') read.stream = false
  return read
}
