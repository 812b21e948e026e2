// Answers with pictures when things go wrong on the way: nothing may be left waiting or open.
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
import type { HttpContext, HttpEnv } from './context.ts'
import { sendImage, sendJsonWithImage } from './send-image.ts'

const sizeBytes = 3_000_000
let folder: string
let storage: Storage
let listening: Listening | null = null

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-send-'))
  storage = createDiskStorage({ root: folder })
  const options = { mediaType: 'image/png', maxBytes: sizeBytes, commitName: true }
  await storage.put('picture', Buffer.alloc(sizeBytes, 'abc'), options)
})
afterEach(async () => {
  await listening?.stop(0)
  listening = null
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function open(): Promise<{ stream: Readable; sizeBytes: number }> {
  const found = await storage.read('picture')
  if (!found) throw new Error('the picture is gone')
  return found
}

/** Serves one route whose handler is given, and the address of it. */
async function serve(handle: (context: HttpContext) => Promise<Response>): Promise<string> {
  const app = new Hono<HttpEnv>()
  app.use(async (context, next) => {
    context.set('answerHeaders', {})
    await next()
  })
  app.get('/', context => handle(context as HttpContext))
  listening = await listen({ host: '127.0.0.1', port: 0, log: { error: () => undefined } }, async () => app)
  return `http://127.0.0.1:${listening.port}/`
}

/** Promise.withResolvers is not in Node 20. */
function openGate(): { promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>(given => {
    resolve = given
  })
  return { promise, resolve }
}

const senders = {
  sendImage: (context: HttpContext, image: { stream: Readable; sizeBytes: number }, onBroken = () => {}) =>
    sendImage(context, { status: 200, headers: { 'content-length': `${sizeBytes}` }, image, onBroken }),
  sendJsonWithImage: (
    context: HttpContext,
    image: { stream: Readable; sizeBytes: number },
    onBroken = () => {},
  ) => sendJsonWithImage(context, { status: 200, headers: {}, before: '"', after: '"', image, onBroken }),
}

for (const [name, sendIt] of Object.entries(senders)) {
  test(`${name}: a caller who left before the answer began holds neither the handler nor the file`, async () => {
    let image: Readable | null = null
    const arrived = openGate()
    const ended = openGate()
    const url = await serve(async context => {
      const { outgoing } = context.env
      const left = once(outgoing, 'close')
      arrived.resolve()
      await left
      const found = await open()
      image = found.stream
      return sendIt(context, found).finally(ended.resolve)
    })
    const call = request(url)
    call.on('error', () => undefined)
    call.end()
    await arrived.promise
    call.destroy()
    await ended.promise
    expect(image).toMatchObject({ destroyed: true })
  })

  test(`${name}: a caller who leaves in the middle of the answer frees the file`, async () => {
    let image: Readable | null = null
    const ended = openGate()
    const url = await serve(async context => {
      const found = await open()
      image = found.stream
      return sendIt(context, found).finally(ended.resolve)
    })
    const call = request(url)
    call.on('error', () => undefined)
    call.end()
    const [answer] = await once(call, 'response')
    await once(answer, 'readable')
    call.destroy()
    await ended.promise
    expect(image).toMatchObject({ destroyed: true })
  })

  test(`${name}: storage that breaks in the middle cuts the connection and is told to the operator`, async () => {
    const broken: unknown[] = []
    const url = await serve(async context => {
      const found = await open()
      let pieces = 0
      async function* breaking(): AsyncGenerator<Buffer> {
        for await (const piece of found.stream) {
          if (pieces++ === 2) throw new Error('the disk is gone')
          yield piece as Buffer
        }
      }
      const image = { sizeBytes, stream: Readable.from(breaking()) }
      return sendIt(context, image, (error?: unknown) => void broken.push(error))
    })
    const answer = await fetch(url)
    await expect(answer.arrayBuffer()).rejects.toThrow()
    expect(broken).toMatchObject([{ message: 'the disk is gone' }])
  })
}
