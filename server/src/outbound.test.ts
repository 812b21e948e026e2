// Guards what callers build promises on: `sent` is false only when no byte left, limits hold, nothing leaks.
import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test, vi } from 'vitest'
import { testCertificate, testKey } from '../test/certificate.ts'
import { createOutbound, OutboundError, type OutboundOptions, type OutboundRequest } from './outbound.ts'

// Two busy cores may take a while to close a socket; what is awaited is the event, not the time.
const patience = { timeout: 60_000 }

type Upstream = { origin: string; sockets: Set<Socket>; opened: () => number }

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const ending of endings.splice(0)) await ending()
})

async function listen(server: Server, scheme = 'http'): Promise<Upstream> {
  const sockets = new Set<Socket>()
  let opened = 0
  server.on('connection', (socket: Socket) => {
    opened++
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  endings.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { origin: `${scheme}://127.0.0.1:${port}`, sockets, opened: () => opened }
}

const listenHttp = (listener: RequestListener) =>
  listen(createHttpServer({ keepAliveTimeout: 60_000 }, listener))

/** A server that speaks bytes: `onBytes` gets all that has come on a connection so far. */
function listenRaw(onBytes: (socket: Socket, text: string) => void): Promise<Upstream> {
  return listen(
    createServer(socket => {
      let text = ''
      socket.on('data', data => {
        text += data.toString('latin1')
        onBytes(socket, text)
      })
    }),
  )
}

function openClient(upstream: Upstream, options: Partial<OutboundOptions> = {}) {
  const outbound = createOutbound({ allow: [], configuredOrigins: [upstream.origin], ...options })
  endings.push(() => outbound.close())
  const defaults = { method: 'GET', url: upstream.origin, trust: 'configured' } as const
  const limits = { timeoutMs: 10_000, maxBodyBytes: 10_000_000 }
  return {
    close: outbound.close,
    request: (request: Partial<OutboundRequest> = {}, most?: { headersTimeoutMs: number }) =>
      outbound.request({ ...defaults, ...limits, ...request }, most),
  }
}

/** `code, sent` of a rejection, or what came instead. */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  const result = await promise.catch((reason: unknown) => reason)
  return result instanceof OutboundError
    ? `${result.code}, sent ${result.sent}`
    : `no OutboundError: ${String(result)}`
}

async function bodyFailureOf(upstream: Upstream, request: Partial<OutboundRequest> = {}): Promise<string> {
  const response = await openClient(upstream).request(request)
  return failureOf(response.text())
}

const HEAD = 'HTTP/1.1 200 OK\r\n'

test('nothing was sent when the connection is refused', async () => {
  const upstream = await listenRaw(() => undefined)
  await endings.pop()?.()
  const client = openClient(upstream)
  expect(await failureOf(client.request({ method: 'POST', body: 'x' }))).toBe('unreachable, sent false')
})

test('nothing was sent when the name does not resolve or the look-up hangs', async () => {
  const upstream = await listenRaw(() => undefined)
  const url = 'http://engine.test:7860/'
  const base = { configuredOrigins: [url] }
  const failing = openClient(upstream, { ...base, resolver: () => Promise.reject(new Error('ENOTFOUND')) })
  expect(await failureOf(failing.request({ url }))).toBe('unreachable, sent false')
  const hanging = openClient(upstream, { ...base, resolver: () => new Promise(() => undefined) })
  expect(await failureOf(hanging.request({ url, connectTimeoutMs: 30 }))).toBe('timeout, sent false')
})

test('nothing was sent when the certificate is not trusted or names another host', async () => {
  let bytes = 0
  const server = createTlsServer({ key: testKey, cert: testCertificate }, socket => {
    socket
      .on('error', () => undefined)
      .on('data', data => {
        bytes += data.length
      })
  })
  const upstream = await listen(server, 'https')
  const request = { method: 'POST', body: 'x' } as const
  expect(await failureOf(openClient(upstream).request(request))).toBe('unreachable, sent false')
  const url = upstream.origin.replace('127.0.0.1', 'other.test')
  const resolver = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
  const client = openClient(upstream, { configuredOrigins: [url], ca: [testCertificate], resolver })
  expect(await failureOf(client.request({ ...request, url }))).toBe('unreachable, sent false')
  expect(bytes).toBe(0)
  await expect.poll(() => upstream.sockets.size, patience).toBe(0)
})

test('nothing was sent when connecting takes too long: a black hole, a handshake without an answer', async () => {
  const hole = await listenRaw(() => undefined)
  const lost: Socket[] = []
  function dial(): Socket {
    const socket = new Socket()
    lost.push(socket)
    return socket
  }
  const client = openClient(hole, { dial })
  expect(await failureOf(client.request({ connectTimeoutMs: 30 }))).toBe('timeout, sent false')
  expect(await failureOf(client.request({ timeoutMs: 30 }))).toBe('timeout, sent false')
  expect(lost.map(socket => socket.destroyed)).toEqual([true, true])

  const silent = await listen(
    createServer(socket => socket.resume()),
    'https',
  )
  const tls = openClient(silent)
  expect(await failureOf(tls.request({ method: 'POST', body: 'x', connectTimeoutMs: 50 }))).toBe(
    'timeout, sent false',
  )
  await expect.poll(() => silent.sockets.size, patience).toBe(0)
})

test('nothing was sent when the caller gives up before the connection is made', async () => {
  const upstream = await listenRaw(() => undefined)
  expect(await failureOf(openClient(upstream).request({ signal: AbortSignal.abort() }))).toBe(
    'aborted, sent false',
  )
  const given = new AbortController()
  const client = openClient(upstream, { dial: () => new Socket() })
  const pending = failureOf(client.request({ method: 'POST', body: 'x', signal: given.signal }))
  given.abort()
  expect(await pending).toBe('aborted, sent false')
  expect(upstream.opened()).toBe(0)
})

test('a request that reached the wire counts as sent: reset, closed, late or given up before headers', async () => {
  const resetting = await listenRaw(socket => socket.resetAndDestroy())
  expect(await failureOf(openClient(resetting).request({ method: 'POST', body: 'x' }))).toBe(
    'reset, sent true',
  )
  const closing = await listenRaw(socket => socket.end())
  expect(await failureOf(openClient(closing).request({ method: 'POST', body: 'x' }))).toBe('reset, sent true')
  const garbled = await listenRaw(socket => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
  expect(await failureOf(openClient(garbled).request())).toBe('reset, sent true')
  const given = new AbortController()
  const silent = await listenRaw(() => given.abort())
  expect(await failureOf(openClient(silent).request({ signal: given.signal }))).toBe('aborted, sent true')
  expect(await failureOf(openClient(silent).request({ timeoutMs: 30 }))).toBe('timeout, sent true')
  await expect.poll(() => silent.sockets.size, patience).toBe(0)
})

test.each([
  ['that of the request', { headersTimeoutMs: 30 }, undefined],
  ['that of its caller', {}, { headersTimeoutMs: 30 }],
  ["its caller's, where that is shorter", { headersTimeoutMs: 600_000 }, { headersTimeoutMs: 30 }],
  ["the request's, where that is shorter", { headersTimeoutMs: 30 }, { headersTimeoutMs: 600_000 }],
])('who answers nothing is given up at the limit: %s', async (_, own, most) => {
  const silent = await listenRaw(() => undefined)
  // Nothing else ends it before the test's own limit does.
  const request = openClient(silent).request({ timeoutMs: 600_000, ...own }, most)
  expect(await failureOf(request)).toBe('timeout, sent true')
})

test('a request is written once, though its connection breaks at once', async () => {
  const upstream = await listenRaw(socket => socket.resetAndDestroy())
  const client = openClient(upstream)
  for (const method of ['GET', 'POST'] as const) {
    const before = upstream.opened()
    expect(await failureOf(client.request({ method }))).toBe('reset, sent true')
    expect(upstream.opened() - before).toBe(1)
  }
})

test('a request body that is cut on the way counts as sent, and its source is closed', async () => {
  let closed = 0
  async function* endless() {
    try {
      for (;;) yield Buffer.alloc(65_536)
    } finally {
      closed++
    }
  }
  const upstream = await listenRaw((socket, text) => text.length > 300_000 && socket.resetAndDestroy())
  const request = { method: 'POST', body: endless() } as const
  expect(await failureOf(openClient(upstream).request(request))).toBe('reset, sent true')
  await expect.poll(() => closed, patience).toBe(1)
})

test('a request body whose own source fails ends the request as given up, and as sent', async () => {
  async function* failing() {
    yield Buffer.from('first')
    throw new Error('disk')
  }
  const upstream = await listenRaw(() => undefined)
  const request = { method: 'POST', body: failing() } as const
  expect(await failureOf(openClient(upstream).request(request))).toBe('aborted, sent true')
  await expect.poll(() => upstream.sockets.size, patience).toBe(0)
})

test('a body arrives as it was given: text, bytes and pieces, with a length when one is stated', async () => {
  const seen: string[] = []
  const upstream = await listenHttp(async (request, response) => {
    let text = ''
    for await (const part of request) text += String(part)
    const length = request.headers['content-length'] ?? request.headers['transfer-encoding']
    seen.push(`${request.method} ${request.url} ${length} ${request.headers['x-label']} ${text}`)
    response.end()
  })
  async function* pieces() {
    yield Buffer.from('he')
    yield new Uint8Array([0x6c, 0x6c])
    yield Buffer.from('o')
  }
  const client = openClient(upstream)
  const label = { 'X-Label': 'a' }
  const url = `${upstream.origin}/v1/x?y=%20z`
  await client.request({ method: 'POST', url, body: 'héllo', headers: label })
  await client.request({ method: 'PUT', url, body: Buffer.from('hello'), headers: label })
  await client.request({ method: 'PATCH', url, body: pieces(), headers: label })
  await client.request({ method: 'POST', url, body: pieces(), headers: { ...label, 'content-length': '5' } })
  await client.request({ method: 'DELETE', url })
  expect(seen).toEqual([
    'POST /v1/x?y=%20z 6 a héllo',
    'PUT /v1/x?y=%20z 5 a hello',
    'PATCH /v1/x?y=%20z chunked a hello',
    'POST /v1/x?y=%20z 5 a hello',
    'DELETE /v1/x?y=%20z undefined undefined ',
  ])
})

test('an answer that is cut never reads as whole: reset, short length, unfinished chunk', async () => {
  const cuts: [string, (socket: Socket) => void][] = [
    [`${HEAD}content-length: 1000\r\n\r\nabc`, socket => socket.resetAndDestroy()],
    [`${HEAD}content-length: 1000\r\n\r\nabc`, socket => socket.end()],
    [`${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`, socket => socket.end()],
    [`${HEAD}transfer-encoding: chunked\r\n\r\n8\r\nabc`, socket => socket.end()],
  ]
  for (const [answer, end] of cuts) {
    const upstream = await listenRaw(socket => socket.write(answer, () => setImmediate(() => end(socket))))
    expect(await bodyFailureOf(upstream)).toBe('reset, sent true')
  }
})

test('an answer nobody reads may break off without harm to the process', async () => {
  const upstream = await listenRaw(socket => socket.write(`${HEAD}content-length: 9\r\n\r\nabc`))
  const response = await openClient(upstream).request()
  for (const socket of upstream.sockets) socket.resetAndDestroy()
  await expect.poll(() => response.body.destroyed, patience).toBe(true)
  expect(await failureOf(response.text())).toBe('reset, sent true')
})

test('the whole exchange ends in time, though bytes keep dripping', async () => {
  let dripping: NodeJS.Timeout | undefined
  const upstream = await listenRaw(socket => {
    socket.write(`${HEAD}content-length: 1000\r\n\r\n`)
    dripping = setInterval(() => socket.write('x'), 5)
  })
  expect(await bodyFailureOf(upstream, { timeoutMs: 150 })).toBe('timeout, sent true')
  clearInterval(dripping)
  await expect.poll(() => upstream.sockets.size, patience).toBe(0)
})

test('a caller that gives up or stops reading frees the socket', async () => {
  const upstream = await listenHttp((_request, response) => void response.write(Buffer.alloc(100_000)))
  const given = new AbortController()
  const client = openClient(upstream)
  const aborted = await client.request({ signal: given.signal })
  given.abort()
  expect(await failureOf(aborted.text())).toBe('aborted, sent true')
  for await (const _part of (await client.request()).body) break
  await (await client.request()).discard()
  await expect.poll(() => upstream.sockets.size, patience).toBe(0)
})

test('an answer is cut at its limit, whether or not it states its length', async () => {
  for (const stated of [true, false]) {
    const upstream = await listenHttp((_request, response) => {
      if (stated) response.setHeader('content-length', 1_000_001)
      response.end(Buffer.alloc(1_000_001))
    })
    const response = await openClient(upstream).request({ maxBodyBytes: 1_000_000 })
    expect(response.status).toBe(200)
    expect(await failureOf(response.text())).toBe('too_large, sent true')
    const whole = await openClient(upstream).request({ maxBodyBytes: 1_000_001 })
    expect(await whole.text()).toHaveLength(1_000_001)
    const head = await openClient(upstream).request({ method: 'HEAD', maxBodyBytes: 10 })
    expect(await head.text()).toBe('')
  }
})

test('a slow reader holds the upstream back instead of filling memory', async () => {
  let written = 0
  const upstream = await listenHttp(async (_request, response) => {
    const part = Buffer.alloc(1_000_000)
    for (let index = 0; index < 40; index++) {
      if (!response.write(part)) await once(response, 'drain')
      written += part.length
    }
    response.end()
  })
  const response = await openClient(upstream).request({ maxBodyBytes: 100_000_000 })
  let seen = -1
  function hasStalled(): boolean {
    const before = seen
    seen = written
    return seen > 0 && seen === before
  }
  await expect.poll(hasStalled, patience).toBe(true)
  expect(seen).toBeLessThan(20_000_000)
  expect(response.body.readableLength).toBeLessThan(400_000)
  expect(await response.text()).toHaveLength(40_000_000)
})

test('a connection that ends while its answer is held back harms neither the answer nor the process', async () => {
  const framings: [string, (body: Buffer) => (string | Buffer)[]][] = [
    ['stated length', body => [`${HEAD}content-length: ${body.length}\r\nconnection: close\r\n\r\n`, body]],
    ['until the end', body => [`${HEAD}connection: close\r\n\r\n`, body]],
    [
      'one chunk',
      body => [
        `${HEAD}transfer-encoding: chunked\r\nconnection: close\r\n\r\n${body.length.toString(16)}\r\n`,
        body,
        '\r\n0\r\n\r\n',
      ],
    ],
    ['kept alive', body => [`${HEAD}content-length: ${body.length}\r\n\r\n`, body]],
  ]
  for (const [name, frame] of framings) {
    // Around what is read ahead, so that the last of it comes when nobody takes it.
    for (const size of [200_000, 256 * 1024, 262_145, 275_000, 290_000, 320_000, 400_000]) {
      const isWritten = new EventEmitter()
      const upstream = await listenRaw(socket => {
        for (const piece of frame(Buffer.alloc(size, 'x'))) socket.write(piece)
        socket.end(() => isWritten.emit('all'))
      })
      const written = once(isWritten, 'all')
      const response = await openClient(upstream).request()
      await written
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
      expect(await response.text(), `${name}, ${size} bytes`).toHaveLength(size)
    }
  }
})

test('a compressed answer is neither asked for nor unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(10_000_000))
  const asked: unknown[] = []
  const upstream = await listenHttp((request, response) => {
    asked.push(request.headers['accept-encoding'])
    response.setHeader('content-encoding', 'gzip').end(bomb)
  })
  const response = await openClient(upstream).request({
    headers: { 'Accept-Encoding': 'gzip' },
    maxBodyBytes: 20_000,
  })
  const parts: Buffer[] = []
  for await (const part of response.body as AsyncIterable<Buffer>) parts.push(part)
  expect(Buffer.concat(parts).equals(bomb)).toBe(true)
  expect(asked).toEqual(['identity'])
})

test('redirects are handed back and never followed', async () => {
  const target = await listenHttp((_request, response) => response.end('inside'))
  const upstream = await listenHttp((request, response) => {
    response.writeHead(Number(request.url?.slice(1)), { location: `${target.origin}/secret` }).end()
  })
  const client = openClient(upstream, { configuredOrigins: [upstream.origin, target.origin] })
  for (const status of [301, 302, 303, 307, 308]) {
    const response = await client.request({ url: `${upstream.origin}/${status}` })
    expect([response.status, response.headers.location]).toEqual([status, `${target.origin}/secret`])
    await response.discard()
  }
  expect(target.opened()).toBe(0)
})

test('interim answers are passed over, and repeated headers are joined', async () => {
  const interim = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n'
  const headers = 'X-Part: a\r\nx-part: b\r\nSet-Cookie: c=1\r\nset-cookie: d=2\r\ncontent-length: 2\r\n\r\n'
  const upstream = await listenRaw(socket => socket.write(`${interim}${HEAD}${headers}ok`))
  const response = await openClient(upstream).request()
  expect(response.headers).toMatchObject({ 'x-part': 'a, b', 'set-cookie': 'c=1, d=2' })
  expect(await response.text()).toBe('ok')
})

test('no request begins inside a transaction', async () => {
  const upstream = await listenHttp((_request, response) => response.end())
  const assertNoTransaction = vi.fn((what: string) => {
    throw new Error(`${what} in a transaction`)
  })
  const client = openClient(upstream, { assertNoTransaction })
  await expect(client.request()).rejects.toThrow('outbound request in a transaction')
  expect(upstream.opened()).toBe(0)
})

test('closing ends what is under way and refuses what comes after', async () => {
  const upstream = await listenRaw(
    (socket, text) => text.startsWith('GET /b') && socket.write(`${HEAD}\r\nabc`),
  )
  const client = openClient(upstream)
  const answered = await client.request({ url: `${upstream.origin}/b` })
  const waiting = failureOf(client.request({ method: 'POST' }))
  await expect.poll(() => upstream.sockets.size, patience).toBe(2)
  await client.close()
  expect(['aborted, sent true', 'aborted, sent false']).toContain(await waiting)
  expect(await failureOf(answered.text())).toBe('aborted, sent true')
  expect(await failureOf(client.request())).toBe('aborted, sent false')
  await expect.poll(() => upstream.sockets.size, patience).toBe(0)
})
