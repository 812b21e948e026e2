// S-5: URLs that two parsers read differently. Whatever the text says, the address that was judged is the one dialled,
// and a canary on loopback hears nothing.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createOutbound, OutboundError } from '../outbound.ts'

let canary: Server
let canaryPort: number
let hits = 0

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

const publicAddress = '93.184.216.34'
const inside = ['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '127。0。0。1', '①②⑦.⓪.⓪.①', 'loopback.example']
/** `{out}` is a host outside, `{in}` one inside; each text is read differently by some parser. */
const shapes = [
  'https://{out}\\@{in}/',
  'https://{out}#@{in}/',
  'https://{out}?@{in}/',
  'https://{out};@{in}/',
  'https://{out}%2F@{in}/',
  'https://{out}/\\{in}/',
  'https://{out}\\{in}/',
  'https:\\\\{in}/',
  'https:/{in}/',
  'https:{in}',
  'HTTPS://{in}/',
  'hTtPs://{in}./',
  '\thttps://{in}/',
  'https://{in}\t/',
  'https://{in}\n/',
  'https\n://{in}/',
  'https://{in}%00/',
  'https://{in}%00.{out}/',
  'https://{in}%2e{out}/',
  'https://{in}#.{out}/',
  'https://{in}?.{out}/',
  'https://{in}\\.{out}/',
  'https://{in}:443#{out}/',
  'https://{in}:443\\{out}/',
  'https://{out}@{in}/',
  'https://{out}:443@{in}/',
  'https://@{in}/',
  'https://@@{in}/',
  'https://{in}%25lo/',
  'https://[::ffff:127.0.0.1%25{out}]/',
  'https://{out}\u0000{in}/',
  'https://{out}\u2044@{in}/',
  'https://{out}\uff0f{in}/',
  'https://{in}\u3002/',
  'https://{out}\u2025{in}/',
  'https:///{in}/',
  'https:////{out}\\@{in}/',
  'https://{out} /@{in}/',
  '//{in}/',
  'https://{out}\r\nHost: {in}/',
  'https://xn--{in}/',
  'https://\u00ad{in}/',
  'https://{in}\u200b/',
]

test('no text that parsers disagree on reaches the inside, 300 and more of them', async () => {
  const dialled: string[] = []
  const outbound = createOutbound({
    allow: [],
    configuredOrigins: [],
    extraPorts: [canaryPort],
    resolver: name => {
      const address = name.includes('loopback') ? '127.0.0.1' : publicAddress
      return Promise.resolve([{ address, family: 4 }])
    },
    dial({ addresses, port }) {
      dialled.push(...addresses.map(({ address }) => address))
      // Whatever leads outside ends at the discard port; anything else would be a hit.
      const isOutside = addresses.every(({ address }) => address === publicAddress)
      return connect(isOutside ? 9 : port, '127.0.0.1')
    },
  })
  const texts = shapes.flatMap(shape =>
    inside.map(host =>
      shape.replaceAll('{in}', `${host}:${canaryPort}`).replaceAll('{out}', 'outside.example'),
    ),
  )
  expect(texts.length).toBeGreaterThanOrEqual(300)
  const odd: string[] = []
  for (const url of texts) {
    const request = { method: 'GET', url, trust: 'customer', timeoutMs: 5_000, maxBodyBytes: 10 } as const
    const error = await outbound.request(request).catch((reason: unknown) => reason)
    const isRefused = error instanceof OutboundError && !error.sent
    if (!isRefused) odd.push(`${url}: ${String(error)}`)
  }
  await outbound.close()
  expect(odd).toEqual([])
  expect([...new Set(dialled)]).toEqual([publicAddress])
  expect(hits).toBe(0)
})
