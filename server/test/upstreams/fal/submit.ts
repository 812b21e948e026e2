// What the emulated fal's queue takes: JSON with the fields of the model, pictures by address or as data URLs.
import type { Answer } from '../faults.ts'
import { describeProblem, say } from './errors.ts'
import { type FalModel, falModels, findPixels } from './models.ts'

export type FalOrder = {
  model: FalModel
  prompt: string
  width: number
  height: number
  count: number
  seed: number | null
  format: 'png' | 'jpeg' | 'webp'
  references: string[]
}

const plain = new Map<string, string>()
const maxImages = 6

export function readPrompt(body: unknown): string {
  const prompt = asFields(body)?.prompt
  return typeof prompt === 'string' ? prompt : ''
}

export function readOrder(path: string, body: unknown): { order: FalOrder } | { answer: Answer } {
  const model = falModels.find(each => `/${each.path}` === path)
  if (model === undefined) return { answer: say(404, 'Application not found.') }
  const fields = asFields(body)
  if (fields === null) return { answer: invalid([], 'Input should be a valid dictionary', null) }
  const unknown = Object.keys(fields).find(name => name !== 'prompt' && !model.fields.includes(name))
  if (unknown !== undefined)
    return { answer: invalid([unknown], 'Extra inputs are not permitted', fields[unknown]) }
  const { prompt } = fields
  if (typeof prompt !== 'string' || prompt === '')
    return { answer: invalid(['prompt'], 'Field required', prompt) }
  const pixels = findPixels(model, fields.image_size)
  if (pixels === null) return { answer: invalid(['image_size'], 'Unsupported image size', fields.image_size) }
  const count = fields.num_images ?? 1
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > maxImages)
    return { answer: invalid(['num_images'], `Input should be 1 to ${maxImages}`, count) }
  const references = readReferences(model, fields.image_urls)
  if ('answer' in references) return references
  const seed = typeof fields.seed === 'number' ? fields.seed : null
  const format = fields.output_format === 'jpeg' ? 'jpeg' : 'png'
  return { order: { model, prompt, ...pixels, count, seed, format, references: references.urls } }
}

function readReferences(model: FalModel, given: unknown): { urls: string[] } | { answer: Answer } {
  if (!model.edits) return { urls: [] }
  const isPicture = (url: unknown) =>
    typeof url === 'string' && (/^https:\/\/\S+$/.test(url) || isPictureText(url))
  if (!Array.isArray(given) || given.length === 0 || given.length > 10 || !given.every(isPicture))
    return { answer: invalid(['image_urls'], 'Could not load the images', null) }
  return { urls: given as string[] }
}

function isPictureText(url: string): boolean {
  const base64 = /^data:image\/(?:png|jpeg|webp);base64,([A-Za-z0-9+/]+=*)$/.exec(url)?.[1]
  if (base64 === undefined) return false
  const head = Buffer.from(base64.slice(0, 64), 'base64')
  const isPng = head.subarray(0, 4).toString('latin1') === '\x89PNG'
  const isJpeg = head.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))
  return isPng || isJpeg || head.subarray(8, 12).toString('latin1') === 'WEBP'
}

function invalid(loc: string[], msg: string, input: unknown): Answer {
  return describeProblem(422, { loc: ['body', ...loc], msg, type: 'value_error', input }, plain)
}

function asFields(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}
