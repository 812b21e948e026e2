// An emulator of fal's queue: a submit hands out a task, whose status, result and cancellation have addresses of
// their own. It refuses what the vendor refuses, calls back with signed webhooks, and counts the jobs that are billed.
// All behaviours are listed in `falDirectives` and, for the transport, in faults.ts.

import { findSubmitRefusal, jsonAnswer, refuseKey, say } from './fal/errors.ts'
import {
  createJob,
  describeReceipt,
  describeResult,
  describeStatus,
  type FalJob,
  findState,
  isBilled,
} from './fal/jobs.ts'
import { readOrder, readPrompt } from './fal/submit.ts'
import { callBack, createSigner, type Signer } from './fal/webhooks.ts'
import { answerRead, runWork, sendAnswer } from './faults.ts'
import { type FileHost, startFileHost } from './files.ts'
import { type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export { falDirectives } from './fal/directives.ts'

export type FalUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a job without a `slow` directive. */
  latencyMs?: number
  /** Where the pictures lie; 0 or absent = a free port. */
  filesPort?: number
}

export type FalUpstream = Upstream & { files: FileHost; signer: Signer }

export const defaultFalKey = '01234567-emulated-fal-key:89abcdef0123456789'

type Settings = {
  apiKey: string
  latencyMs: number
  files: FileHost
  signer: Signer
  jobs: Map<string, FalJob>
  /** Set once it listens. */
  origin: string
}

/** A long rehearsal must not grow without end. */
const maxJobs = 20_000

/** Starts the emulator; the adapter's base URL is its `url`. */
export async function startFalUpstream(options: FalUpstreamOptions = {}): Promise<FalUpstream> {
  const { port, filesPort, ...rest } = options
  const files = await startFileHost({
    name: 'fal',
    ...(filesPort === undefined ? {} : { port: filesPort }),
  })
  const signer = createSigner()
  const settings: Settings = {
    apiKey: rest.apiKey ?? defaultFalKey,
    latencyMs: rest.latencyMs ?? 0,
    files,
    signer,
    jobs: new Map(),
    origin: '',
  }
  const upstream = await startUpstream({
    name: 'fal',
    ...(port === undefined ? {} : { port }),
    handle: exchange => handle(exchange, settings),
  })
  settings.origin = upstream.url
  const close = async () => void (await Promise.all([upstream.close(), files.close()]))
  return { ...upstream, files, signer, close }
}

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { method, path, headers } = exchange.request
  if (path === '/.well-known/jwks.json') return sendAnswer(exchange, jsonAnswer(200, settings.signer.jwks()))
  const given = /^Key (.*)$/.exec(headers.authorization ?? '')?.[1] ?? ''
  if (given !== settings.apiKey) return sendAnswer(exchange, refuseKey(given))
  const [, id, what] = /^\/[\w.-]+\/[\w.-]+\/requests\/([\w-]+)(?:\/(status|cancel))?$/.exec(path) ?? []
  if (id === undefined) {
    if (method === 'POST') return submit(exchange, settings)
    return sendAnswer(exchange, say(405, 'Method Not Allowed'))
  }
  const job = settings.jobs.get(id)
  if (job === undefined) return sendAnswer(exchange, say(404, 'Request not found.', { status: 'NOT_FOUND' }))
  if (what === 'cancel')
    return method === 'PUT' ? cancel(exchange, job) : sendAnswer(exchange, say(405, 'No'))
  return readJob(exchange, { job, settings, isStatus: what === 'status' })
}

async function submit(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    return sendAnswer(exchange, say(415, 'Unsupported media type'))
  const body = parseJson(request.body)
  const directives = exchange.steer(readPrompt(body))
  const read = readOrder(request.path, body)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  exchange.note({ ...order, references: order.references.length, model: order.model.path })
  const durationMs = readNumber(directives, 'slow', settings.latencyMs)
  const job = createJob(order, { directives, origin: settings.origin, durationMs })
  const webhookUrl = request.query.get('fal_webhook')
  const accept = () => {
    if (isBilled(job)) exchange.bill()
    settings.jobs.set(job.id, job)
    const oldest = settings.jobs.keys().next()
    if (settings.jobs.size > maxJobs && !oldest.done) settings.jobs.delete(oldest.value)
    if (webhookUrl !== null) void announce(exchange, { job, settings, webhookUrl })
  }
  await runWork(withBill(exchange, accept), {
    latencyMs: settings.latencyMs,
    isTask: true,
    refusal: findSubmitRefusal(directives, { apiKey: settings.apiKey, prompt: order.prompt }),
    answer: () => describeReceipt(job),
  })
}

/** The job begins at the moment at which work is billed, so that it also runs when the receipt is lost. */
function withBill(exchange: Exchange, bill: () => void): Exchange {
  return { ...exchange, directives: exchange.directives, bill }
}

async function announce(
  exchange: Exchange,
  { job, settings, webhookUrl }: { job: FalJob; settings: Settings; webhookUrl: string },
): Promise<void> {
  const lateMs = job.directives.has('webhook_late') ? 300 : 20
  try {
    await exchange.wait(job.durationMs + lateMs)
    const { body, status } = await describeResult(
      { ...job, looks: 1_000, resultLooks: 1_000 },
      settings.files,
    )
    const payload: unknown = JSON.parse(String(body[0]))
    const call = { url: webhookUrl, requestId: job.id, payload, isError: status >= 400 }
    await callBack(settings.signer, call, job.directives)
  } catch {
    // The emulator was closed in the meantime.
  }
}

async function readJob(
  exchange: Exchange,
  { job, settings, isStatus }: { job: FalJob; settings: Settings; isStatus: boolean },
): Promise<void> {
  job.reads += 1
  const { directives, reads: nth } = job
  const withLogs = exchange.request.query.get('logs') === '1'
  await answerRead(exchange, {
    place: 'poll',
    directives,
    nth,
    answer: () => (isStatus ? describeStatus(job, withLogs) : describeResult(job, settings.files)),
  })
}

/** One that waits is taken out of the queue; one that runs is asked to stop, which this model does not do. */
function cancel(exchange: Exchange, job: FalJob): Promise<void> {
  const state = findState(job)
  if (state === 'COMPLETED') return sendAnswer(exchange, jsonAnswer(400, { status: 'ALREADY_COMPLETED' }))
  if (state === 'IN_PROGRESS')
    return sendAnswer(exchange, jsonAnswer(202, { status: 'CANCELLATION_REQUESTED' }))
  job.isCanceled = true
  if (isBilled(job)) exchange.bill(-1)
  return sendAnswer(exchange, jsonAnswer(200, { status: 'OK' }))
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
}
