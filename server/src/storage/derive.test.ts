// Copies in other formats, made from real pictures on a real disk.
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canDerive, createDeriver, isInFormat, type Original, type StoredFile } from './derive.ts'
import { createDiskStorage } from './disk.ts'
import { derivedObjectKey, generationObjectKey } from './keys.ts'
import { linkFormats } from './links.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'

let root: string
let storage: Storage
const log = { warn: () => undefined }
let serial = 0
const anyPut = { mediaType: 'image/png', maxBytes: 1e8, commitName: false }

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-derive-'))
  storage = createDiskStorage({ root })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A picture with edges, gradients and, if asked for, transparency; no two alike. */
function draw(width: number, height: number, channels: 3 | 4 = 3) {
  serial += 1
  const data = Buffer.alloc(width * height * channels)
  for (let at = 0; at < data.length; at++) data[at] = (at * 7 + (at >> 8) * 13 + serial) & 0xff
  return sharp(data, { raw: { width, height, channels } })
}

async function store(bytes: Buffer, mediaType = 'image/png'): Promise<Original> {
  serial += 1
  const key = generationObjectKey(`0198c0de-7000-7abc-8def-${String(serial).padStart(10, '0')}ab`, 1, 0)
  const { sizeBytes } = await storage.put(key, bytes, { ...anyPut, mediaType })
  const { width = 0, height = 0 } = await sharp(bytes).metadata()
  return { key, mediaType, sizeBytes, width, height }
}

async function read(file: StoredFile | null): Promise<Buffer> {
  const stream = await file?.open()
  if (!stream) throw new Error('no file')
  return Buffer.concat(await stream.toArray())
}

const pixels = (bytes: Buffer) => sharp(bytes).ensureAlpha().raw().toBuffer()

describe('a copy', () => {
  test('is what its name says in every format, beside an output that stays as it was', async () => {
    const bytes = await draw(900, 600).png().toBuffer()
    const original = await store(bytes)
    const deriver = createDeriver({ storage, log })
    for (const format of linkFormats) {
      const copy = await read(await deriver.derive(original, format))
      const { format: found, width, height } = await sharp(copy).metadata()
      expect(found, format).toBe(format === 'thumb' ? 'webp' : format)
      expect([width, height], format).toEqual(format === 'thumb' ? [512, 341] : [900, 600])
      expect((await storage.head(derivedObjectKey(original.key, format)))?.sizeBytes).toBe(copy.length)
    }
    const kept = Buffer.concat((await (await storage.read(original.key))?.stream.toArray()) ?? [])
    expect(kept.equals(bytes)).toBe(true)
  })

  test('as PNG has exactly the pixels, also transparent ones', async () => {
    const bytes = await draw(64, 48, 4).webp({ lossless: true, exact: true }).toBuffer()
    const original = await store(bytes, 'image/webp')
    const copy = await read(await createDeriver({ storage, log }).derive(original, 'png'))
    expect((await pixels(copy)).equals(await pixels(bytes))).toBe(true)
  })

  test('keeps transparency in WebP and lies on white in JPEG', async () => {
    const clear = await sharp({ create: { width: 32, height: 32, channels: 4, background: '#ff000000' } })
      .png()
      .toBuffer()
    const original = await store(clear)
    const deriver = createDeriver({ storage, log })
    const webp = await sharp(await read(await deriver.derive(original, 'webp')))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect([webp.info.channels, webp.data[3]]).toEqual([4, 0])
    const jpeg = await pixels(await read(await deriver.derive(original, 'jpeg')))
    expect([...jpeg.subarray(0, 3)]).toEqual([255, 255, 255])
  })

  test('stands upright and carries no metadata', async () => {
    const exif = { IFD0: { Artist: 'A SECRET NAME' } }
    const bytes = await draw(80, 40).withMetadata({ orientation: 6, exif }).jpeg().toBuffer()
    expect(bytes.includes('A SECRET NAME')).toBe(true)
    const copy = await read(
      await createDeriver({ storage, log }).derive(await store(bytes, 'image/jpeg'), 'png'),
    )
    const { width, height, orientation, exif: left } = await sharp(copy).metadata()
    expect([width, height, orientation, left]).toEqual([40, 80, undefined, undefined])
    expect(copy.includes('A SECRET NAME')).toBe(false)
  })

  test('is not larger than a small output as a thumbnail', async () => {
    const original = await store(await draw(100, 50).png().toBuffer())
    const copy = await read(await createDeriver({ storage, log }).derive(original, 'thumb'))
    expect(await sharp(copy).metadata()).toMatchObject({ width: 100, height: 50 })
  })

  test('gives any part of itself', async () => {
    const original = await store(await draw(40, 40).png().toBuffer())
    const deriver = createDeriver({ storage, log })
    const whole = await read(await deriver.derive(original, 'webp'))
    const file = await deriver.derive(original, 'webp')
    const part = Buffer.concat((await (await file?.open({ start: 10, end: 29 }))?.toArray()) ?? [])
    expect(part.equals(whole.subarray(10, 30))).toBe(true)
  })
})

describe('making copies', () => {
  /** The same storage; tells what was written, and may run something right before or fail. */
  function watched(before: (key: string) => Promise<void> = async () => undefined) {
    const written: string[] = []
    const put: Storage['put'] = async (key, bytes, options) => {
      await before(key)
      written.push(key)
      return storage.put(key, bytes, options)
    }
    return { written, storage: { ...storage, put } }
  }

  test('readers that come at once share one conversion, later ones read what was kept', async () => {
    const original = await store(await draw(300, 300).png().toBuffer())
    const { written, storage: counting } = watched()
    const deriver = createDeriver({ storage: counting, log })
    const hashes = await Promise.all(
      Array.from({ length: 30 }, async () =>
        createHash('sha256')
          .update(await read(await deriver.derive(original, 'webp')))
          .digest('hex'),
      ),
    )
    expect(new Set(hashes).size).toBe(1)
    await read(await createDeriver({ storage: counting, log }).derive(original, 'webp'))
    expect(written).toEqual([derivedObjectKey(original.key, 'webp')])
  })

  test('few run at once and whoever comes beyond the bound is told to come again', async () => {
    const originals = await Promise.all(
      Array.from({ length: 110 }, async () => store(await draw(8, 8).png().toBuffer())),
    )
    let [running, most] = [0, 0]
    const reads: Storage['read'] = async (key, range) => {
      running += 1
      most = Math.max(most, running)
      const found = await storage.read(key, range)
      running -= 1
      return found
    }
    const deriver = createDeriver({ storage: { ...storage, read: reads }, log })
    const results = await Promise.allSettled(originals.map(each => deriver.derive(each, 'webp')))
    const refused = results.filter(each => each.status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded' })
    expect(most).toBeLessThanOrEqual(2)
    // All places are free again.
    for (const each of originals.slice(-3)) expect(await deriver.derive(each, 'webp')).not.toBeNull()
  })

  test('leaves nothing behind when the output is removed meanwhile', async () => {
    const original = await store(await draw(20, 20).png().toBuffer())
    const removing = watched(() => storage.remove([original.key]))
    expect(await createDeriver({ storage: removing.storage, log }).derive(original, 'webp')).toBeNull()
    expect(removing.written).toHaveLength(1)
    const folder = join(root, original.key, '..')
    expect(readdirSync(folder).filter(name => original.key.endsWith(name.split('.')[0] ?? '-'))).toEqual([])
  })

  test('a disk that is full keeps nobody from the picture', async () => {
    const original = await store(await draw(20, 20).png().toBuffer())
    const full = watched(() => Promise.reject(new StorageError('no space left')))
    const file = await createDeriver({ storage: full.storage, log }).derive(original, 'webp')
    expect(await sharp(await read(file)).metadata()).toMatchObject({ format: 'webp', width: 20 })
    expect(await storage.head(derivedObjectKey(original.key, 'webp'))).toBeNull()
  })

  test('an output that is gone or not what was recorded has no copy', async () => {
    const original = await store(await draw(20, 20).png().toBuffer())
    const deriver = createDeriver({ storage, log })
    expect(await deriver.derive({ ...original, sizeBytes: original.sizeBytes + 1 }, 'webp')).toBeNull()
    expect(
      await deriver.derive({ ...original, key: generationObjectKey('0198-aa', 1, 0) }, 'webp'),
    ).toBeNull()
  })

  test('bytes that no longer decode fail each time and block nobody', async () => {
    const whole = await draw(200, 200).png().toBuffer()
    const cut = await store(whole)
    await storage.put(cut.key, whole.subarray(0, whole.length >> 1), anyPut)
    const bad = { ...cut, sizeBytes: whole.length >> 1 }
    const deriver = createDeriver({ storage, log })
    for (let tries = 0; tries < 3; tries++) await expect(deriver.derive(bad, 'webp')).rejects.toThrow()
    const good = await store(await draw(20, 20).png().toBuffer())
    expect(await deriver.derive(good, 'webp')).not.toBeNull()
  })

  test('pictures beyond the bounds are not tried', async () => {
    const deriver = createDeriver({ storage, log })
    const huge = { key: 'g/ab/xab-1-0', mediaType: 'image/png', sizeBytes: 9, width: 9_000, height: 9_000 }
    for (const format of linkFormats) {
      expect(canDerive(huge, format)).toBe(false)
      expect(await deriver.derive(huge, format)).toBeNull()
    }
    expect(canDerive({ width: 16_384, height: 10 }, 'webp')).toBe(false)
    expect(canDerive({ width: 16_384, height: 10 }, 'png')).toBe(true)
    expect(canDerive({ width: 16_383, height: 10 }, 'webp')).toBe(true)
  })

  test('an svg that calls itself a picture is not drawn', async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    )
    const { sizeBytes } = await storage.put('g/ab/svg-ab-1-0', svg, anyPut)
    const original = { key: 'g/ab/svg-ab-1-0', mediaType: 'image/png', sizeBytes, width: 9, height: 9 }
    await expect(createDeriver({ storage, log }).derive(original, 'png')).rejects.toThrow(/unsupported/i)
  })
})

test('an output has the format of its stored bytes and no other', () => {
  expect(linkFormats.filter(format => isInFormat({ mediaType: 'image/jpeg' }, format))).toEqual(['jpeg'])
  expect(linkFormats.filter(format => isInFormat({ mediaType: 'image/webp' }, format))).toEqual(['webp'])
  expect(linkFormats.filter(format => isInFormat({ mediaType: 'image/png' }, format))).toEqual(['png'])
})
