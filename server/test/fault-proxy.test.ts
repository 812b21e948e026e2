// The proxy itself: a test that relies on a fault must be able to rely on the fault happening.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'

let echo: Server
let proxy: FaultProxy
/** What the server behind the proxy got. */
let received = ''
const sockets: Socket[] = []

beforeAll(async () => {
  echo = createServer(socket => {
    socket.on('error', () => undefined)
    socket.on('data', piece => {
      received += String(piece)
      socket.write(piece)
    })
  }).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  proxy = await startFaultProxy({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await proxy.setMode({ kind: 'pass' })
  received = ''
})
afterAll(async () => {
  await proxy.close()
  echo.close()
})

async function open(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Sends, then reads until that many bytes or the end came; `reset` when the connection broke. */
async function exchange(socket: Socket, text: string, bytes = text.length): Promise<string> {
  let got = ''
  socket.write(text)
  return await new Promise(resolve => {
    socket.on('data', piece => {
      got += String(piece)
      if (got.length >= bytes) resolve(got)
    })
    socket.once('close', () => resolve(`${got}|reset`))
  })
}

test('pass carries everything, both ways', async () => {
  expect(await exchange(await open(), 'x'.repeat(300_000))).toHaveLength(300_000)
})

test('delay makes each piece late', async () => {
  const socket = await open()
  await proxy.setMode({ kind: 'delay', delayMs: 50 })
  const start = performance.now()
  expect(await exchange(socket, 'hello')).toBe('hello')
  expect(performance.now() - start).toBeGreaterThanOrEqual(90)
})

test('cutAfter lets exactly so many bytes through', async () => {
  await proxy.setMode({ kind: 'cutAfter', bytes: 4, direction: 'toClient' })
  expect(await exchange(await open(), 'abcdefgh')).toBe('abcd|reset')
  expect(received).toBe('abcdefgh')
  received = ''
  await proxy.setMode({ kind: 'cutAfter', bytes: 3, direction: 'toServer' })
  expect(await exchange(await open(), 'abcdefgh')).toMatch(/reset$/)
  expect('abc'.startsWith(received)).toBe(true)
})

test('cutAtCommit breaks where it says, once if so told', async () => {
  await proxy.setMode({ kind: 'cutAtCommit', forward: true, times: 1 })
  expect(await exchange(await open(), 'COMMIT')).toBe('|reset')
  expect(received).toBe('COMMIT')
  expect(await exchange(await open(), 'COMMIT')).toBe('COMMIT')
  received = ''
  await proxy.setMode({ kind: 'cutAtCommit', forward: false, marker: 'settle' })
  expect(await exchange(await open(), 'COMMIT')).toBe('COMMIT')
  expect(await exchange(await open(), 'bind settle')).toBe('|reset')
  expect(received).toBe('COMMIT')
})

test('halfOpen keeps the connection and carries nothing', async () => {
  const socket = await open()
  expect(await exchange(socket, 'before')).toBe('before')
  await proxy.setMode({ kind: 'halfOpen' })
  let heard = false
  socket.removeAllListeners('data').on('data', () => {
    heard = true
  })
  socket.write('into the void')
  // Another connection passing later proves that there was time to answer this one.
  await new Promise<void>(resolve => socket.write('more', () => resolve()))
  const other = await open()
  other.write('x')
  await new Promise<void>(resolve => other.write('y', () => resolve()))
  expect([heard, received, socket.readyState]).toEqual([false, 'before', 'open'])
})

test('drip carries one byte at a time', async () => {
  await proxy.setMode({ kind: 'drip', bytesPerSecond: 100, direction: 'toClient' })
  const start = performance.now()
  expect(await exchange(await open(), 'abcdefghij')).toBe('abcdefghij')
  expect(performance.now() - start).toBeGreaterThanOrEqual(95)
})

test('refuse turns new connections away, breaks open ones, and is undone on the same port', async () => {
  const before = await open()
  const broken = new Promise(resolve => before.once('close', resolve))
  const { port } = proxy
  await proxy.setMode({ kind: 'refuse' })
  await broken
  const refused = connect(port, '127.0.0.1')
  const [error] = await once(refused, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  await proxy.setMode({ kind: 'pass' })
  expect(await exchange(await open(), 'again')).toBe('again')
})
