// The Images API as engines of one's own speak it: fields are ignored where OpenAI would refuse them, errors are bare
// strings, pictures may lie at an address. What each profile does differently is data.

import type { OneJob } from '../engine/one-job.ts'
import { makeEnginePicture, spoilBase64 } from '../engine/pictures.ts'
import { type Answer, type Refusal, runWork, sendAnswer } from '../faults.ts'
import type { PictureFormat } from '../pictures.ts'
import { json, obeyExtraArgs, parseObject, readImages } from '../sdapi/requests.ts'
import { type Directives, type Exchange, readNumber } from '../upstream.ts'

export type SurfaceProfile = {
  /** `<sd_cpp_extra_args>` in the prompt sets fields. */
  obeysExtraArgs: boolean
  /** What follows a `|` is the negative prompt. */
  splitsPipe: boolean
  answersByUrl: boolean
  needsModel: boolean
  ignoresCount: boolean
  ignoresSize: boolean
  edits: boolean
  /** In every answer. */
  usage: Record<string, number> | null
  errors: 'string' | 'object'
}

export type SurfaceOrder = {
  prompt: string
  negativePrompt: string
  width: number
  height: number
  count: number
  seed: number
  steps: number
  format: PictureFormat
  images: Buffer[]
  mask: Buffer | null
  fields: Record<string, unknown>
}

export type Surface = {
  profile: SurfaceProfile
  engine: OneJob
  latencyMs: number
  /** Puts a picture at an address of the emulator. */
  publish(picture: Buffer, directives: Directives): string
}

export const surfaceDirectives: Record<string, string> = {
  url: 'pictures at addresses of the engine instead of base64',
  foreign_url: 'the same, under a name that only the engine itself can reach',
  file_gone: 'download: 404',
  ignore_n: 'one picture whatever was asked',
  one_more: 'one picture more than asked',
  ignore_size: 'pictures of 512x512 whatever was asked',
  'fewer=N': 'only N pictures',
  string_error: '400 with a bare string',
  object_error: "400 in OpenAI's envelope, naming size",
  engine_error: '500 with a bare string: the engine made nothing',
  queue_full: '429 job queue is full',
  no_model: '404: the engine does not have the model',
  no_route: '404 as of an engine without images',
  zero_usage: 'usage of zeros',
  some_usage: 'usage with tokens',
  no_data: 'success without data',
  null_data: 'success with data: null',
  empty_data: 'success with an empty data list',
  half_json: 'the document ends in the middle, cleanly',
  half_base64: 'base64 cut in half, inside a quad',
  base64_text: 'base64 of words',
  html_picture: 'base64 of an HTML page',
  truncated_picture: 'the first half of a picture, as good base64',
}

export async function createImages(exchange: Exchange, surface: Surface, isEdit: boolean): Promise<void> {
  const read = isEdit
    ? await readEdit(exchange, surface.profile)
    : await readGeneration(exchange, surface.profile)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  const directives = exchange.steer(order.prompt)
  exchange.note({ ...order, images: order.images.length, mask: order.mask?.length ?? null })
  await surface.engine.run('images', () =>
    runWork(exchange, {
      latencyMs: surface.latencyMs,
      refusal: findRefusal(directives, surface.profile),
      answer: () => buildAnswer(order, surface, directives),
    }),
  )
}

type Read = { order: SurfaceOrder } | { answer: Answer }

async function readGeneration({ request }: Exchange, profile: SurfaceProfile): Promise<Read> {
  const fields = parseObject(request)
  if (fields === null) return { answer: json(500, { error: 'server_error', message: 'parse error' }) }
  const given = [fields.file, ...(Array.isArray(fields.ref_images) ? fields.ref_images : [])].filter(Boolean)
  const images = await readImages(given)
  if (images === null) return { answer: fail(profile, 500, 'illegal base64 data') }
  return readOrder(fields, profile, { images, mask: null })
}

async function readEdit({ request }: Exchange, profile: SurfaceProfile): Promise<Read> {
  const headers = { 'content-type': request.headers['content-type'] ?? '' }
  const form = await new Response(new Uint8Array(request.body), { headers }).formData().catch(() => null)
  if (form === null) return { answer: fail(profile, 400, 'multipart/form-data expected') }
  const fields: Record<string, unknown> = {}
  const images: Buffer[] = []
  let mask: Buffer | null = null
  for (const [name, value] of form) {
    if (typeof value === 'string') fields[name] = /^-?\d+$/.test(value) ? Number(value) : value
    else if (name === 'mask') mask = Buffer.from(await value.arrayBuffer())
    else images.push(Buffer.from(await value.arrayBuffer()))
  }
  if (images.length === 0) return { answer: fail(profile, 400, 'image required') }
  return readOrder(fields, profile, { images, mask })
}

function readOrder(
  sent: Record<string, unknown>,
  profile: SurfaceProfile,
  pictures: Pick<SurfaceOrder, 'images' | 'mask'>,
): Read {
  const fields = profile.obeysExtraArgs ? obeyExtraArgs(sent) : sent
  const words = typeof fields.prompt === 'string' ? fields.prompt : ''
  if (words === '') return { answer: fail(profile, 400, 'prompt required') }
  if (profile.needsModel && typeof fields.model !== 'string') {
    return { answer: fail(profile, 500, 'no model specified') }
  }
  const [prompt = '', negative = ''] = profile.splitsPipe ? words.split('|') : [words]
  const size = /^(\d+)x(\d+)$/.exec(String(fields.size ?? ''))
  // Whatever cannot be read is 512 in silence; extra arguments have set the edges already.
  const edge = (from: unknown, index: number) =>
    typeof from === 'number' ? from : profile.ignoresSize || size === null ? 512 : Number(size[index])
  const extra = profile.obeysExtraArgs ? fields : {}
  return {
    order: {
      ...pictures,
      prompt,
      negativePrompt: negative || String(fields.negative_prompt ?? ''),
      width: edge(extra.width, 1),
      height: edge(extra.height, 2),
      count: profile.ignoresCount ? 1 : Number(fields.n ?? 1),
      seed: typeof fields.seed === 'number' ? fields.seed : Math.floor(Math.random() * 2 ** 31),
      steps: Number(fields.steps ?? fields.step ?? 20),
      format:
        fields.output_format === 'jpeg' || fields.output_format === 'webp' ? fields.output_format : 'png',
      fields: sent,
    },
  }
}

async function buildAnswer(order: SurfaceOrder, surface: Surface, directives: Directives): Promise<Answer> {
  const { profile } = surface
  const created = Math.floor((performance.timeOrigin + performance.now()) / 1000)
  const usage = findUsage(directives) ?? profile.usage
  const tail = { created, ...(usage === null ? {} : { usage }) }
  if (directives.has('no_data')) return json(200, tail)
  if (directives.has('null_data')) return json(200, { data: null, ...tail })
  if (directives.has('empty_data')) return json(200, { data: [], ...tail })
  const asked = directives.has('ignore_n') ? 1 : order.count + (directives.has('one_more') ? 1 : 0)
  const count = Math.min(asked, readNumber(directives, 'fewer', asked))
  const byUrl =
    directives.has('url') ||
    directives.has('foreign_url') ||
    (profile.answersByUrl && order.fields.response_format !== 'b64_json')
  const body: (Buffer | string)[] = ['{"data":[']
  for (let index = 0; index < count; index += 1) {
    const picture = await draw(order, directives, index)
    if (index > 0) body.push(',')
    if (byUrl) body.push(JSON.stringify({ url: surface.publish(picture, directives) }))
    else body.push('{"b64_json":"', spoilBase64(picture, directives), '"}')
  }
  if (!directives.has('half_json')) body.push(`],${JSON.stringify(tail).slice(1)}`)
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}

/** Several of one order are drawn with one seed each after the other, as configured: they are alike. */
function draw(order: SurfaceOrder, directives: Directives, index: number): Promise<Buffer> {
  const { prompt, negativePrompt, steps, format } = order
  const edge = directives.has('ignore_size') ? 512 : null
  const seed = order.fields.seed === undefined ? order.seed + index : order.seed
  return makeEnginePicture({
    width: edge ?? order.width,
    height: edge ?? order.height,
    format,
    seed: `${prompt}:${negativePrompt}:${seed}:${steps}:${order.images.map(image => image.length).join()}`,
    metadata: { parameters: `${prompt}\nNegative prompt: ${negativePrompt}\nSteps: ${steps}` },
  })
}

function findUsage(directives: Directives): Record<string, number> | null {
  if (directives.has('zero_usage')) return { total_tokens: 0, input_tokens: 0, output_tokens: 0 }
  return directives.has('some_usage') ? { total_tokens: 30, input_tokens: 10, output_tokens: 20 } : null
}

function findRefusal(directives: Directives, profile: SurfaceProfile): Refusal | null {
  const early = (answer: Answer) => ({ answer, late: false })
  if (directives.has('string_error')) return early(json(400, { error: 'unsupported picture' }))
  if (directives.has('object_error')) {
    return early(
      json(400, { error: { code: 400, message: "invalid value for 'size'", type: '', param: 'size' } }),
    )
  }
  if (directives.has('queue_full')) return early(json(429, { error: 'job queue is full' }))
  if (directives.has('no_model')) return early(fail(profile, 404, 'model "x" not found'))
  if (directives.has('no_route')) return early(json(404, { detail: 'Not Found' }))
  if (!directives.has('engine_error')) return null
  return { answer: json(500, { error: 'generate_image returned no results' }), late: true }
}

function fail({ errors }: SurfaceProfile, status: number, message: string): Answer {
  return json(status, {
    error: errors === 'string' ? message : { code: status, message, type: '', param: null },
  })
}
