// Guards the way out against URLs that lead inside: a canary listens on loopback, and nothing may reach it.
import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { testCertificate, testKey } from '../../test/certificate.ts'
import { createOutbound, OutboundError, type OutboundOptions, type OutboundRequest } from '../outbound.ts'

// Two busy cores may take a while to close a socket; what is awaited is the event, not the time.
const patience = { timeout: 60_000 }

let canary: Server
let canaryPort: number
let hits: { bytes: number }[] = []
let hitsSeen = 0

beforeAll(async () => {
  canary = createServer(socket => {
    const hit = { bytes: 0 }
    hits.push(hit)
    hitsSeen++
    socket.on('data', data => {
      hit.bytes += data.length
    })
    socket.on('error', () => undefined)
  })
  // The unspecified address takes IPv4 and IPv6 alike.
  canary.listen(0, '::')
  await once(canary, 'listening')
  canaryPort = (canary.address() as AddressInfo).port
})
afterAll(() => canary.close())
beforeEach(() => {
  hits = []
})

const PUBLIC = { address: '93.184.216.34', family: 4 }
const names: Record<string, LookupAddress[]> = {
  'loopback.example': [{ address: '127.0.0.1', family: 4 }],
  'mapped.example': [{ address: '::ffff:127.0.0.1', family: 6 }],
  'mixed.example': [PUBLIC, { address: '127.0.0.1', family: 4 }],
  'mixed-first.example': [{ address: '127.0.0.1', family: 4 }, PUBLIC],
  'mixed-families.example': [PUBLIC, { address: '::1', family: 6 }],
  'many.example': [...Array.from({ length: 99 }, () => PUBLIC), { address: '127.0.0.1', family: 4 }],
  'ours.example': [{ address: '198.200.1.1', family: 4 }],
  'empty.example': [],
}

const forms = [
  ...[
    '127.0.0.1',
    'localhost',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '0',
    '0.0.0.0',
    '[::1]',
    '[::]',
  ],
  ...[
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[0:0:0:0:0:ffff:7f00:0001]',
    '[64:ff9b::7f00:1]',
  ],
  ...['[2002:7f00:1::]', '①②⑦.⓪.⓪.①', '127。0。0。1', 'loopback.example', 'mapped.example', 'mixed.example'],
  ...[
    'mixed-first.example',
    'mixed-families.example',
    'many.example',
    'ours.example',
    '017700000001',
    '127.0.0.1.',
  ],
]

async function attempt(
  options: Partial<OutboundOptions>,
  request: Partial<OutboundRequest>,
): Promise<unknown> {
  const resolver = (hostname: string) => Promise.resolve(names[hostname] ?? [])
  const outbound = createOutbound({
    allow: [],
    configuredOrigins: [],
    ownHosts: ['198.200.1.1'],
    extraPorts: [canaryPort],
    resolver,
    ...options,
  })
  try {
    const full = { method: 'GET', url: '', trust: 'customer', timeoutMs: 5_000, maxBodyBytes: 1000 } as const
    return await outbound.request({ ...full, ...request })
  } catch (error) {
    return error
  } finally {
    await outbound.close()
  }
}

function outcomeOf(result: unknown): [string, boolean] | string {
  return result instanceof OutboundError ? [result.code, result.sent] : `no OutboundError: ${String(result)}`
}

test('no form of a loopback address is reached, whoever but the operator wrote it', async () => {
  for (const form of forms) {
    for (const trust of ['customer', 'upstream', 'configured'] as const) {
      const result = await attempt({}, { url: `https://${form}:${canaryPort}/`, trust })
      expect([form, outcomeOf(result)]).toEqual([form, ['blocked', false]])
    }
  }
  expect(hits).toEqual([])
})

test('the same canary is reached once its address is allowed, so that the test above can fail', async () => {
  const reached = [
    '127.0.0.1',
    '2130706433',
    '127.1',
    '[::1]',
    '[::ffff:7f00:1]',
    '①②⑦.⓪.⓪.①',
    'mixed-first.example',
  ]
  for (const form of reached) {
    const before = hitsSeen
    const { hostname } = new URL(`https://${form}`)
    const url = `https://${form}:${canaryPort}/`
    const given = new AbortController()
    const allow = [`${hostname}:${canaryPort}`]
    const reaching = attempt({ allow }, { url, signal: given.signal })
    await expect.poll(() => hitsSeen, patience).toBeGreaterThan(before)
    // The canary says nothing, so the handshake is still under way.
    given.abort()
    expect(outcomeOf(await reaching)).toEqual(['aborted', false])
  }
})

test('a name without addresses is unreachable, with the same words as a blocked one has none of its own', async () => {
  const empty = await attempt({}, { url: `https://empty.example:${canaryPort}/` })
  expect(outcomeOf(empty)).toEqual(['unreachable', false])
  const blocked = await attempt({}, { url: `https://loopback.example:${canaryPort}/` })
  expect(blocked).toBeInstanceOf(OutboundError)
  expect(String(blocked)).not.toContain('127.0.0.1')
  expect(String(blocked)).not.toContain('loopback.example')
})

test('a name whose address flips is resolved once per request, and the address checked is the one dialled', async () => {
  let turn = 0
  const dialled: string[] = []
  const outbound = createOutbound({
    allow: [],
    configuredOrigins: [],
    extraPorts: [canaryPort],
    resolver: () => Promise.resolve([turn++ % 2 === 0 ? PUBLIC : { address: '127.0.0.1', family: 4 }]),
    dial({ addresses }) {
      dialled.push(...addresses.map(({ address }) => address))
      // What a public address leads to is out of reach here; nobody listens on the discard port.
      return connect(9, '127.0.0.1')
    },
  })
  const url = `https://flip.example:${canaryPort}/`
  const codes: Record<string, number> = {}
  for (let index = 0; index < 1_000; index++) {
    const request = { method: 'GET', url, trust: 'customer', timeoutMs: 5_000, maxBodyBytes: 1 } as const
    const error = await outbound.request(request).catch((reason: unknown) => reason)
    const code = error instanceof OutboundError ? error.code : 'answered'
    codes[code] = (codes[code] ?? 0) + 1
  }
  await outbound.close()
  expect(codes).toEqual({ blocked: 500, unreachable: 500 })
  expect(turn).toBe(1_000)
  expect(new Set(dialled)).toEqual(new Set([PUBLIC.address]))
  expect(hits).toEqual([])
})

test('a connection that ends up elsewhere than the address checked is dropped before a byte is written', async () => {
  const result = await attempt(
    { resolver: () => Promise.resolve([PUBLIC]), dial: () => connect(canaryPort, '127.0.0.1') },
    { url: `https://public.example:${canaryPort}/` },
  )
  expect(outcomeOf(result)).toEqual(['blocked', false])
  await expect.poll(() => hits, patience).toEqual([{ bytes: 0 }])
})

test('a public https host is reached, once per request and without a kept connection', async () => {
  const requests: string[] = []
  let sockets = 0
  const server = createTlsServer({ key: testKey, cert: testCertificate }, socket => {
    sockets++
    socket.on('error', () => undefined)
    socket.on('data', data => {
      requests.push(data.toString('latin1'))
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const outbound = createOutbound({
    allow: [],
    configuredOrigins: [],
    ca: [testCertificate],
    resolver: () => Promise.resolve([PUBLIC]),
    dial(): Socket {
      // Stands in for the internet: the peer claims the public address that was checked.
      const socket = connect(port, '127.0.0.1')
      return Object.defineProperty(socket, 'remoteAddress', { value: PUBLIC.address })
    },
  })
  for (const trust of ['customer', 'upstream', 'customer'] as const) {
    const url = 'https://pictures.example/a%20b.png?x=1#fragment'
    const response = await outbound.request({ method: 'GET', url, trust, timeoutMs: 5_000, maxBodyBytes: 10 })
    expect([response.status, await response.text()]).toEqual([200, 'ok'])
  }
  await outbound.close()
  server.close()
  expect(sockets).toBe(3)
  expect(requests[0]).toMatch(
    /^GET \/a%20b\.png\?x=1 HTTP\/1\.1\r\nhost: pictures\.example\r\nconnection: close\r\n/,
  )
})

test('proxy variables are no way around the checks, nor into them', async () => {
  const proxy = `http://127.0.0.1:${canaryPort}`
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY'])
    vi.stubEnv(name, proxy)
  vi.stubEnv('NODE_USE_ENV_PROXY', '1')
  const dial = () => connect(9, '127.0.0.1')
  const resolver = () => Promise.resolve([PUBLIC])
  const result = await attempt({ resolver, dial }, { url: 'https://pictures.example/' })
  vi.unstubAllEnvs()
  expect(outcomeOf(result)).toEqual(['unreachable', false])
  expect(hits).toEqual([])
})

test('an allow list is announced at the start', () => {
  const warn = vi.fn()
  createOutbound({ allow: [], configuredOrigins: [], log: { warn } })
  expect(warn).not.toHaveBeenCalled()
  createOutbound({ allow: ['127.0.0.1:9000'], configuredOrigins: [], log: { warn } })
  expect(warn).toHaveBeenCalledWith({ allow: ['127.0.0.1:9000'] }, expect.any(String))
})
