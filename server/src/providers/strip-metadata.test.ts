// Pictures of self-hosted engines are delivered without the words inside them, and with every pixel.
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { makeEnginePicture } from '../../test/upstreams/engine/pictures.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import { createImageProbe } from '../storage/image-probe.ts'
import { stripMetadata } from './strip-metadata.ts'

const secret = 'a prompt that nobody else may read'
const formats = ['png', 'jpeg', 'webp'] as const
const profile = { IFD0: { ImageDescription: secret, Artist: secret }, IFD3: { GPSLatitude: '52/1 31/1 0/1' } }

async function* inChunks(bytes: Buffer, sizeBytes: number): AsyncGenerator<Uint8Array> {
  // One piece of memory for all chunks, as a source may lend it.
  const lent = Buffer.alloc(sizeBytes)
  for (let at = 0; at < bytes.length; at += sizeBytes) {
    const part = bytes.subarray(at, at + sizeBytes)
    part.copy(lent)
    yield lent.subarray(0, part.length)
  }
}

async function strip(bytes: Buffer, chunkBytes = 1000): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stripMetadata(inChunks(bytes, chunkBytes))) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

const pixelsOf = (bytes: Buffer) => sharp(bytes).raw().toBuffer()

/** With everything that sharp can write into a picture. */
async function makeLaden(format: (typeof formats)[number], options: object = {}): Promise<Buffer> {
  const plain = await makePicture({ width: 200, height: 120, format: 'png', seed: `laden ${format}` })
  const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf>${secret}</rdf></x:xmpmeta>`
  const source = sharp(plain).withExif(profile).withXmp(xmp).withIccProfile('p3')
  return source.toFormat(format, options).toBuffer()
}

describe('metadata of pictures from self-hosted engines', () => {
  it.each(formats)(
    'is left out of %s whatever the size of the chunks, and every pixel stays',
    async format => {
      const metadata = { parameters: secret, workflow: JSON.stringify({ nodes: [secret] }) }
      const saved = await makeEnginePicture({ width: 160, height: 96, format, seed: 'strip', metadata })
      expect(saved.includes(secret)).toBe(true)
      for (const chunkBytes of [1, 7, 64, 4096, 1_000_000]) {
        const stripped = await strip(saved, chunkBytes)
        expect(stripped.includes(secret)).toBe(false)
        expect(stripped.includes('iTXt')).toBe(false)
        expect(await pixelsOf(stripped)).toEqual(await pixelsOf(saved))
        const probe = createImageProbe()
        probe.push(stripped)
        expect(probe.finish()).toEqual({ mediaType: `image/${format}`, width: 160, height: 96 })
      }
    },
  )

  it.each(formats)('takes EXIF and XMP out of %s and leaves the colour profile', async format => {
    const laden = await makeLaden(format)
    expect(laden.includes(secret)).toBe(true)
    const stripped = await strip(laden)
    expect(stripped.includes(secret)).toBe(false)
    const left = await sharp(stripped).metadata()
    expect(left).toMatchObject({ format, width: 200, height: 120 })
    expect(left.exif).toBeUndefined()
    expect(left.xmp).toBeUndefined()
    expect(left.icc).toEqual((await sharp(laden).metadata()).icc)
    expect(await pixelsOf(stripped)).toEqual(await pixelsOf(laden))
  })

  it('keeps a progressive jpeg whole: its scans, the tables between them, its end', async () => {
    const laden = await makeLaden('jpeg', { progressive: true })
    const stripped = await strip(laden, 13)
    expect(stripped.includes(secret)).toBe(false)
    expect(await pixelsOf(stripped)).toEqual(await pixelsOf(laden))
  })

  it('cuts off what follows the end of a picture', async () => {
    for (const format of formats) {
      const picture = await makePicture({ width: 32, height: 32, format, seed: 'tail' })
      const tail = Buffer.concat([Buffer.from(secret), Buffer.from([0xff, 0xd9])])
      const stripped = await strip(Buffer.concat([picture, tail]))
      expect(stripped.includes(secret)).toBe(false)
      expect(await pixelsOf(stripped)).toEqual(await pixelsOf(picture))
    }
  })

  it('keeps transparency', async () => {
    const background = { r: 10, g: 200, b: 30, alpha: 0.25 }
    const create = { width: 20, height: 20, channels: 4 as const, background }
    for (const format of ['png', 'webp'] as const) {
      const source = sharp({ create }).withExif(profile)
      const laden = await source.toFormat(format, format === 'png' ? { palette: true } : {}).toBuffer()
      const stripped = await strip(laden)
      expect(stripped.includes(secret)).toBe(false)
      expect(await pixelsOf(stripped)).toEqual(await pixelsOf(laden))
    }
  })

  it('lets pass what is no picture, or cut, so that it is refused as what it is', async () => {
    const page = Buffer.from('<!doctype html><html></html>')
    expect(await strip(page)).toEqual(page)
    expect(await strip(Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    for (const format of formats) {
      const picture = await makePicture({ width: 64, height: 64, format, seed: 'cut' })
      const probe = createImageProbe()
      probe.push(await strip(picture.subarray(0, picture.length - 40)))
      expect(() => probe.finish()).toThrow('cut short')
    }
  })
})
