// An emulator of Replicate's HTTP API: predictions that are created, read and canceled, files, webhooks, and a file
// host on an origin of its own. It refuses what the vendor refuses and counts every prediction it takes on.
// All behaviours are listed in `replicateDirectives` and, for the transport, in faults.ts.
import { randomBytes } from 'node:crypto'
import { type Answer, answerRead, runWork, sendAnswer } from './faults.ts'
import { type FileHost, startFileHost } from './files.ts'
import { checkInputs, type Inputs } from './replicate/inputs.ts'
import { type EmulatedModel, emulatedModels } from './replicate/models.ts'
import { isEnded, makeId, type Prediction, present, statusOf } from './replicate/predictions.ts'
import {
  findRefusal,
  findSentence,
  invalidVersion,
  jsonAnswer,
  notFound,
  refuse,
  throttle,
  unauthenticated,
} from './replicate/refusals.ts'
import { type Hooks, tellOf } from './replicate/webhooks.ts'
import { type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export { replicateDirectives } from './replicate/directives.ts'

export type ReplicateUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** Where the pictures lie; 0 or absent = a free port. */
  filesPort?: number
  /** The key it accepts. */
  apiKey?: string
  /** Keys of other accounts of the vendor: none sees a prediction of another. */
  otherKeys?: string[]
  /** Duration of a success without a `slow` directive. */
  latencyMs?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
  /** How long outputs are kept; default an hour. */
  removesAfterMs?: number
  /** How long a second is in `Prefer: wait=N`, `Cancel-After` and between webhooks; default 1,000. */
  secondMs?: number
  /** Latest versions of models in place of the usual ones, as they stand when a model is read. */
  latestVersions?: Record<string, string>
}

export type ReplicateUpstream = Upstream & {
  files: FileHost
  /** Signs the webhooks; a new one may be made. */
  secret(): string
  renewSecret(): void
  /** Webhook calls, retries among them. */
  webhooks: { made: number; taken: number }
}

export const defaultReplicateKey = 'r8_EmulatedReplicateKey0123456789abcdef'

type State = {
  settings: ReplicateUpstreamOptions & { apiKey: string; latencyMs: number }
  predictions: Map<string, Prediction>
  /** By prediction, the key that made it. */
  makers: Map<string, string>
  uploads: Map<string, { sizeBytes: number; mediaType: string }>
  hooks: Hooks
}

/** A long rehearsal must not grow without end. */
const maxPredictions = 20_000
const maxBodyBytes = 20 * 1024 * 1024

/** Starts the emulator; the adapter's base URL is `${url}/v1`. */
export async function startReplicateUpstream(
  options: ReplicateUpstreamOptions = {},
): Promise<ReplicateUpstream> {
  const settings = { apiKey: defaultReplicateKey, latencyMs: 0, ...options }
  const removesAfterMs = options.removesAfterMs ?? 3_600_000
  const files = await startFileHost({
    name: 'replicate',
    port: options.filesPort ?? 0,
    apiKey: settings.apiKey,
    expiresMs: removesAfterMs,
  })
  const closing = new AbortController()
  const webhooks = { made: 0, taken: 0 }
  const hooks: Hooks = {
    files,
    api: '',
    removesAfterMs,
    pictureSizeBytes: options.pictureSizeBytes,
    secret: makeSecret(),
    secondMs: options.secondMs ?? 1_000,
    closing: closing.signal,
    count: what => {
      webhooks[what] += 1
    },
  }
  const state: State = { settings, predictions: new Map(), makers: new Map(), uploads: new Map(), hooks }
  const upstream = await startUpstream({
    name: 'replicate',
    ...(options.port === undefined ? {} : { port: options.port }),
    handle: exchange => handle(exchange, state),
  })
  hooks.api = `${upstream.url}/v1`
  return {
    ...upstream,
    files,
    secret: () => hooks.secret,
    renewSecret: () => {
      hooks.secret = makeSecret()
    },
    webhooks,
    async close() {
      closing.abort()
      await Promise.all([upstream.close(), files.close()])
    },
  }
}

function makeSecret(): string {
  return `whsec_${randomBytes(24).toString('base64')}`
}

function keyOf({ request }: Exchange): string {
  return request.headers.authorization?.replace(/^(Bearer|Token) /, '') ?? ''
}

async function handle(exchange: Exchange, state: State): Promise<void> {
  const { method, path } = exchange.request
  if (![state.settings.apiKey, ...(state.settings.otherKeys ?? [])].includes(keyOf(exchange))) {
    return sendAnswer(exchange, unauthenticated)
  }
  const [root, folder = '', ...rest] = path.split('/').slice(1).map(decodeURIComponent)
  if (root !== 'v1') return sendAnswer(exchange, notFound)
  if (method === 'POST' && rest.at(-1) === 'predictions') {
    return createPrediction(exchange, state, findByName(folder, rest))
  }
  if (folder === 'predictions') return servePredictions(exchange, state, rest)
  if (folder === 'files') return serveFiles(exchange, state, rest)
  if (method !== 'GET') return sendAnswer(exchange, notFound)
  if (path === '/v1/account') {
    return sendAnswer(exchange, jsonAnswer(200, { type: 'user', username: 'emulated', name: 'Emulated' }))
  }
  if (path === '/v1/webhooks/default/secret')
    return sendAnswer(exchange, jsonAnswer(200, { key: state.hooks.secret }))
  return sendAnswer(
    exchange,
    folder === 'models' ? describeModel(rest, state.settings.latestVersions) : notFound,
  )
}

/** Official models by their name; a deployment may be of any. */
function findByName(folder: string, [owner = '', name = '']: string[]): EmulatedModel | null {
  const model = emulatedModels.find(each => each.name === `${owner}/${name}`)
  return model !== undefined && (folder === 'deployments' || model.isOfficial) ? model : null
}

async function servePredictions(exchange: Exchange, state: State, [id, verb]: string[]): Promise<void> {
  const { method } = exchange.request
  if (id === undefined && method === 'POST') return createPrediction(exchange, state, 'by version')
  if (id === undefined) return sendAnswer(exchange, listPredictions(exchange, state))
  const prediction = state.predictions.get(id)
  if (prediction === undefined || state.makers.get(id) !== keyOf(exchange))
    return sendAnswer(exchange, notFound)
  if (method === 'POST' && verb === 'cancel') return cancelPrediction(exchange, state, prediction)
  prediction.polls += 1
  const { directives, polls } = prediction
  const answer = () => {
    if (directives.has('poll_gone')) return notFound
    if (polls <= readNumber(directives, 'poll_limit', 0)) return throttle(directives)
    if (polls <= readNumber(directives, 'poll_denied', 0)) return unauthenticated
    if (polls <= readNumber(directives, 'poll_nonsense', 0)) return jsonAnswer(200, { ok: true })
    return jsonAnswer(200, present(state.hooks, prediction))
  }
  return answerRead(exchange, { place: 'poll', directives, nth: polls, answer })
}

function cancelPrediction(exchange: Exchange, state: State, prediction: Prediction): Promise<void> {
  const { directives } = prediction
  if (directives.has('cancel_refused')) return sendAnswer(exchange, refuse(500, 'Internal server error'))
  const isOpen = !isEnded(statusOf(prediction))
  if (isOpen && !directives.has('cancel_late')) prediction.canceledAtMs = performance.now()
  return sendAnswer(exchange, jsonAnswer(200, present(state.hooks, prediction)))
}

/** Pages of a hundred, the newest first. */
function listPredictions({ request }: Exchange, { predictions, hooks }: State): Answer {
  const from = Number(request.query.get('cursor') ?? 0)
  const all = [...predictions.values()].reverse()
  const next = from + 100 < all.length ? `${hooks.api}/predictions?cursor=${from + 100}` : null
  const results = all.slice(from, from + 100).map(each => present(hooks, each))
  return jsonAnswer(200, { next, previous: null, results })
}

function describeModel(
  [owner, name, versions, id]: string[],
  latestVersions: Record<string, string> = {},
): Answer {
  const model = emulatedModels.find(each => each.name === `${owner}/${name}`)
  if (model === undefined) return notFound
  const version = {
    id: model.version,
    openapi_schema: {
      components: {
        schemas: {
          Input: { type: 'object', properties: model.fields },
          Output:
            model.output === 'array' ? { type: 'array', items: { type: 'string' } } : { type: 'string' },
        },
      },
    },
  }
  const latest = { ...version, id: latestVersions[model.name] ?? version.id }
  if (versions === 'versions') return id === model.version ? jsonAnswer(200, version) : notFound
  return jsonAnswer(200, { owner, name, url: `https://replicate.com/${model.name}`, latest_version: latest })
}

async function serveFiles(exchange: Exchange, { uploads, hooks }: State, [id]: string[]): Promise<void> {
  const { method, headers, body } = exchange.request
  if (method === 'POST') {
    if (!headers['content-type']?.startsWith('multipart/form-data')) {
      return sendAnswer(exchange, refuse(400, 'Missing content'))
    }
    if (exchange.directives.get('upload') === 'reset') return void exchange.response.socket?.resetAndDestroy()
    const refused = readNumber(exchange.directives, 'upload', 0)
    if (refused > 0) return sendAnswer(exchange, refuse(refused, 'The upload was refused.'))
    const name = makeId()
    uploads.set(name, { sizeBytes: body.length, mediaType: headers['content-type'] })
    return sendAnswer(exchange, jsonAnswer(201, { id: name, urls: { get: `${hooks.api}/files/${name}` } }))
  }
  const file = uploads.get(id ?? '')
  return sendAnswer(exchange, file === undefined ? notFound : jsonAnswer(200, { id, size: file.sizeBytes }))
}

type Body = {
  version?: unknown
  input?: unknown
  webhook?: unknown
  webhook_events_filter?: unknown
  model?: unknown
}

async function createPrediction(
  exchange: Exchange,
  state: State,
  target: EmulatedModel | null | 'by version',
): Promise<void> {
  const body = readBody(exchange)
  const input = typeof body?.input === 'object' && body.input !== null ? (body.input as Inputs) : null
  const directives = exchange.steer(typeof input?.prompt === 'string' ? input.prompt : '')
  if (body === null || input === null)
    return sendAnswer(exchange, refuse(400, 'The request body is no JSON object'))
  const model = target === 'by version' ? findByVersion(body) : target
  if (model === null) return sendAnswer(exchange, target === 'by version' ? invalidVersion : notFound)
  if ('model' in body)
    return sendAnswer(exchange, refuse(422, '- model: Additional property model is not allowed'))
  const checked = checkInputs(model, input, url => isKnownFile(state, url))
  if ('answer' in checked) return sendAnswer(exchange, checked.answer)
  const webhook = readWebhook(body)
  if (webhook === 'refused')
    return sendAnswer(exchange, refuse(422, '- webhook: Does not match format "https_uri"'))
  const cancelAfterMs = readDuration(exchange.request.headers['cancel-after'], state.hooks.secondMs)
  if (cancelAfterMs === 'refused')
    return sendAnswer(exchange, refuse(422, 'Cancel-After must be at least 5s'))
  exchange.note({ model: model.name, ...body })
  const accept = (): Prediction => {
    const prediction: Prediction = {
      id: makeId(),
      model,
      input,
      filled: checked.inputs,
      directives,
      createdAtMs: performance.now(),
      durationMs: readNumber(directives, 'slow', state.settings.latencyMs),
      cancelAfterMs,
      canceledAtMs: null,
      webhook,
      output: null,
      polls: 0,
    }
    state.predictions.set(prediction.id, prediction)
    state.makers.set(prediction.id, keyOf(exchange))
    const oldest = state.predictions.keys().next()
    if (state.predictions.size > maxPredictions && !oldest.done) state.predictions.delete(oldest.value)
    void tellOf(state.hooks, prediction).catch(() => undefined)
    return prediction
  }
  const refusal = findRefusal(directives)
  // What fails is not billed; it is taken on all the same.
  if (refusal === null && findSentence(directives) !== null) {
    return sendAnswer(exchange, await answerCreate(exchange, state, accept()))
  }
  let prediction: Prediction | null = null
  // It is there from the moment it is billed, whether or not its answer arrives.
  const bill = (works?: number) => {
    exchange.bill(works)
    prediction = accept()
  }
  await runWork(
    { ...exchange, bill },
    {
      latencyMs: 0,
      refusal,
      isTask: true,
      answer: () => answerCreate(exchange, state, prediction ?? accept()),
    },
  )
}

/** 201 at once, or when the prediction has ended or the wait is over. */
async function answerCreate(exchange: Exchange, { hooks }: State, prediction: Prediction): Promise<Answer> {
  const prefer = /^wait(?:=(\d+))?$/.exec(exchange.request.headers.prefer ?? '')
  if (prefer === null) return jsonAnswer(201, present(hooks, prediction, 'starting'))
  const seconds = Math.min(60, Math.max(1, Number(prefer[1] ?? 60)))
  const waitMs = readNumber(prediction.directives, 'wait_ends', seconds * hooks.secondMs)
  await exchange.wait(Math.min(waitMs, prediction.durationMs))
  return jsonAnswer(201, present(hooks, prediction))
}

function readBody({ request }: Exchange): Body | null {
  if (!request.headers['content-type']?.startsWith('application/json')) return null
  if (request.body.length > maxBodyBytes) return null
  try {
    const parsed: unknown = JSON.parse(request.body.toString('utf8'))
    return typeof parsed === 'object' && parsed !== null ? parsed : null
  } catch {
    return null
  }
}

/** `<hex>` or `owner/name:<hex>`. */
function findByVersion({ version }: Body): EmulatedModel | null {
  const id = typeof version === 'string' ? version.split(':').at(-1) : null
  return emulatedModels.find(each => each.version === id) ?? null
}

function isKnownFile({ uploads, hooks }: State, url: string): boolean {
  const prefix = `${hooks.api}/files/`
  return !url.startsWith(prefix) || uploads.has(url.slice(prefix.length))
}

function readWebhook({ webhook, webhook_events_filter: filter }: Body): Prediction['webhook'] | 'refused' {
  if (webhook === undefined) return null
  // Loopback stands for the receivers of tests.
  const isLegal = typeof webhook === 'string' && /^(https:\/\/|http:\/\/127\.0\.0\.1[:/])/.test(webhook)
  if (!isLegal) return 'refused'
  const events = Array.isArray(filter) ? filter.map(String) : ['start', 'output', 'logs', 'completed']
  return { url: webhook, events }
}

/** `30s`, `5m`, `1h30m45s`. */
function readDuration(text: string | undefined, secondMs: number): number | null | 'refused' {
  if (text === undefined) return null
  const [, hours = 0, minutes = 0, seconds = 0] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? []
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return total < 5 ? 'refused' : total * secondMs
}
