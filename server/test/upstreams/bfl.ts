// An emulator of Black Forest Labs: creates hand out tasks that are read at another host with the same key, and whose
// pictures lie at a third one for ten minutes. It refuses what the vendor refuses and counts the tasks it would bill.
// Its behaviours are listed in `bflDirectives` and, for the transport and the files, in faults.ts and files.ts.
import { bflDirectives } from './bfl/directives.ts'
import { readOrder } from './bfl/orders.ts'
import { findRefusal, jsonAnswer, say } from './bfl/refusals.ts'
import {
  type BflTask,
  countActive,
  createTask,
  describeReceipt,
  describeTask,
  isBilled,
} from './bfl/tasks.ts'
import { answerRead, runWork, sendAnswer } from './faults.ts'
import { type FileHost, startFileHost } from './files.ts'
import { type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export { bflDirectives }

export type BflUpstreamOptions = {
  /** 0 or absent = a free port. */
  port?: number
  /** Where the pictures lie. */
  filesPort?: number
  /** Where tasks are read. */
  pollPort?: number
  /** The only key it accepts. */
  apiKey?: string
  /** Duration of a task without a `slow` directive. */
  latencyMs?: number
  /** Exact file size of every picture, for benches; absent = small pictures. */
  pictureSizeBytes?: number
  /** Tasks that may be open at once; the vendor: 24. */
  maxActive?: number
}

/** The API, the host that tells of tasks, and the one with the pictures. */
export type BflUpstream = Upstream & { polls: Upstream; files: FileHost }

export const defaultBflKey = 'emulated-bfl-key-0123-4567-89abcdef0123'

type Settings = {
  apiKey: string
  latencyMs: number
  maxActive: number
  pictureSizeBytes: number | undefined
  files: FileHost
  tasks: Map<string, BflTask>
  /** Set once it listens. */
  pollOrigin: string
  origin: string
}

// The vendor's pictures live for ten minutes.
const expiresMs = 600_000
/** A long rehearsal must not grow without end. */
const maxTasks = 20_000
const defaultMaxActive = 24

/** Starts the emulator; the adapter's base URL is `${url}/v1`. */
export async function startBflUpstream(options: BflUpstreamOptions = {}): Promise<BflUpstream> {
  const files = await startFileHost({ name: 'bfl', expiresMs, ...toPort(options.filesPort) })
  const settings: Settings = {
    apiKey: options.apiKey ?? defaultBflKey,
    latencyMs: options.latencyMs ?? 0,
    maxActive: options.maxActive ?? defaultMaxActive,
    pictureSizeBytes: options.pictureSizeBytes,
    files,
    tasks: new Map(),
    pollOrigin: '',
    origin: '',
  }
  const upstream = await startUpstream({
    name: 'bfl',
    ...toPort(options.port),
    handle: exchange => handle(exchange, settings),
  })
  const polls = await startUpstream({
    name: 'bfl polls',
    ...toPort(options.pollPort),
    handle: exchange => handle(exchange, settings),
  })
  settings.origin = upstream.url
  settings.pollOrigin = polls.url
  const close = async () => void (await Promise.all([upstream.close(), polls.close(), files.close()]))
  return { ...upstream, polls, files, close }
}

function toPort(port: number | undefined): { port?: number } {
  return port === undefined ? {} : { port }
}

async function handle(exchange: Exchange, settings: Settings): Promise<void> {
  const { request } = exchange
  // A key in any other header is no key.
  if (request.headers['x-key'] !== settings.apiKey) return sendAnswer(exchange, say(403, 'Not authenticated'))
  const route = `${request.method} ${request.path}`
  if (route === 'GET /v1/credits') return sendAnswer(exchange, jsonAnswer(200, { credits: 4200.5 }))
  if (route === 'GET /v1/get_result') return readResult(exchange, settings)
  const model = /^POST \/v1\/([\w.-]+)$/.exec(route)?.[1]
  if (model === undefined) return sendAnswer(exchange, say(404, 'Not Found'))
  return createPicture(exchange, settings, model)
}

async function createPicture(exchange: Exchange, settings: Settings, model: string): Promise<void> {
  const read = readOrder(model, exchange.request)
  const directives = exchange.steer(read.prompt)
  if ('answer' in read) return sendAnswer(exchange, read.answer)
  const { order } = read
  exchange.note(order.fields)
  const durationMs = readNumber(directives, 'slow', settings.latencyMs)
  const task = createTask(order, { directives, durationMs })
  const accept = () => {
    if (isBilled(task)) exchange.bill()
    settings.tasks.set(task.id, task)
    const oldest = settings.tasks.keys().next()
    if (settings.tasks.size > maxTasks && !oldest.done) settings.tasks.delete(oldest.value)
  }
  const refusal = findRefusal(directives, settings.apiKey) ?? refuseByActivity(settings)
  // The task begins at the moment at which work is billed, so that it also runs when the receipt is lost.
  await runWork(
    { ...exchange, directives: exchange.directives, bill: accept },
    { latencyMs: 0, isTask: true, refusal, answer: () => describeReceipt(task, settings) },
  )
}

function refuseByActivity({ tasks, maxActive }: Settings) {
  if (countActive(tasks.values()) < maxActive) return null
  return {
    answer: say(429, `You have ${maxActive} active tasks. Wait until one of them is done.`),
    late: false,
  }
}

async function readResult(exchange: Exchange, settings: Settings): Promise<void> {
  const task = settings.tasks.get(exchange.request.query.get('id') ?? '')
  if (task === undefined)
    return sendAnswer(exchange, jsonAnswer(404, { status: 'Task not found', result: null }))
  task.reads += 1
  await answerRead(exchange, {
    place: 'poll',
    directives: task.directives,
    nth: task.reads,
    answer: () => describeTask(task, settings),
  })
}
