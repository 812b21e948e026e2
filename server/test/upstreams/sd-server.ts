// An emulator of stable-diffusion.cpp's sd-server with its three surfaces: OpenAI's, A1111's (without progress and
// interrupt) and its own with jobs. One job at a time behind all three. No password.
import { createOneJob, type OneJob } from './engine/one-job.ts'
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { createImages, type Surface, surfaceDirectives } from './openai-compatible/surface.ts'
import { createNative, type Native, nativeDirectives } from './sd-server/native.ts'
import { buildSdapiAnswer } from './sdapi/answers.ts'
import { json, readSdServerOrder } from './sdapi/requests.ts'
import { type Exchange, startUpstream, type Upstream } from './upstream.ts'

export const sdServerDirectives = {
  ...surfaceDirectives,
  ...nativeDirectives,
  info: 'A1111 surface: `info` filled instead of empty',
}

export type SdServerUpstreamOptions = {
  port?: number
  /** `user:password` of a proxy before it; empty = open to everybody, as the engine itself is. */
  apiKey?: string
  latencyMs?: number
  /** Jobs do not wait for each other. */
  isCrowd?: boolean
}

/** What a proxy before the engine wants in the tests. */
export const defaultSdServerKey = 'proxy:emulated-sd-server-password-0123456789'

/** Starts the emulator; base URLs are `url` for the A1111 and native surfaces, `${url}/v1` for OpenAI's. */
export function startSdServerUpstream(options: SdServerUpstreamOptions = {}): Promise<Upstream> {
  const { port, apiKey = '', latencyMs = 0 } = options
  const engine = createOneJob(options.isCrowd)
  const surface: Surface = {
    profile: {
      obeysExtraArgs: true,
      splitsPipe: false,
      answersByUrl: false,
      needsModel: false,
      ignoresCount: false,
      ignoresSize: false,
      edits: true,
      usage: null,
      errors: 'string',
    },
    engine,
    latencyMs,
    publish: () => '',
  }
  const native = createNative({ engine, latencyMs })
  return startUpstream({
    name: 'sd-server',
    ...(port === undefined ? {} : { port }),
    handle: exchange => handle(exchange, { surface, native, engine, latencyMs, apiKey }),
  })
}

type Settings = { surface: Surface; native: Native; engine: OneJob; latencyMs: number; apiKey: string }

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { method, path, headers } = exchange.request
  const expected = `Basic ${Buffer.from(settings.apiKey).toString('base64')}`
  if (settings.apiKey !== '' && headers.authorization !== expected) {
    return sendAnswer(exchange, {
      status: 401,
      headers: { 'content-type': 'text/html' },
      body: ['<h1>401</h1>'],
    })
  }
  const route = `${method} ${path}`
  const { surface, native } = settings
  if (route === 'POST /v1/images/generations') return createImages(exchange, surface, false)
  if (route === 'POST /v1/images/edits') return createImages(exchange, surface, true)
  if (route === 'POST /sdapi/v1/txt2img') return draw(exchange, settings, false)
  if (route === 'POST /sdapi/v1/img2img') return draw(exchange, settings, true)
  if (route === 'POST /sdcpp/v1/img_gen') return native.create(exchange)
  const job = /^\/sdcpp\/v1\/jobs\/([^/]+)(\/cancel)?$/.exec(path)
  if (job !== null && method === 'GET' && job[2] === undefined) return native.read(exchange, job[1] ?? '')
  if (job !== null && method === 'POST' && job[2] !== undefined) return native.cancel(exchange, job[1] ?? '')
  return sendAnswer(exchange, findList(route) ?? json(404, { error: 'not found' }))
}

function findList(route: string): Answer | null {
  const lists: Record<string, unknown> = {
    'GET /v1/models': { object: 'list', data: [{ id: 'sd-cpp-local', object: 'model', owned_by: 'local' }] },
    'GET /sdapi/v1/sd-models': [{ title: 'sd-cpp-local', model_name: 'sd-cpp-local' }],
    'GET /sdapi/v1/samplers': [{ name: 'euler_a', aliases: [], options: {} }],
    'GET /sdapi/v1/options': { samples_format: 'png' },
    'GET /sdcpp/v1/capabilities': {
      limits: { min_width: 64, max_width: 4096, min_height: 64, max_height: 4096, max_batch_count: 8 },
      samplers: ['euler_a'],
      schedulers: ['discrete'],
      features_by_mode: { img_gen: ['init_image', 'mask_image', 'ref_images'] },
    },
  }
  return route in lists ? json(200, lists[route]) : null
}

async function draw(exchange: Exchange, { engine, latencyMs }: Settings, isEdit: boolean): Promise<void> {
  const read = await readSdServerOrder(exchange.request, isEdit)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  const directives = exchange.steer(order.prompt)
  exchange.note({ ...order, initImages: order.initImages.length, mask: order.mask !== null })
  const noResult = json(500, { error: 'generate_image returned no results' })
  await engine.run('sdapi', () =>
    runWork(exchange, {
      latencyMs,
      refusal: directives.has('engine_error') ? { answer: noResult, late: true } : null,
      answer: () =>
        buildSdapiAnswer({
          order,
          directives,
          format: 'png',
          info: directives.has('info') ? { seed: order.seed } : null,
          isInterrupted: false,
        }),
    }),
  )
}
