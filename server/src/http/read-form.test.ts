// Forms with files: bounded in memory whatever comes, and nothing of a broken one stays, nor does the process fall.
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { AppError } from '../errors.ts'
import { type Listening, listen } from '../serve.ts'
import { openBodyShare } from './body-budget.ts'
import type { HttpContext, HttpEnv } from './context.ts'
import { type Form, readForm } from './read-form.ts'
import { createSpool } from './spool.ts'

const maxFileBytes = 50_000_000
const type = { 'content-type': 'multipart/form-data; boundary=b' }
let folder: string
let listening: Listening
/** What the last form was, read whole before it was closed. */
let seen: {
  fields: Record<string, string>
  files: { name: string; sizeBytes: number; sha256: string }[]
} | null
let handled = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-form-'))
  const rules = {
    spool: createSpool(join(folder, 'incoming')),
    isFile: (name: string) => name === 'image',
    maxFiles: 4,
    maxFileBytes: () => maxFileBytes,
  }
  const app = new Hono<HttpEnv>()
  app.use(async (context, next) => {
    context.set('answerHeaders', {})
    await next()
  })
  app.post('/', async context => {
    try {
      const form = await readForm(context as HttpContext, rules)
      seen = await describeForm(form)
      await form.close()
      return context.json(seen)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return context.json({ code: error.code }, error.status as 400)
    } finally {
      handled += 1
    }
  })
  app.onError((error, context) => context.json({ unexpected: String(error) }, 500))
  listening = await listen({ host: '127.0.0.1', port: 0, log: { error: () => undefined } }, async () => app)
})
afterEach(async () => {
  expect(filesLeft()).toEqual([])
})
afterAll(async () => {
  await listening.stop(0)
  rmSync(folder, { recursive: true, force: true })
})

async function describeForm({ fields, files }: Form) {
  const read = await Promise.all(files.map(async file => (await file.read()).length))
  expect(read).toEqual(files.map(({ sizeBytes }) => sizeBytes))
  return {
    fields: Object.fromEntries(fields),
    files: files.map(({ name, sizeBytes, sha256 }) => ({ name, sizeBytes, sha256 })),
  }
}

/** Names in the folder, and files without a name that are still open. */
function filesLeft(): string[] {
  const open = readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
  const named = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return [...open.filter(path => path.startsWith(folder)), ...named.filter(name => name !== 'incoming')]
}

const part = (name: string, value: string, rest = '') =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${rest}\r\n\r\n${value}\r\n`
const end = '--b--\r\n'
const whole = `${part('prompt', 'a fox – été')}${part('image', 'PICTURE'.repeat(2_000), '; filename="a.png"')}${part('n', '2')}${end}`

async function post(body: string | Buffer, headers: Record<string, string> = type) {
  const url = `http://127.0.0.1:${listening.port}/`
  const answer = await fetch(url, { method: 'POST', headers, body: new Uint8Array(Buffer.from(body)) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

test('fields and files come whole, whichever comes first', async () => {
  const answer = await post(whole)
  expect(answer).toMatchObject({
    status: 200,
    body: { fields: { prompt: 'a fox – été', n: '2' }, files: [{ name: 'image', sizeBytes: 14_000 }] },
  })
})

test('two hundred megabytes of files are never in memory together', async () => {
  const call = request({ port: listening.port, host: '127.0.0.1', method: 'POST', path: '/', headers: type })
  const answered = once(call, 'response')
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const used = () => process.memoryUsage().arrayBuffers
  const before = used()
  let most = 0
  const write = async (bytes: string | Buffer) => {
    if (!call.write(bytes)) await once(call, 'drain')
    most = Math.max(most, used() - before)
  }
  for (let at = 0; at < 4; at += 1) {
    await write(part('image', '', '; filename="a.png"').slice(0, -2))
    for (let sent = 0; sent + chunk.length <= maxFileBytes; sent += chunk.length) await write(chunk)
    await write('\r\n')
  }
  call.end(end)
  // Reading them is the caller's affair, and here it takes all four.
  const [answer] = await answered
  expect(answer.statusCode).toBe(200)
  answer.resume()
  await once(answer, 'end')
  expect(seen?.files.map(({ sizeBytes }) => sizeBytes > 49_900_000)).toEqual([true, true, true, true])
  // Garbage of both ends of the line, sender and receiver.
  expect(most).toBeLessThan(80_000_000)
})

test('what is too much is refused', async () => {
  const file = (size: number) => part('image', 'x'.repeat(size), '; filename="a"')
  for (const [body, status, code] of [
    [file(maxFileBytes + 1) + end, 400, 'invalid_request'],
    [file(10).repeat(5) + end, 400, 'invalid_request'],
    [part('prompt', 'x'.repeat(300_000)) + end, 400, 'invalid_request'],
    [Array.from({ length: 60 }, (_, at) => part(`f${at}`, 'x')).join('') + end, 400, 'invalid_request'],
    [part('prompt', 'one') + part('prompt', 'two') + end, 400, 'invalid_request'],
    [part('prompt', 'a\0b') + end, 400, 'invalid_request'],
  ] as const) {
    expect(await post(body), body.slice(0, 80)).toEqual({ status, body: { code } })
  }
  expect((await post('x', { 'content-type': 'text/plain' })).status).toBe(415)
  expect((await post('x', { 'content-type': 'multipart/form-data' })).status).toBe(400)
  expect((await post(file(10) + end, { ...type, 'content-encoding': 'gzip' })).status).toBe(415)
})

test('the texts of a form have an end together, and take from the memory for bodies until it is closed', async () => {
  const text = (name: string, size: number) => part(name, 'x'.repeat(size))
  const prompt = part('prompt', '🦊'.repeat(32_000))
  expect((await post(prompt + text('n', 250_000) + end)).status).toBe(200)
  expect(await post(prompt + text('n', 250_000) + text('m', 150_000) + end)).toEqual({
    status: 413,
    body: { code: 'payload_too_large' },
  })
  const others = openBodyShare('unknown')
  others.take(96 * 1024 * 1024 - 200_000)
  expect(await post(prompt + text('n', 80_000) + end)).toEqual({ status: 503, body: { code: 'overloaded' } })
  for (let at = 0; at < 3; at += 1) expect((await post(prompt + end)).status).toBe(200)
  others.release()
  expect((await post(prompt + text('n', 80_000) + end)).status).toBe(200)
})

test('a form that ends anywhere is refused, and the next one is read', async () => {
  for (let at = 0; at < whole.length - end.length; at += 251) {
    const answer = await post(whole.slice(0, at))
    expect([at, answer.status, answer.body]).toEqual([at, 400, { code: 'invalid_request' }])
  }
  expect((await post(whole)).status).toBe(200)
})

test('no damage to a form does more than have it refused', async () => {
  const bytes = Buffer.from(whole)
  const damage = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), {
    minLength: 1,
    maxLength: 40,
  })
  await fc.assert(
    fc.asyncProperty(damage, async changes => {
      const damaged = Buffer.from(bytes)
      // Heads and boundaries are where it hurts.
      for (const [at, value] of changes) damaged[at % 2 === 0 ? at : at % 400] = value
      expect([200, 400]).toContain((await post(damaged)).status)
    }),
    { numRuns: 150 },
  )
  expect((await post(whole)).status).toBe(200)
})

test('a caller who leaves in the middle of a file leaves nothing', async () => {
  const before = handled
  const socket = connect(listening.port, '127.0.0.1')
  socket.write(
    `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: ${type['content-type']}\r\ncontent-length: 900000\r\n\r\n${whole.slice(0, 9_000)}`,
  )
  await expect.poll(() => filesLeft().length).toBe(1)
  socket.destroy()
  await expect.poll(() => handled).toBe(before + 1)
})
