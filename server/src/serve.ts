// The listening socket: sane limits, graceful stop. Keep-alive callers are told to leave when the service stops.
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { HttpEnv } from './http/context.ts'
import { openLinger } from './linger.ts'
import type { Log } from './log.ts'

export type Listening = {
  port: number
  /** Answers go on, each telling its caller to close the connection. */
  drain(): void
  /** Refuses new connections; resolves when the last answer was sent or the time is up. */
  stop(graceMs: number): Promise<void>
}

/** Longer than any proxy's idle time in common use (60 s), so that the proxy closes first and meets no reset. */
const keepAliveTimeoutMs = 75_000
/** A request's head and body must arrive in this time; the wait for a generation comes after. */
const requestTimeoutMs = 120_000
/** Answers of one connection at once. Clients send one request after the other; a few may pipeline some. */
const maxPipelined = 16

export async function listen(
  options: { host: string; port: number; log: Pick<Log, 'error'> },
  makeApp: (port: number) => Promise<Hono<HttpEnv>>,
): Promise<Listening> {
  let handle: ((...args: Parameters<ReturnType<typeof getRequestListener>>) => unknown) | null = null
  let stopping = false
  const open = new Set<ServerResponse>()
  const ofSocket = trackSockets()
  const linger = openLinger()
  const server = createServer(
    { keepAliveTimeout: keepAliveTimeoutMs, requestTimeout: requestTimeoutMs, headersTimeout: 30_000 },
    (request, response) => {
      // Behind an answer that ended the connection: nobody could be told what became of it.
      if (!request.socket.writable) return void request.socket.destroy()
      open.add(response)
      response.once('close', () => open.delete(response))
      if (!ofSocket(request.socket, response)) return
      linger.watch(request, response)
      if (stopping) response.setHeader('connection', 'close')
      if (handle) handle(request, response)
      else response.writeHead(503, { 'retry-after': '1' }).end()
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(explainTaken(error, options)))
    server.listen(options.port, options.host, resolve)
  })
  // A connection that could not be accepted, for want of descriptors, must not end the process.
  server.on('error', error => options.log.error({ event: 'accept.failed', err: error }, 'accepting failed'))
  const { port } = server.address() as AddressInfo
  // The port is known only now, and what is built needs it; whoever calls this early is told to come again.
  const app = await makeApp(port).catch(async (error: unknown) => {
    await closeServer(server, open, 0)
    throw error
  })
  // HTTP/1.0, which load balancers probe with, needs no Host; no link is ever built from it.
  handle = getRequestListener((request, env) => app.fetch(request, env), { hostname: 'localhost' })
  return {
    port,
    drain: () => {
      stopping = true
      linger.hurry()
      for (const response of open) if (!response.headersSent) response.setHeader('connection', 'close')
    },
    stop: graceMs => closeServer(server, open, graceMs),
  }
}

/** The commonest mistake of a second start: said with what to do about it. */
function explainTaken(error: Error, { host, port }: { host: string; port: number }): Error {
  if (Reflect.get(error, 'code') !== 'EADDRINUSE') return error
  const advice = 'Is the service running already? PORT names another, PORT=0 takes a free one.'
  return new Error(`Port ${port} of ${host} is taken (EADDRINUSE). ${advice}`, { cause: error })
}

/**
 * Requests may come one behind the other on one connection before any is answered. Node ends only that answer with
 * its connection which is being sent; the ones behind it would wait for ever, each with what it holds. Returns
 * whether there was room for one more; a connection without room is cut.
 */
function trackSockets(): (socket: Socket, response: ServerResponse) => boolean {
  const waiting = new WeakMap<Socket, Set<ServerResponse>>()
  return (socket, response) => {
    let responses = waiting.get(socket)
    if (!responses) {
      const own = new Set<ServerResponse>()
      responses = own
      waiting.set(socket, own)
      // Behind Node's own listeners, which end the one that is being sent.
      socket.once('close', () => setImmediate(() => own.forEach(endUnsent)))
    }
    const own = responses.add(response)
    response.once('close', () => own.delete(response))
    if (own.size <= maxPipelined) return true
    socket.destroy()
    return false
  }
}

function endUnsent(response: ServerResponse): void {
  response.destroy()
  response.emit('close')
}

function closeServer(server: Server, open: ReadonlySet<ServerResponse>, graceMs: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
    // A connection whose last answer began before the stop is kept alive and would hold the server open.
    const closeIdle = () => setImmediate(() => server.closeIdleConnections())
    for (const response of open) response.once('close', closeIdle)
  })
}
