// Guards the way of pictures in: what they may cost, that no address of a customer's leads inside, and that nothing
// is left of an order that is refused.
import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testCertificate, testKey } from '../../test/certificate.ts'
import { inputCounts, isProof } from '../../test/counts.ts'
import { listAddressForms, listParserTraps } from '../../test/private-addresses.ts'
import { findQuietPort } from '../../test/quiet-ports.ts'
import { AppError, invalidField } from '../errors.ts'
import { createOutbound, type OutboundClient } from '../outbound.ts'
import { openStorage } from '../storage/open.ts'
import type { Storage } from '../storage/storage.ts'
import { createInputTaker } from './reference.ts'

const PUBLIC = { address: '93.184.216.34', family: 4 }
const owner = { accountId: 'account', generationId: '01930000-0000-7000-8000-0000000000aa' }

let canary: Server
let canaryPort: number
let hits = 0
let folder: string
let storage: Storage
const endings: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  canary = createServer(socket => {
    hits += 1
    socket.on('error', () => undefined).destroy()
  })
  canary.listen(0, '::')
  await once(canary, 'listening')
  canaryPort = (canary.address() as AddressInfo).port
})
afterAll(() => canary.close())
beforeEach(() => {
  hits = 0
  folder = mkdtempSync(join(tmpdir(), 'darkroom-references-'))
  storage = openStorage(`file:${folder}`)
})
afterEach(async () => {
  for (const ending of endings.splice(0)) await ending()
  rmSync(folder, { recursive: true, force: true })
})

type Resolver = (name: string) => Promise<LookupAddress[]>

/** The way out as the service has it, but for who answers for names and for the internet. */
function openHttp(
  options: { resolver?: Resolver; dial?: () => Socket; allow?: string[] } = {},
): OutboundClient {
  const outbound = createOutbound({
    allow: [],
    configuredOrigins: [],
    ownHosts: ['darkroom.example', '198.200.1.1'],
    extraPorts: [canaryPort],
    ca: [testCertificate],
    resolver: () => Promise.resolve([PUBLIC]),
    ...options,
  })
  endings.push(() => outbound.close())
  return outbound
}

const takerOf = (http: OutboundClient, timeouts = { fetchMs: 5_000, takeMs: 6_000 }) =>
  createInputTaker({
    http,
    storage,
    timeouts,
    takeUpload: (_account, { field }) => Promise.reject(invalidField(field, 'no uploads here')),
  })

/** What a customer is told, or that it was taken. */
async function outcomeOf(http: OutboundClient, url: string, timeouts?: { fetchMs: number; takeMs: number }) {
  const request = { source: { kind: 'url' as const, url }, field: 'image' }
  try {
    await takerOf(http, timeouts).take(owner, { references: [request], mask: null })
    return 'taken'
  } catch (error) {
    if (!(error instanceof AppError)) return `broken: ${String(error)}`
    expect([error.code, error.options.details?.[0]?.path]).toEqual(['invalid_request', 'image'])
    return error.message
  }
}

const unreachable =
  'The picture in image could not be fetched; its address must be https, public and without a redirect.'

/** A host of the internet that answers with these pieces; its address claims to be public. */
async function startHost(
  answer: (socket: TLSSocket) => void,
): Promise<{ http: OutboundClient; sockets(): number }> {
  let count = 0
  const server = createTlsServer({ key: testKey, cert: testCertificate }, socket => {
    count += 1
    socket.on('error', () => undefined)
    socket.once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  endings.push(async () => server.close())
  const { port } = server.address() as AddressInfo
  const dial = () =>
    Object.defineProperty(connect(port, '127.0.0.1'), 'remoteAddress', { value: PUBLIC.address })
  return { http: openHttp({ dial }), sockets: () => count }
}

const photo = () =>
  sharp({ create: { width: 32, height: 32, channels: 3, background: 'olive' } })
    .png()
    .toBuffer()

/** Of the same size as the photo; the background decides how opaque. */
const maskOf = (background: string) =>
  sharp({ create: { width: 32, height: 32, channels: 4, background } })
    .png()
    .toBuffer()

const answerWith =
  (bytes: Buffer, head = '') =>
  (socket: TLSSocket) => {
    socket.write(`HTTP/1.1 200 OK\r\n${head}content-length: ${bytes.length}\r\n\r\n`)
    socket.end(bytes)
  }

const kept = () =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /-0$|-mask$/.test(name))

describe('no address leads inside', () => {
  test('in whatever form it is written', async () => {
    const forms = listAddressForms(inputCounts.addressForms)
    const http = openHttp({ resolver: async () => [{ address: '127.0.0.1', family: 4 }] })
    const wrong: [string, string][] = []
    for (const form of forms) {
      const outcome = await outcomeOf(http, `https://${form}:${canaryPort}/`)
      if (outcome !== unreachable) wrong.push([form, outcome])
    }
    expect(wrong).toEqual([])
    expect(hits).toBe(0)
  })

  test('nor when an upstream or the operator names it', async () => {
    const http = openHttp({ resolver: async () => [{ address: '127.0.0.1', family: 4 }] })
    for (const trust of ['upstream', 'configured'] as const) {
      for (const form of listAddressForms(inputCounts.addressForms)) {
        const url = `https://${form}:${canaryPort}/`
        const limits = { timeoutMs: 5_000, maxBodyBytes: 10 }
        await expect(http.request({ method: 'GET', url, trust, ...limits }), form).rejects.toMatchObject({
          code: 'blocked',
          sent: false,
        })
      }
    }
    expect(hits).toBe(0)
  })

  test('nor by a parser that reads another host out of it', async () => {
    const http = openHttp()
    // What is left of such an address is a public name, which nobody answers for here.
    const dial = () => connect(9, '127.0.0.1')
    const outside = openHttp({ dial })
    for (const url of listParserTraps(inputCounts.parserUrls, '127.0.0.1', canaryPort)) {
      expect([url, await outcomeOf(outside, url)]).toEqual([url, unreachable])
    }
    expect(await outcomeOf(http, `https://127.0.0.1:${canaryPort}/`)).toBe(unreachable)
    expect(hits).toBe(0)
  })

  test('nor by a name that means something else a moment later', async () => {
    let turn = 0
    const resolver = async () => [turn++ % 2 === 0 ? { address: '127.0.0.1', family: 4 } : PUBLIC]
    const http = openHttp({ resolver, dial: () => connect(9, '127.0.0.1') })
    for (let fetched = 0; fetched < inputCounts.rebinding; fetched += 1) {
      expect(await outcomeOf(http, `https://flip.example:${canaryPort}/`)).toBe(unreachable)
    }
    expect(hits).toBe(0)
  })

  test('nor by a redirect', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of [
        `https://127.0.0.1:${canaryPort}/`,
        `//127.0.0.1:${canaryPort}/`,
        `http://127.0.0.1:${canaryPort}/`,
        'https://pictures.example/again',
      ]) {
        const head = `HTTP/1.1 ${status} Moved\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`
        const { http, sockets } = await startHost(socket => socket.end(head))
        expect(await outcomeOf(http, 'https://pictures.example/a.png')).toBe(unreachable)
        expect(sockets()).toBe(1)
      }
    }
    expect(hits).toBe(0)
  })

  test('of clouds, of this machine and of ourselves', async () => {
    const http = openHttp({ dial: () => connect(canaryPort, '127.0.0.1') })
    const hosts = [
      ...['169.254.169.254', '169.254.170.2', '[fd00:ec2::254]', '[fd20:ce::254]', '100.100.100.200'],
      ...['192.0.0.192', '168.63.129.16', 'metadata.google.internal', 'instance-data', 'printer.local'],
      ...['db.internal', 'localhost.', 'darkroom.example', 'DARKROOM.example.', '198.200.1.1'],
    ]
    for (const host of hosts)
      expect([host, await outcomeOf(http, `https://${host}/`)]).toEqual([host, unreachable])
    expect(hits).toBe(0)
  })

  test('on other ports, or by other schemes', async () => {
    const http = openHttp({ dial: () => connect(canaryPort, '127.0.0.1') })
    for (const port of [22, 25, 80, 2375, 5432, 6379, 9200]) {
      expect(await outcomeOf(http, `https://pictures.example:${port}/`)).toBe(unreachable)
    }
    for (const scheme of ['http', 'file', 'data', 'gopher', 'ftp', 'ws']) {
      expect(await outcomeOf(http, `${scheme}://pictures.example/`)).toBe(unreachable)
    }
    expect(hits).toBe(0)
  })

  test('while the canary does sing when it is allowed to be called', async () => {
    const http = openHttp({ allow: [`127.0.0.1:${canaryPort}`] })
    expect(await outcomeOf(http, `https://127.0.0.1:${canaryPort}/`)).toBe(unreachable)
    expect(hits).toBe(1)
  })
})

test('a closed, an open and a filtered port of the inside cannot be told apart', async () => {
  const http = openHttp({ resolver: async () => [{ address: '10.1.2.3', family: 4 }] })
  const urls = [
    `https://127.0.0.1:${await findQuietPort()}/`,
    `https://127.0.0.1:${canaryPort}/`,
    `https://10.255.255.1:${canaryPort}/`,
    `https://inside.example:${canaryPort}/`,
  ]
  const times = new Map(urls.map(url => [url, [] as number[]]))
  for (let round = 0; round < 40; round += 1) {
    for (const url of urls) {
      const beganAt = performance.now()
      expect(await outcomeOf(http, url)).toBe(unreachable)
      times.get(url)?.push(performance.now() - beganAt)
    }
  }
  const medians = [...times.values()].map(each => each.sort((a, b) => a - b)[each.length >> 1] ?? 0)
  // None waits for a network: a filtered port would take seconds.
  expect(Math.max(...medians)).toBeLessThan(isProof ? 50 : 500)
  expect(hits).toBe(0)
})

describe('a fetch is bounded', () => {
  test('in bytes, whether they are stated or not, packed or not', async () => {
    const before = process.memoryUsage().rss
    const tooLarge = 'The picture in image is larger than 10000000 bytes.'
    const stated = await startHost(answerWith(Buffer.alloc(11_000_000)))
    expect(await outcomeOf(stated.http, 'https://pictures.example/')).toBe(tooLarge)
    const endless = await startHost(socket => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024)));
      }
      socket.on('drain', more)
      more()
    })
    expect(await outcomeOf(endless.http, 'https://pictures.example/')).toBe(tooLarge)
    const bomb = gzipSync(Buffer.alloc(200_000_000))
    const packed = await startHost(answerWith(bomb, 'content-encoding: gzip\r\ncontent-type: image/png\r\n'))
    expect(await outcomeOf(packed.http, 'https://pictures.example/')).toMatch(/no png, jpeg or webp/)
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
  })

  test('in time, before the headers, within the body, and over all pictures of an order', async () => {
    const timeouts = { fetchMs: 300, takeMs: 500 }
    const silent = await startHost(() => undefined)
    expect(await outcomeOf(silent.http, 'https://pictures.example/', timeouts)).toBe(unreachable)
    const dripping = await startHost(socket => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
      const drip = setInterval(() => socket.write('x'), 20)
      socket.once('close', () => clearInterval(drip))
    })
    expect(await outcomeOf(dripping.http, 'https://pictures.example/', timeouts)).toBe(unreachable)
    const request = { source: { kind: 'url' as const, url: 'https://pictures.example/' }, field: 'image' }
    const beganAt = performance.now()
    const references = Array.from({ length: 16 }, () => request)
    await expect(takerOf(silent.http, timeouts).take(owner, { references, mask: null })).rejects.toThrow()
    expect(performance.now() - beganAt).toBeLessThan(5_000)
  })

  test('whatever it is declared to be: the bytes decide', async () => {
    const lying = await startHost(answerWith(await photo(), 'content-type: text/html\r\n'))
    expect(await outcomeOf(lying.http, 'https://pictures.example/')).toBe('taken')
    const page = await startHost(answerWith(Buffer.from('<html></html>'), 'content-type: image/png\r\n'))
    expect(await outcomeOf(page.http, 'https://pictures.example/')).toMatch(/no png, jpeg or webp/)
    for (const status of [204, 206, 400, 404, 500]) {
      const failing = await startHost(socket =>
        socket.end(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`),
      )
      expect(await outcomeOf(failing.http, 'https://pictures.example/')).toBe(unreachable)
    }
  })
})

describe('an order', () => {
  const source = async () => ({ kind: 'bytes' as const, bytes: await photo() })

  test('keeps its pictures under its generation, and gives them back when it is not taken', async () => {
    const taker = takerOf(openHttp())
    const request = { source: await source(), field: 'image' }
    const clear = { kind: 'bytes' as const, bytes: await maskOf('#00000000') }
    const inputs = await taker.take(owner, { references: [request], mask: { source: clear, field: 'mask' } })
    expect(inputs.references.map(({ key }) => key)).toEqual([`in/aa/${owner.generationId}-0`])
    expect(kept()).toHaveLength(2)
    await taker.discard(inputs)
    expect(kept()).toEqual([])
  })

  test('with a mask that is transparent nowhere is refused and leaves nothing behind', async () => {
    const taker = takerOf(openHttp())
    const references = [{ source: await source(), field: 'image' }]
    const grey = sharp(Buffer.alloc(32 * 32 * 2, 255), { raw: { width: 32, height: 32, channels: 2 } })
    const deep = sharp(await maskOf('#000000ff')).toColourspace('rgb16')
    const opaque = [await photo(), await maskOf('#000000ff'), await grey.png().toBuffer()]
    for (const bytes of [...opaque, await deep.png().toBuffer()]) {
      const mask = { source: { kind: 'bytes' as const, bytes }, field: 'mask' }
      await expect(taker.take(owner, { references, mask })).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/no transparent pixel/),
        options: { details: [{ path: 'mask' }] },
      })
      expect(kept()).toEqual([])
    }
  })

  test('takes a mask of which a single pixel is a little transparent, in grey and in a palette too', async () => {
    const taker = takerOf(openHttp())
    const references = [{ source: await source(), field: 'image' }]
    const dot = Buffer.alloc(32 * 32 * 4, 255)
    dot[dot.length - 1] = 254
    const grey = Buffer.alloc(32 * 32 * 2, 255)
    grey[1] = 0
    const size = { width: 32, height: 32 }
    const masks = [
      sharp(dot, { raw: { ...size, channels: 4 } }).png(),
      sharp(grey, { raw: { ...size, channels: 2 } }).png(),
      sharp(await maskOf('#00000080')).png({ palette: true }),
    ]
    for (const each of masks) {
      const mask = { source: { kind: 'bytes' as const, bytes: await each.toBuffer() }, field: 'mask' }
      await taker.discard(await taker.take(owner, { references, mask }))
    }
  })

  test('that has one bad picture leaves none behind', async () => {
    const good = { source: await source(), field: 'a' }
    const bad = { source: { kind: 'bytes' as const, bytes: Buffer.from('no picture at all') }, field: 'b' }
    const taker = takerOf(openHttp())
    const references = [good, bad, good, good, good]
    await expect(taker.take(owner, { references, mask: null })).rejects.toMatchObject({
      code: 'invalid_request',
      options: { details: [{ path: 'b' }] },
    })
    expect(kept()).toEqual([])
  })

  test('obeys the smaller limit of its dialect', async () => {
    const bytes = await photo()
    const text = `data:image/png;base64,${bytes.toString('base64')}`
    const taker = takerOf(openHttp())
    for (const each of [
      { kind: 'bytes' as const, bytes },
      { kind: 'dataUrl' as const, text },
    ]) {
      const request = { source: each, field: 'image', maxBytes: bytes.length - 1 }
      await expect(taker.take(owner, { references: [request], mask: null })).rejects.toThrow(/larger than/)
      const enough = { ...request, maxBytes: bytes.length }
      expect((await taker.take(owner, { references: [enough], mask: null })).references).toHaveLength(1)
    }
  })
})
