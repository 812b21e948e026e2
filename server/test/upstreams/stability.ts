// An emulator of Stability's v2beta image endpoints. It takes forms only, refuses what the vendor refuses, answers
// with raw bytes or JSON as accepted, and counts every create the vendor would bill. Its behaviours are listed in
// `stabilityDirectives` and, for the transport, in faults.ts.
import { randomUUID } from 'node:crypto'
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { buildAnswer, jsonAnswer, refuse, sendUnframedHalf } from './stability/answers.ts'
import { readOrder } from './stability/orders.ts'
import { type Directives, type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export type StabilityUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a success without a `slow` directive. */
  latencyMs?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
}

export const defaultStabilityKey = 'sk-emulated-stability-key-0123456789'

export const stabilityDirectives: Record<string, string> = {
  moderation_input: '403 content_moderation at once, not charged',
  filtered: '200 with finish-reason CONTENT_FILTERED and a blurred picture',
  rate_limit: '429 without a delay',
  'lock=MS': 'with rate_limit: every create is refused for MS (the vendor: 60000)',
  quota: '402 payment_required',
  wrong_key: '401 with the key in its message',
  forbidden: '403 without moderation',
  retired: '404 not_found',
  too_large: '413 payload_too_large',
  unprocessable: '422 with errors that name a field',
  error_500: "500 in the vendor's envelope",
  error_503: "503 in the vendor's envelope",
  conflict_409: "409 in the vendor's envelope",
  json_answer: 'JSON with base64 although bytes were accepted',
  no_finish: 'bytes without finish-reason and seed',
  no_bytes: '200, image/png, 0 bytes',
  half_picture: 'half of the bytes with a matching Content-Length',
  unframed_half: 'half of the bytes, whose end is the end of the connection',
  half_base64: 'with json_answer: base64 cut in half',
  base64_text: 'with json_answer: base64 of words',
  null_image: 'with json_answer: image: null',
  tiny_picture: 'a picture of 1x1',
  other_size: 'a picture of another size than the ratio means',
  wrong_type: 'another format than declared and asked for',
  html_picture: 'a page of HTML declared as image/png',
}

type Settings = StabilityUpstreamOptions & { apiKey: string; latencyMs: number }
type Lock = { untilMs: number }

/** Starts the emulator; the adapter's base URL is `${url}/v2beta`. */
export function startStabilityUpstream(options: StabilityUpstreamOptions = {}): Promise<Upstream> {
  const settings = { apiKey: defaultStabilityKey, latencyMs: 0, ...options }
  const lock: Lock = { untilMs: 0 }
  return startUpstream({
    name: 'stability',
    ...(options.port === undefined ? {} : { port: options.port }),
    handle: exchange => handle(exchange, settings, lock),
  })
}

async function handle(exchange: Exchange, settings: Settings, lock: Lock): Promise<void> {
  const { request, response } = exchange
  response.setHeader('x-request-id', randomUUID().replaceAll('-', ''))
  const given = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1]
  if (given !== settings.apiKey) return sendAnswer(exchange, refuseKey(given))
  const route = `${request.method} ${request.path}`
  if (route === 'GET /v1/user/balance') return sendAnswer(exchange, jsonAnswer(200, { credits: 812.5 }))
  const endpoint = /^POST \/v2beta\/stable-image\/generate\/(\w+)$/.exec(route)?.[1]
  if (endpoint === undefined) return sendAnswer(exchange, refuse(404, 'not_found', ['resource not found']))
  const read = await readOrder(endpoint, request)
  const directives = exchange.steer(read.prompt)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  exchange.note(read.order.fields)
  const answer = refuseByRate(directives, lock) ?? findPlain(directives, settings.apiKey)
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: answer === null ? null : { answer, late: false },
    answer: () => buildAnswer(exchange, read.order, settings.pictureSizeBytes),
    ...(directives.has('unframed_half') ? { stream: () => sendUnframedHalf(exchange, read.order) } : {}),
  })
}

/** 150 creates in 10 seconds are not counted: tests send more. The lock alone is what an adapter can see. */
function refuseByRate(directives: Directives, lock: Lock): Answer | null {
  const nowMs = performance.now()
  if (directives.has('rate_limit')) lock.untilMs = nowMs + readNumber(directives, 'lock', 0)
  return directives.has('rate_limit') || nowMs < lock.untilMs
    ? refuse(429, 'rate_limit_exceeded', [
        'You have exceeded the rate limit of 150 requests within a 10 second period, and have been timed out for 60 seconds.',
      ])
    : null
}

function refuseKey(given: string | undefined): Answer {
  return refuse(401, 'unauthorized', [
    given === undefined ? 'authorization: missing header' : `authorization: ${given} is no valid key`,
  ])
}

function findPlain(directives: Directives, apiKey: string): Answer | null {
  const answers: Record<string, () => Answer> = {
    moderation_input: () =>
      refuse(403, 'content_moderation', [
        'Your request was flagged by our content moderation system, as a result your request was denied and you were not charged.',
      ]),
    quota: () => refuse(402, 'payment_required', ['You lack sufficient credits to make this request.']),
    wrong_key: () => refuseKey(apiKey),
    forbidden: () => refuse(403, 'forbidden', ['You lack the permission to use this resource.']),
    retired: () => refuse(404, 'not_found', ['The requested model does not exist.']),
    too_large: () => refuse(413, 'payload_too_large', ['Your request was larger than 10MiB.']),
    unprocessable: () =>
      refuse(422, 'invalid_language', ['negative_prompt: English is the only supported language']),
    error_500: () => refuse(500, 'internal_error', ['An unexpected error occurred.']),
    error_503: () => refuse(503, 'service_unavailable', ['Try again later.']),
    conflict_409: () => refuse(409, 'conflict', ['The request conflicts with another one.']),
  }
  const name = Object.keys(answers).find(known => directives.has(known))
  return (name === undefined ? undefined : answers[name]?.()) ?? null
}
