// Guards the reuse of connections: kept only for configured origins, and never so long that a create meets a
// server that is just hanging up.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { createOutbound, type OutboundRequest } from '../outbound.ts'

// Two busy cores may take a while to close a socket; what is awaited is the event, not the time.
const patience = { timeout: 60_000 }

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const ending of endings.splice(0)) await ending()
})

async function listen(listener: RequestListener = (_request, response) => response.end('ok')) {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener)
  let opened = 0
  let open = 0
  server.on('connection', socket => {
    opened++
    open++
    socket.on('close', () => open--)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  endings.push(() => new Promise(resolve => server.close(resolve)))
  return {
    host: `127.0.0.1:${port}`,
    origin: `http://127.0.0.1:${port}`,
    opened: () => opened,
    open: () => open,
  }
}

function openClient(origin: string, configuredOrigins: string[], allow: string[] = []) {
  const outbound = createOutbound({ allow, configuredOrigins })
  endings.unshift(() => outbound.close())
  return async (method: OutboundRequest['method'] = 'GET', path = '/') => {
    const limits = { timeoutMs: 30_000, maxBodyBytes: 1_000_000 }
    const response = await outbound.request({ method, url: origin + path, trust: 'upstream', ...limits })
    const text = await response.text()
    // The connection is put aside in the next turn of the event loop.
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
    return text
  }
}

test('one connection serves requests to a configured origin one after another', async () => {
  const upstream = await listen()
  const ask = openClient(upstream.origin, [upstream.origin])
  for (let index = 0; index < 20; index++) expect(await ask(index % 2 ? 'POST' : 'GET')).toBe('ok')
  expect(upstream.opened()).toBe(1)
})

test('no connection is kept for any other target', async () => {
  const upstream = await listen()
  const ask = openClient(upstream.origin, [], [upstream.host])
  for (let index = 0; index < 5; index++) await ask()
  expect(upstream.opened()).toBe(5)
  await expect.poll(upstream.open, patience).toBe(0)
})

test('a create is never written to a connection that idled for more than a second; a read may use it', async () => {
  const upstream = await listen()
  const ask = openClient(upstream.origin, [upstream.origin])
  const start = performance.now()
  const clock = vi.spyOn(performance, 'now').mockReturnValue(start)
  await ask('POST')
  clock.mockReturnValue(start + 999)
  await ask('POST')
  expect(upstream.opened()).toBe(1)
  clock.mockReturnValue(start + 999 + 1_001)
  await ask('GET')
  expect(upstream.opened()).toBe(1)
  clock.mockReturnValue(start + 999 + 1_001 + 1_001)
  await ask('POST')
  expect(upstream.opened()).toBe(2)
})

test('a server that hangs up after each answer, announced or not, never makes a create unsure', async () => {
  const announced = await listen((_request, response) => response.setHeader('connection', 'close').end('ok'))
  const silent = await listen((request, response) => {
    response.end('ok', () => request.socket.end())
  })
  for (const upstream of [announced, silent]) {
    const ask = openClient(upstream.origin, [upstream.origin])
    for (let index = 0; index < 100; index++) expect(await ask('POST')).toBe('ok')
    expect(upstream.opened()).toBe(100)
  }
})

test('a connection whose server allows it no time to idle is not kept', async () => {
  const upstream = await listen((_request, response) =>
    response.setHeader('keep-alive', 'timeout=1').end('ok'),
  )
  const ask = openClient(upstream.origin, [upstream.origin])
  await ask()
  await expect.poll(upstream.open, patience).toBe(0)
})

test('a thousand requests at once each get their own answer, and their connections are let go in time', async () => {
  const upstream = await listen((request, response) => response.end(`you asked ${request.url}`))
  const ask = openClient(upstream.origin, [upstream.origin])
  const answers = await Promise.all(Array.from({ length: 1_000 }, (_, index) => ask('POST', `/${index}`)))
  expect(answers).toEqual(answers.map((_, index) => `you asked /${index}`))
  await expect.poll(upstream.open, patience).toBe(0)
})
