// The probe on real pictures of every kind it knows, cut, forged and random. sharp only makes the pictures.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import type { Sharp } from 'sharp'
import sharp from 'sharp'
import { beforeAll, expect, test } from 'vitest'
import { ImageRejected } from '../providers/provider.ts'
import type { ProbedImage } from './image-probe.ts'
import { createImageProbe } from './image-probe.ts'

type Sample = { name: string; mediaType: string; bytes: Buffer; width: number; height: number }

const samples: Sample[] = []
const pngSignature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

beforeAll(async () => {
  const [width, height] = [61, 47]
  const noise = (channels: 3 | 4): Sharp =>
    sharp(randomBytes(width * height * channels), { raw: { width, height, channels } })
  const grey = sharp(randomBytes(width * height), { raw: { width, height, channels: 1 } })
  const exif = { IFD0: { Artist: 'x'.repeat(3_000) } }
  const made: [string, string, Sharp][] = [
    ['png', 'image/png', noise(3).png()],
    ['png with alpha, interlaced', 'image/png', noise(4).png({ progressive: true })],
    ['png with palette', 'image/png', noise(3).png({ palette: true })],
    ['png with metadata', 'image/png', noise(3).withExif(exif).withIccProfile('p3').png()],
    ['grey png', 'image/png', grey.png()],
    ['jpeg', 'image/jpeg', noise(3).jpeg()],
    ['progressive jpeg', 'image/jpeg', noise(3).jpeg({ progressive: true, optimiseScans: true })],
    ['jpeg with metadata', 'image/jpeg', noise(3).withExif(exif).withIccProfile('p3').jpeg()],
    ['cmyk jpeg', 'image/jpeg', noise(3).toColourspace('cmyk').jpeg()],
    ['webp', 'image/webp', noise(3).webp()],
    ['lossless webp', 'image/webp', noise(3).webp({ lossless: true })],
    ['webp with alpha', 'image/webp', noise(4).webp()],
    ['webp with metadata', 'image/webp', noise(3).withExif(exif).withIccProfile('p3').webp()],
  ]
  for (const [name, mediaType, picture] of made) {
    samples.push({ name, mediaType, bytes: await picture.toBuffer(), width, height })
  }
})

function probe(bytes: Buffer, chunkBytes = bytes.length || 1): ProbedImage {
  const made = createImageProbe()
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    // A copy that is wiped afterwards shows that the probe keeps nothing of a chunk.
    const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes))
    made.push(chunk)
    chunk.fill(0xaa)
  }
  return made.finish()
}

/** The probe's text for bytes that it must refuse; anything but ImageRejected fails the test. */
function refusal(bytes: Buffer, chunkBytes?: number): string {
  return describeEnd({ finish: () => probe(bytes, chunkBytes) })
}

function describeEnd(probed: { finish(): ProbedImage }): string {
  try {
    return `accepted as ${JSON.stringify(probed.finish())}`
  } catch (error) {
    if (error instanceof ImageRejected) return error.message
    throw error
  }
}

function pngChunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(data.length)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, data, Buffer.alloc(4)])
}

function forgePng(width: number, height: number, ...chunks: Buffer[]): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 6, 0, 0, 0])
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  return Buffer.concat([pngSignature, pngChunk('IHDR', header), ...chunks])
}

function forgeJpeg(width: number, height: number, marker = 0xc0): Buffer {
  const frame = Buffer.from([0xff, 0xd8, 0xff, marker, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0])
  frame.writeUInt16BE(height, 7)
  frame.writeUInt16BE(width, 9)
  const scan = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3, 0xff, 0xd9])
  return Buffer.concat([frame, scan])
}

function forgeWebp(...chunks: Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from('WEBP'), ...chunks])
  const riff = Buffer.from('RIFF\0\0\0\0')
  riff.writeUInt32LE(body.length, 4)
  return Buffer.concat([riff, body])
}

function webpChunk(type: string, data: Buffer): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`)
  head.writeUInt32LE(data.length, 4)
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)])
}

function vp8x(width: number, height: number, flags = 0): Buffer {
  const data = Buffer.alloc(10)
  data.writeUInt8(flags)
  data.writeUIntLE(width - 1, 4, 3)
  data.writeUIntLE(height - 1, 7, 3)
  return webpChunk('VP8X', data)
}

function vp8l(width: number, height: number): Buffer {
  const data = Buffer.alloc(6, 0x2f)
  data.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 1)
  return webpChunk('VP8L', data)
}

test('kind and size of real pictures are found, however the bytes are split', () => {
  for (const { name, mediaType, bytes, width, height } of samples) {
    for (const chunkBytes of [1, 2, 7, 64, 1_000, bytes.length]) {
      expect({ name, ...probe(bytes, chunkBytes) }).toEqual({ name, mediaType, width, height })
    }
  }
})

test('the forged pictures that other tests change are accepted as they are', () => {
  expect(probe(forgePng(3, 4, pngChunk('IDAT', Buffer.alloc(9)), pngChunk('IEND', Buffer.alloc(0))))).toEqual(
    {
      mediaType: 'image/png',
      width: 3,
      height: 4,
    },
  )
  expect(probe(forgeJpeg(3, 4))).toEqual({ mediaType: 'image/jpeg', width: 3, height: 4 })
  for (const webp of [forgeWebp(vp8l(3, 4)), forgeWebp(vp8x(3, 4), vp8l(3, 4))]) {
    expect(probe(webp)).toEqual({ mediaType: 'image/webp', width: 3, height: 4 })
  }
})

test('a picture cut at any position is refused', () => {
  for (const { name, bytes, width } of samples) {
    const made = createImageProbe()
    for (let length = 0; length < bytes.length; length++) {
      // finish() changes nothing, so one probe answers for every length.
      const text = describeEnd(made)
      if (text.startsWith('accepted')) expect.fail(`${name} cut to ${length} of ${bytes.length}: ${text}`)
      made.push(bytes.subarray(length, length + 1))
    }
    expect(made.finish().width).toBe(width)
  }
})

test('a cut picture followed by padding is refused; a whole one is accepted', () => {
  for (const padding of [Buffer.alloc(5_000), Buffer.from('\r\n'), Buffer.from('\n'), Buffer.from(' \0')]) {
    for (const { bytes, mediaType, width, height } of samples) {
      for (const chunkBytes of [1, 1_000, 100_000]) {
        expect(probe(Buffer.concat([bytes, padding]), chunkBytes)).toEqual({ mediaType, width, height })
      }
      const half = bytes.subarray(0, bytes.length - 40)
      expect(refusal(Buffer.concat([half, padding.subarray(0, 20)]))).not.toMatch(/^accepted/)
    }
  }
})

test('foreign bytes behind a picture are refused', () => {
  const script = Buffer.from('<script>alert(1)</script>')
  for (const { name, bytes } of samples) {
    for (const chunkBytes of [1, 10_000_000]) {
      const text = refusal(Buffer.concat([bytes, script]), chunkBytes)
      expect({ name, text }).toEqual({ name, text: expect.stringMatching(/foreign bytes|does not end/) })
    }
  }
})

test('what is no png, jpeg or webp is refused by its first bytes', async () => {
  const canvas = sharp(randomBytes(30_000), { raw: { width: 100, height: 100, channels: 3 } })
  const heif = (brand: string): Buffer => Buffer.from(`\0\0\0\x18ftyp${brand}\0\0\0\0${brand}mif1`)
  const foreign: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['gif', await canvas.clone().gif().toBuffer()],
    ['tiff', await canvas.clone().tiff().toBuffer()],
    ['avif', await canvas.clone().avif().toBuffer()],
    ['heic', heif('heic')],
    ['big tiff', Buffer.from('MM\0\x2b\0\x08\0\0\0\0\0\0\0\0')],
    ['svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')],
    ['xml', Buffer.from('<?xml version="1.0"?><svg/>')],
    ['html', Buffer.from('<!doctype html><title>502 Bad Gateway</title>')],
    ['json', Buffer.from('{"error":{"message":"quota"}}')],
    ['pdf', Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n')],
    ['ico', Buffer.from([0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0])],
    ['bmp', Buffer.from('BM\x36\0\0\0\0\0\0\0\x36\0\0\0')],
    ['jxl', Buffer.from('\xff\x0a\xfa\x7f\x01\x90\x06\x08\x0c\0\0\0', 'latin1')],
    ['wave', Buffer.from('RIFF\x24\0\0\0WAVEfmt ')],
    ['zip', Buffer.from('PK\x03\x04\x14\0\0\0\x08\0\0\0')],
    ['base64 of a png', Buffer.from('iVBORw0KGgoAAAANSUhEUg')],
    ['zeros', Buffer.alloc(100_000)],
  ]
  for (const [name, bytes] of foreign) {
    for (const chunkBytes of [1, 1_000_000]) {
      const text = refusal(bytes, chunkBytes)
      expect({ name, text }).toEqual({ name, text: expect.stringMatching(/are no png|no bytes/) })
    }
  }
})

test('a picture behind foreign first bytes is refused', () => {
  const fronts = ['GIF89a', '%PDF-1.7\n', '<html>', '\0', ' ', '\xef\xbb\xbf', 'II*\0', '\xff\xd8', 'RIFF']
  for (const { name, bytes } of samples) {
    for (const front of fronts) {
      const text = refusal(Buffer.concat([Buffer.from(front, 'latin1'), bytes]))
      expect({ name, front, text }).toEqual({ name, front, text: expect.not.stringMatching(/^accepted/) })
    }
  }
})

test('a right signature before something else is refused', () => {
  const html = Buffer.from('<html><script>alert(1)</script></html>'.repeat(20))
  for (const front of [pngSignature, Buffer.from([0xff, 0xd8, 0xff]), Buffer.from('RIFF\x20\0\0\0WEBP')]) {
    expect(refusal(Buffer.concat([front, html]))).toMatch(
      /broken|begin with its header|out of place|cut short/,
    )
  }
})

test('impossible and exhausting sizes are refused from the header alone', () => {
  const sizes = [
    [65_500, 65_500],
    [16_000, 16_000],
    [20_001, 1],
    [1, 20_001],
    [10_955, 10_955],
    [0, 1],
    [1, 0],
  ] as const
  for (const [width, height] of sizes) {
    const message = width * height === 0 ? /has no pixels/ : /too large/
    // Only the header is pushed and finish() is never called: the refusal does not wait for the rest.
    expect(refusal(forgePng(width, height))).toMatch(message)
    expect(refusal(forgeJpeg(width, height).subarray(0, 15))).toMatch(message)
    if (width * height === 0) continue
    expect(refusal(forgeWebp(vp8x(width, height)))).toMatch(message)
  }
  expect(refusal(forgePng(0xffffffff, 0xffffffff))).toMatch(/too large/)
  expect(refusal(forgeWebp(vp8l(16_384, 16_384)))).toMatch(/too large/)
  expect(probe(forgeJpeg(20_000, 6_000))).toMatchObject({ width: 20_000, height: 6_000 })
})

test('animations are refused', async () => {
  const frames = sharp(randomBytes(10 * 40 * 3), {
    raw: { width: 10, height: 40, channels: 3, pageHeight: 10 },
  })
  expect(refusal(await frames.webp({ loop: 0 }).toBuffer())).toMatch(/animation/)
  const parts = [
    pngChunk('acTL', Buffer.alloc(8)),
    pngChunk('IDAT', Buffer.alloc(9)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]
  expect(refusal(forgePng(3, 4, ...parts))).toMatch(/animation/)
})

test('a webp whose picture is larger than its canvas is refused', () => {
  expect(refusal(forgeWebp(vp8x(1, 1), vp8l(5_000, 5_000)))).toMatch(/states two sizes/)
})

test('structures without a picture are refused', () => {
  expect(refusal(forgePng(3, 4, pngChunk('IEND', Buffer.alloc(0))))).toMatch(/no picture data/)
  expect(refusal(forgeWebp(vp8x(3, 4)))).toMatch(/no picture data/)
  expect(refusal(forgeWebp(webpChunk('EXIF', Buffer.alloc(8)), vp8l(3, 4)))).toMatch(/begin with its header/)
  expect(refusal(Buffer.from([0xff, 0xd8, 0xff, 0xd9, ...Buffer.alloc(20)]))).toMatch(/out of place/)
  expect(refusal(forgeJpeg(3, 4, 0xc3))).toMatch(/not supported/)
})

test('a jpeg that hides its frame behind endless segments is refused at a megabyte', () => {
  const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0xff, 0xff]), Buffer.alloc(65_533)])
  const front = Buffer.from([0xff, 0xd8])
  const back = forgeJpeg(3, 4).subarray(2)
  const withSegments = (count: number): Buffer =>
    Buffer.concat([front, ...Array.from({ length: count }, () => segment), back])
  expect(probe(withSegments(15))).toMatchObject({ width: 3, height: 4 })
  expect(refusal(withSegments(20))).toMatch(/header is too long/)
  expect(refusal(Buffer.concat([front, Buffer.alloc(2_000_000, 0xff)]))).toMatch(/header is too long/)
})

test('a picture in countless tiny parts is refused before it costs much', () => {
  const text = pngChunk('tEXt', Buffer.alloc(0))
  const chunks = Buffer.concat(Array.from({ length: 60_000 }, () => text))
  expect(refusal(forgePng(3, 4, chunks))).toMatch(/too many parts/)
  const segment = Buffer.from([0xff, 0xfe, 0, 2])
  const segments = Buffer.concat(Array.from({ length: 60_000 }, () => segment))
  expect(refusal(Buffer.concat([Buffer.from([0xff, 0xd8]), segments]))).toMatch(/too many parts/)
  const empty = Buffer.concat(Array.from({ length: 60_000 }, () => webpChunk('EXIF', Buffer.alloc(0))))
  expect(refusal(forgeWebp(vp8l(3, 4), empty))).toMatch(/too many parts/)
})

test('whatever the bytes, nothing but ImageRejected is ever thrown', () => {
  const fronts = [
    pngSignature,
    forgePng(3, 4),
    Buffer.from([0xff, 0xd8, 0xff]),
    forgeJpeg(3, 4).subarray(0, 15),
    Buffer.from('RIFF\x40\0\0\0WEBP'),
    Buffer.from('RIFF\xff\xff\xff\xffWEBPVP8 ', 'latin1'),
    forgeWebp(vp8x(3, 4)),
    Buffer.alloc(0),
  ]
  const random = fc.tuple(fc.constantFrom(...fronts), fc.uint8Array({ maxLength: 300 }))
  fc.assert(
    fc.property(random, fc.integer({ min: 1, max: 50 }), ([front, tail], chunkBytes) => {
      refusal(Buffer.concat([front, tail]), chunkBytes)
    }),
    { numRuns: 5_000 },
  )
})

test('real pictures with changed bytes are accepted or refused, never an exception of another kind', () => {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }))
  const changes = fc.array(change, { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(fc.nat(), changes, fc.integer({ min: 1, max: 2_000 }), (pick, edits, chunkBytes) => {
      const bytes = Buffer.from(samples[pick % samples.length]?.bytes ?? [])
      // Half of the changes hit the header, where they matter.
      for (const [at, value] of edits) bytes[at % 2 === 0 ? at % 64 : at % bytes.length] = value
      refusal(bytes, chunkBytes)
    }),
    { numRuns: 3_000 },
  )
})
