// What tests of the adapters for self-hosted engines share: a storage folder, the way out, references, and pictures
// read back from where the adapter has put them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { createOutbound } from '../src/outbound.ts'
import type { CallContext, ProviderOutcome, ReferenceImage } from '../src/providers/provider.ts'
import { createDiskStorage } from '../src/storage/disk.ts'
import { openTestContext, type TestContextOptions } from './provider-context.ts'
import { makePicture } from './upstreams/pictures.ts'
import type { Upstream } from './upstreams/upstream.ts'

export type EngineRig = {
  http: ReturnType<typeof createOutbound>
  context(more?: Partial<TestContextOptions>): CallContext
  /** Bytes of every picture of a success, in order. */
  readAll(outcome: ProviderOutcome): Promise<Buffer[]>
  close(): Promise<void>
}

export async function openEngineRig(upstreams: readonly Upstream[]): Promise<EngineRig> {
  const folder = await mkdtemp(join(tmpdir(), 'engine-adapter-'))
  const storage = createDiskStorage({ root: folder })
  const http = createOutbound({ allow: [], configuredOrigins: upstreams.map(({ url }) => url) })
  let runs = 0
  return {
    http,
    context(more = {}) {
      runs += 1
      return openTestContext({ http, storage, attempt: `engine-${runs}`, ...more })
    },
    async readAll(outcome) {
      if (outcome.kind !== 'succeeded') throw new Error(JSON.stringify(outcome))
      const pictures: Buffer[] = []
      for (const image of outcome.images) {
        if (image.kind !== 'received') throw new Error(`not received: ${image.url}`)
        const object = await storage.read(image.image.storageKey)
        const parts: Buffer[] = []
        for await (const part of object?.stream ?? []) parts.push(part as Buffer)
        pictures.push(Buffer.concat(parts))
      }
      return pictures
    },
    async close() {
      await http.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function makeReference(
  seed: string,
  format: 'png' | 'jpeg' | 'webp' = 'png',
): Promise<ReferenceImage> {
  const bytes = await makePicture({ width: 64, height: 48, format, seed })
  return describePicture(bytes, format)
}

/** Transparent, so to be drawn anew, in its left half. */
export async function makeMask(): Promise<ReferenceImage> {
  const raw = Buffer.alloc(64 * 48 * 4, 255)
  for (let pixel = 0; pixel < 64 * 48; pixel += 1) if (pixel % 64 < 32) raw[pixel * 4 + 3] = 0
  const bytes = await sharp(raw, { raw: { width: 64, height: 48, channels: 4 } })
    .png()
    .toBuffer()
  return describePicture(bytes, 'png')
}

function describePicture(bytes: Buffer, format: string): ReferenceImage {
  return {
    mediaType: `image/${format}`,
    sizeBytes: bytes.length,
    width: 64,
    height: 48,
    read: async () => bytes,
  }
}
