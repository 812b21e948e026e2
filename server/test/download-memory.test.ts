// What a picture that is fetched from its address needs while it passes on to storage.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createOutbound } from '../src/outbound.ts'
import { createDiskStorage } from '../src/storage/disk.ts'
import { receiveImage } from '../src/storage/receive-image.ts'
import { createS3Storage } from '../src/storage/s3.ts'
import type { Storage } from '../src/storage/storage.ts'
import { createTestBucket } from './bucket/swift.ts'
import { cut, sha256 } from './storage-contract.ts'
import { makePicture } from './upstreams/pictures.ts'

const mebibyte = 1024 * 1024
const maxBytes = 50_000_000

let picture: Buffer
let upstream: Server

beforeAll(async () => {
  picture = await makePicture({
    ...{ width: 2048, height: 2048, format: 'png', seed: 'large' },
    sizeBytes: 20_000_000,
  })
  // Views of one buffer: what the process holds more of is what the download needs.
  upstream = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': picture.length })
    Readable.from(cut(picture, 64 * 1024)).pipe(response)
  })
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => {
  upstream.close()
  upstream.closeAllConnections()
})

type Place = { storage: Storage; close(): Promise<unknown> }

async function openFolder(): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'download-memory-'))
  return { storage: createDiskStorage({ root }), close: () => rm(root, { recursive: true, force: true }) }
}

async function openBucket(): Promise<Place> {
  const bucket = await createTestBucket()
  const storage = createS3Storage({ url: bucket.url(), now: () => new Date() })
  return { storage, close: () => bucket.drop() }
}

test.each([
  ['a folder', openFolder],
  ['a bucket', openBucket],
] as const)(
  'a picture of 20 MB goes from its address into %s in less than 8 MB of memory',
  async (_name, open) => {
    const place = await open()
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    const outbound = createOutbound({ allow: [], configuredOrigins: [url] })
    const held = () => process.memoryUsage().external
    let peak = 0
    async function* watch(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        peak = Math.max(peak, held())
        yield chunk
      }
    }
    const fetchInto = async (key: string) => {
      const request = { method: 'GET', url, trust: 'configured', timeoutMs: 60_000 } as const
      const { body } = await outbound.request({ ...request, maxBodyBytes: maxBytes })
      return await receiveImage(place.storage, { key, maxBytes, readSoon: false }, watch(body))
    }
    try {
      // What the clients and their connections need once is no matter of the picture.
      await place.storage.head('g/ab/none')
      const before = held()
      const received = await fetchInto('g/ab/large')
      expect(received.sha256).toBe(sha256(picture))
      expect(peak - before).toBeLessThan(8 * mebibyte)
    } finally {
      await outbound.close()
      await place.close()
    }
  },
)
