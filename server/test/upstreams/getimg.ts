// An emulator of getimg's API, version 2: synchronous creates whose answer states the cost and an address that
// deletes itself. It refuses what the vendor refuses and counts every create the vendor would bill.
// All behaviours are listed in `getimgDirectives` and, for the transport, in faults.ts.
import { createHash, randomBytes } from 'node:crypto'
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { type FileHost, startFileHost } from './files.ts'
import { describeModel, findPixels, getimgModels } from './getimg/models.ts'
import { findRefusal, jsonAnswer, refuse, refuseKey } from './getimg/refusals.ts'
import { type GetimgOrder, readOrder, readPrompt } from './getimg/validate.ts'
import { makePicture, type PictureFormat } from './pictures.ts'
import { type Directives, type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export { getimgDirectives } from './getimg/directives.ts'

export type GetimgUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a success without a `slow` directive. */
  latencyMs?: number
  /** How long a file can be downloaded; default a day. */
  filesLifetimeMs?: number
  /** Where the pictures lie; 0 or absent = a free port. */
  filesPort?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
}

export type GetimgUpstream = Upstream & { files: FileHost }

export const defaultGetimgKey = 'sk_emulatedgetimgkey0123456789abcdef'
const dayMs = 86_400_000
/** Requests per 60 seconds that the rate headers speak of; only a directive makes it refuse. */
const ratePerMinute = 20

type Settings = {
  apiKey: string
  latencyMs: number
  filesLifetimeMs: number
  pictureSizeBytes?: number
  files: FileHost
}

/** Starts the emulator; the adapter's base URL is its `url`. */
export async function startGetimgUpstream(options: GetimgUpstreamOptions = {}): Promise<GetimgUpstream> {
  const { port, filesPort, ...rest } = options
  const files = await startFileHost({
    name: 'getimg',
    ...(filesPort === undefined ? {} : { port: filesPort }),
  })
  const settings = {
    apiKey: defaultGetimgKey,
    latencyMs: 0,
    filesLifetimeMs: dayMs,
    ...rest,
    files,
  }
  const upstream = await startUpstream({
    name: 'getimg',
    ...(port === undefined ? {} : { port }),
    handle: exchange => handle(exchange, settings),
  })
  const close = async () => void (await Promise.all([upstream.close(), files.close()]))
  return { ...upstream, files, close }
}

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  const given = /^Bearer (.*)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  if (given !== settings.apiKey) return sendAnswer(exchange, refuseKey(given))
  const route = `${request.method} ${request.path}`
  if (route === 'POST /v2/images/generations') return createImage(exchange, settings)
  if (request.method === 'GET' && request.path.startsWith('/v2/models')) return listModels(exchange)
  return sendAnswer(exchange, refuse(404, { message: 'Not found.', code: 'not_found' }))
}

async function createImage(exchange: Exchange, settings: Settings): Promise<void> {
  const { request, response } = exchange
  response.setHeader('x-ratelimit-limit', String(ratePerMinute))
  response.setHeader('x-ratelimit-remaining', String(ratePerMinute - 1))
  response.setHeader('x-ratelimit-reset', String(Math.ceil(Date.now() / 60_000) * 60))
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    return sendAnswer(exchange, refuse(400, { message: 'Expected a JSON body.', code: 'invalid_parameter' }))
  const body = parseJson(request.body)
  const directives = exchange.steer(readPrompt(body))
  const read = readOrder(body)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  exchange.note(order)
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: findRefusal(directives, settings),
    answer: () => answerCreate(order, directives, settings),
  })
}

function answerCreate(order: GetimgOrder, directives: Directives, settings: Settings): Answer {
  const id = `req-01${randomBytes(12).toString('hex').toUpperCase()}`
  const count = directives.has('no_files') ? 0 : readNumber(directives, 'files', 1)
  const data = Array.from({ length: count }, (_, index) => publish(order, { directives, settings, index }))
  const price = order.model.prices[order.resolution] ?? 0
  const cost = readNumber(directives, 'cost', price)
  const usage = {
    billable_unit: 'image',
    quantity: 1,
    unit_price: cost,
    total_cost: directives.has('cost_as_text') ? String(cost) : cost,
  }
  return jsonAnswer(200, {
    id,
    status: directives.get('status') || 'completed',
    model: order.model.id,
    data: directives.has('null_data') ? null : data,
    ...(directives.has('no_usage') ? {} : { usage }),
  })
}

type Publishing = { directives: Directives; settings: Settings; index: number }

function publish(order: GetimgOrder, { directives, settings, index }: Publishing) {
  const pixels = directives.has('other_size')
    ? { width: 64, height: 64 }
    : findPixels(order.aspectRatio, order.resolution)
  const drawn: PictureFormat = directives.has('other_format')
    ? order.format === 'png'
      ? 'webp'
      : 'png'
    : order.format
  const seed = JSON.stringify([order.prompt, order.model.id, order.references, index])
  const size = settings.pictureSizeBytes === undefined ? {} : { sizeBytes: settings.pictureSizeBytes }
  const lifetimeMs = directives.has('ended') ? -60_000 : settings.filesLifetimeMs
  const endsAtS = Math.floor((Date.now() + lifetimeMs) / 1000)
  const address = settings.files.publish({
    name: String(index),
    mediaType: `image/${order.format}`,
    make: () => makePicture({ ...pixels, format: drawn, seed, ...size }),
    directives: new Map([...directives, ...(directives.has('ended') ? [['file_gone', ''] as const] : [])]),
  })
  const sig = createHash('sha256').update(address).digest('hex')
  return {
    ...(directives.has('no_url') ? {} : { url: `${address}?exp=${endsAtS}&sig=${sig}` }),
    mime_type: `image/${order.format}`,
    ...pixels,
    deletes_at: new Date(endsAtS * 1000).toISOString(),
  }
}

function listModels(exchange: Exchange): Promise<void> {
  const { path, query } = exchange.request
  const type = query.get('type')
  if (path === '/v2/models') {
    const listed = type === null || type === 'image' ? getimgModels : []
    return sendAnswer(exchange, jsonAnswer(200, listed.map(describeModel)))
  }
  const model = getimgModels.find(({ id }) => path === `/v2/models/${encodeURIComponent(id)}`)
  const missing = refuse(404, { message: 'Model not found.', code: 'not_found' })
  return sendAnswer(exchange, model === undefined ? missing : jsonAnswer(200, describeModel(model)))
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
}
