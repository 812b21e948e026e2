// An emulator of ModelArk's image generation. It refuses what the vendor refuses, draws its watermark unless told not
// to, answers with base64, addresses or an event stream, and counts every picture the vendor would bill. Its
// behaviours are listed in `modelArkDirectives` and, for the transport and the files, in faults.ts and files.ts.
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { type FileHost, fileDirectives, startFileHost } from './files.ts'
import { buildAnswer, type Making } from './modelark/answers.ts'
import { readOrder } from './modelark/orders.ts'
import { findRefusal, jsonAnswer, refuseKey } from './modelark/refusals.ts'
import { streamAnswer } from './modelark/stream.ts'
import { type Exchange, startUpstream, type Upstream } from './upstream.ts'

export type ModelArkUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  filesPort?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a success without a `slow` directive. */
  latencyMs?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
}

export type ModelArkUpstream = Upstream & { files: FileHost }

export const defaultModelArkKey = 'emulated-modelark-key-0123456789'

export const modelArkDirectives: Record<string, string> = {
  moderation_input: '400 InputTextSensitiveContentDetected at once',
  moderation_image: '400 InputImageSensitiveContentDetected at once',
  moderation_output:
    '400 OutputImageSensitiveContentDetected after the full latency; in a stream: as an event',
  'failed=N': 'errors in place of the first N pictures, under 200 (default all)',
  'failed_code=CODE': 'their code (default OutputImageSensitiveContentDetected)',
  'fewer=N': 'only N pictures and no word of the others',
  rate_limit: '429 RateLimitExceeded without a delay',
  overloaded: '429 ServerOverloaded without a delay',
  quota: '429 QuotaExceeded',
  overdue: '403 AccountOverdueError',
  wrong_key: '401 with the key in its message',
  forbidden: '403 AccessDenied',
  not_open: '404 ModelNotOpen',
  retired: '404 InvalidEndpointOrModel.NotFound',
  closed_endpoint: '400 InvalidEndpoint.ClosedEndpoint',
  error_500: '500 InternalServiceError',
  error_503: "503 in the vendor's envelope",
  conflict_409: "409 in the vendor's envelope",
  error_in_200: '200 whose document or stream is an error',
  no_usage: 'success without usage',
  no_data: 'success without data',
  empty_data: 'success with an empty data list',
  null_arrays: 'success with data: null',
  neither: 'items with neither url nor b64_json',
  half_base64: 'base64 cut in half',
  base64_text: 'base64 of words',
  html_picture: 'base64 of a page of HTML',
  truncated_picture: 'base64 of half a picture',
  tiny_picture: 'a picture of 1x1',
  other_size: 'a picture of another size than asked',
  wrong_type: 'another format than asked',
  no_done: 'stream: without [DONE]',
  no_completed: 'stream: ends before its completed event',
  'reset_after=N': 'stream: reset behind N pictures',
  cut_in_event: 'stream: ends in the middle of an event',
  bare_events: 'stream: without event names, the type in the data alone',
  ignores_stream: 'one document although a stream was asked for',
  ...fileDirectives,
}

type Settings = ModelArkUpstreamOptions & { apiKey: string; latencyMs: number; files: FileHost }

// The vendor's addresses live for a day.
const expiresMs = 86_400_000

/** Starts the emulator; the adapter's base URL is `${url}/api/v3`. */
export async function startModelArkUpstream(
  options: ModelArkUpstreamOptions = {},
): Promise<ModelArkUpstream> {
  const filesPort = options.filesPort === undefined ? {} : { port: options.filesPort }
  const files = await startFileHost({ name: 'modelark', expiresMs, ...filesPort })
  const settings = { apiKey: defaultModelArkKey, latencyMs: 0, ...options, files }
  const upstream = await startUpstream({
    name: 'modelark',
    ...(options.port === undefined ? {} : { port: options.port }),
    handle: exchange => handle(exchange, settings),
  })
  const close = async () => void (await Promise.all([upstream.close(), files.close()]))
  return { ...upstream, files, close }
}

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  const given = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1]
  if (given !== settings.apiKey) return sendAnswer(exchange, refuseKey(given ?? ''))
  if (`${request.method} ${request.path}` !== 'POST /api/v3/images/generations') {
    return sendAnswer(exchange, notFound(request.path))
  }
  const read = readOrder(request)
  const directives = exchange.steer(read.prompt)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  exchange.note(order.fields)
  const making: Making = { exchange, order, files: settings.files, sizeBytes: settings.pictureSizeBytes }
  const streams = order.stream && !directives.has('ignores_stream')
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: findRefusal(directives, { key: settings.apiKey, model: order.model, streams }),
    answer: () => buildAnswer(making),
    ...(streams ? { stream: () => streamAnswer(making) } : {}),
  })
}

/** What the gateway says to an address that exists nowhere. */
function notFound(path: string): Answer {
  return jsonAnswer(404, { message: `no Route matched with those values: ${path}` })
}
