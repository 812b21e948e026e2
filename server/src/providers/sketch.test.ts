// The built-in illustrator through its provider contract: real threads, real encoding, real storage.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { plainRequest } from '../../test/provider-context.ts'
import { createSketchProvider } from './sketch.ts'

test('a prompt becomes a picture of the size asked for', async () => {
  const provider = createSketchProvider()
  const pictures: Buffer[] = []
  const outcome = await provider.submit(plainRequest('sketch', { width: 333, height: 517 }), {
    signal: AbortSignal.timeout(20000),
    receiveImage: async (bytes: AsyncIterable<Uint8Array>) => {
      const parts = []
      for await (const part of bytes) parts.push(part)
      pictures.push(Buffer.concat(parts))
      return { storageKey: 'x', mediaType: 'image/png', sizeBytes: 1, sha256: '', width: 333, height: 517 }
    },
  } as never)
  expect(outcome.kind).toBe('succeeded')
  const meta = await sharp(pictures[0]).metadata()
  expect([meta.width, meta.height]).toEqual([333, 517])
})
