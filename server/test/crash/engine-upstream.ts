// The test engine's own side: `/repeatable` makes and bills a picture once per key, `/tasks` accepts, works and is
// polled. Its catalogue offers both as models. Counts like every emulator.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { makePicture } from '../upstreams/pictures.ts'
import { type Exchange, readNumber, startUpstream, type Upstream } from '../upstreams/upstream.ts'

export type EngineUpstream = Upstream & {
  /** Keys of `/repeatable` with the number of requests that carried each. */
  keys: Map<string, number>
  /** Tasks by the attempt that made them. */
  tasks: Map<string, { id: string; canceled: boolean; polls: number }>
}

/** The behaviours of its prompts, beside `slow=MS` and `first=N`. */
export const engineDirectives: Record<string, string> = {
  lose: 'the connection is reset after the work, instead of the answer',
  'poll_500=N': 'the first N polls are answered 500',
  'vanish=N': 'the first N polls are answered 404',
  task_failed: 'the task ends as failed',
  no_cancel: 'a cancel is refused',
}

type Work = {
  readyAt: number
  billed: boolean
  polls: number
  canceled: boolean
  directives: ReadonlyMap<string, string>
}
type State = { upstream: EngineUpstream | null; byKey: Map<string, Work>; byId: Map<string, Work> }

export async function startEngineUpstream(): Promise<EngineUpstream> {
  const state: State = { upstream: null, byKey: new Map(), byId: new Map() }
  const upstream = await startUpstream({ name: 'engine', handle: exchange => handle(exchange, state) })
  state.upstream = { ...upstream, keys: new Map(), tasks: new Map() }
  return state.upstream
}

async function handle(exchange: Exchange, state: State): Promise<void> {
  const { method, path } = exchange.request
  if (method === 'POST' && path === '/repeatable') return repeatable(exchange, state)
  if (method === 'POST' && path === '/tasks') return createTask(exchange, state)
  const id = /^\/tasks\/([\w-]+)$/.exec(path)?.[1]
  if (id && method === 'GET') return pollTask(exchange, state, id)
  if (id && method === 'DELETE') return cancelTask(exchange, state, id)
  if (method === 'GET' && path.startsWith('/files/')) return sendPicture(exchange, path)
  send(exchange, 404, '')
}

async function repeatable(exchange: Exchange, state: State): Promise<void> {
  const { request, response } = exchange
  const directives = exchange.steer(promptOf(request.body))
  const key = request.headers['idempotency-key'] ?? randomUUID()
  const keys = state.upstream?.keys
  keys?.set(key, (keys.get(key) ?? 0) + 1)
  if (!state.byKey.has(key)) {
    state.byKey.set(key, newWork(directives))
    exchange.bill()
  }
  await exchange.wait(readNumber(directives, 'slow', 20))
  if (directives.has('lose')) return void response.socket?.resetAndDestroy()
  await sendPicture(exchange, key)
}

function newWork(directives: ReadonlyMap<string, string>): Work {
  const readyAt = performance.now() + readNumber(directives, 'slow', 20)
  return { readyAt, billed: true, polls: 0, canceled: false, directives }
}

async function createTask(exchange: Exchange, state: State): Promise<void> {
  const directives = exchange.steer(promptOf(exchange.request.body))
  const id = randomUUID()
  state.byId.set(id, newWork(directives))
  state.upstream?.tasks.set(exchange.attempt, { id, canceled: false, polls: 0 })
  exchange.bill()
  if (directives.has('lose')) return void exchange.response.socket?.resetAndDestroy()
  send(exchange, 202, JSON.stringify({ id }))
}

async function pollTask(exchange: Exchange, state: State, id: string): Promise<void> {
  const work = state.byId.get(id)
  const task = [...(state.upstream?.tasks.values() ?? [])].find(each => each.id === id)
  if (!work) return send(exchange, 404, '')
  work.polls += 1
  if (task) task.polls += 1
  if (work.polls <= readNumber(work.directives, 'vanish', 0)) return send(exchange, 404, '')
  if (work.polls <= readNumber(work.directives, 'poll_500', 0)) return send(exchange, 500, 'oops')
  if (work.canceled) return send(exchange, 200, JSON.stringify({ status: 'failed' }))
  if (performance.now() < work.readyAt) return send(exchange, 200, JSON.stringify({ status: 'running' }))
  if (work.directives.has('task_failed')) return send(exchange, 200, JSON.stringify({ status: 'failed' }))
  const url = `${state.upstream?.url}/files/${id}.png`
  send(exchange, 200, JSON.stringify({ status: 'done', url }))
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

async function sendPicture({ response }: Exchange, seed: string): Promise<void> {
  const picture = await makePicture({ width: 64, height: 64, format: 'png', seed })
  response.writeHead(200, { 'content-type': 'image/png', 'content-length': picture.length })
  response.end(picture)
}

function send({ response }: Exchange, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body)
}

function promptOf(body: Buffer): string {
  return (JSON.parse(body.toString('utf8')) as { prompt: string }).prompt
}

/** Writes a catalogue file that offers `engine:repeatable` and `engine:tasks`, for DARKROOM_CATALOG. */
export function writeEngineCatalog(file: string, address: string): void {
  const upstreamOf = (provider: string) => ({
    provider,
    model: provider,
    modes: ['generate'],
    shape: { by: 'pixels', sizes: { '1K': { '1:1': '1024x1024' } } },
    formats: ['png'],
    parameters: { address },
    cost: { rules: [{ usdMicro: 10_000 }] },
  })
  const modelOf = (provider: string) => ({
    id: `engine:${provider}`,
    name: `Engine ${provider}`,
    owner: 'engine',
    createdAt: '2026-01-01',
    dialects: ['getimages'],
    modes: ['generate'],
    aspectRatios: ['1:1'],
    resolutions: ['1K'],
    formats: ['png'],
    routes: [`${provider}/${provider}`],
    prices: { getimages: 5, native: 5 },
  })
  const names = ['repeatable', 'tasks']
  const upstreams = Object.fromEntries(names.map(name => [`${name}/${name}`, upstreamOf(name)]))
  writeFileSync(file, JSON.stringify({ upstreams, models: names.map(modelOf) }))
}
