// What the emulated getimg takes: exactly the documented fields, with references by public address alone.
import type { Answer } from '../faults.ts'
import { type GetimgModel, getimgModels } from './models.ts'
import { refuse } from './refusals.ts'

export type GetimgOrder = {
  model: GetimgModel
  prompt: string
  aspectRatio: string
  resolution: string
  format: 'png' | 'jpeg' | 'webp'
  references: string[]
}

const knownFields = ['model', 'prompt', 'aspect_ratio', 'resolution', 'output_format', 'images']
const formats = ['png', 'jpeg', 'webp'] as const
const maxPromptLength = 4096
const maxReferences = 8

/** The words to steer by, before anything is judged. */
export function readPrompt(body: unknown): string {
  const prompt = asFields(body)?.prompt
  return typeof prompt === 'string' ? prompt : ''
}

export function readOrder(body: unknown): { order: GetimgOrder } | { answer: Answer } {
  const fields = asFields(body)
  if (fields === null) return { answer: invalid('', 'The body must be a JSON object.') }
  const unknown = Object.keys(fields).find(name => !knownFields.includes(name))
  if (unknown !== undefined) return { answer: invalid(unknown, `Unknown parameter: ${unknown}.`) }
  for (const name of ['model', 'prompt']) {
    if (fields[name] !== undefined) continue
    const message = `Missing required parameter: ${name}.`
    return { answer: refuse(400, { message, code: 'parameter_missing', param: name }) }
  }
  const model = getimgModels.find(each => each.id === fields.model)
  if (model === undefined) return { answer: invalid('model', 'Invalid model.') }
  const { prompt } = fields
  if (typeof prompt !== 'string' || prompt === '' || prompt.length > maxPromptLength)
    return { answer: invalid('prompt', `The prompt must have 1 to ${maxPromptLength} characters.`) }
  return readOptions(fields, model, prompt)
}

function readOptions(
  fields: Record<string, unknown>,
  model: GetimgModel,
  prompt: string,
): { order: GetimgOrder } | { answer: Answer } {
  const [firstRatio = '1:1'] = model.ratios
  const [firstResolution = '1K'] = Object.keys(model.prices)
  const aspectRatio = fields.aspect_ratio ?? firstRatio
  if (typeof aspectRatio !== 'string' || !model.ratios.includes(aspectRatio))
    return { answer: invalid('aspect_ratio', 'This aspect ratio is not supported by the model.') }
  const resolution = fields.resolution ?? firstResolution
  // Exact case: `2k` is not `2K`.
  if (typeof resolution !== 'string' || !(resolution in model.prices))
    return { answer: invalid('resolution', 'This resolution is not supported by the model.') }
  const format = formats.find(each => each === (fields.output_format ?? 'jpeg'))
  if (format === undefined) return { answer: invalid('output_format', 'Unknown output format.') }
  const references = readReferences(fields.images, model)
  if ('answer' in references) return references
  return { order: { model, prompt, aspectRatio, resolution, format, references: references.urls } }
}

function readReferences(images: unknown, model: GetimgModel): { urls: string[] } | { answer: Answer } {
  if (images === undefined) return { urls: [] }
  if (!Array.isArray(images)) return { answer: invalid('images', 'images must be an array.') }
  if (images.length > Math.min(model.maxReferences, maxReferences))
    return { answer: invalid('images', 'Too many reference images for this model.') }
  const urls: string[] = []
  for (const [index, image] of images.entries()) {
    const { url, role = 'reference_image' } = asFields(image) ?? {}
    if (role !== 'reference_image')
      return { answer: invalid(`images[${index}].role`, 'Unknown role of a reference image.') }
    // Neither base64 nor a data URL is an address.
    if (typeof url !== 'string' || !/^https:\/\/\S+$/.test(url))
      return { answer: invalid(`images[${index}].url`, 'Reference images must be public HTTPS URLs.') }
    urls.push(url)
  }
  return { urls }
}

function invalid(param: string, message: string): Answer {
  return refuse(400, { message, code: 'invalid_parameter', param: param === '' ? null : param })
}

function asFields(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}
