// An emulator of xAI's image API, as the package @ai-sdk/xai speaks it: synchronous, pictures in base64 or at a URL.
// All behaviours are listed in `xaiDirectives` and, for the transport, in faults.ts.
import {
  commonDirectives,
  draw,
  type Envelope,
  findCommonRefusal,
  findWrongKey,
  jsonAnswer,
  type LongTailOptions,
  parseBody,
} from './ai-sdk/long-tail.ts'
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { type FileHost, fileDirectives, startFileHost } from './files.ts'
import { type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export const defaultXaiKey = 'xai-emulated-key-0123456789abcdef'

export const xaiDirectives: Record<string, string> = {
  ...commonDirectives,
  moderation_output: '400 that names moderation after the full latency, not billed',
  urls: 'success with addresses instead of base64',
  'fewer=N': 'only N pictures',
  no_data: 'success without data',
  empty_data: 'success with an empty list',
  null_picture: 'success with neither b64_json nor url',
  half_base64: 'base64 cut in half, inside a quad',
  half_picture: 'the first half of a picture, as good base64',
  words_for_picture: 'base64 of words',
  half_json: 'the document ends in the middle, cleanly',
  ...fileDirectives,
}

const models = ['grok-imagine-image', 'grok-imagine-image-pro']
const ratios = ['1:1', '16:9', '9:16', '4:3', '3:4', '3:2', '2:3', '2:1', '1:2']

type Settings = Required<Pick<LongTailOptions, 'apiKey' | 'latencyMs'>> &
  LongTailOptions & { files: FileHost }
type Order = { model: string; prompt: string; count: number; aspectRatio: string; references: unknown }

export type XaiUpstream = Upstream & { files: FileHost }

/** Starts the emulator; the base URL is `${url}/v1`. */
export async function startXaiUpstream(options: LongTailOptions = {}): Promise<XaiUpstream> {
  const files = await startFileHost({ name: 'xai', port: options.filesPort ?? 0 })
  const settings = { apiKey: defaultXaiKey, latencyMs: 0, ...options, files }
  const upstream = await startUpstream({
    name: 'xai',
    port: options.port ?? 0,
    handle: exchange => handle(exchange, settings),
  })
  const close = async () => void (await Promise.all([upstream.close(), files.close()]))
  return { ...upstream, files, close }
}

/** Both forms are seen: the newer one says code and error side by side. */
const refuse: Envelope = (status, message) =>
  jsonAnswer(status, { code: 'Client specified an invalid argument', error: message })

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  const wrong = findWrongKey(exchange, settings.apiKey)
  // The vendor says so with 400.
  if (wrong !== null) {
    return sendAnswer(
      exchange,
      refuse(400, `Incorrect API key provided: ${wrong}. See https://console.x.ai.`),
    )
  }
  if (request.method !== 'POST') return sendAnswer(exchange, refuse(405, 'Method not allowed.'))
  const isEdit = request.path === '/v1/images/edits'
  if (!isEdit && request.path !== '/v1/images/generations')
    return sendAnswer(exchange, refuse(404, 'Not found.'))
  const body = parseBody(exchange)
  if (body === null || typeof body.prompt !== 'string') {
    return sendAnswer(exchange, refuse(400, 'The body must be JSON with a prompt.'))
  }
  const directives = exchange.steer(body.prompt)
  const order = readOrder(body, isEdit)
  if (typeof order === 'string') return sendAnswer(exchange, refuse(400, order))
  if (!models.includes(order.model)) {
    return sendAnswer(exchange, refuse(404, `The model ${order.model} does not exist.`))
  }
  exchange.note(order)
  const late = directives.has('moderation_output')
    ? { answer: refuse(400, 'Generated image rejected by content moderation.'), late: true }
    : null
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: late ?? findCommonRefusal(directives, refuse, { apiKey: settings.apiKey, model: order.model }),
    answer: () => answerOrder(exchange, order, settings),
  })
}

/** What is wrong, in words, or the order. */
function readOrder(body: Record<string, unknown>, isEdit: boolean): Order | string {
  const { n = 1, aspect_ratio: aspectRatio = '1:1', model, prompt, image, images } = body
  if (typeof n !== 'number' || n < 1 || n > 10) return 'n must be from 1 to 10.'
  if (!ratios.some(ratio => ratio === aspectRatio)) return 'aspect_ratio is not supported.'
  if ('size' in body || 'seed' in body) return 'Argument not supported: size, seed.'
  const references = image ?? images ?? null
  if (isEdit && references === null) return 'An edit needs an image.'
  return {
    model: String(model),
    prompt: String(prompt),
    count: n,
    aspectRatio: String(aspectRatio),
    references,
  }
}

async function answerOrder(exchange: Exchange, order: Order, settings: Settings): Promise<Answer> {
  const { directives } = exchange
  const usage = { cost_in_usd_ticks: 200_000_000 * order.count }
  if (directives.has('no_data')) return jsonAnswer(200, { usage })
  if (directives.has('null_picture')) return jsonAnswer(200, { data: [{ b64_json: null }], usage })
  const count = directives.has('empty_data')
    ? 0
    : Math.min(order.count, readNumber(directives, 'fewer', order.count))
  const data: unknown[] = []
  for (let index = 0; index < count; index += 1) {
    const make = () =>
      draw(directives, {
        aspectRatio: order.aspectRatio,
        format: 'jpeg',
        seed: [order, index],
        pictureSizeBytes: settings.pictureSizeBytes,
      })
    if (directives.has('urls')) {
      const url = settings.files.publish({ name: `${index}.jpg`, mediaType: 'image/jpeg', make, directives })
      data.push({ url, revised_prompt: '' })
    } else {
      const text = (await make()).toString('base64')
      const half = text.slice(0, Math.floor(text.length / 8) * 4 + 1)
      data.push({ b64_json: directives.has('half_base64') ? half : text, revised_prompt: '' })
    }
  }
  const answer = jsonAnswer(200, { data, usage })
  if (!directives.has('half_json')) return answer
  const whole = String(answer.body[0])
  return { ...answer, body: [whole.slice(0, whole.length - 20)] }
}
