// The only way out. Every request names who wrote its URL; addresses are checked when the socket connects.
import { isIP } from 'node:net'
import { Readable } from 'node:stream'
import { Client, type Dispatcher } from 'undici'
import { buildAnswer } from './outbound/answer.ts'
import { type Body, openBody } from './outbound/body.ts'
import { createFlow, type Flow } from './outbound/flow.ts'
import { buildHeaders, joinHeaders } from './outbound/headers.ts'
import { createIdleConnections, type IdleConnection, MAX_IDLE_MS } from './outbound/idle-connections.ts'
import { type Dial, openSocket, type Resolver } from './outbound/open-socket.ts'
import { AddressRefused, isPublicAddress } from './outbound/public-address.ts'
import { createTargetJudge, type Target } from './outbound/target.ts'
import { type Listening, openWebSocket } from './outbound/web-socket.ts'

export type OutboundRequest = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  /** Who wrote the URL: the operator's configuration, an upstream's answer, or a customer. */
  trust: 'configured' | 'upstream' | 'customer'
  headers?: Record<string, string>
  /** Keeps the connection for the next request, though nobody configured the origin: a vendor's further host. */
  keepsConnection?: true
  body?: string | Buffer | AsyncIterable<Uint8Array>
  /** Time to connect (10 s by default), from sending to headers, and for the whole exchange. */
  connectTimeoutMs?: number
  headersTimeoutMs?: number
  timeoutMs: number
  /** The answer's body is cut with OutboundError 'too_large' beyond this. */
  maxBodyBytes: number
  signal?: AbortSignal
}

export type OutboundResponse = {
  status: number
  /** Lower-case names; repeated headers joined with ", ". */
  headers: Record<string, string>
  /** Throws OutboundError when cut, late or too large. */
  body: Readable
  /** Reads the rest as one piece; of a small answer without the cost of a stream. */
  bytes(): Promise<Buffer>
  /** Reads the rest as text. */
  text(): Promise<string>
  /** Throws away the rest and frees the socket. */
  discard(): Promise<void>
}

/** `sent: false` proves that no byte of the request left: DNS, refused, TLS, blocked address, connect timeout. */
export class OutboundError extends Error {
  override name = 'OutboundError'
  constructor(
    readonly code: 'blocked' | 'unreachable' | 'reset' | 'timeout' | 'too_large' | 'aborted',
    readonly sent: boolean,
    message: string,
  ) {
    super(message)
  }
}

export type OutboundClient = {
  /** `limits` hold whatever the request itself says. */
  request(request: OutboundRequest, limits?: { headersTimeoutMs: number }): Promise<OutboundResponse>
  /** Opens a websocket and listens to it; the answer ends it. Never throws: what cannot be opened ends at once. */
  listen?(listening: Listening): () => void
}

export type OutboundJudge = {
  /** Why a customer's URL may never be requested, as far as its text tells; null = only its address can tell. */
  refusalOf(url: string): string | null
}

export type OutboundOptions = {
  /** Exact `host:port` pairs reached without scheme, port and address checks, whoever wrote the URL. */
  allow: string[]
  /** Base URLs of providers: their origins are trusted, and their connections are kept for reuse. */
  configuredOrigins: string[]
  /** Names and addresses of this service, never requested on anybody's word. */
  ownHosts?: string[]
  /** Ports that checked URLs may name beside 443, such as 8443. */
  extraPorts?: number[]
  /** Certificate authorities beside the built-in ones, as PEM. */
  ca?: string[]
  log?: { warn(fields: object, message: string): void }
  /** Throws when a database transaction is open: no network call may hold one. */
  assertNoTransaction?: (what: string) => void
  /** Stand in for name servers and the network in tests. */
  resolver?: Resolver
  dial?: Dial
}

// An upstream that cannot be connected to within this time is down for us.
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000

const messages: Record<OutboundError['code'], string> = {
  blocked: 'The address may not be requested',
  unreachable: 'The host could not be reached',
  reset: 'The connection broke off',
  timeout: 'The host took too long',
  too_large: 'The answer is too large',
  aborted: 'The request was given up',
}

// The reason stays in `cause`, for the operator: a customer must not learn what lies inside our network.
function outboundError(code: OutboundError['code'], sent: boolean, cause?: unknown): OutboundError {
  const error = new OutboundError(code, sent, messages[code])
  if (cause !== undefined) error.cause = cause
  return error
}

type Connection = IdleConnection & {
  client: Client
  isOpen: boolean
  destroy(): Promise<void>
  /** Ends the exchange that runs on it, when the whole client closes. */
  giveUp: (() => void) | undefined
  /** Takes what is left of the answer, when the connection ends while it is read. */
  drain: (() => void) | undefined
}

/**
 * Builds the client. Requests reject with OutboundError; redirects and proxy variables are never followed, and
 * answers are never decompressed. `close` ends everything, also what is under way.
 */
export function createOutbound(
  options: OutboundOptions,
): OutboundClient & OutboundJudge & { close(): Promise<void> } {
  const judge = createTargetJudge({ extraPorts: [], ownHosts: [], ...options })
  if (options.allow.length > 0)
    options.log?.warn({ allow: options.allow }, 'outbound checks are off for the listed targets')
  const idle = createIdleConnections<Connection>()
  const flow = createFlow()
  const connections = new Set<Connection>()
  const sessions = new Map<string, Buffer>()
  const listenings = new Set<() => void>()
  let isClosed = false

  function open(target: Target): Connection {
    const connection = openConnection(options, target, {
      sessions,
      onClose() {
        idle.remove(target.url.origin, connection)
        connections.delete(connection)
      },
    })
    connections.add(connection)
    return connection
  }

  return {
    refusalOf(text) {
      const target = judge(text, 'customer')
      if ('refused' in target) return target.refused
      const literal = target.url.hostname.replace(/^\[|\]$/g, '')
      return target.isChecked && isIP(literal) !== 0 && !isPublicAddress(literal)
        ? 'not a public address'
        : null
    },
    async request(request, limits) {
      options.assertNoTransaction?.('outbound request')
      if (isClosed) throw outboundError('aborted', false)
      const judged = judge(request.url, request.trust)
      if ('refused' in judged) throw outboundError('blocked', false, new Error(judged.refused))
      const { url, isChecked } = judged
      const isPooled = judged.isPooled || request.keepsConnection === true
      const target: Target = { url, isChecked, isPooled }
      const isSafe = request.method === 'GET' || request.method === 'HEAD'
      const connection = (isPooled && idle.take(url.origin, isSafe)) || open(target)
      const release = () => (isPooled ? idle.put(url.origin, connection) : void connection.destroy())
      const headersTimeoutMs = shorter(request.headersTimeoutMs, limits?.headersTimeoutMs)
      return runExchange({ request, target, connection, flow, release, headersTimeoutMs })
    },
    listen(listening) {
      const target = judge(listening.url, listening.trust)
      if (isClosed || 'refused' in target) {
        queueMicrotask(() => listening.onEnd())
        return () => undefined
      }
      const dial = (signal: AbortSignal) => openSocket({ ownHosts: [], ...options, ...target, signal })
      return openWebSocket(listening, { url: target.url, dial, listenings })
    },
    async close() {
      isClosed = true
      for (const stop of listenings) stop()
      await Promise.all(
        [...connections].map(connection => {
          connection.giveUp?.()
          return connection.destroy()
        }),
      )
    },
  }
}

function shorter(oneMs: number | undefined, otherMs: number | undefined): number | undefined {
  return oneMs === undefined || otherMs === undefined ? (oneMs ?? otherMs) : Math.min(oneMs, otherMs)
}

function openConnection(
  options: OutboundOptions,
  { url, isChecked, isPooled }: Target,
  hooks: { sessions: Map<string, Buffer>; onClose(): void },
): Connection {
  const stop = new AbortController()
  // Only origins of the operator resume TLS sessions, so that the map stays small.
  const getResumption = () =>
    isPooled && {
      session: hooks.sessions.get(url.origin),
      onSession: (session: Buffer) => void hooks.sessions.set(url.origin, session),
    }
  const socketOptions = { ownHosts: [], ...options, url, isChecked, signal: stop.signal }
  const client = new Client(url.origin, {
    connect(_options, callback) {
      openSocket({ ...socketOptions, ...getResumption() }).then(
        socket => {
          // Before the client's own listener, which takes the end of the connection for the end of the answer.
          socket.once('end', () => connection.drain?.())
          callback(null, socket)
        },
        (error: Error) => callback(error, null),
      )
    },
    allowH2: false,
    // Our own timers are exact to the millisecond and cover the whole exchange.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: MAX_IDLE_MS,
    keepAliveMaxTimeout: MAX_IDLE_MS,
  })
  const connection: Connection = {
    client,
    isOpen: true,
    giveUp: undefined,
    drain: undefined,
    async destroy() {
      connection.isOpen = false
      hooks.onClose()
      stop.abort()
      await client.destroy()
    },
  }
  client.on('disconnect', () => {
    // An exchange that has not begun yet is given a new socket by the client; one that has hears of it itself.
    if (!connection.giveUp) void connection.destroy()
  })
  return connection
}

type ExchangeOptions = {
  request: OutboundRequest
  target: Target
  connection: Connection
  flow: Flow
  headersTimeoutMs: number | undefined
  release(): void
}

type Exchange = ExchangeOptions & {
  /** `sent` begins when the connection is made and the first byte is about to be written, never after it. */
  phase: 'waiting' | 'sent' | 'answered' | 'ended'
  requestBody: string | Buffer | Readable | null
  body: Body | undefined
  receivedBytes: number
  /** Ends the whole exchange; ends its present stage. */
  deadline: NodeJS.Timeout | undefined
  stageTimer: NodeJS.Timeout | undefined
  onAbort(): void
  resolve(response: OutboundResponse): void
  reject(error: OutboundError): void
}

function runExchange(options: ExchangeOptions): Promise<OutboundResponse> {
  const { request, target, connection, flow, headersTimeoutMs, release } = options
  return new Promise((resolve, reject) => {
    const onLate = () => fail(exchange, 'timeout')
    const exchange: Exchange = {
      request,
      target,
      connection,
      flow,
      headersTimeoutMs,
      release,
      phase: 'waiting',
      requestBody: openRequestBody(request.body),
      body: undefined,
      receivedBytes: 0,
      deadline: setTimeout(onLate, request.timeoutMs),
      stageTimer: setTimeout(onLate, request.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS),
      onAbort: () => fail(exchange, 'aborted', request.signal?.reason),
      resolve,
      reject,
    }
    connection.giveUp = () => fail(exchange, 'aborted')
    if (request.signal?.aborted) return exchange.onAbort()
    request.signal?.addEventListener('abort', exchange.onAbort)
    const sending: Dispatcher.DispatchOptions = {
      method: request.method,
      path: target.url.pathname + target.url.search,
      headers: buildHeaders(request.headers),
      body: exchange.requestBody,
      reset: !target.isPooled,
    }
    connection.client.dispatch(sending, handleExchange(exchange))
  })
}

function openRequestBody(body: OutboundRequest['body']): Exchange['requestBody'] {
  if (body === undefined) return null
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body
  const stream = body instanceof Readable ? body : Readable.from(body, { objectMode: false })
  // Once the exchange has ended, nobody else listens to what its body may still say.
  return stream.on('error', () => undefined)
}

function handleExchange(exchange: Exchange): Dispatcher.DispatchHandler {
  const { request } = exchange
  return {
    onRequestStart(controller) {
      // A second start would send the request twice; an ended exchange must not be sent at all.
      if (exchange.phase !== 'waiting') {
        controller.abort(new Error('The exchange was already begun or given up'))
        return fail(exchange, 'reset')
      }
      exchange.phase = 'sent'
      clearTimeout(exchange.stageTimer)
      if (exchange.headersTimeoutMs !== undefined)
        exchange.stageTimer = setTimeout(() => fail(exchange, 'timeout'), exchange.headersTimeoutMs)
    },
    onResponseStart(controller, status, rawHeaders) {
      // Interim answers say nothing yet.
      if (status < 200 || exchange.phase === 'ended') return
      exchange.phase = 'answered'
      clearTimeout(exchange.stageTimer)
      const headers = joinHeaders(rawHeaders)
      const stated = headers['content-length']
      const lengthBytes = stated === undefined ? null : Number(stated)
      const onDestroy = () => {
        // A consumer that stops reading ends the exchange; nothing else would free the connection.
        if (end(exchange)) void exchange.connection.destroy()
      }
      const mostBytes = lengthBytes ?? request.maxBodyBytes
      const body = openBody(controller, { lengthBytes, mostBytes, flow: exchange.flow, onDestroy })
      exchange.body = body
      exchange.connection.drain = () => body.drain()
      const isOpen = () => exchange.phase !== 'ended'
      exchange.resolve(buildAnswer({ status, headers }, body, isOpen))
      const isTooLarge = (lengthBytes ?? 0) > request.maxBodyBytes
      if (request.method !== 'HEAD' && isTooLarge) fail(exchange, 'too_large')
    },
    onResponseData(_controller, chunk) {
      if (exchange.phase === 'ended') return
      exchange.receivedBytes += chunk.length
      if (exchange.receivedBytes > request.maxBodyBytes) return fail(exchange, 'too_large')
      exchange.body?.push(chunk)
    },
    onResponseEnd() {
      if (!end(exchange)) return
      exchange.body?.end()
      // An idle connection would keep the whole of its last exchange in memory.
      exchange.connection.drain = undefined
      exchange.release()
    },
    onResponseError(_controller, error) {
      if (exchange.phase !== 'waiting') {
        const isOurs = exchange.requestBody instanceof Readable && exchange.requestBody.errored === error
        fail(exchange, isOurs ? 'aborted' : 'reset', error)
      } else fail(exchange, error instanceof AddressRefused ? 'blocked' : 'unreachable', error)
    },
  }
}

/** Leaves nothing behind but the connection; false when the exchange had ended before. */
function end(exchange: Exchange): boolean {
  if (exchange.phase === 'ended') return false
  exchange.phase = 'ended'
  clearTimeout(exchange.deadline)
  clearTimeout(exchange.stageTimer)
  // Timers that have ended still know those around them: whoever holds one holds a row of exchanges in memory.
  exchange.deadline = undefined
  exchange.stageTimer = undefined
  exchange.request.signal?.removeEventListener('abort', exchange.onAbort)
  exchange.connection.giveUp = undefined
  return true
}

function fail(exchange: Exchange, code: OutboundError['code'], cause?: unknown): void {
  const sent = exchange.phase !== 'waiting'
  if (!end(exchange)) return
  const error = outboundError(code, sent, cause)
  // The error goes first: ending the connection makes errors of its own, which would say less.
  if (exchange.body) exchange.body.fail(error)
  else exchange.reject(error)
  void exchange.connection.destroy()
  if (exchange.requestBody instanceof Readable) exchange.requestBody.destroy()
}
