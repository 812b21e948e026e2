// An emulator of the Gemini API's image models. It refuses what the vendor refuses, answers with real pictures of
// the documented pixel sizes, drafts included, and counts every create the vendor would bill: refusals that come
// as a 200 used tokens, so they count too. All behaviours are listed in `googleDirectives` and in faults.ts.
import { randomUUID } from 'node:crypto'
import { type Answer, runWork, sendAnswer } from './faults.ts'
import { buildAnswer } from './google/answers.ts'
import { type GoogleModel, googleModels } from './google/models.ts'
import {
  answerInvalid,
  findRefusal,
  jsonAnswer,
  refuseInvalid,
  refuseKey,
  refuseMissingKey,
  refuseModel,
} from './google/refusals.ts'
import { type GoogleCreate, parseCreate, peekPrompt } from './google/validate.ts'
import { type Exchange, startUpstream, type Upstream } from './upstream.ts'

export { googleDirectives } from './google/directives.ts'

export type GoogleUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a success without a `slow` directive. */
  latencyMs?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
}

export const defaultGoogleKey = 'emulated-gemini-key-0123456789abcdefghij'

type Settings = GoogleUpstreamOptions & { apiKey: string; latencyMs: number }

/** Starts the emulator; the adapter's base URL is `${url}/v1beta`. */
export function startGoogleUpstream(options: GoogleUpstreamOptions = {}): Promise<Upstream> {
  const settings = { apiKey: defaultGoogleKey, latencyMs: 0, ...options }
  return startUpstream({
    name: 'google',
    ...(options.port === undefined ? {} : { port: options.port }),
    handle: exchange => handle(exchange, settings),
  })
}

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  const refused = checkKey(exchange, settings.apiKey)
  if (refused !== null) return sendAnswer(exchange, refused)
  const call = /^\/v1beta\/models\/([^/:]+):(\w+)$/.exec(decodeURIComponent(request.path))
  if (request.method === 'POST' && call !== null) {
    return createPicture(exchange, settings, { id: call[1] ?? '', method: call[2] ?? '' })
  }
  if (request.method === 'GET') return sendAnswer(exchange, answerModels(request.path))
  return sendAnswer(exchange, notFoundPage(request.path))
}

async function createPicture(
  exchange: Exchange,
  settings: Settings,
  call: { id: string; method: string },
): Promise<void> {
  const { request } = exchange
  const model = googleModels.find(known => known.id === call.id)
  const directives = exchange.steer(peekPrompt(request.body))
  if (model === undefined || call.method !== 'generateContent') {
    return sendAnswer(exchange, refuseModel(call.id))
  }
  const create = readCreate(exchange, model)
  if ('status' in create) return sendAnswer(exchange, create)
  const responseId = randomUUID().replaceAll('-', '').slice(0, 22)
  exchange.note({ ...create, responseId })
  await runWork(exchange, {
    latencyMs: settings.latencyMs,
    refusal: findRefusal(directives, { key: request.headers['x-goog-api-key'] ?? '', model: model.id }),
    answer: () =>
      buildAnswer({ directives, create, model, sizeBytes: settings.pictureSizeBytes, responseId }),
  })
}

function readCreate({ request }: Exchange, model: GoogleModel): GoogleCreate | Answer {
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('application/json')) {
    return refuseInvalid({ message: `Invalid content type "${type}". Only application/json is accepted.` })
  }
  try {
    return parseCreate(request.body, model)
  } catch (error) {
    return answerInvalid(error)
  }
}

function checkKey({ request, directives }: Exchange, apiKey: string): Answer | null {
  const given = request.headers['x-goog-api-key'] ?? request.query.get('key')
  if (given === null) return refuseMissingKey()
  return given === apiKey && !directives.has('wrong_key') ? null : refuseKey(given)
}

function answerModels(path: string): Answer {
  if (path === '/v1beta/models') return jsonAnswer(200, { models: googleModels.map(presentModel) })
  const id = /^\/v1beta\/models\/([^/:]+)$/.exec(path)?.[1]
  if (id === undefined) return notFoundPage(path)
  const model = googleModels.find(known => known.id === id)
  return model === undefined ? refuseModel(id) : jsonAnswer(200, presentModel(model))
}

function presentModel({ id, displayName }: GoogleModel): Record<string, unknown> {
  return {
    name: `models/${id}`,
    version: '001',
    displayName,
    description: displayName,
    inputTokenLimit: 65536,
    outputTokenLimit: 32768,
    supportedGenerationMethods: ['generateContent', 'countTokens', 'batchGenerateContent'],
  }
}

/** What the vendor's front end says to an address that exists nowhere. */
function notFoundPage(path: string): Answer {
  const page = `<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n<p><b>404.</b> <ins>That’s an error.</ins>\n<p>The requested URL <code>${path}</code> was not found on this server.\n`
  return { status: 404, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: [page] }
}
