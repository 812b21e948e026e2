// The adapter of ComfyUI. It chooses the name of the work before the create, so that a create whose answer was lost can be
// asked for: it becomes unknown only when the engine knows nothing of it.
import { setTimeout as pause } from 'node:timers/promises'
import { OutboundError, type OutboundResponse } from '../outbound.ts'
import { findInQueue, readHistory } from './comfyui/history.ts'
import { countSamplers, createProgressWatch, type ProgressWatch } from './comfyui/progress.ts'
import { classifyRefusal } from './comfyui/refusal.ts'
import { choosePromptId, type Plan, planOrder, type Upload } from './comfyui/request.ts'
import { fillWorkflow, type SlotValue, type Workflow } from './comfyui/workflow.ts'
import { conclude, failAsMalformed, fetchStripped } from './engine-answer.ts'
import { authorizeBasic, scrubBasic, scrubBasicCheck, scrubBasicOutcome } from './engine-auth.ts'
import {
  checkByGet,
  classifyLostRead,
  describeBody,
  isRecord,
  limitCall,
  MAX_SMALL_ANSWER_BYTES,
  readErrorText,
  readSmallJson,
  textOrNull,
} from './hosted-call.ts'
import { JsonImagesError, readJsonWithImages } from './json-images.ts'
import { buildMultipartForm } from './multipart-form.ts'
import type {
  CallContext,
  CancelOutcome,
  Provider,
  ProviderFailure,
  ProviderOutcome,
  ProviderPending,
  ProviderRequest,
  UpstreamTask,
} from './provider.ts'
import { noUsage } from './provider.ts'

export type ComfyUiOptions = {
  /** As routes of the catalogue spell it; several engines are several providers. */
  name?: string
  baseUrl: string
  /** `user:password` of a proxy before it; the engine itself has none. */
  apiKey?: string
  /** By name, which is the upstream model of a route. */
  workflows: ReadonlyMap<string, Workflow>
  /** Shared by all that reach the same engine; by default its own. */
  watch?: ProgressWatch
}

const VENDOR = 'comfyui'
/** The engine checks a workflow and queues it at once; an answer that takes longer is lost, and the work asked for. */
const CREATE_TIMEOUT_MS = 30_000
const POLL_AFTER_MS = 1_000
/** A create without an answer may still be on its way at the first look. */
const LOOKS_FOR_LOST_CREATE = 3
/** The queue holds whole workflows. */
const MAX_QUEUE_BYTES = 16 * 1024 * 1024
const INTERRUPT_LOOKS = 10
const INTERRUPT_PAUSE_MS = 200

/** Creates the provider `comfyui`, or one of another name for a further engine. */
export function createComfyUiProvider(options: ComfyUiOptions): Provider {
  const { name = VENDOR, apiKey = '', workflows, watch = createProgressWatch() } = options
  const headers = authorizeBasic(apiKey)
  const engine: Engine = { baseUrl: options.baseUrl.replace(/\/+$/, ''), headers, workflows, watch }
  return {
    name,
    // The engine honours our name for the work, and draws twice when it is given twice.
    idempotentCreates: false,
    submit: async (request, context) => {
      const outcome = await submit(engine, request, context)
      if (outcome.kind === 'pending') follow(engine, outcome.task as ComfyTask, context)
      return scrubBasicOutcome(outcome, apiKey)
    },
    poll: async (task, context) => {
      const outcome = await poll(engine, task as ComfyTask, context)
      return scrubBasicOutcome(watch.tell(outcome, task.id, openWay(engine, context)), apiKey)
    },
    cancel: async (task, context) => {
      const outcome = await cancel(engine, task.id, context)
      if (outcome.kind === 'canceled') watch.forget(task.id)
      return outcome.kind === 'canceled'
        ? outcome
        : { ...outcome, message: scrubBasic(outcome.message, apiKey) }
    },
    fetchOutput: (url, context) => fetchStripped(url, headers, context),
    check: context => {
      const url = `${engine.baseUrl}/system_stats`
      const call = { vendor: VENDOR, apiKey, url, headers, judge: judgeCheck }
      return scrubBasicCheck(checkByGet(call, context), apiKey)
    },
  }
}

type Engine = {
  baseUrl: string
  headers: Record<string, string>
  workflows: ReadonlyMap<string, Workflow>
  watch: ProgressWatch
}

/** What was asked for, to hold the result against; `looks` counts down while nobody has confirmed the create. */
type ComfyTask = UpstreamTask & {
  workflow: string
  count: number
  width: number | null
  height: number | null
  looks?: number
}

function openWay(engine: Engine, { http, headers }: CallContext) {
  return { http, baseUrl: engine.baseUrl, headers: { ...headers, ...engine.headers } }
}

function follow(engine: Engine, { id, workflow }: ComfyTask, context: CallContext): void {
  const samplers = countSamplers(engine.workflows.get(workflow)?.nodes ?? {})
  engine.watch.follow(id, samplers, openWay(engine, context))
}

async function submit(
  engine: Engine,
  request: ProviderRequest,
  context: CallContext,
): Promise<ProviderOutcome> {
  const workflow = engine.workflows.get(request.upstreamModel)
  if (workflow === undefined) {
    return fail(
      'misconfigured',
      `there is no workflow ${request.upstreamModel}: put its file into COMFYUI_WORKFLOWS`,
    )
  }
  const promptId = choosePromptId(context.attemptId)
  const plan = planOrder(workflow, request, promptId)
  if ('kind' in plan) return plan
  const failure = await uploadAll(engine, plan, context)
  if (failure !== null) return failure
  return create(engine, { workflow, plan, request, promptId }, context)
}

/** Pictures go up first: until the create nothing was ordered, so that every failure here is one of "not run". */
async function uploadAll(engine: Engine, plan: Plan, context: CallContext): Promise<ProviderFailure | null> {
  const names: string[] = []
  for (const upload of plan.references) {
    const name = await uploadOne(engine, upload, context)
    if (typeof name !== 'string') return name
    names.push(name)
  }
  if (names.length > 0) plan.values.set('references', names)
  if (plan.mask === null) return null
  const name = await uploadOne(engine, plan.mask, context)
  if (typeof name !== 'string') return name
  plan.values.set('mask', name)
  return null
}

async function uploadOne(
  engine: Engine,
  upload: Upload,
  context: CallContext,
): Promise<string | ProviderFailure> {
  const picture = { mediaType: upload.mediaType, read: upload.read }
  const name = upload.name.replace(/\.\w+$/, '')
  const fields = { type: 'input', subfolder: 'darkroom', overwrite: true }
  const form = await buildMultipartForm(fields, [{ field: 'image', name, picture }])
  try {
    const response = await send(engine, context, {
      method: 'POST',
      path: '/upload/image',
      headers: form.headers,
      body: form.body,
    })
    if (response.status !== 200) {
      const message = `picture not taken, ${response.status}: ${describeBody(await readErrorText(response))}`
      return fail(response.status < 500 ? 'misconfigured' : 'unavailable', message)
    }
    const saved = await readSmallJson(response)
    const stored = isRecord(saved) ? textOrNull(saved.name) : null
    const subfolder = isRecord(saved) ? textOrNull(saved.subfolder) : null
    return stored === null ? upload.name : subfolder ? `${subfolder}/${stored}` : stored
  } catch (error) {
    return classifyLostRead(VENDOR, error)
  }
}

type Creation = { workflow: Workflow; plan: Plan; request: ProviderRequest; promptId: string }

async function create(
  engine: Engine,
  { workflow, plan, request, promptId }: Creation,
  context: CallContext,
): Promise<ProviderOutcome> {
  const { count, width, height } = request
  const task: ComfyTask = { id: promptId, workflow: workflow.name, count, width, height }
  const prompt = fillWorkflow(workflow, plan.values as ReadonlyMap<string, SlotValue>)
  let response: OutboundResponse
  try {
    response = await send(engine, context, {
      method: 'POST',
      path: '/prompt',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt, prompt_id: promptId, client_id: engine.watch.clientId }),
    })
  } catch (error) {
    return afterLostAnswer(error, task, context)
  }
  const { status } = response
  if (status >= 200 && status < 300) return readCreated(response, task, context)
  const text = await readErrorText(response)
  if (status === 400) return classifyRefusal(workflow, text)
  if (status >= 500 || status === 408 || status === 409) return lookLater(task)
  const message = `answered ${status}: ${describeBody(text)}`
  // A redirect is not followed: the password must not travel to another address.
  return status < 400 ? failAsMalformed(`${VENDOR} ${message}`) : fail('misconfigured', message)
}

async function readCreated(
  response: OutboundResponse,
  task: ComfyTask,
  context: CallContext,
): Promise<ProviderOutcome> {
  try {
    const body = await readSmallJson(response)
    const id = isRecord(body) ? textOrNull(body.prompt_id) : null
    // An engine that chooses the name itself tells it here; without one the answer is not the engine's.
    return id === null
      ? lookLater(task)
      : { kind: 'pending', task: { ...task, id }, pollAfterMs: POLL_AFTER_MS }
  } catch (error) {
    return afterLostAnswer(error, task, context)
  }
}

/** The work may be there all the same, and we know its name. */
function afterLostAnswer(error: unknown, task: ComfyTask, { signal }: CallContext): ProviderOutcome {
  if (error instanceof JsonImagesError) return lookLater(task)
  if (!(error instanceof OutboundError)) throw error
  const message = `gave no answer (${error.code}): ${error.message}`
  if (!error.sent) return fail('unavailable', message)
  return signal.aborted ? fail('unknown_outcome', message) : lookLater(task)
}

function lookLater(task: ComfyTask): ProviderPending {
  return { kind: 'pending', task: { ...task, looks: LOOKS_FOR_LOST_CREATE }, pollAfterMs: POLL_AFTER_MS }
}

async function poll(engine: Engine, task: ComfyTask, context: CallContext): Promise<ProviderOutcome> {
  try {
    const ended = await findEnded(engine, task, context)
    if (ended !== null) return ended
    const place = findInQueue(await readJson(engine, '/queue', context), task.id)
    if (place !== null) {
      const { looks: _, ...confirmed } = task
      const queuePosition = place.isRunning ? null : place.before
      return { kind: 'pending', task: confirmed, pollAfterMs: POLL_AFTER_MS, queuePosition }
    }
    // It may have ended between the two looks.
    return (await findEnded(engine, task, context)) ?? giveUp(task)
  } catch (error) {
    if (error instanceof ReadRefused) return error.failure
    return classifyLostRead(VENDOR, error)
  }
}

/** The engine knows nothing of it: it was never ordered, or a restart has lost it. */
function giveUp(task: ComfyTask): ProviderOutcome {
  const { looks = 0 } = task
  if (looks > 1) return { kind: 'pending', task: { ...task, looks: looks - 1 }, pollAfterMs: POLL_AFTER_MS }
  const cause =
    looks === 1 ? 'the order was not heard of again' : 'the engine has forgotten the work, as after a restart'
  return { ...fail('unknown_outcome', cause), usage: { ...noUsage, upstreamRequestId: task.id } }
}

async function findEnded(
  engine: Engine,
  task: ComfyTask,
  context: CallContext,
): Promise<ProviderOutcome | null> {
  const history = await readJson(engine, `/history/${encodeURIComponent(task.id)}`, context)
  const workflow = engine.workflows.get(task.workflow)
  const ended = readHistory(isRecord(history) ? history[task.id] : null, workflow?.outputs ?? [])
  if (ended === null) return null
  const usage = { ...noUsage, upstreamRequestId: task.id }
  if (ended.kind === 'failed')
    return { ...fail('upstream_failed', `the work failed, ${ended.message}`), usage }
  const urls = ended.files.map(file => `${engine.baseUrl}/view?${new URLSearchParams(file)}`)
  const { count, width, height } = task
  const outcome = conclude(
    VENDOR,
    { received: [], rejections: [] },
    { asked: { count, width, height }, urls },
  )
  return outcome.kind === 'pending' ? outcome : { ...outcome, usage }
}

/**
 * Takes waiting work out of the queue, or interrupts it when it is what runs, by its name: an interrupt without one
 * would end whatever runs.
 */
async function cancel(engine: Engine, promptId: string, context: CallContext): Promise<CancelOutcome> {
  try {
    const place = findInQueue(await readJson(engine, '/queue', context), promptId)
    if (place === null)
      return { kind: 'not_canceled', message: `${VENDOR} does not have the work in its queue` }
    const order = place.isRunning
      ? { path: '/interrupt', body: { prompt_id: promptId } }
      : { path: '/queue', body: { delete: [promptId] } }
    const response = await send(engine, context, {
      method: 'POST',
      path: order.path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order.body),
    })
    await response.discard()
    return await confirmCancel(engine, promptId, context)
  } catch (error) {
    if (error instanceof ReadRefused) return { kind: 'not_canceled', message: error.failure.message }
    return { kind: 'not_canceled', message: classifyLostRead(VENDOR, error).message }
  }
}

/** An interrupt takes effect at the next step of the sampler. */
async function confirmCancel(engine: Engine, promptId: string, context: CallContext): Promise<CancelOutcome> {
  for (let look = 1; look <= INTERRUPT_LOOKS; look += 1) {
    const place = findInQueue(await readJson(engine, '/queue', context), promptId)
    if (place === null) {
      const history = await readJson(engine, `/history/${encodeURIComponent(promptId)}`, context)
      const ended = readHistory(isRecord(history) ? history[promptId] : null, [])
      if (ended?.kind !== 'done') return { kind: 'canceled' }
      return { kind: 'not_canceled', message: `${VENDOR} had drawn it already` }
    }
    await pause(INTERRUPT_PAUSE_MS, undefined, { signal: context.signal }).catch(() => undefined)
    if (context.signal.aborted) break
  }
  return { kind: 'not_canceled', message: `${VENDOR} has not said that the work ended` }
}

type Call = {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string | AsyncIterable<Uint8Array>
  maxBytes?: number
}

function send(engine: Engine, context: CallContext, call: Call) {
  const { method, path, headers, body, maxBytes = MAX_SMALL_ANSWER_BYTES } = call
  const timeoutMs = Math.min(context.timeoutMs, CREATE_TIMEOUT_MS)
  return context.http.request({
    method,
    url: `${engine.baseUrl}${path}`,
    trust: 'configured',
    headers: { accept: 'application/json', ...context.headers, ...engine.headers, ...headers },
    ...(body === undefined ? {} : { body }),
    ...limitCall({ ...context, timeoutMs }, maxBytes),
  })
}

/** A read that was answered, and not with what was asked for; it is made again. */
class ReadRefused extends Error {
  override name = 'ReadRefused'
  constructor(readonly failure: ProviderFailure) {
    super(failure.message)
  }
}

async function readJson(engine: Engine, path: string, context: CallContext): Promise<unknown> {
  const response = await send(engine, context, { method: 'GET', path, maxBytes: MAX_QUEUE_BYTES })
  if (response.status !== 200) {
    const message = `answered ${response.status} to a read: ${describeBody(await readErrorText(response))}`
    throw new ReadRefused(fail(response.status === 401 ? 'misconfigured' : 'unavailable', message))
  }
  try {
    const { value } = await readJsonWithImages(response.body, {
      isImage: () => false,
      receive: async () => null,
      maxJsonBytes: MAX_QUEUE_BYTES,
    })
    return value
  } finally {
    response.body.destroy()
    // The connection can be had again a turn later; without it the next read would make one more.
    await new Promise(resolve => setImmediate(resolve))
  }
}

function fail(failure: ProviderFailure['failure'], message: string): ProviderFailure {
  return { kind: 'failed', failure, message: `${VENDOR}: ${message}` }
}

function judgeCheck({ status, text }: { status: number; text: string }): string | null {
  return status === 200 ? null : `${VENDOR} answered ${status}: ${describeBody(text)}`
}
