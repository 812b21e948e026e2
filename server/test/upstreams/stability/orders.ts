// Reads a create as Stability does: a form with a file in it, each field checked. The first fault is the answer.
import type { Answer } from '../faults.ts'
import type { PictureFormat } from '../pictures.ts'
import type { UpstreamRequest } from '../upstream.ts'
import { refuse } from './answers.ts'

export type Order = {
  prompt: string
  model: string
  width: number
  height: number
  format: PictureFormat
  seed: number
  /** Everything as understood, for the log. */
  fields: Record<string, unknown>
}

/** The prompt is there for directives in requests that are refused. */
export type ReadOrder = { prompt: string; order: Order } | { prompt: string; answer: Answer }

const sizes: Record<string, [number, number]> = {
  '16:9': [1344, 768],
  '1:1': [1024, 1024],
  '21:9': [1536, 640],
  '2:3': [832, 1216],
  '3:2': [1216, 832],
  '4:5': [896, 1088],
  '5:4': [1088, 896],
  '9:16': [768, 1344],
  '9:21': [640, 1536],
}
const sd3Models = ['sd3.5-large', 'sd3.5-large-turbo', 'sd3.5-medium']
const shared = ['prompt', 'negative_prompt', 'aspect_ratio', 'seed', 'output_format', 'style_preset']
const known: Record<string, string[]> = {
  core: shared,
  ultra: [...shared, 'image', 'strength'],
  sd3: [...shared, 'image', 'strength', 'mode', 'model', 'cfg_scale'],
}
const maxSeed = 4_294_967_294

export async function readOrder(endpoint: string, request: UpstreamRequest): Promise<ReadOrder> {
  const fault = (text: string) => ({ prompt: '', answer: refuse(400, 'bad_request', [text]) })
  if (known[endpoint] === undefined) {
    return { prompt: '', answer: refuse(404, 'not_found', [`no endpoint ${endpoint}`]) }
  }
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/form-data')) return fault('content-type: must be multipart/form-data')
  if (!['image/*', 'application/json'].includes(request.headers.accept ?? '')) {
    return fault('accept: must be "image/*" or "application/json"')
  }
  const form = await parseForm(request, type)
  if (form === null) return fault('body: cannot be parsed')
  if (form.files.size === 0) return fault('body: a form without a file part')
  const prompt = form.fields.get('prompt') ?? ''
  const text = findFault(endpoint, form)
  if (text !== null) return { prompt, answer: refuse(400, 'bad_request', [text]) }
  return { prompt, order: toOrder(endpoint, form) }
}

type Form = { fields: Map<string, string>; files: Map<string, Buffer> }

async function parseForm(request: UpstreamRequest, type: string): Promise<Form | null> {
  const form: Form = { fields: new Map(), files: new Map() }
  try {
    const parsed = await new Response(new Uint8Array(request.body), {
      headers: { 'content-type': type },
    }).formData()
    for (const [name, value] of parsed.entries()) {
      if (typeof value === 'string') form.fields.set(name, value)
      else form.files.set(name, Buffer.from(await value.arrayBuffer()))
    }
    return form
  } catch {
    return null
  }
}

function findFault(endpoint: string, { fields, files }: Form): string | null {
  const names = [...fields.keys(), ...files.keys()].filter(name => name !== 'none')
  const unknown = names.find(name => !known[endpoint]?.includes(name))
  if (unknown !== undefined) return `${unknown}: is not a known field`
  const prompt = fields.get('prompt') ?? ''
  if (prompt === '') return 'prompt: cannot be blank'
  if ([...prompt].length > 10_000) return 'prompt: length must be between 1 and 10000 characters'
  const ratio = fields.get('aspect_ratio')
  if (ratio !== undefined && sizes[ratio] === undefined) return 'aspect_ratio: must be one of the ratios'
  if (!isNumberWithin(fields.get('seed'), [0, maxSeed])) return `seed: must be between 0 and ${maxSeed}`
  const formats = endpoint === 'sd3' ? ['png', 'jpeg'] : ['png', 'jpeg', 'webp']
  const format = fields.get('output_format')
  if (format !== undefined && !formats.includes(format)) return `output_format: must be one of ${formats}`
  if (!isNumberWithin(fields.get('cfg_scale'), [1, 10])) return 'cfg_scale: must be between 1 and 10'
  return endpoint === 'sd3' ? findSd3Fault({ fields, files }) : findPictureFault({ fields, files })
}

function findSd3Fault(form: Form): string | null {
  const { fields, files } = form
  if (!sd3Models.includes(fields.get('model') ?? 'sd3.5-large')) return 'model: must be one of the models'
  const mode = fields.get('mode') ?? 'text-to-image'
  if (!['text-to-image', 'image-to-image'].includes(mode)) return 'mode: must be one of the modes'
  if (files.has('image') !== (mode === 'image-to-image')) return 'image: belongs to image-to-image'
  if (mode === 'image-to-image' && fields.has('aspect_ratio')) {
    return 'aspect_ratio: is valid for text-to-image only'
  }
  return findPictureFault(form)
}

function findPictureFault({ fields, files }: Form): string | null {
  if (files.has('image') !== fields.has('strength'))
    return 'strength: is required with an image, and only then'
  return isNumberWithin(fields.get('strength'), [0, 1]) ? null : 'strength: must be between 0 and 1'
}

function isNumberWithin(text: string | undefined, [least, most]: [number, number]): boolean {
  if (text === undefined) return true
  const value = text === '' ? Number.NaN : Number(text)
  return value >= least && value <= most
}

function toOrder(endpoint: string, { fields, files }: Form): Order {
  const prompt = fields.get('prompt') ?? ''
  const model = endpoint === 'sd3' ? (fields.get('model') ?? 'sd3.5-large') : endpoint
  const [width, height] = sizes[fields.get('aspect_ratio') ?? '1:1'] ?? [1024, 1024]
  const image = files.get('image')
  return {
    ...{ prompt, model, width, height },
    format: (fields.get('output_format') ?? 'png') as PictureFormat,
    seed: Number(fields.get('seed') ?? 0),
    fields: {
      endpoint,
      ...Object.fromEntries(fields),
      ...(image === undefined ? {} : { imageBytes: image.length }),
      files: [...files.keys()],
    },
  }
}
