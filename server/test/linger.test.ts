// Answers to bodies that are still arriving: a sender that reads only when it has sent all finds the answer, and one
// that does not end is cut. Sockets speak here, because a client library may read earlier or hide a reset.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Hono } from 'hono'
import { afterEach, expect, test } from 'vitest'
import type { HttpEnv } from '../src/http/context.ts'
import { readBytes } from '../src/http/read-bytes.ts'
import { openLinger } from '../src/linger.ts'
import { type Listening, listen } from '../src/serve.ts'

const MiB = 1024 * 1024
const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

/** `noteSocket` is handed the service's end of each connection whose body is refused unread. */
async function serve(noteSocket: (socket: Socket) => void = () => undefined) {
  const seen: string[] = []
  const app = new Hono<HttpEnv>()
    .use(async (context, next) => {
      seen.push(context.req.path)
      await next()
    })
    .post('/unread', context => {
      noteSocket(context.env.incoming.socket)
      return context.text('refused', 401)
    })
    .post('/begun', async context => {
      for await (const _ of context.req.raw.body ?? []) break
      return context.text('refused', 401)
    })
    .post('/bounded', async context => {
      await readBytes(context, { maxBytes: MiB, owner: 'test' }).catch(() => undefined)
      return context.text('too large', 413)
    })
  const options = { host: '127.0.0.1', port: 0, log: { error: () => undefined } }
  const { port, stop }: Listening = await listen(options, async () => app)
  open.push(() => stop(0))
  return { port, seen }
}

type Sent = { path: string; headers?: string; coding: 'length' | 'chunked'; before?: string }

const bodyBytes = 24 * MiB
const piece = Buffer.alloc(MiB, 'x')

/** Sends two MiB of twenty-four, waits until the other side has answered and closed its half, and sends the rest. */
async function sendLate(port: number, { path, headers = '', coding, before = '' }: Sent): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  const broken = once(socket, 'error').then(([error]) => Promise.reject(error))
  broken.catch(() => undefined)
  const length = coding === 'length' ? `content-length: ${bodyBytes}` : 'transfer-encoding: chunked'
  socket.write(`${before}POST ${path} HTTP/1.1\r\nhost: here\r\n${headers}${length}\r\n\r\n`)
  const ended = once(socket, 'end')
  for (let sent = 0; sent < bodyBytes; sent += piece.length) {
    if (sent === 2 * MiB) await Promise.race([ended, broken])
    await Promise.race([sendPiece(socket, coding), broken])
  }
  socket.end(coding === 'chunked' ? '0\r\n\r\n' : '')
  await Promise.race([once(socket, 'close'), broken])
  return answer
}

async function sendPiece(socket: Socket, coding: Sent['coding']): Promise<void> {
  if (coding === 'chunked') socket.write(`${piece.length.toString(16)}\r\n`)
  await new Promise<void>((resolve, reject) =>
    socket.write(piece, error => (error ? reject(error) : resolve())),
  )
  if (coding === 'chunked') socket.write('\r\n')
}

test.each<[string, Sent, RegExp]>([
  ['is refused unread', { path: '/unread', coding: 'length' }, /^HTTP\/1\.1 401 .*refused$/s],
  ['is refused unread, in chunks', { path: '/unread', coding: 'chunked' }, /^HTTP\/1\.1 401 .*refused$/s],
  [
    'is refused unread, on a connection that is to close',
    { path: '/unread', headers: 'connection: close\r\n', coding: 'length' },
    /^HTTP\/1\.1 401 .*refused$/s,
  ],
  [
    'is refused unread, behind a request that was answered',
    { path: '/unread', coding: 'length', before: 'GET / HTTP/1.1\r\nhost: here\r\n\r\n' },
    /^HTTP\/1\.1 404 .*refused$/s,
  ],
  ['is refused after a glance', { path: '/begun', coding: 'length' }, /^HTTP\/1\.1 401 .*refused$/s],
  ['says that it is too large', { path: '/bounded', coding: 'length' }, /^HTTP\/1\.1 413 .*too large$/s],
  ['turns out too large', { path: '/bounded', coding: 'chunked' }, /^HTTP\/1\.1 413 .*too large$/s],
  [
    'turns out too large, on a connection that is to close',
    { path: '/bounded', headers: 'connection: close\r\n', coding: 'chunked' },
    /^HTTP\/1\.1 413 .*too large$/s,
  ],
])('a body that %s is sent to its end without a reset', async (_, sent, answer) => {
  const { port } = await serve()
  expect(await sendLate(port, sent)).toMatch(answer)
})

test('what comes behind a refused body once our half is closed reaches nobody', async () => {
  let served: Socket | null = null
  const { port, seen } = await serve(socket => {
    served = socket
  })
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.resume().write('POST /unread HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n\r\n')
  await once(socket, 'end')
  const closed = once(served as unknown as Socket, 'close')
  socket.write(`${'x'.repeat(1_000)}DELETE /order HTTP/1.1\r\nhost: here\r\n\r\n`)
  await closed
  expect(seen).toEqual(['/unread'])
})

/** Answers at the first bytes of a body, or at its end. */
async function serveRefusals(lingerMs: number) {
  const linger = openLinger(lingerMs)
  const server = createServer((request, response) => {
    linger.watch(request, response)
    const refuse = () => {
      request.pause()
      response.end('refused')
    }
    if (request.url === '/begun') request.once('data', refuse)
    else if (request.url === '/whole') request.once('end', refuse).resume()
    else server.emit('held', { request, response })
  })
  open.push(() => new Promise(resolve => server.close(resolve)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { server, linger, port: (server.address() as AddressInfo).port }
}

function head(path: string, length: number): string {
  return `POST ${path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n`
}

test('a sender that does not end is cut', async () => {
  const { port } = await serveRefusals(50)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.resume().write(`${head('/begun', bodyBytes)}x`)
  await once(socket, 'end')
  const goOn = setInterval(() => socket.write('x'), 5)
  const [error] = await once(socket, 'error')
  clearInterval(goOn)
  expect(Reflect.get(error as Error, 'code')).toMatch(/^(?:EPIPE|ECONNRESET)$/)
})

test('a connection lingers for no more than a moment once the service stops, begun before it or after', async () => {
  const { server, linger, port } = await serveRefusals(600_000)
  for (const isStopping of [false, true]) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.resume().write(`${head('/begun', bodyBytes)}x`)
    const [served] = (await once(server, 'connection')) as [Socket]
    await once(socket, 'end')
    if (!isStopping) linger.hurry()
    if (!served.destroyed) await once(served, 'close')
    socket.destroy()
  }
})

test('an order whose body is arriving when the answer before it ends the connection is cut off, not taken', async () => {
  const { server, port } = await serveRefusals(600_000)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const first = once(server, 'held')
  const answered = 'POST /held HTTP/1.1\r\nhost: here\r\ncontent-length: 0\r\n\r\n'
  socket.resume().write(answered)
  const [{ response }] = (await first) as [Held]
  const second = once(server, 'held')
  socket.write(`${head('/held', 20)}0123456789`)
  const [{ request }] = (await second) as [Held]
  const aborted = once(request, 'error').then(([error]) => error as Error)
  response.setHeader('connection', 'close').end('refused')
  await once(socket, 'end')
  socket.on('error', () => undefined).write('0123456789')
  expect(await aborted).toMatchObject({ code: 'ECONNRESET' })
  socket.destroy()
})

type Held = { request: IncomingMessage; response: ServerResponse }

test.each([
  ['as soon as the rest of a body that was begun has come', '/begun', ['x', 'x'.repeat(MiB)]],
  ['at once when the body was read', '/whole', ['x', '']],
])('a connection closes %s', async (_, path, [first = '', rest = '']) => {
  const { server, port } = await serveRefusals(600_000)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.resume().write(head(path, first.length + rest.length) + first)
  const [served] = (await once(server, 'connection')) as [Socket]
  await once(socket, 'end')
  if (rest) socket.write(rest)
  if (!served.destroyed) await once(served, 'close')
  socket.destroy()
})
