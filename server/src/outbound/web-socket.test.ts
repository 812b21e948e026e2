// A websocket is opened by the rules of every other request, is bounded, and ends with whoever opened it.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { createOutbound, type OutboundOptions } from '../outbound.ts'

let server: WebSocketServer
let origin: string
let clients: WebSocket[]
const endings: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  clients = []
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  server.on('connection', client => void clients.push(client))
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
  for (const client of server.clients) client.terminate()
  await new Promise(resolve => server.close(resolve))
})

function listen(options: Partial<OutboundOptions>, url: string) {
  const http = createOutbound({ allow: [], configuredOrigins: [], ...options })
  endings.push(() => http.close())
  const texts: string[] = []
  const ends: string[] = []
  const stop = http.listen?.({
    ...{ url, trust: 'configured', headers: { authorization: 'Basic x' }, maxMessageBytes: 1_000 },
    onText: text => void texts.push(text),
    onEnd: () => void ends.push('end'),
  })
  return { http, texts, ends, stop: () => stop?.() }
}
const soon = (check: () => void) => vi.waitFor(check, 60_000)

test('hears texts and nothing else, and stops without a word', async () => {
  const { texts, ends, stop } = listen({ configuredOrigins: [origin] }, `${origin}/ws?a=1`)
  const [, request] = await once(server, 'connection')
  expect([request.url, request.headers.authorization]).toEqual(['/ws?a=1', 'Basic x'])
  clients[0]?.send(Buffer.from('binary'))
  clients[0]?.send('text')
  await soon(() => expect(texts).toEqual(['text']))
  stop()
  await soon(() => expect(server.clients.size).toBe(0))
  expect(ends).toEqual([])
})

test.each([
  ['text', 'x'.repeat(1_001)],
  ['bytes', Buffer.alloc(100_000)],
])('ends once at a message that is too large: %s', async (_, message) => {
  const { texts, ends } = listen({ configuredOrigins: [origin] }, origin)
  await once(server, 'connection')
  clients[0]?.send(message)
  await soon(() => expect(ends).toEqual(['end']))
  await soon(() => expect(server.clients.size).toBe(0))
  expect(texts).toEqual([])
})

test('ends with the way out, which opens no further one', async () => {
  const { http, ends } = listen({ configuredOrigins: [origin] }, origin)
  await once(server, 'connection')
  await http.close()
  await soon(() => expect(server.clients.size).toBe(0))
  expect(ends).toEqual([])
  await new Promise<void>(resolve => {
    http.listen?.({
      ...{ url: origin, trust: 'configured', headers: {}, maxMessageBytes: 1_000 },
      onText: () => undefined,
      onEnd: resolve,
    })
  })
  expect(clients).toHaveLength(1)
})

test('goes nowhere that a request may not go', async () => {
  const resolver = async () => [{ address: '127.0.0.1', family: 4 }]
  const dial = vi.fn(() => {
    throw new Error('nobody is called')
  })
  for (const url of [origin, 'https://inside.example/ws']) {
    const { ends } = listen({ resolver, dial }, url)
    await soon(() => expect(ends).toEqual(['end']))
  }
  expect(dial).not.toHaveBeenCalled()
  expect(clients).toEqual([])
})
