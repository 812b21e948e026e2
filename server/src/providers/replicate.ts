// The adapter of Replicate. A create is sent once and hands out a prediction, which is read until it ends; nothing in
// this file or below it may ever send it again, because Replicate has no idempotent creates.
import { OutboundError, type OutboundRequest, type OutboundResponse } from '../outbound.ts'
import {
  checkByGet,
  classifyBrokenAnswer,
  classifyLostCreate,
  classifyLostRead,
  isRecord,
  limitCall,
  MAX_SMALL_ANSWER_BYTES,
  parseJsonOrNull,
  readByGet,
  readErrorText,
  readSmallJson,
  scrubKey,
  scrubOutcome,
  textOrNull,
} from './hosted-call.ts'
import type { MultipartForm } from './multipart-form.ts'
import type {
  CallContext,
  CancelOutcome,
  ListContext,
  ModelFacts,
  ModelList,
  Provider,
  ProviderFailure,
  ProviderOutcome,
  ProviderRequest,
  UpstreamTask,
  WebhookContext,
} from './provider.ts'
import {
  classifyCreateAnswer,
  classifyReadAnswer,
  classifyUploadAnswer,
  type ErrorAnswer,
} from './replicate/failures.ts'
import { describeUnreadable, readPrediction, toTask, Unreadable } from './replicate/prediction.ts'
import { placePictures } from './replicate/references.ts'
import { type Inputs, type Plan, planPrediction } from './replicate/request.ts'
import { createSecrets, readSignedNotice } from './replicate/webhook.ts'

export { NOT_RUN } from './replicate/failures.ts'

export type ReplicateOptions = {
  apiKey: string
  /** With the version: `https://api.replicate.com/v1`. */
  baseUrl: string
}

const VENDOR = 'Replicate'
/** Where outputs lie; the key is shown to no other host but that of the API. */
const OUTPUT_HOST = 'replicate.delivery'
/** The vendor cancels a prediction so long after our own deadline: nobody waits for it any more. */
const CANCEL_MARGIN_S = 15
/** The vendor takes nothing shorter, and waits no longer than a minute. */
const MIN_CANCEL_AFTER_S = 5
const MAX_WAIT_S = 60
const MAX_OUTPUT_BYTES = 80 * 1024 * 1024
/** Misreadings of one task, after which its answers are taken for what they are. */
const MAX_MISREADS = 2

/** Creates the provider `replicate`. */
export function createReplicateProvider(given: ReplicateOptions): Provider {
  const api: Api = { apiKey: given.apiKey, baseUrl: given.baseUrl.replace(/\/+$/, '') }
  const secrets = createSecrets(context => fetchSecret(api, context))
  const scrub = async (outcome: Promise<ProviderOutcome>) => scrubOutcome(await outcome, api.apiKey)
  return {
    name: 'replicate',
    idempotentCreates: false,
    submit: (request, context) => scrub(submit(api, request, context)),
    poll: (task, context) => scrub(poll(api, task, context)),
    cancel: (task, context) => cancel(api, task, context),
    fetchOutput: (url, context) => fetchOutput(api, url, context),
    readWebhook: (request, context) => readSignedNotice(secrets, request, context),
    check: context => check(api, context),
    readModels: (models, context) => readModels(api, models, context),
  }
}

type Api = { apiKey: string; baseUrl: string }

async function submit(api: Api, request: ProviderRequest, context: CallContext): Promise<ProviderOutcome> {
  const planned = planPrediction(request)
  if (!planned.ok) return planned.failure
  const { plan } = planned
  let pictures: Inputs
  try {
    pictures = await placePictures(request, plan, form => upload(api, form, context))
  } catch (error) {
    if (error instanceof UploadFailed) return error.failure
    throw error
  }
  let response: OutboundResponse
  try {
    response = await context.http.request({
      ...describeCall(api, context, {
        method: 'POST',
        path: plan.path,
        headers: { 'content-type': 'application/json', ...describeWaiting(plan, context) },
      }),
      body: JSON.stringify({
        ...(plan.version === null ? {} : { version: plan.version }),
        input: { ...plan.inputs, ...pictures },
        ...describeWebhook(context),
      }),
    })
  } catch (error) {
    return classifyLostCreate(VENDOR, error)
  }
  if (!isSuccess(response)) return classifyCreateAnswer(await readError(response))
  return readCreated(response, { request, plan, context })
}

async function readCreated(
  response: OutboundResponse,
  { request, plan, context }: { request: ProviderRequest; plan: Plan; context: CallContext },
): Promise<ProviderOutcome> {
  const known = { model: plan.modelName, count: request.count, warnings: plan.warnings, polls: 0 }
  try {
    return await readPrediction(await readSmallJson(response), known, context)
  } catch (error) {
    if (error instanceof Unreadable) return describeUnreadable(error.message)
    return classifyBrokenAnswer(VENDOR, error, response)
  }
}

async function poll(api: Api, given: UpstreamTask, context: CallContext): Promise<ProviderOutcome> {
  const task = toTask(given)
  let value: unknown
  try {
    const path = `/predictions/${encodeURIComponent(task.id)}`
    const response = await context.http.request(describeCall(api, context, { method: 'GET', path }))
    if (!isSuccess(response)) return classifyReadAnswer(await readError(response))
    value = await readSmallJson(response)
  } catch (error) {
    return classifyLostRead(VENDOR, error)
  }
  try {
    return await readPrediction(value, task, context)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    const misreads = Number(given.misreads ?? 0) + 1
    // A front that speaks for the vendor for a moment must not end paid work.
    if (misreads > MAX_MISREADS) return describeUnreadable(error.message)
    return { kind: 'pending', task: { ...task, misreads }, pollAfterMs: 1_000 }
  }
}

async function cancel(api: Api, task: UpstreamTask, context: CallContext): Promise<CancelOutcome> {
  try {
    const path = `/predictions/${encodeURIComponent(task.id)}/cancel`
    const response = await context.http.request(describeCall(api, context, { method: 'POST', path }))
    if (!isSuccess(response)) return keepRunning(api, classifyReadAnswer(await readError(response)).message)
    const value = await readSmallJson(response)
    const status = isRecord(value) ? textOrNull(value.status) : null
    if (status === 'canceled' || status === 'aborted' || status === 'failed') return { kind: 'canceled' }
    return keepRunning(api, `Replicate says that the prediction is ${status ?? 'in no known state'}`)
  } catch (error) {
    return keepRunning(api, classifyLostRead(VENDOR, error).message)
  }
}

function keepRunning({ apiKey }: Api, message: string): CancelOutcome {
  return { kind: 'not_canceled', message: scrubKey(message, apiKey) }
}

/** Outputs are public in practice and documented to need the key: it is shown to the vendor's hosts, on demand. */
async function fetchOutput(api: Api, url: string, context: CallContext): Promise<OutboundResponse> {
  const get = (headers: Record<string, string>) =>
    context.http.request({
      method: 'GET',
      url,
      trust: 'upstream',
      headers,
      ...limitCall(context, MAX_OUTPUT_BYTES),
    })
  const response = await get({})
  if (response.status !== 401 || !maySeeKey(api, url)) return response
  await response.discard()
  return get(authorize(api))
}

function maySeeKey({ baseUrl }: Api, text: string): boolean {
  const url = new URL(text)
  const api = new URL(baseUrl)
  if (url.protocol !== api.protocol) return false
  return [api.hostname, OUTPUT_HOST].includes(url.hostname) || url.hostname.endsWith(`.${OUTPUT_HOST}`)
}

/** Once it is uploaded, a file has an address that the vendor's models can read. */
async function upload(api: Api, form: MultipartForm, context: CallContext): Promise<string> {
  try {
    const response = await context.http.request({
      ...describeCall(api, context, { method: 'POST', path: '/files', headers: form.headers }),
      body: form.body,
    })
    if (!isSuccess(response)) throw new UploadFailed(classifyUploadAnswer(await readError(response)))
    const value = await readSmallJson(response)
    const address = isRecord(value) && isRecord(value.urls) ? textOrNull(value.urls.get) : null
    if (address !== null) return address
    throw new UploadFailed({
      kind: 'failed',
      failure: 'malformed_response',
      message: 'Replicate took a file and gave no address',
    })
  } catch (error) {
    if (error instanceof UploadFailed) throw error
    throw new UploadFailed(classifyLostRead(VENDOR, error))
  }
}

class UploadFailed extends Error {
  override name = 'UploadFailed'
  constructor(readonly failure: ProviderFailure) {
    super(failure.message)
  }
}

async function fetchSecret(api: Api, context: WebhookContext): Promise<string> {
  const call = { method: 'GET', path: '/webhooks/default/secret' } as const
  const response = await context.http.request(describeCall(api, context, call))
  const value = isSuccess(response) ? await readSmallJson(response) : await response.discard()
  const secret = isRecord(value) ? textOrNull(value.key) : null
  if (secret !== null) return secret
  throw new OutboundError('unreachable', true, `Replicate gave no secret for webhooks: ${response.status}`)
}

/** What is spread comes last: a field that is named after it costs more than all others together. */
function describeCall(
  api: Api,
  context: Pick<CallContext, 'timeoutMs' | 'signal' | 'headers'>,
  { method, path, headers }: { method: 'GET' | 'POST'; path: string; headers?: Record<string, string> },
): OutboundRequest {
  return {
    method,
    url: `${api.baseUrl}${path}`,
    trust: 'configured',
    headers: { accept: 'application/json', ...context.headers, ...headers, ...authorize(api) },
    ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
  }
}

function authorize({ apiKey }: Pick<Api, 'apiKey'>): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` }
}

/** For models that are done in a moment the create's own answer brings the outcome; for others at once the id. */
function describeWaiting({ model }: Plan, { timeoutMs }: CallContext): Record<string, string> {
  const leftS = Math.floor(timeoutMs / 1000)
  const waitS = Math.min(model.waitSeconds, MAX_WAIT_S, leftS)
  const cancelS = Math.max(MIN_CANCEL_AFTER_S, leftS + CANCEL_MARGIN_S)
  return { 'cancel-after': writeDuration(cancelS), ...(waitS > 0 ? { prefer: `wait=${waitS}` } : {}) }
}

/** `45s`, `4m45s`, `1h0m0s`. */
function writeDuration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60)]
  if (hours > 0) return `${hours}h${minutes % 60}m${seconds % 60}s`
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}

/** One call when it has ended is enough: it only wakes the poll. */
function describeWebhook({ webhookUrl }: CallContext) {
  return webhookUrl === undefined ? {} : { webhook: webhookUrl, webhook_events_filter: ['completed'] }
}

function isSuccess({ status }: OutboundResponse): boolean {
  return status >= 200 && status <= 299
}

async function readError(response: OutboundResponse): Promise<ErrorAnswer> {
  const { status, headers } = response
  return { status, headers, text: await readErrorText(response) }
}

/** Each by itself, for there is no list of these alone; one that is not there is left out. */
async function readModels(
  { apiKey, baseUrl }: Api,
  upstreamModels: readonly string[],
  context: ListContext,
): Promise<ModelList> {
  const models: ModelFacts[] = []
  const headers = authorize({ apiKey })
  for (const upstreamModel of upstreamModels) {
    const [name = ''] = upstreamModel.split(':')
    const url = `${baseUrl}/models/${name.split('/').map(encodeURIComponent).join('/')}`
    const read = await readByGet({ vendor: VENDOR, apiKey, url, headers }, context)
    if (read.status === null) return { ok: false, message: read.message }
    if (read.status === 404) continue
    const model = read.status === 200 && isRecord(read.value) ? read.value : null
    if (!model) return { ok: false, message: `${VENDOR} answered ${read.status} about ${name}` }
    models.push({ upstreamModel, shutdownOn: null, version: readVersion(model.latest_version) })
  }
  return { ok: true, models }
}

/** Null where it is none: it is kept in the database and read by every node. */
function readVersion(value: unknown): string | null {
  const id = isRecord(value) ? textOrNull(value.id) : null
  return id !== null && /^[0-9a-f]{64}$/.test(id) ? id : null
}

function check(api: Api, context: CallContext): Promise<{ ok: true } | { ok: false; message: string }> {
  return checkByGet(
    {
      vendor: VENDOR,
      apiKey: api.apiKey,
      url: `${api.baseUrl}/account`,
      headers: authorize(api),
      judge({ status, text }) {
        if (status !== 200) return classifyReadAnswer({ status, headers: {}, text }).message
        const account = parseJsonOrNull(text)
        const isAccount = isRecord(account) && textOrNull(account.username) !== null
        return isAccount ? null : 'The address does not answer like Replicate: no account.'
      },
    },
    context,
  )
}
