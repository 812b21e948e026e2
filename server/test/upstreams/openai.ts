// An emulator of OpenAI's Images, Models and Moderations API. It refuses what the vendor refuses, answers with
// real pictures and the vendor's usage arithmetic, and counts every create the vendor would bill.
// All behaviours are listed in `openAiDirectives` and, for the transport, in faults.ts.
import { randomUUID } from 'node:crypto'
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { buildImageAnswer } from './openai/answers.ts'
import { listModels } from './openai/models.ts'
import { moderate } from './openai/moderations.ts'
import { findRefusal, jsonAnswer, refuse } from './openai/refusals.ts'
import { readEdit, readGeneration } from './openai/requests.ts'
import { streamImages, streamModerationBlock } from './openai/stream.ts'
import { type Exchange, startUpstream, type Upstream } from './upstream.ts'

export { openAiDirectives } from './openai/directives.ts'

export type OpenAiUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a success without a `slow` directive. */
  latencyMs?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
  /** Ends of models in place of the vendor's own, as they stand when the list is read. */
  shutdownDates?: Record<string, string | null>
}

export const defaultOpenAiKey = 'sk-emulated-openai-key-0123456789'

/** Starts the emulator; the adapter's base URL is `${url}/v1`. */
export function startOpenAiUpstream(options: OpenAiUpstreamOptions = {}): Promise<Upstream> {
  const settings = { apiKey: defaultOpenAiKey, latencyMs: 0, ...options }
  return startUpstream({
    name: 'openai',
    ...(options.port === undefined ? {} : { port: options.port }),
    handle: exchange => handle(exchange, settings),
  })
}

type Settings = OpenAiUpstreamOptions & { apiKey: string; latencyMs: number }

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request, response } = exchange
  response.setHeader('x-request-id', `req_${randomUUID().replaceAll('-', '')}`)
  response.setHeader('openai-version', '2020-10-01')
  response.setHeader('openai-processing-ms', '12')
  const unauthorized = checkKey(exchange, settings.apiKey)
  if (unauthorized !== null) return sendAnswer(exchange, unauthorized)
  const route = `${request.method} ${request.path}`
  if (route === 'POST /v1/images/generations') return createImages(exchange, settings, 'generation')
  if (route === 'POST /v1/images/edits') return createImages(exchange, settings, 'edit')
  if (route === 'POST /v1/moderations') return moderate(exchange)
  if (request.method === 'GET' && /^\/v1\/models(\/.+)?$/.test(request.path))
    return listModels(exchange, settings.shutdownDates)
  return sendAnswer(exchange, refuse(404, { message: `Invalid URL (${route})`, code: null }))
}

async function createImages(
  exchange: Exchange,
  settings: Settings,
  endpoint: 'generation' | 'edit',
): Promise<void> {
  const read = endpoint === 'edit' ? await readEdit(exchange.request) : readGeneration(exchange.request)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  const directives = exchange.steer(order.prompt)
  exchange.note(order.fields)
  const making = { exchange, order, endpoint, sizeBytes: settings.pictureSizeBytes }
  // In a stream the block comes as an event, because the 200 has long been sent.
  const blocksInStream = order.stream && directives.has('moderation_output')
  const stream = blocksInStream ? streamModerationBlock : streamImages
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: blocksInStream ? null : findRefusal(directives, { key: settings.apiKey, model: order.model }),
    answer: () => buildImageAnswer(making),
    ...(order.stream ? { stream: () => stream(making) } : {}),
  })
}

function checkKey({ request }: Exchange, apiKey: string): Answer | null {
  const given = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1]
  if (given === apiKey) return null
  if (given === undefined) {
    return jsonAnswer(401, {
      error: {
        message:
          "You didn't provide an API key. You need to provide it in an Authorization header using Bearer auth.",
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    })
  }
  return refuse(401, {
    message: `Incorrect API key provided: ${given}. You can find your API key at https://platform.openai.com/account/api-keys.`,
    code: 'invalid_api_key',
  })
}
