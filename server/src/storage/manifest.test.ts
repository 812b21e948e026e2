// Manifests in a real folder.
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createDiskStorage } from './disk.ts'
import { generationObjectKey, manifestKey } from './keys.ts'
import type { Manifest, ManifestImage } from './manifest.ts'
import { findManifest, verifyManifest, writeManifest } from './manifest.ts'
import type { Storage } from './storage.ts'

const generationId = '0198c0de-7000-7abc-8def-0123456789ab'
const otherId = '0198c0de-7000-7abc-8def-0123456779ab'

let root: string
let storage: Storage
let images: ManifestImage[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'manifest-'))
  storage = createDiskStorage({ root })
  images = []
  for (const index of [0, 1, 2]) {
    const key = generationObjectKey(generationId, 2, index)
    const options = { mediaType: 'image/png', maxBytes: 100, commitName: false }
    const stored = await storage.put(key, Buffer.from(`picture ${index}`), options)
    images.push({ index, key, mediaType: 'image/png', ...stored, width: 10, height: 20 })
  }
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

const pathOfManifest = (): string => join(root, manifestKey(generationId))

async function writeRaw(json: unknown): Promise<void> {
  await writeFile(pathOfManifest(), typeof json === 'string' ? json : JSON.stringify(json))
}

test('what was written is found, with the hash of its bytes', async () => {
  const sha256 = await writeManifest(storage, { generationId, attempt: 2, images })
  const found = await findManifest(storage, generationId)
  const manifest: Manifest = { version: 1, generationId, attempt: 2, images }
  expect(found).toEqual({ kind: 'found', manifest, sha256 })
  expect(
    createHash('sha256')
      .update(await readFile(pathOfManifest()))
      .digest('hex'),
  ).toBe(sha256)
})

test('equal content gives equal bytes, whatever the order it is handed over in', async () => {
  const first = await writeManifest(storage, { generationId, attempt: 2, images })
  const turned = images
    .map(image => Object.fromEntries(Object.entries(image).reverse()) as ManifestImage)
    .reverse()
  expect(await writeManifest(storage, { images: turned, attempt: 2, generationId })).toBe(first)
  expect(await writeManifest(storage, { generationId, attempt: 3, images })).not.toBe(first)
})

test('a generation without a manifest has none', async () => {
  expect(await findManifest(storage, otherId)).toBeNull()
})

test('a torn manifest is broken at every length, never an exception', async () => {
  await writeManifest(storage, { generationId, attempt: 2, images })
  const whole = await readFile(pathOfManifest())
  for (let length = whole.length - 1; length >= 0; length -= 3) {
    await truncate(pathOfManifest(), length)
    expect(await findManifest(storage, generationId)).toMatchObject({ kind: 'broken' })
  }
})

test('a manifest that is foreign, of another version or inconsistent is broken', async () => {
  const sound = { version: 1, generationId, attempt: 2, images }
  await writeRaw(sound)
  expect(await findManifest(storage, generationId)).toMatchObject({ kind: 'found' })
  const [first] = images
  const wrong: [string, unknown][] = [
    ['another generation', { ...sound, generationId: otherId }],
    ['version', { ...sound, version: 2 }],
    [
      'another generation at index 0',
      { ...sound, images: [{ ...first, key: generationObjectKey(otherId, 2, 0) }] },
    ],
    ['another generation at index 0', { ...sound, images: [{ ...first, key: '../../etc/passwd' }] }],
    ['index twice', { ...sound, images: [first, { ...images[1], index: 0 }] }],
    ['object twice', { ...sound, images: [first, { ...first, index: 1 }] }],
    ['sha256', { ...sound, images: [{ ...first, sha256: 'abc' }] }],
    ['sizeBytes', { ...sound, images: [{ ...first, sizeBytes: -1 }] }],
    ['images', { ...sound, images: [] }],
    ['images', { version: 1, generationId, attempt: 2 }],
    ['nrecognized', { ...sound, extra: true }],
    ['is not JSON', '\0\0\0\0'],
    ['nvalid', 'null'],
    ['too large', ' '.repeat(300_000)],
  ]
  for (const [message, json] of wrong) {
    await writeRaw(json)
    const broken = { kind: 'broken', message: expect.stringContaining(message) }
    expect(await findManifest(storage, generationId)).toMatchObject(broken)
  }
})

test('whatever the file holds, finding it never throws', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async text => {
      await writeRaw(text)
      expect(await findManifest(storage, generationId)).toMatchObject({ kind: 'broken' })
    }),
    { numRuns: 200 },
  )
})

test('a manifest that could not be read back is never written', async () => {
  const foreign = images.map(image => ({ ...image, key: generationObjectKey(otherId, 1, image.index) }))
  for (const content of [
    { generationId, attempt: 2, images: foreign },
    { generationId, attempt: 2, images: [] },
    { generationId, attempt: -1, images },
  ]) {
    await expect(writeManifest(storage, content)).rejects.toThrow(TypeError)
  }
  expect(await findManifest(storage, generationId)).toBeNull()
})

test('verifying names what is missing, cut or changed', async () => {
  const manifest: Manifest = { version: 1, generationId, attempt: 2, images }
  expect(await verifyManifest(storage, manifest)).toEqual({ ok: true })
  expect(await verifyManifest(storage, manifest, { hashes: true })).toEqual({ ok: true })
  const [first, second, third] = images.map(image => image.key)
  await storage.remove([first ?? ''])
  await truncate(join(root, second ?? ''), 3)
  await writeFile(join(root, third ?? ''), 'picture X')
  const lost = [
    { index: 0, key: first, problem: 'missing' },
    { index: 1, key: second, problem: 'wrong-size' },
  ]
  expect(await verifyManifest(storage, manifest)).toEqual({ ok: false, problems: lost })
  const changed = { index: 2, key: third, problem: 'wrong-hash' }
  expect(await verifyManifest(storage, manifest, { hashes: true })).toEqual({
    ok: false,
    problems: [...lost, changed],
  })
})
