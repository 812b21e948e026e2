// The test engine's own side: `/repeatable` makes and bills a picture once per key, `/tasks` accepts, works and is
// polled. Its catalogue offers both as models. Counts like every emulator.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import {
  type Directives,
  type Exchange,
  readNumber,
  startUpstream,
  type Upstream,
} from '../upstreams/upstream.ts'
import { fileDirectives, sendFile, sendPicture } from './engine-files.ts'
import { callBack } from './engine-hooks.ts'

export type EngineUpstream = Upstream & {
  /** Keys of `/repeatable` with the number of requests that carried each. */
  keys: Map<string, number>
  /** Tasks by the attempt that made them; `webhook` is where the create wants to be called back. */
  tasks: Map<string, { id: string; canceled: boolean; polls: number; webhook: string | null }>
  /** Paths of files with the number of downloads of each. */
  downloads: Map<string, number>
}

/** The behaviours of its prompts, beside `slow=MS` and `first=N`. */
export const engineDirectives: Record<string, string> = {
  lose: 'the connection is reset after the work, instead of the answer',
  busy: '503 before any work',
  'poll_500=N': 'the first N polls are answered 500',
  'poll_hang=N': 'the first N polls are never answered; 0 or no number: none is',
  'vanish=N': 'the first N polls are answered 404',
  'answer_slow=MS': 'the create is answered so late, though its work has begun',
  'words=TEXT': 'the create is answered with TEXT and the prompt, where JSON is expected',
  'echo_poll=N': 'the first N polls are answered in such words',
  task_failed: 'the task ends as failed',
  'refuse=KIND': 'the create is refused as that kind of failure',
  'end=KIND': 'the task ends as that kind of failure',
  'stage=input|output': 'the stage of these refusals',
  accepted: 'these refusals come after the work was taken on',
  'cost=N': 'the cost that is stated with them, or with the result, in micro-USD',
  ...fileDirectives,
  no_cancel: 'a cancel is refused',
  sync: 'the create is answered with the picture itself',
  sync_url: 'the create is answered with the address of the picture',
  call: 'the webhook of the create is called when the work is done',
  'queue=N': 'the first N polls tell a place in the queue, counting down, and some progress',
}

type Work = {
  readyAt: number
  billed: boolean
  polls: number
  canceled: boolean
  count: number
  prompt: string
  directives: Directives
}
type State = { upstream: EngineUpstream | null; byKey: Map<string, Work>; byId: Map<string, Work> }

export async function startEngineUpstream(): Promise<EngineUpstream> {
  const state: State = { upstream: null, byKey: new Map(), byId: new Map() }
  const upstream = await startUpstream({ name: 'engine', handle: exchange => handle(exchange, state) })
  state.upstream = { ...upstream, keys: new Map(), tasks: new Map(), downloads: new Map() }
  return state.upstream
}

async function handle(exchange: Exchange, state: State): Promise<void> {
  const { method, path } = exchange.request
  if (method === 'POST' && path === '/repeatable') return repeatable(exchange, state)
  if (method === 'POST' && path === '/tasks') return createTask(exchange, state)
  const id = /^\/tasks\/([\w-]+)$/.exec(path)?.[1]
  if (id && method === 'GET') return pollTask(exchange, state, id)
  if (id && method === 'DELETE') return cancelTask(exchange, state, id)
  const file = /^\/files\/([\w-]+)\/(\d+)\.png$/.exec(path)
  if (file && method === 'GET')
    return download(exchange, state, { id: file[1] ?? '', index: Number(file[2]) })
  send(exchange, 404, '')
}

async function repeatable(exchange: Exchange, state: State): Promise<void> {
  const { request, response } = exchange
  const directives = exchange.steer(orderOf(request.body).prompt)
  const key = request.headers['idempotency-key'] ?? randomUUID()
  const keys = state.upstream?.keys
  keys?.set(key, (keys.get(key) ?? 0) + 1)
  if (directives.has('busy')) return send(exchange, 503, '')
  if (!state.byKey.has(key)) {
    state.byKey.set(key, newWork(directives, orderOf(request.body)))
    exchange.bill()
  }
  await exchange.wait(readNumber(directives, 'slow', 20))
  if (directives.has('lose')) return void response.socket?.resetAndDestroy()
  await sendPicture(exchange, key)
}

function newWork(directives: Directives, { count, prompt }: Order): Work {
  const readyAt = performance.now() + readNumber(directives, 'slow', 20)
  return { readyAt, billed: true, polls: 0, canceled: false, count, prompt, directives }
}

async function download(
  exchange: Exchange,
  state: State,
  { id, index }: { id: string; index: number },
): Promise<void> {
  const { path } = exchange.request
  const nth = (state.upstream?.downloads.get(path) ?? 0) + 1
  state.upstream?.downloads.set(path, nth)
  const directives = state.byId.get(id)?.directives ?? new Map()
  await sendFile(exchange, { directives, index, nth })
}

function describeRefusal(directives: Directives, failure: string | undefined) {
  return {
    failure,
    stage: directives.get('stage'),
    accepted: directives.has('accepted') || undefined,
    costUsdMicro: directives.has('cost') ? readNumber(directives, 'cost', 0) : undefined,
  }
}

async function createTask(exchange: Exchange, state: State): Promise<void> {
  const directives = exchange.steer(orderOf(exchange.request.body).prompt)
  const refusal = directives.get('refuse')
  if (directives.has('words'))
    return send(exchange, 202, `${directives.get('words')} ${orderOf(exchange.request.body).prompt}`)
  if (refusal) return send(exchange, 422, JSON.stringify(describeRefusal(directives, refusal)))
  const id = randomUUID()
  state.byId.set(id, newWork(directives, orderOf(exchange.request.body)))
  const { webhook = null } = orderOf(exchange.request.body)
  state.upstream?.tasks.set(exchange.attempt, { id, canceled: false, polls: 0, webhook })
  exchange.bill()
  const pollUrl = `${state.upstream?.url}/tasks/${id}`
  if (webhook && directives.has('call')) {
    const slowMs = readNumber(directives, 'slow', 20)
    void exchange.wait(slowMs).then(() => callBack(webhook, { id, pollUrl }))
  }
  if (directives.has('sync')) return sendPicture(exchange, id)
  if (directives.has('sync_url')) return send(exchange, 200, JSON.stringify({ id, ...doneOf(state, id) }))
  if (directives.has('lose')) return void exchange.response.socket?.resetAndDestroy()
  // Another is answered also while all work is held up.
  if (directives.has('answer_slow')) await exchange.wait(readNumber(directives, 'answer_slow', 0))
  send(exchange, 202, JSON.stringify({ id }))
}

function doneOf(state: State, id: string): { status: 'done'; urls: string[] } {
  const count = state.byId.get(id)?.count ?? 0
  const urls = Array.from({ length: count }, (_, index) => `${state.upstream?.url}/files/${id}/${index}.png`)
  return { status: 'done', urls }
}

async function pollTask(exchange: Exchange, state: State, id: string): Promise<void> {
  const work = state.byId.get(id)
  const task = [...(state.upstream?.tasks.values() ?? [])].find(each => each.id === id)
  if (!work) return send(exchange, 404, '')
  work.polls += 1
  if (task) task.polls += 1
  if (work.directives.has('poll_hang')) {
    const hangs = readNumber(work.directives, 'poll_hang', 0) || Number.POSITIVE_INFINITY
    if (work.polls <= hangs) return
  }
  if (work.polls <= readNumber(work.directives, 'vanish', 0)) return send(exchange, 404, '')
  if (work.polls <= readNumber(work.directives, 'poll_500', 0)) return send(exchange, 500, 'oops')
  if (work.polls <= readNumber(work.directives, 'echo_poll', 0)) return send(exchange, 200, work.prompt)
  if (work.canceled) return send(exchange, 200, JSON.stringify({ status: 'failed' }))
  const queue = readNumber(work.directives, 'queue', 0) - work.polls
  const place = queue >= 0 ? { queuePosition: queue, progress: 1 / (queue + 2) } : {}
  if (performance.now() < work.readyAt || queue >= 0)
    return send(exchange, 200, JSON.stringify({ status: 'running', ...place }))
  const told = describeRefusal(work.directives, work.directives.get('end'))
  if (work.directives.has('task_failed') || told.failure)
    return send(exchange, 200, JSON.stringify({ ...told, status: 'failed' }))
  send(exchange, 200, JSON.stringify({ ...told, ...doneOf(state, id) }))
}

async function cancelTask(exchange: Exchange, state: State, id: string): Promise<void> {
  const work = state.byId.get(id)
  const task = [...(state.upstream?.tasks.values() ?? [])].find(each => each.id === id)
  const isLate = !work || performance.now() >= work.readyAt
  if (isLate || work.directives.has('no_cancel')) return send(exchange, 409, '')
  work.canceled = true
  if (task) task.canceled = true
  send(exchange, 204, '')
}

function send({ response }: Exchange, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body)
}

type Order = { prompt: string; count: number; webhook?: string }

function orderOf(body: Buffer): Order {
  return { count: 1, ...(JSON.parse(body.toString('utf8')) as { prompt: string; webhook?: string }) }
}

/**
 * Writes a catalogue file for DARKROOM_CATALOG: `engine:repeatable`, `engine:tasks` and `engine:others`; `engine:singles`, whose tasks
 * make one picture each, and `engine:pairs`, whose make two; `engine:pair`, which two shipped
 * upstreams can make; `engine:fallback` and `engine:refused`, which have one of them behind the engine.
 */
export function writeEngineCatalog(file: string, address: string): void {
  const upstreamOf = (provider: string, maxCountPerCall = 1) => ({
    provider,
    model: provider,
    modes: ['generate'],
    maxCountPerCall,
    shape: { by: 'pixels', sizes: { '1K': { '1:1': '1024x1024' } } },
    formats: ['png'],
    parameters: { address },
    cost: { rules: [{ usdMicro: 10_000 }] },
  })
  const modelOf = (name: string, routes: string[]) => ({
    id: `engine:${name}`,
    name: `Engine ${name}`,
    owner: 'engine',
    createdAt: '2026-01-01',
    dialects: ['getimages'],
    modes: ['generate'],
    maxCount: ['tasks', 'singles', 'pairs'].includes(name) ? 4 : 1,
    aspectRatios: ['1:1'],
    resolutions: ['1K'],
    routes,
    prices: { getimages: 5, native: 5 },
  })
  const upstreams = {
    'repeatable/repeatable': upstreamOf('repeatable'),
    'tasks/tasks': upstreamOf('tasks', 4),
    'others/others': upstreamOf('others'),
    'tasks/pairs': { ...upstreamOf('tasks', 2), model: 'pairs' },
    'tasks/singles': { ...upstreamOf('tasks'), model: 'singles' },
  }
  const models = [
    modelOf('repeatable', ['repeatable/repeatable']),
    modelOf('tasks', ['tasks/tasks']),
    modelOf('others', ['others/others']),
    modelOf('singles', ['tasks/singles']),
    modelOf('pairs', ['tasks/pairs']),
    modelOf('pair', ['openai/gpt-image-2', 'google/gemini-nano-banana-2.1']),
    modelOf('fallback', ['repeatable/repeatable', 'openai/gpt-image-2']),
    modelOf('refused', ['tasks/tasks', 'openai/gpt-image-2']),
  ]
  writeFileSync(file, JSON.stringify({ upstreams, models }))
}
