// Guards what comes in as a picture: bombs are refused unread, three decoders exist, nothing but pixels stays.
import sharp, { type WebpOptions } from 'sharp'
import { describe, expect, test } from 'vitest'
import {
  addJpegSegment,
  addPngChunk,
  animatedWebp,
  bombPng,
  foreignFiles,
  headerPng,
  scansJpeg,
} from '../../test/bad-pictures.ts'
import { isProof } from '../../test/counts.ts'
import { AppError } from '../errors.ts'
import { guardedSharp } from '../storage/decoders.ts'
import { checkInput, maxInputBytes } from './check-input.ts'

const field = 'images.0.url'
const limits = { field, accountId: 'an account', signal: new AbortController().signal }

/** Four colours in four corners, so that no turn or mirror leaves it as it was. */
async function corners(width = 48, height = 32): Promise<{ data: Buffer; width: number; height: number }> {
  const data = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const colour = [200 * Number(x < width / 2), 180 * Number(y < height / 2), (x * 5) % 256]
      data.set(colour, (y * width + x) * 3)
    }
  }
  return { data, width, height }
}

const raw = ({ data, width, height }: Awaited<ReturnType<typeof corners>>) =>
  sharp(data, { raw: { width, height, channels: 3 } })

const pixelsOf = async (bytes: Buffer) => await sharp(bytes).removeAlpha().raw().toBuffer()

async function refusalOf(bytes: Buffer): Promise<string> {
  const result = await checkInput(bytes, limits).catch((error: unknown) => error)
  if (!(result instanceof AppError)) return `accepted or broken: ${String(result)}`
  expect(result.code).toBe('invalid_request')
  expect(result.options.details?.map(({ path }) => path)).toEqual([field])
  expect(result.message).toContain(field)
  return result.message
}

describe('bombs are refused before anything is decoded', () => {
  test('thirty at once, in little time and memory', async () => {
    const bombs: [string, Buffer, RegExp][] = [
      ['png of 16,000 squared', bombPng(16_000), /too large/],
      ['png of 9,000 squared', bombPng(9_000), /pixels, more than/],
      ['header of 65,500 squared', headerPng(65_500), /too large/],
      ['animation of 300 frames', await animatedWebp(300), /animation/],
      ['jpeg with 100 scans', await scansJpeg(100), /too many scans/],
      ['bytes above the limit', Buffer.alloc(maxInputBytes + 1, 1), /larger than 10000000 bytes/],
    ]
    const before = process.memoryUsage().rss
    const beganAt = performance.now()
    const refused = await Promise.all(
      Array.from({ length: 30 }, (_, index) => bombs[index % bombs.length]).map(async bomb => {
        if (!bomb) throw new Error('no bomb')
        return [bomb[0], bomb[2].test(await refusalOf(bomb[1]))]
      }),
    )
    const perBombMs = (performance.now() - beganAt) / 30
    expect(refused.filter(([, isGood]) => !isGood)).toEqual([])
    expect(perBombMs).toBeLessThan(isProof ? 50 : 500)
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000)
  })

  test('of ordinary scans there may be as many as encoders write', async () => {
    const jpeg = await raw(await corners())
      .jpeg({ progressive: true })
      .toBuffer()
    expect((await checkInput(jpeg, limits)).mediaType).toBe('image/jpeg')
  })
})

describe('only png, jpeg and webp', () => {
  test('nothing else is taken, whatever it is called', async () => {
    for (const [name, bytes] of Object.entries(foreignFiles)) {
      expect([name, await refusalOf(bytes)]).toEqual([name, expect.stringMatching(/no png, jpeg or webp/)])
    }
  })

  test('libvips itself has no other decoder left in this process', async () => {
    const { data, width, height } = await corners()
    for (const format of ['gif', 'tiff', 'avif'] as const) {
      const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
        [format]()
        .toBuffer()
      await expect(guardedSharp(bytes).metadata(), format).rejects.toThrow(/unsupported/)
      expect(await refusalOf(bytes), format).toMatch(/no png, jpeg or webp/)
    }
    for (const name of ['svg', 'pdf']) {
      await expect(guardedSharp(foreignFiles[name]).metadata(), name).rejects.toThrow(/unsupported/)
    }
  })

  test('a foreign file behind a true head is no picture', async () => {
    const png = await raw(await corners())
      .png()
      .toBuffer()
    const tail = foreignFiles.tiff ?? Buffer.alloc(0)
    expect(await refusalOf(Buffer.concat([png.subarray(0, 12), tail, Buffer.alloc(64)]))).toMatch(
      /not accepted/,
    )
    expect(await refusalOf(png.subarray(0, png.length >> 1))).toMatch(/cut short/)
    const jpeg = await raw(await corners(400, 300))
      .jpeg()
      .toBuffer()
    expect(await refusalOf(jpeg.subarray(0, jpeg.length >> 1))).toMatch(/cannot be decoded/)
  })

  test('tiny ones are refused', async () => {
    expect(
      await refusalOf(
        await raw(await corners(4, 4))
          .png()
          .toBuffer(),
      ),
    ).toMatch(/at least 8/)
  })
})

describe('what is kept has nothing but pixels', () => {
  const secret = 'SECRET-PAYLOAD-4711'
  const payload = Buffer.from(`<script>${secret}</script>`)

  test('tails, comments, text chunks, profiles, EXIF and GPS are gone', async () => {
    const picture = await corners()
    const png = await raw(picture).png().toBuffer()
    const jpeg = await raw(picture).jpeg().toBuffer()
    const webp = await raw(picture).webp({ lossless: true }).toBuffer()
    const exif = {
      IFD0: { Copyright: secret, Artist: secret, Software: secret },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 0/1', GPSLongitude: '13/1 24/1 0/1' },
    }
    const marked = [
      Buffer.concat([png, payload]),
      addPngChunk(png, 'tEXt', Buffer.concat([Buffer.from('Comment\0'), payload])),
      addPngChunk(png, 'juNk', payload),
      Buffer.concat([jpeg, payload]),
      addJpegSegment(jpeg, 0xfe, payload),
      addJpegSegment(
        jpeg,
        0xe2,
        Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01'), Buffer.alloc(128), payload]),
      ),
      Buffer.concat([webp, payload]),
      ...(await Promise.all([
        raw(picture).withExif(exif).jpeg().toBuffer(),
        raw(picture).withExif(exif).png().toBuffer(),
        raw(picture).withExif(exif).webp().toBuffer(),
        raw(picture).withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/">${secret}</x:xmpmeta>`).jpeg().toBuffer(),
      ])),
    ]
    for (const [index, bytes] of marked.entries()) {
      expect(bytes.includes(secret), `${index} carries it`).toBe(true)
      const kept = await checkInput(bytes, limits)
      expect(kept.bytes.includes(secret), `${index} kept it`).toBe(false)
      const { exif: keptExif, icc, xmp, iptc, comments } = await sharp(kept.bytes).metadata()
      expect({ keptExif, icc, xmp, iptc, comments }, String(index)).toEqual({})
    }
  })

  test('every orientation is applied before it is forgotten, pixel by pixel', async () => {
    const picture = await corners()
    for (let orientation = 1; orientation <= 8; orientation += 1) {
      for (const format of ['png', 'webp'] as const) {
        const bytes = await raw(picture)
          [format](format === 'webp' ? { lossless: true } : {})
          .withMetadata({ orientation })
          .toBuffer()
        const kept = await checkInput(bytes, limits)
        const turned = orientation >= 5
        expect([kept.width, kept.height]).toEqual(turned ? [32, 48] : [48, 32])
        const wanted = await sharp(bytes).autoOrient().removeAlpha().raw().toBuffer()
        expect((await pixelsOf(kept.bytes)).equals(wanted), `${format} ${orientation}`).toBe(true)
        if (orientation > 1) expect(wanted.equals(picture.data)).toBe(false)
      }
      const jpeg = await raw(picture).jpeg({ quality: 100 }).withMetadata({ orientation }).toBuffer()
      const kept = await checkInput(jpeg, limits)
      const wanted = await sharp(jpeg).autoOrient().raw().toBuffer()
      const is = await pixelsOf(kept.bytes)
      const most = wanted.reduce((worst, value, at) => Math.max(worst, Math.abs(value - (is[at] ?? 0))), 0)
      expect(most, `jpeg ${orientation}`).toBeLessThan(40)
    }
  })

  test('colours of a wide profile become those of sRGB', async () => {
    const wide = await raw(await corners())
      .withIccProfile('p3')
      .png()
      .toBuffer()
    const kept = await checkInput(wide, limits)
    expect((await sharp(kept.bytes).metadata()).icc).toBeUndefined()
    const shown = await sharp(wide).toColourspace('srgb').raw().toBuffer()
    expect((await pixelsOf(kept.bytes)).equals(shown)).toBe(true)
  })

  test('transparency stays, as the mask of an edit needs it', async () => {
    const clear = await sharp({ create: { width: 40, height: 40, channels: 4, background: '#00000000' } })
      .png()
      .toBuffer()
    const kept = await checkInput(clear, limits)
    expect(kept).toMatchObject({ hasAlpha: true, mediaType: 'image/png', width: 40, height: 40 })
    expect((await sharp(kept.bytes).raw().toBuffer())[3]).toBe(0)
  })
})

test('more pictures than there are places and chairs are told to come again', async () => {
  const bytes = await raw(await corners(600, 400))
    .png()
    .toBuffer()
  const sendMany = (accountOf: (index: number) => string) =>
    Promise.allSettled(
      Array.from({ length: 90 }, (_, index) => checkInput(bytes, { ...limits, accountId: accountOf(index) })),
    )
  const results = await sendMany(index => `account ${index % 30}`)
  const refused = results.filter(each => each.status === 'rejected').map(each => each.reason as AppError)
  expect(refused.length).toBeGreaterThan(0)
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['overloaded']))
  // One account alone gets few of them, so that it keeps nobody out.
  const taken = (await sendMany(() => 'greedy')).filter(each => each.status === 'fulfilled')
  expect(taken).toHaveLength(5)
  expect((await checkInput(bytes, limits)).width).toBe(600)
})

test('a lossless WebP above 16 megapixels, the dearest there is, is refused unread', async () => {
  const make = (options: WebpOptions) =>
    sharp({ create: { width: 4_100, height: 4_000, channels: 3, background: 'teal' } })
      .webp({ effort: 0, ...options })
      .toBuffer()
  expect(await refusalOf(await make({ lossless: true }))).toMatch(/lossless WebP, more than 16000000/)
  expect((await checkInput(await make({ quality: 10 }), limits)).width).toBe(4_100)
})
