// Answers of several pictures: memory of few, and nothing left open or held when the caller or storage gives up.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Listening, listen } from '../serve.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import { type AnswerPiece, sendJsonPieces } from './answer-pieces.ts'
import type { HttpContext, HttpEnv } from './context.ts'

/** A 4K PNG of a photograph; no multiple of three. */
const sizeBytes = 20_000_000
let folder: string
let storage: Storage
let listening: Listening | null = null

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-pieces-'))
  storage = createDiskStorage({ root: folder })
  const options = { mediaType: 'image/png', maxBytes: sizeBytes, commitName: true }
  await storage.put('picture', Buffer.alloc(sizeBytes, 'abcd'), options)
})
afterEach(async () => {
  await listening?.stop(0)
  listening = null
})
afterAll(() => rm(folder, { recursive: true, force: true }))

type Opened = { streams: Readable[]; broken: unknown[]; released: number }

function openParts(): Opened & { picture: AnswerPiece; text: AnswerPiece } {
  const opened: Opened = { streams: [], broken: [], released: 0 }
  const picture = {
    sizeBytes,
    async open() {
      const stream = (await storage.read('picture'))?.stream ?? null
      if (stream) opened.streams.push(stream)
      return stream
    },
  }
  const text = {
    parts: [Buffer.from('aGVs'), Buffer.from('bG8=')],
    release() {
      opened.released += 1
    },
  }
  return Object.assign(opened, { picture, text })
}

/** Promise.withResolvers is not in Node 20. */
function openGate(): { promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>(given => {
    resolve = given
  })
  return { promise, resolve }
}

/** `before` runs in the handler; the second value settles when the handler has ended. */
async function serve(
  opened: Opened,
  pieces: AnswerPiece[],
  before: (context: HttpContext) => Promise<unknown> = async () => undefined,
): Promise<{ url: string; ended: Promise<void> }> {
  const app = new Hono<HttpEnv>()
  const gate = openGate()
  app.use(async (context, next) => {
    context.set('answerHeaders', {})
    await next()
  })
  app.get('/', async context => {
    await before(context as HttpContext)
    const answer = {
      status: 200,
      headers: {},
      pieces,
      onBroken: (error: unknown) => void opened.broken.push(error),
    }
    return sendJsonPieces(context as HttpContext, answer).finally(gate.resolve)
  })
  listening = await listen({ host: '127.0.0.1', port: 0, log: { error: () => undefined } }, async () => app)
  return { url: `http://127.0.0.1:${listening.port}/`, ended: gate.promise }
}

test('text, memory and pictures stand in their order, and the length is said before', async () => {
  const opened = openParts()
  const { url } = await serve(opened, ['["', opened.text, '","', opened.picture, '","é"]'])
  const answer = await fetch(url)
  const body = await answer.text()
  expect(Number(answer.headers.get('content-length'))).toBe(Buffer.byteLength(body))
  const [text, picture, last] = JSON.parse(body) as string[]
  expect([text, last]).toEqual(['aGVsbG8=', 'é'])
  expect(Buffer.from(picture ?? '', 'base64').equals(Buffer.alloc(sizeBytes, 'abcd'))).toBe(true)
  expect(opened.released).toBe(1)
})

test('five large pictures need less memory than three times one', async () => {
  const opened = openParts()
  const pieces = ['["', ...Array.from({ length: 5 }, () => [opened.picture, '","']).flat(), '"]']
  const { url } = await serve(opened, pieces)
  const used = () => process.memoryUsage().arrayBuffers
  const before = used()
  let most = 0
  let received = 0
  const call = request(url)
  call.end()
  const [answer] = (await once(call, 'response')) as [Readable]
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    received += chunk.length
    most = Math.max(most, used() - before)
  }
  expect(received).toBeGreaterThan(5 * sizeBytes * 1.33)
  // Garbage of both ends of the line, sender and receiver.
  expect(most).toBeLessThan(3 * sizeBytes)
})

test('a caller who leaves in the middle frees the picture and the memory, and the rest is never opened', async () => {
  const opened = openParts()
  const { url, ended } = await serve(opened, [
    '["',
    opened.picture,
    '","',
    opened.text,
    '","',
    opened.picture,
    '"]',
  ])
  const call = request(url)
  call.on('error', () => undefined)
  call.end()
  const [answer] = await once(call, 'response')
  await once(answer, 'readable')
  call.destroy()
  await ended
  expect(opened.streams).toMatchObject([{ destroyed: true }])
  expect([opened.released, opened.broken]).toEqual([1, []])
})

test('a caller who left before the answer began costs no look at storage and keeps no memory', async () => {
  const opened = openParts()
  const arrived = openGate()
  const { url, ended } = await serve(
    opened,
    ['["', opened.text, '","', opened.picture, '"]'],
    async context => {
      const left = once(context.env.outgoing, 'close')
      arrived.resolve()
      await left
    },
  )
  const call = request(url)
  call.on('error', () => undefined)
  call.end()
  await arrived.promise
  call.destroy()
  await ended
  expect([opened.streams.length, opened.released, opened.broken]).toEqual([0, 1, []])
})

async function* breakOff(): AsyncGenerator<Buffer> {
  yield Buffer.alloc(90_000)
  throw new Error('the disk is gone')
}

const failures: [string, () => Promise<Readable | null>][] = [
  ['is gone', async () => null],
  ['breaks off', async () => Readable.from(breakOff())],
]
for (const [name, open] of failures) {
  test(`a picture that ${name} cuts the connection and is told to the operator`, async () => {
    const opened = openParts()
    const { url } = await serve(opened, ['["', opened.text, '","', { sizeBytes, open }, '"]'])
    await expect(fetch(url).then(answer => answer.arrayBuffer())).rejects.toThrow()
    expect(opened.broken).toMatchObject([{ message: expect.stringMatching(/gone/) }])
    expect(opened.released).toBe(1)
  })
}
