// The ground every upstream emulator stands on: one plain HTTP server that reads requests, counts them and the
// work they would be billed for, and finds out which behaviour was asked for. It imports nothing of the product,
// so that it stays an independent judge of it.
import { EventEmitter, setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** Names the attempt a request belongs to; only tests send it. */
export const attemptHeader = 'x-darkroom-attempt'

/** Request bodies above this are cut off: it is twice the largest edit the vendors accept. */
const maxRequestBytes = 128 * 1024 * 1024
/** Bodies up to this size are kept in the log; larger ones would fill the memory of a long run. */
const maxLoggedBodyBytes = 256 * 1024
/** A long rehearsal must not grow without end; tests never come near it. */
const maxLoggedRequests = 20_000

export type Directives = ReadonlyMap<string, string>

export type UpstreamRequest = {
  method: string
  /** Without the query. */
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  body: Buffer
}

export type LoggedRequest = {
  attempt: string
  method: string
  path: string
  headers: Record<string, string>
  body: Buffer | null
  prompt: string | null
  /** What the emulator understood, as the vendor's emulator noted it. */
  fields: unknown
  directives: Directives
  /** Null until an answer was begun. */
  status: number | null
  /** `finished`: the whole answer was written; `cut`: the connection ended before that. */
  end: 'open' | 'finished' | 'cut'
  /** When it arrived, in milliseconds of Unix time. */
  arrivedAtMs: number
}

export type Counters = {
  requests: number
  /** Works the vendor would put on its invoice. */
  billable: number
  inFlight: number
  maxInFlight: number
  /** As the two before, of requests with a prompt alone: reads and checks are not among them. */
  creating: number
  maxCreating: number
}

/** One request on its way through an emulator. */
export type Exchange = {
  readonly request: UpstreamRequest
  readonly response: ServerResponse
  readonly attempt: string
  /** The directives in force: those of scripts for the attempt, and after `steer` those of the prompt. */
  readonly directives: Directives
  /** Reads the directives of the prompt; scripts set by a test win over them. */
  steer(prompt: string): Directives
  /** Counts billable work; call it when the vendor would have accepted the job. */
  bill(works?: number): void
  /** Waits in milliseconds even when the client has gone, because a vendor works on; ends early on close(). */
  wait(ms: number): Promise<void>
  /** Resolves when the client or the emulator has closed the connection. */
  readonly closed: Promise<void>
  /** Puts what was understood of the request into the log. */
  note(fields: unknown): void
}

/** A behaviour that a test sets from inside the process. The first script that matches and has uses left wins. */
export type Script = {
  /** Directives as in a prompt, without the brackets: `slow=200, moderation_input`. Empty = plain success. */
  behaviour: string
  /** Exact attempt label. */
  attempt?: string
  /** Part of the prompt. */
  prompt?: string
  /** Number of requests it holds for; default: all. */
  times?: number
}

/** A behaviour that an operator sets for calls with whatever prompt; what a script or a prompt asks for wins over it. */
export type StandingBehaviour = {
  /** Directives as in a prompt, without the brackets. */
  behaviour: string
  /** The part of the calls it strikes, above 0 to 1; spread evenly: a half strikes every second one. */
  share: number
  /** Calls that it has still to strike; null = until it is changed. */
  left: number | null
}

export type Upstream = {
  name: string
  /** Origin without a trailing slash. */
  url: string
  port: number
  requests: LoggedRequest[]
  total: Counters
  /** Counters of one attempt label; zeros when nothing came. */
  counters(attempt: string): Counters
  /** Labels of attempts seen. */
  attempts(): string[]
  /** The answer takes the script back. */
  script(script: Script): () => void
  /** No work ends until the answer is called: a test sees what waits meanwhile, on however slow a machine. */
  pause(): () => void
  /** Null when none is set, or its calls are used up. */
  getStanding(): StandingBehaviour | null
  setStanding(standing: StandingBehaviour | null): void
  /** Forgets the requests, and all counts but those of what is in flight. */
  resetCounts(): void
  openSockets(): number
  /** Resolves when the condition holds; it is looked at after every event. Rejects after the time. */
  waitUntil(condition: () => boolean, timeoutMs?: number): Promise<void>
  /** Exceptions of the emulator itself; a test that sees any is worthless. */
  errors: unknown[]
  close(): Promise<void>
}

export type UpstreamOptions = {
  name: string
  /** 0 or absent = a free port. */
  port?: number
  handle(exchange: Exchange): Promise<void>
  /** Takes connections that ask to speak something else, such as a websocket. */
  onUpgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

type State = {
  upstream: Upstream
  scripts: { script: Script; left: number }[]
  /** `owed`: what the calls so far add up to; at 1 the next call is struck. */
  standing: (StandingBehaviour & { owed: number }) | null
  byAttempt: Map<string, Counters>
  requestsByPrompt: Map<string, number>
  /** Settles at once while nobody holds the work up. */
  paused: Promise<void>
  events: EventEmitter
  closing: AbortController
}

/** Reads `[[emulate: name, name=value]]` groups out of a prompt. */
export function parseDirectives(prompt: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const group of prompt.matchAll(/\[\[emulate:([^\]]*)\]\]/g)) {
    for (const [name, value] of parseBehaviour(group[1] ?? '')) found.set(name, value)
  }
  return found
}

/** A directive's number, or the fallback when it is absent or no number. */
export function readNumber(directives: Directives, name: string, fallback: number): number {
  const text = directives.get(name)
  const value = text === undefined || text === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : fallback
}

/** Starts an emulator on loopback. */
export async function startUpstream(options: UpstreamOptions): Promise<Upstream> {
  const events = new EventEmitter().setMaxListeners(0)
  const sockets = new Set<Socket>()
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)
  const server = createServer(
    (request, response) => void serve(state, options.handle, { incoming: request, response }),
  )
  server.requestTimeout = 0
  if (options.onUpgrade) server.on('upgrade', options.onUpgrade)
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      events.emit('change')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const port = (server.address() as AddressInfo).port
  const byAttempt = new Map<string, Counters>()
  const scripts: State['scripts'] = []
  const upstream: Upstream = {
    name: options.name,
    url: `http://127.0.0.1:${port}`,
    port,
    requests: [],
    total: newCounters(),
    counters: attempt => byAttempt.get(attempt) ?? newCounters(),
    attempts: () => [...byAttempt.keys()],
    script(script) {
      const entry = { script, left: script.times ?? Number.POSITIVE_INFINITY }
      scripts.push(entry)
      return () => {
        entry.left = 0
      }
    },
    pause: () => holdUpWork(state),
    getStanding: () => describeStanding(state),
    setStanding(standing) {
      state.standing = standing === null ? null : { ...standing, owed: 0 }
      events.emit('change')
    },
    resetCounts: () => resetCounts(state),
    openSockets: () => sockets.size,
    waitUntil: (condition, timeoutMs = process.env.MUTANT ? 10_000 : 60_000) =>
      waitUntil(events, condition, timeoutMs),
    errors: [],
    close: async () => {
      closing.abort()
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
  const state: State = {
    upstream,
    scripts,
    standing: null,
    paused: Promise.resolve(),
    byAttempt,
    requestsByPrompt: new Map(),
    events,
    closing,
  }
  return upstream
}

async function serve(
  state: State,
  handle: UpstreamOptions['handle'],
  { incoming, response }: { incoming: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const url = new URL(incoming.url ?? '/', 'http://emulator')
  if (url.pathname === '/-/counters') return answerCounters(state, response)
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([k, v]) => [k, String(v)]))
  const attempt = headers[attemptHeader] ?? ''
  const counters = enter(state, attempt)
  const early = findScript(state, attempt, '')
  const log: LoggedRequest = {
    attempt,
    method: incoming.method ?? '',
    path: url.pathname,
    headers,
    body: null,
    prompt: null,
    fields: null,
    directives: early ?? new Map(),
    status: null,
    end: 'open',
    arrivedAtMs: Date.now(),
  }
  state.upstream.requests.push(log)
  if (state.upstream.requests.length > maxLoggedRequests) state.upstream.requests.shift()
  const closed = watchEnd(state, response, log)
  state.events.emit('change')
  try {
    // Reads carry the label of the create whose fault this is.
    const isCreateStruck = log.method !== 'GET' && (log.directives.get('on') ?? 'create') === 'create'
    if (isCreateStruck && log.directives.has('reset_during_request')) return void incoming.socket.destroy()
    const body = await readBody(incoming)
    if (body === null) return
    if (body.length <= maxLoggedBodyBytes) log.body = body
    const request = { method: log.method, path: log.path, query: url.searchParams, headers, body }
    await handle(createExchange({ state, log, early, counters, request, response, closed }))
  } catch (error) {
    if (!state.closing.signal.aborted) state.upstream.errors.push(error)
    response.destroy()
  } finally {
    log.status ??= response.headersSent ? response.statusCode : null
    for (const each of counters) {
      each.inFlight -= 1
      if (log.prompt !== null) each.creating -= 1
    }
    state.events.emit('change')
  }
}

type ExchangeParts = {
  state: State
  log: LoggedRequest
  /** The script that the attempt's label alone has chosen. */
  early: Directives | null
  counters: Counters[]
  request: UpstreamRequest
  response: ServerResponse
  closed: Promise<void>
}

function createExchange(parts: ExchangeParts): Exchange {
  const { state, log, counters, request, response, closed } = parts
  return {
    request,
    response,
    attempt: log.attempt,
    get directives() {
      return log.directives
    },
    steer(prompt) {
      if (log.prompt === null) {
        for (const each of counters) {
          each.creating += 1
          each.maxCreating = Math.max(each.maxCreating, each.creating)
        }
      }
      log.prompt = prompt
      const nth = (state.requestsByPrompt.get(prompt) ?? 0) + 1
      state.requestsByPrompt.set(prompt, nth)
      const asked = parts.early ?? findScript(state, log.attempt, prompt) ?? findAsked(state, prompt)
      log.directives = nth > readNumber(asked, 'first', Number.POSITIVE_INFINITY) ? new Map() : asked
      return log.directives
    },
    bill(works = 1) {
      for (const each of counters) each.billable += works
      state.events.emit('change')
    },
    async wait(ms) {
      if (ms > 0) await delay(ms, undefined, { signal: state.closing.signal })
      await state.paused
    },
    closed,
    note(fields) {
      log.fields = fields
    },
  }
}

/** Counts a request in, for its attempt and in total. */
function enter(state: State, attempt: string): Counters[] {
  const own = state.byAttempt.get(attempt) ?? newCounters()
  state.byAttempt.set(attempt, own)
  for (const each of [own, state.upstream.total]) {
    each.requests += 1
    each.inFlight += 1
    each.maxInFlight = Math.max(each.maxInFlight, each.inFlight)
  }
  return [own, state.upstream.total]
}

/** Takes one use of the first script that fits. Scripts that name a prompt wait until the prompt is known. */
function findScript(state: State, attempt: string, prompt: string): Map<string, string> | null {
  for (const entry of state.scripts) {
    if (entry.left < 1) continue
    if (entry.script.attempt !== undefined && entry.script.attempt !== attempt) continue
    if (prompt === '' && entry.script.attempt === undefined) continue
    if (!prompt.includes(entry.script.prompt ?? '')) continue
    entry.left -= 1
    return parseBehaviour(entry.script.behaviour)
  }
  return null
}

/** What the prompt asks for; where it asks for nothing, what the operator has set for all calls. */
function findAsked(state: State, prompt: string): Map<string, string> {
  const inPrompt = parseDirectives(prompt)
  const { standing } = state
  if (inPrompt.size > 0 || standing === null) return inPrompt
  standing.owed += standing.share
  // A share is seldom exact in binary: three tenths, ten times, is a little less than three.
  if (standing.owed < 1 - 1e-9) return inPrompt
  standing.owed -= 1
  if (standing.left !== null) standing.left -= 1
  if (standing.left === 0) state.standing = null
  return parseBehaviour(standing.behaviour)
}

/** Until the answer is called, or the emulator ends. */
function holdUpWork(state: State): () => void {
  let resume = () => {}
  const held = new Promise<void>(resolve => {
    resume = resolve
  })
  state.closing.signal.addEventListener('abort', resume)
  state.paused = held
  return resume
}

function describeStanding({ standing }: State): StandingBehaviour | null {
  if (standing === null) return null
  const { behaviour, share, left } = standing
  return { behaviour, share, left }
}

function resetCounts({ upstream, byAttempt, requestsByPrompt, events }: State): void {
  for (const counters of [upstream.total, ...byAttempt.values()]) {
    const { inFlight: maxInFlight, creating: maxCreating } = counters
    Object.assign(counters, { requests: 0, billable: 0, maxInFlight, maxCreating })
  }
  requestsByPrompt.clear()
  upstream.requests.length = 0
  events.emit('change')
}

/** Reads `name, name=value`. */
export function parseBehaviour(behaviour: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const part of behaviour.split(',')) {
    const at = part.indexOf('=')
    const name = (at < 0 ? part : part.slice(0, at)).trim()
    if (name !== '') found.set(name, at < 0 ? '' : part.slice(at + 1).trim())
  }
  return found
}

function watchEnd(state: State, response: ServerResponse, log: LoggedRequest): Promise<void> {
  return new Promise(resolve => {
    response.on('close', () => {
      log.end = response.writableFinished ? 'finished' : 'cut'
      resolve()
      state.events.emit('change')
    })
  })
}

/** The whole body, or null when the client went away or sent too much. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const part of incoming as AsyncIterable<Buffer>) {
      sizeBytes += part.length
      if (sizeBytes > maxRequestBytes) {
        incoming.destroy()
        return null
      }
      parts.push(part)
    }
  } catch {
    return null
  }
  return Buffer.concat(parts)
}

function answerCounters(state: State, response: ServerResponse): void {
  const attempts = Object.fromEntries(state.byAttempt)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ name: state.upstream.name, total: state.upstream.total, attempts }, null, 2))
}

async function waitUntil(events: EventEmitter, condition: () => boolean, timeoutMs: number): Promise<void> {
  if (condition()) return
  await new Promise<void>((resolve, reject) => {
    const look = () => {
      if (!condition()) return
      stop()
      resolve()
    }
    const timer = setTimeout(() => {
      stop()
      reject(new Error(`The emulator's condition did not come true within ${timeoutMs} ms`))
    }, timeoutMs)
    const stop = () => {
      clearTimeout(timer)
      events.off('change', look)
    }
    events.on('change', look)
  })
}

function newCounters(): Counters {
  return { requests: 0, billable: 0, inFlight: 0, maxInFlight: 0, creating: 0, maxCreating: 0 }
}
