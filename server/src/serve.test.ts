// The listening socket before, while and after there is a service behind it.
import { EventEmitter, once } from 'node:events'
import { connect, createServer } from 'node:net'
import { Hono } from 'hono'
import { afterEach, expect, test } from 'vitest'
import type { HttpEnv } from './http/context.ts'
import { type Listening, listen } from './serve.ts'

const options = { host: '127.0.0.1', port: 0, log: { error: () => undefined } }
const opened: Listening[] = []
afterEach(async () => {
  for (const listening of opened.splice(0)) await listening.stop(0)
})

test('who calls before the service is built is told to come again, not left waiting', async () => {
  let early: Response | null = null
  const listening = await listen(options, async port => {
    early = await fetch(`http://127.0.0.1:${port}/`)
    return new Hono<HttpEnv>().get('/', context => context.text('here'))
  })
  opened.push(listening)
  expect(early).toMatchObject({ status: 503 })
  expect((early as unknown as Response).headers.get('retry-after')).toBe('1')
  expect(await (await fetch(`http://127.0.0.1:${listening.port}/`)).text()).toBe('here')
})

test('a service that cannot be built leaves no open port behind', async () => {
  let port = 0
  const failing = listen(options, async given => {
    port = given
    throw new Error('no secret')
  })
  await expect(failing).rejects.toThrow('no secret')
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
})

test('a port that is taken is told at once, with what to do', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const address = holder.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const taken = listen({ ...options, port }, async () => new Hono<HttpEnv>())
  await expect(taken).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken (EADDRINUSE). Is the service`)
  holder.close()
})

test('a probe of HTTP/1.0, which names no host, is answered', async () => {
  const listening = await listen(options, async () => new Hono<HttpEnv>().get('/', it => it.text('alive')))
  opened.push(listening)
  const socket = connect(listening.port, '127.0.0.1')
  socket.write('GET / HTTP/1.0\r\n\r\n')
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  await once(socket, 'close')
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nalive$/s)
})

/** Sends so many requests at once on one connection, without reading an answer. */
async function pipeline(port: number, count: number) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n'.repeat(count))
  return socket
}

test('every request of a connection that closes ends, those whose answer was not yet its turn too', async () => {
  const count = 10
  let begun = 0
  let ended = 0
  const seen = new EventEmitter()
  const listening = await listen(options, async () =>
    new Hono<HttpEnv>().get('/', context => {
      begun += 1
      context.env.outgoing.once('close', () => {
        ended += 1
        if (ended === count) seen.emit('ended')
      })
      if (begun === count) seen.emit('begun')
      return new Promise<Response>(() => undefined)
    }),
  )
  opened.push(listening)
  const allAreIn = once(seen, 'begun')
  const allEnd = once(seen, 'ended')
  const socket = await pipeline(listening.port, count)
  await allAreIn
  socket.destroy()
  await allEnd
  expect({ begun, ended }).toEqual({ begun: count, ended: count })
})

test('a connection with too many requests before their answers is cut', async () => {
  let begun = 0
  const listening = await listen(options, async () =>
    new Hono<HttpEnv>().get('/', () => {
      begun += 1
      return new Promise<Response>(() => undefined)
    }),
  )
  opened.push(listening)
  const socket = await pipeline(listening.port, 100)
  socket.resume()
  await once(socket, 'close')
  expect(begun).toBeLessThanOrEqual(16)
})
