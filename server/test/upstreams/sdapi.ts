// An emulator of AUTOMATIC1111 and Forge, started with --api: one job at a time, progress and interrupt of whatever
// runs, pictures with their settings inside, sheets before batches, both shapes of errors.
import { createOneJob, type OneJob } from './engine/one-job.ts'
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { makePicture, type PictureFormat } from './pictures.ts'
import { buildSdapiAnswer } from './sdapi/answers.ts'
import { json, readA1111Order, type SdOrder } from './sdapi/requests.ts'
import { type Directives, type Exchange, startUpstream, type Upstream } from './upstream.ts'

export type SdapiUpstreamOptions = {
  port?: number
  /** `user:password` of --api-auth; empty = open to everybody. */
  apiKey?: string
  latencyMs?: number
  /** Option of the engine: the format of every picture. */
  samplesFormat?: 'png' | 'jpg' | 'webp'
  /** Which of the two: their errors look different. */
  flavour?: 'a1111' | 'forge'
  /** Jobs do not wait for each other; for tests whose slow jobs must not hold up the others. */
  isCrowd?: boolean
}

export const defaultSdapiKey = 'darkroom:emulated-sdapi-password-0123456789'

export const sdapiDirectives: Record<string, string> = {
  grid: 'a sheet of all pictures before those of a batch',
  'samples_format=jpg|webp': 'pictures of that format',
  oom: '500 out of memory, after the work began',
  text_500: '500 in plain words, as Forge answers now and then',
  invalid_image: '500 Invalid encoded image',
  no_api: '404 as of an engine without --api',
  no_sampler: '404 Sampler not found',
  validation: '422 with the list of FastAPI',
  other_model: 'another checkpoint draws than the one asked for',
  'fewer=N': 'only N pictures',
  no_images: 'success without images',
  null_images: 'success with images: null',
  half_json: 'the document ends in the middle, cleanly',
  half_base64: 'base64 cut in half, inside a quad',
  base64_text: 'base64 of words',
  html_picture: 'base64 of an HTML page',
  truncated_picture: 'the first half of a picture, as good base64',
  tiny_picture: 'a picture of 1x1 pixel',
  other_size: 'a picture of 768x768 whatever was asked',
}

type Settings = Required<Omit<SdapiUpstreamOptions, 'port'>> & { engine: OneJob; lastPreview: { at: number } }

export const loadedCheckpoint = 'v1-5-pruned-emaonly.safetensors [6ce0161689]'
const checkpoints = ['v1-5-pruned-emaonly', 'sd_xl_base_1.0']

/** Starts the emulator; the adapter's base URL is `url` itself. */
export function startSdapiUpstream(options: SdapiUpstreamOptions = {}): Promise<Upstream> {
  const { port, ...given } = options
  const settings: Settings = {
    apiKey: defaultSdapiKey,
    latencyMs: 0,
    samplesFormat: 'png',
    flavour: 'a1111',
    isCrowd: false,
    ...given,
    engine: createOneJob(options.isCrowd),
    lastPreview: { at: 0 },
  }
  return startUpstream({
    name: 'sdapi',
    ...(port === undefined ? {} : { port }),
    handle: exchange => handle(exchange, settings),
  })
}

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { method, path, headers } = exchange.request
  const expected = `Basic ${Buffer.from(settings.apiKey).toString('base64')}`
  if (settings.apiKey !== '' && headers.authorization !== expected) {
    return sendAnswer(exchange, json(401, { detail: 'Incorrect username or password' }))
  }
  const route = `${method} ${path}`
  if (route === 'POST /sdapi/v1/txt2img') return create(exchange, settings, false)
  if (route === 'POST /sdapi/v1/img2img') return create(exchange, settings, true)
  if (route === 'GET /sdapi/v1/progress') return sendAnswer(exchange, await tellProgress(exchange, settings))
  if (route === 'POST /sdapi/v1/interrupt' || route === 'POST /sdapi/v1/skip') {
    settings.engine.interrupt()
    return sendAnswer(exchange, json(200, {}))
  }
  return sendAnswer(exchange, findList(route) ?? json(404, { detail: 'Not Found' }))
}

function findList(route: string): Answer | null {
  const lists: Record<string, unknown> = {
    'sd-models': checkpoints.map(name => ({ title: `${name}.safetensors`, model_name: name })),
    samplers: [{ name: 'Euler a', aliases: ['k_euler_a'], options: {} }],
    schedulers: [{ name: 'karras', label: 'Karras' }],
    upscalers: [{ name: 'Lanczos' }],
    loras: [],
    options: { samples_format: 'png', sd_model_checkpoint: loadedCheckpoint },
    memory: { ram: { free: 1, used: 1, total: 2 }, cuda: { error: 'unavailable' } },
  }
  const name = /^GET \/sdapi\/v1\/([\w-]+)$/.exec(route)?.[1] ?? ''
  return name in lists ? json(200, lists[name]) : null
}

async function create(exchange: Exchange, settings: Settings, isEdit: boolean): Promise<void> {
  const read = await readA1111Order(exchange.request, isEdit)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  const directives = exchange.steer(order.prompt)
  exchange.note({ ...order, initImages: order.initImages.length, mask: order.mask !== null })
  const label = order.taskId ?? `task(${settings.engine.waiting()})`
  await settings.engine.run(label, job => {
    const patient = { ...exchange, directives, wait: (ms: number) => job.orInterrupted(exchange.wait(ms)) }
    const refusal = findRefusal(directives, settings.flavour)
    return runWork(patient, {
      latencyMs: settings.latencyMs,
      refusal,
      answer: () =>
        buildSdapiAnswer({
          order,
          directives,
          format: readFormat(directives, settings),
          info: describeWork(order, directives),
          isInterrupted: job.isInterrupted(),
        }),
    })
  })
}

function readFormat(directives: Directives, { samplesFormat }: Settings): PictureFormat {
  const format = directives.get('samples_format') ?? samplesFormat
  return format === 'jpg' ? 'jpeg' : format === 'webp' ? 'webp' : 'png'
}

function describeWork({ checkpoint, seed, count, prompt }: SdOrder, directives: Directives) {
  const isKnown = checkpoint !== null && checkpoints.includes(checkpoint) && !directives.has('other_model')
  return {
    seed,
    all_seeds: Array.from({ length: count }, (_, index) => seed + index),
    infotexts: [prompt],
    sd_model_name: isKnown ? checkpoint : 'v1-5-pruned-emaonly',
  }
}

/** Whatever runs at the moment, whoever asked for it. */
async function tellProgress({ request }: Exchange, { engine, lastPreview }: Settings): Promise<Answer> {
  const job = engine.current()
  lastPreview.at += 1
  const shows = job !== null && request.query.get('skip_current_image') !== 'true'
  const seed = `preview ${job} ${lastPreview.at}`
  const preview = shows ? await makePicture({ width: 64, height: 64, format: 'png', seed }) : null
  return json(200, {
    progress: job === null ? 0 : 0.5,
    eta_relative: 0,
    state: {
      job: job === null ? '' : 'scripts_txt2img',
      job_count: job === null ? 0 : 1,
      interrupted: false,
    },
    current_image: preview?.toString('base64') ?? null,
    current_task: job,
    textinfo: null,
  })
}

/** Those that come before the work are early; running out of memory takes its time. */
function findRefusal(directives: Directives, flavour: Settings['flavour']) {
  const early = (answer: Answer) => ({ answer, late: false })
  if (directives.has('no_api')) return early(json(404, { detail: 'Not Found' }))
  if (directives.has('no_sampler')) return early(json(404, { detail: 'Sampler not found' }))
  if (directives.has('validation')) {
    const detail = [
      { loc: ['body', 'width'], msg: 'value is not a valid integer', type: 'type_error.integer' },
    ]
    return early(json(422, { detail }))
  }
  if (directives.has('invalid_image')) return early(fail(flavour, 'HTTPException', 'Invalid encoded image'))
  if (directives.has('text_500')) {
    return early({ status: 500, headers: { 'content-type': 'text/plain' }, body: ['Internal Server Error'] })
  }
  if (!directives.has('oom')) return null
  const words = 'CUDA out of memory. Tried to allocate 2.25 GiB (GPU 0; 8.00 GiB total capacity)'
  return { answer: fail(flavour, 'OutOfMemoryError', words), late: true }
}

function fail(flavour: Settings['flavour'], type: string, words: string): Answer {
  if (flavour === 'forge') return json(500, { detail: words })
  return json(500, { error: type, detail: '', body: '', errors: words })
}
