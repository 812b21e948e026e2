// An emulator of ComfyUI: workflows are checked node by node, queued, drawn one at a time, remembered until a restart.
// It honours the name that a client chooses for its work, does not notice when it is given twice, and its interrupt
// without a name ends whatever runs. Progress and previews go out by a websocket.
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import sharp from 'sharp'
import { WebSocketServer } from 'ws'
import { type ComfyEngine, createComfyEngine } from './comfyui/engine.ts'
import { checkGraph, type Graph, readMeaning, refuse } from './comfyui/nodes.ts'
import { type Answer, answerRead, runWork, sendAnswer } from './faults.ts'
import { json, parseObject } from './sdapi/requests.ts'
import { type Directives, type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

export type ComfyUiUpstreamOptions = {
  port?: number
  /** `user:password` of a proxy before it; empty = open to everybody, as the engine itself is. */
  apiKey?: string
  latencyMs?: number
  /** How many jobs run at once; more than the engine's one where slow jobs must not hold up the others. */
  cards?: number
}

/** What a proxy before the engine wants in the tests. */
export const defaultComfyUiKey = 'proxy:emulated-comfyui-password-0123456789'

export const comfyUiDirectives: Record<string, string> = {
  missing_checkpoint: '400 value_not_in_list for the checkpoint',
  missing_node: '400: a node that is not installed',
  too_big: '400 value_bigger_than_max for the width',
  ignores_id: 'chooses the name of the work itself, as earlier releases did',
  execution_error: 'the work fails at a node',
  oom: 'the work fails, out of memory',
  interrupted: 'somebody interrupts the work',
  'restart=N': 'the engine restarts at the Nth look at the work (default 1) and has forgotten it',
  no_images: 'success without a picture',
  temp_only: 'pictures are only shown, not saved',
  'fewer=N': 'only N pictures',
  other_size: 'a picture of 96x96 whatever was asked',
  file_gone: 'download: 404',
  ws_drop: 'the websocket breaks off in the middle of the work',
  'steps=N': 'the websocket tells the Nth of 20 steps again and again',
  ws_flood: 'the websocket sends a message of 2 MB instead of each step',
  upload_refused: '400 to an uploaded picture (scripts of a test only)',
}

export type ComfyUiUpstream = Upstream & {
  /** Headers of everybody who asked for a websocket. */
  asked: IncomingHttpHeaders[]
  /** Websockets that are open. */
  listening(): number
  /** What becomes of those who ask for one from now on. `hang`: no answer at all. */
  setSockets(state: 'open' | 'refuse' | 'hang'): void
  dropSockets(): void
}

/** Starts the emulator; the adapter's base URL is `url` itself. */
export async function startComfyUiUpstream(options: ComfyUiUpstreamOptions = {}): Promise<ComfyUiUpstream> {
  const { port, apiKey = '', latencyMs = 0, cards = 1 } = options
  const closing = new AbortController()
  const wait = (ms: number) => delay(ms, undefined, { signal: closing.signal }).catch(() => undefined)
  const engine = createComfyEngine({ latencyMs, wait, cards })
  const sockets = openSockets(engine)
  const asked: IncomingHttpHeaders[] = []
  let state: 'open' | 'refuse' | 'hang' = 'open'
  const upstream = await startUpstream({
    name: 'comfyui',
    ...(port === undefined ? {} : { port }),
    handle: exchange => handle(exchange, { engine, apiKey }),
    onUpgrade(request, socket, head) {
      asked.push(request.headers)
      if (state === 'hang') return void closeAfter(socket)
      const isLetIn = apiKey === '' || request.headers.authorization === expectedOf(apiKey)
      if (state === 'refuse' || !isLetIn) {
        const status = isLetIn ? '404 Not Found' : '401 Unauthorized'
        return void closeAfter(socket).end(
          `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
        )
      }
      sockets.handleUpgrade(request, socket, head, client => sockets.emit('connection', client, request))
    },
  })
  return {
    ...upstream,
    asked,
    listening: () => engine.listeners.size,
    setSockets(wanted) {
      state = wanted
    },
    dropSockets() {
      for (const each of engine.listeners) each.drop()
    },
    async close() {
      closing.abort()
      sockets.close()
      await upstream.close()
    },
  }
}

/** Nobody else reads it, and so nobody would see that the other side has gone. */
function closeAfter(socket: Duplex): Duplex {
  return socket.on('end', () => void socket.destroy()).resume()
}

function expectedOf(apiKey: string): string {
  return `Basic ${Buffer.from(apiKey).toString('base64')}`
}

function openSockets(engine: ComfyEngine): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true })
  sockets.on('connection', (client, request) => {
    const clientId = new URL(request.url ?? '/', 'http://x').searchParams.get('clientId') ?? randomUUID()
    const listener = {
      clientId,
      send: (event: { type: string; data: unknown } | Buffer) =>
        client.send(Buffer.isBuffer(event) ? event : JSON.stringify(event)),
      drop: () => client.terminate(),
    }
    engine.listeners.add(listener)
    client.on('close', () => engine.listeners.delete(listener))
    const status = { exec_info: { queue_remaining: engine.pending.length } }
    listener.send({ type: 'status', data: { status, sid: clientId } })
  })
  return sockets
}

type Settings = { engine: ComfyEngine; apiKey: string }

async function handle(exchange: Exchange, { engine, apiKey }: Settings): Promise<void> {
  const { method, path, headers, query } = exchange.request
  if (apiKey !== '' && headers.authorization !== expectedOf(apiKey)) {
    const body = [`<h1>401 Authorization Required</h1> ${headers.authorization}`]
    return sendAnswer(exchange, { status: 401, headers: { 'content-type': 'text/html' }, body })
  }
  const route = `${method} ${path}`
  if (route === 'POST /prompt') return queuePrompt(exchange, engine)
  // Faults are those of the create or of a read of the work, never of what lies between.
  const plain = { ...exchange, directives: new Map<string, string>() }
  if (route === 'POST /upload/image' || route === 'POST /upload/mask') return upload(exchange, plain, engine)
  if (route === 'GET /queue') return sendAnswer(plain, json(200, tellQueue(engine)))
  if (route === 'POST /queue' || route === 'POST /interrupt') return change(plain, engine, route)
  if (route === 'GET /system_stats') {
    return sendAnswer(
      plain,
      json(200, { system: { comfyui_version: '0.3.66' }, devices: [{ name: 'cuda:0' }] }),
    )
  }
  if (route === 'GET /view') return view(exchange, engine, query)
  const id = /^\/history\/([^/]+)$/.exec(path)?.[1]
  if (method === 'GET' && id !== undefined) return tellHistory(exchange, engine, decodeURIComponent(id))
  return sendAnswer(plain, {
    status: 404,
    headers: { 'content-type': 'text/plain' },
    body: ['404: Not Found'],
  })
}

async function queuePrompt(exchange: Exchange, engine: ComfyEngine): Promise<void> {
  const body = parseObject(exchange.request)
  const graph = body?.prompt as Graph | undefined
  if (graph === undefined)
    return sendAnswer(exchange, refuse({ type: 'no_prompt', message: 'No prompt provided' }, {}))
  const meaning = readMeaning(graph)
  const directives = exchange.steer(meaning.prompt)
  exchange.note({ meaning, graph })
  const answer = findRefusal(directives, graph) ?? checkGraph(graph, new Set(engine.inputs.keys()))
  const isNamed = typeof body?.prompt_id === 'string' && !directives.has('ignores_id')
  const promptId = isNamed ? String(body?.prompt_id) : randomUUID()
  // A fault before the work is one before the engine has it.
  if (answer === null && directives.get('when') !== 'before') {
    engine.enqueue({ promptId, clientId: String(body?.client_id ?? ''), graph, directives })
  }
  await runWork(exchange, {
    latencyMs: 0,
    isTask: true,
    refusal: answer === null ? null : { answer, late: false },
    answer: () => json(200, { prompt_id: promptId, number: engine.pending.length, node_errors: {} }),
  })
}

function findRefusal(directives: Directives, graph: Graph): Answer | null {
  const fault = (classType: string, error: { type: string; details: string; input: string }) => {
    const [id = '1'] = Object.keys(graph).filter(each => graph[each]?.class_type === classType)
    const { type, details, input } = error
    const errors = [{ type, message: type, details, extra_info: { input_name: input } }]
    const failed = { type: 'prompt_outputs_failed_validation', message: 'Prompt outputs failed validation' }
    return refuse(failed, { [id]: { errors, dependent_outputs: ['9'], class_type: classType } })
  }
  if (directives.has('missing_checkpoint')) {
    const details = "ckpt_name: 'gone.safetensors' not in ['other.safetensors']"
    return fault('CheckpointLoaderSimple', { type: 'value_not_in_list', details, input: 'ckpt_name' })
  }
  if (directives.has('missing_node')) {
    return refuse(
      { type: 'invalid_prompt', message: 'Cannot execute because node Fancy does not exist.' },
      {},
    )
  }
  if (!directives.has('too_big')) return null
  return fault('EmptyLatentImage', { type: 'value_bigger_than_max', details: 'width', input: 'width' })
}

async function upload(exchange: Exchange, plain: Exchange, engine: ComfyEngine): Promise<void> {
  if (exchange.directives.has('upload_refused')) {
    return sendAnswer(plain, {
      status: 400,
      headers: { 'content-type': 'text/plain' },
      body: ['400: Bad Request'],
    })
  }
  const headers = { 'content-type': exchange.request.headers['content-type'] ?? '' }
  const form = await new Response(new Uint8Array(exchange.request.body), { headers })
    .formData()
    .catch(() => null)
  const image = form?.get('image')
  if (!form || !image || typeof image === 'string') return sendAnswer(plain, { status: 400, body: [] })
  const bytes = Buffer.from(await image.arrayBuffer())
  const subfolder = String(form.get('subfolder') ?? '')
  const name = subfolder === '' ? image.name : `${subfolder}/${image.name}`
  const decodes = await sharp(bytes)
    .metadata()
    .catch(() => null)
  if (decodes !== null) engine.inputs.set(name, bytes)
  exchange.note({ uploaded: name, sizeBytes: bytes.length, channels: decodes?.channels })
  return sendAnswer(plain, json(200, { name: image.name, subfolder, type: 'input' }))
}

function tellQueue(engine: ComfyEngine): Record<string, unknown> {
  const list = (jobs: typeof engine.pending) =>
    jobs.map(job => [job.number, job.promptId, job.graph, { client_id: job.clientId }, []])
  // A heap: its order says nothing.
  return {
    queue_running: list(engine.running()),
    queue_pending: list([...engine.pending].reverse()),
  }
}

async function change(exchange: Exchange, engine: ComfyEngine, route: string): Promise<void> {
  const body = parseObject(exchange.request) ?? {}
  if (route === 'POST /interrupt')
    engine.interrupt(typeof body.prompt_id === 'string' ? body.prompt_id : null)
  else for (const id of Array.isArray(body.delete) ? body.delete : []) engine.remove(String(id))
  return sendAnswer(exchange, { status: 200, body: [] })
}

async function tellHistory(exchange: Exchange, engine: ComfyEngine, id: string): Promise<void> {
  const directives = engine.directivesOf(id)
  const nth = engine.countRead(id)
  if (directives.has('restart') && nth >= readNumber(directives, 'restart', 1)) engine.restart()
  await answerRead(exchange, {
    place: 'poll',
    directives,
    nth,
    answer: () => {
      const entry = engine.history.get(id)
      return json(200, entry === undefined ? {} : { [id]: entry })
    },
  })
}

async function view(exchange: Exchange, engine: ComfyEngine, query: URLSearchParams): Promise<void> {
  const key = `${query.get('type') ?? 'output'}/${query.get('subfolder') ?? ''}/${query.get('filename') ?? ''}`
  const file = engine.files.get(key)
  const directives = file?.directives ?? new Map<string, string>()
  if (file !== undefined) file.reads += 1
  const isGone = file === undefined || directives.has('file_gone')
  const answer = (): Answer =>
    isGone
      ? { status: 404, body: [] }
      : { status: 200, headers: { 'content-type': 'image/png' }, body: [file.picture] }
  await answerRead(exchange, { place: 'download', directives, nth: file?.reads ?? 1, answer })
}
