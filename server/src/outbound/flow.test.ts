// What bounds the memory of a thousand answers that arrive at once, and what must never be held up by it.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { createOutbound, type OutboundResponse } from '../outbound.ts'

const patience = { timeout: 60_000 }
const mebibyte = 1024 * 1024
const answerBytes = 2 * mebibyte
/** As in flow.ts, with the last starts' first pieces. */
const mostUnreadBytes = 5 * mebibyte

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const ending of endings.splice(0)) await ending()
})

type World = { request(path: string, timeoutMs?: number): Promise<OutboundResponse> }

/** Long enough never to matter. */
const noLimitMs = 600_000
/** One answer a second begins without room: too few of them in this time to make up for what is broken. */
const shortMs = 30_000

/** Answers with `answerBytes`; `/stalls` sends a part without a length and then nothing, `/small` one kilobyte. */
async function openWorld(): Promise<World> {
  const server: Server = createServer((request, response) => {
    if (request.url === '/stalls') return void response.write(Buffer.alloc(1024))
    response.end(Buffer.alloc(request.url === '/small' ? 1024 : answerBytes, 'x'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const outbound = createOutbound({ allow: [], configuredOrigins: [url] })
  endings.push(async () => {
    await outbound.close()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  return {
    request: (path, timeoutMs = noLimitMs) =>
      outbound.request({
        method: 'GET',
        url: `${url}${path}`,
        trust: 'configured',
        timeoutMs,
        maxBodyBytes: 2 * answerBytes,
      }),
  }
}

function countUnread(answers: OutboundResponse[]): number {
  return answers.reduce((sum, { body }) => sum + body.readableLength, 0)
}

function requestMany(world: World, count: number, timeoutMs?: number): Promise<OutboundResponse[]> {
  return Promise.all(Array.from({ length: count }, () => world.request('/', timeoutMs)))
}

/** Begins reading and takes nothing; resolves when nothing more comes. */
async function fill(answers: OutboundResponse[]): Promise<void> {
  for (const { body } of answers) body.read(0)
  const seen: number[] = []
  await vi.waitFor(() => {
    seen.push(countUnread(answers))
    const last = seen.slice(-8)
    expect(last.length === 8 && new Set(last).size === 1 && (last[0] ?? 0) > 0).toBe(true)
  }, patience)
}

test('however many answers arrive at once, little of them lies unread, and all of them arrive whole', async () => {
  const world = await openWorld()
  const answers = await requestMany(world, 60)
  await fill(answers)
  let mostUnread = countUnread(answers)
  const lengths = await Promise.all(
    answers.map(async ({ body }) => {
      let length = 0
      for await (const piece of body) {
        length += (piece as Buffer).length
        mostUnread = Math.max(mostUnread, countUnread(answers))
      }
      return length
    }),
  )
  expect(new Set(lengths)).toEqual(new Set([answerBytes]))
  expect(mostUnread).toBeLessThan(mostUnreadBytes)
})

test('answers that are stalled by their upstream, or small, hold nobody up and are not held up', async () => {
  const world = await openWorld()
  const stalled = await Promise.all(Array.from({ length: 40 }, () => world.request('/stalls')))
  for (const { body } of stalled) body.on('data', () => undefined)
  expect((await (await world.request('/')).text()).length).toBe(answerBytes)
  await fill(await requestMany(world, 60))
  expect((await (await world.request('/small', shortMs)).text()).length).toBe(1024)
})

test('who takes nothing until a later answer has come gets that answer', async () => {
  const world = await openWorld()
  const unread = await requestMany(world, 40)
  await fill(unread)
  const late = await world.request('/', shortMs)
  // Nearly all that wait before it are given up: one begins each time that nothing was taken for a while.
  for (const { body } of unread) if (body.readableLength === 0) body.destroy()
  expect((await late.text()).length).toBe(answerBytes)
})

test('an answer given up while it waits or flows makes room', async () => {
  const world = await openWorld()
  const given = await requestMany(world, 40)
  await fill(given)
  for (const { body } of given) body.destroy()
  const after = await requestMany(world, 60, shortMs)
  const texts = await Promise.all(after.map(each => each.text()))
  expect(new Set(texts.map(text => text.length))).toEqual(new Set([answerBytes]))
})
