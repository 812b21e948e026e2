// Reads what A1111's interface takes, as FastAPI reads it: unknown fields are ignored, wrong types are a 422 with
// the place of each. sd-server's own looser reading is beside it.
import sharp from 'sharp'
import type { Answer } from '../faults.ts'
import { type Directives, readNumber, type UpstreamRequest } from '../upstream.ts'

export type SdOrder = {
  prompt: string
  negativePrompt: string
  width: number
  height: number
  /** Already drawn by lot when none was given. */
  seed: number
  steps: number
  count: number
  checkpoint: string | null
  taskId: string | null
  initImages: Buffer[]
  mask: Buffer | null
  fields: Record<string, unknown>
}

export type ReadOrder = { order: SdOrder } | { answer: Answer }

const integers = ['width', 'height', 'steps', 'batch_size', 'n_iter', 'seed', 'clip_skip', 'mask_blur']
const numbers = ['cfg_scale', 'denoising_strength', 'distilled_cfg_scale']
const texts = ['prompt', 'negative_prompt', 'sampler_name', 'scheduler', 'force_task_id']
const samplers = ['Euler', 'Euler a', 'DPM++ 2M']

export async function readA1111Order(request: UpstreamRequest, isEdit: boolean): Promise<ReadOrder> {
  const fields = parseObject(request)
  if (fields === null)
    return { answer: validation([{ loc: ['body'], msg: 'Input should be a valid dictionary' }]) }
  const faults = [
    ...check(fields, integers, { is: Number.isInteger, msg: 'Input should be a valid integer' }),
    ...check(fields, numbers, {
      is: value => typeof value === 'number',
      msg: 'Input should be a valid number',
    }),
    ...check(fields, texts, {
      is: value => typeof value === 'string',
      msg: 'Input should be a valid string',
    }),
  ]
  if (faults.length > 0) return { answer: validation(faults) }
  const sampler = text(fields.sampler_name)
  if (sampler !== null && !samplers.includes(sampler)) {
    return { answer: json(404, { detail: 'Sampler not found' }) }
  }
  if (isEdit && list(fields.init_images).length === 0) {
    return { answer: json(404, { detail: 'Init image not found' }) }
  }
  const images = await readImages([...list(fields.init_images), ...(fields.mask ? [fields.mask] : [])])
  if (images === null) {
    const detail = { error: 'HTTPException', detail: 'Invalid encoded image', body: '', errors: '' }
    return { answer: json(500, detail) }
  }
  const mask = fields.mask ? (images.pop() ?? null) : null
  return { order: { ...buildOrder(fields), initImages: images, mask } }
}

/** Refuses with a bare string. Extra arguments inside the prompt win over the fields, as the engine has it. */
export async function readSdServerOrder(request: UpstreamRequest, isEdit: boolean): Promise<ReadOrder> {
  const fields = parseObject(request)
  if (fields === null) {
    const message = '[json.exception.parse_error.101] parse error'
    return { answer: json(500, { error: 'server_error', message }) }
  }
  const given = obeyExtraArgs(fields)
  if (typeof given.prompt !== 'string' || given.prompt === '') {
    return { answer: json(400, { error: 'prompt required' }) }
  }
  if (isEdit && list(given.init_images).length === 0)
    return { answer: json(400, { error: 'init_images required' }) }
  const images = await readImages([...list(given.init_images), ...(given.mask ? [given.mask] : [])])
  if (images === null) return { answer: json(400, { error: 'invalid image' }) }
  const mask = given.mask ? (images.pop() ?? null) : null
  return { order: { ...buildOrder(given), initImages: images, mask } }
}

/** `<sd_cpp_extra_args>{…}</sd_cpp_extra_args>` in the prompt sets any field; the block itself is cut out. */
export function obeyExtraArgs(fields: Record<string, unknown>): Record<string, unknown> {
  const prompt = text(fields.prompt) ?? ''
  const block = /<sd_cpp_extra_args>([\s\S]*?)(?:<\/sd_cpp_extra_args>|$)/i.exec(prompt)
  if (block === null) return fields
  let args: Record<string, unknown> = {}
  try {
    args = JSON.parse(block[1] ?? '') as Record<string, unknown>
  } catch {
    // The engine logs it and goes on.
  }
  const native = { ...args, ...(args.sample_params as Record<string, unknown> | undefined) }
  const renamed = { ...('sample_steps' in native ? { steps: native.sample_steps } : {}) }
  const count = 'batch_count' in native ? { batch_size: native.batch_count } : {}
  return { ...fields, ...native, ...renamed, ...count, prompt: prompt.replace(block[0], '').trim() }
}

function buildOrder(fields: Record<string, unknown>): Omit<SdOrder, 'initImages' | 'mask'> {
  const overrides = (fields.override_settings ?? {}) as Record<string, unknown>
  const seed = integer(fields.seed, -1)
  return {
    prompt: text(fields.prompt) ?? '',
    negativePrompt: text(fields.negative_prompt) ?? '',
    width: integer(fields.width, 512),
    height: integer(fields.height, 512),
    seed: seed < 0 ? Math.floor(Math.random() * 2 ** 31) : seed,
    steps: integer(fields.steps, 50),
    count: integer(fields.batch_size, 1) * integer(fields.n_iter, 1),
    checkpoint: text(overrides.sd_model_checkpoint),
    taskId: text(fields.force_task_id),
    fields,
  }
}

/** Decodes pictures in base64 or as data URLs; null when one of them is none. */
export async function readImages(given: unknown[]): Promise<Buffer[] | null> {
  const images: Buffer[] = []
  for (const each of given) {
    const bytes = Buffer.from((text(each) ?? '').replace(/^data:[^,]*,/, ''), 'base64')
    const decodes = await sharp(bytes)
      .stats()
      .then(
        () => true,
        () => false,
      )
    if (!decodes) return null
    images.push(bytes)
  }
  return images
}

export function parseObject(request: UpstreamRequest): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(request.body.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

export function json(status: number, value: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: [JSON.stringify(value)] }
}

/** As many pictures as asked for, or as few as a directive says. */
export function countPictures(count: number, directives: Directives): number {
  return Math.min(count, readNumber(directives, 'fewer', count))
}

type Fault = { loc: string[]; msg: string }

function check(
  fields: Record<string, unknown>,
  names: string[],
  { is, msg }: { is(value: unknown): boolean; msg: string },
): Fault[] {
  const wrong = names.filter(name => fields[name] !== undefined && fields[name] !== null && !is(fields[name]))
  return wrong.map(name => ({ loc: ['body', name], msg, type: 'type_error' }))
}

function validation(detail: Fault[]): Answer {
  return json(422, { detail })
}

function integer(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : fallback
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
