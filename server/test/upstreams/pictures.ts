// Pictures that emulators hand out: real, decodable, of the asked size and format, and different for every seed.
// They are made fast (a small palette image written by hand) because benches share the machine with the product.
import { createHash, randomFillSync } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'

export type PictureFormat = 'png' | 'jpeg' | 'webp'

export type PictureSpec = {
  /** Pixels, 1 to 16,384. */
  width: number
  height: number
  format: PictureFormat
  /** Different seeds give different bytes; the same seed gives the same bytes. */
  seed: string
  /** Exact size of the file, for benches: half of the pixels become noise and padding fills the rest. */
  sizeBytes?: number
}

/** Enough for every scenario of a run at two or three sizes. */
const maxCachedPictures = 64
const pictures = new Map<string, Promise<Buffer>>()
const base64Forms = new WeakMap<Buffer, Buffer>()

/** Makes a picture. Rejects when `sizeBytes` is too small for the picture's own data. */
export function makePicture(spec: PictureSpec): Promise<Buffer> {
  const key = JSON.stringify([spec.width, spec.height, spec.format, spec.seed, spec.sizeBytes ?? null])
  const known = pictures.get(key)
  if (known !== undefined) return known
  const made = drawPicture(spec)
  pictures.set(key, made)
  const oldest = pictures.keys().next()
  if (pictures.size > maxCachedPictures && !oldest.done) pictures.delete(oldest.value)
  return made
}

/** What emulated moderations take for violence, because words cannot be drawn. */
export async function makeRedPicture({ width, height, format }: Omit<PictureSpec, 'seed'>): Promise<Buffer> {
  const red = { width, height, channels: 3 as const, background: '#ff0000' }
  return await sharp({ create: red }).toFormat(format).toBuffer()
}

/** The base64 form as bytes, kept as long as the picture lives. */
export function encodePicture(picture: Buffer): Buffer {
  const known = base64Forms.get(picture)
  if (known !== undefined) return known
  const encoded = Buffer.from(picture.toString('base64'), 'latin1')
  base64Forms.set(picture, encoded)
  return encoded
}

async function drawPicture(spec: PictureSpec): Promise<Buffer> {
  if (spec.format === 'png') {
    const png = spec.sizeBytes === undefined ? drawPalettePng(spec) : await drawNoisePng(spec, spec.sizeBytes)
    return padPng(addPngText(png, spec.seed), spec.sizeBytes)
  }
  const source = sharp(drawPalettePng(spec))
  if (spec.format === 'jpeg') return padJpeg(await source.jpeg({ quality: 80 }).toBuffer(), spec)
  return padWebp(await source.webp({ quality: 60, effort: 0 }).toBuffer(), spec)
}

/** Bands and a disc in four colours of the seed, two bits per pixel. */
function drawPalettePng({ width, height, seed }: PictureSpec): Buffer {
  const hash = createHash('sha256').update(seed).digest()
  const rowBytes = Math.ceil(width / 4)
  const raw = Buffer.alloc((rowBytes + 1) * height)
  const band = 8 + ((hash[12] ?? 0) % 24)
  const radius = Math.max(1, Math.floor(Math.min(width, height) * (0.2 + (hash[13] ?? 0) / 1024)))
  for (let y = 0; y < height; y += 1) {
    const start = y * (rowBytes + 1) + 1
    const colour = Math.floor(y / band) % 2
    raw.fill(colour * 0b01010101, start, start + rowBytes)
    const reach = radius ** 2 - (y - height / 2) ** 2
    if (reach <= 0) continue
    const half = Math.sqrt(reach)
    // Never before the row: the byte there names its filter.
    const from = start + Math.max(0, Math.floor((width / 2 - half) / 4))
    raw.fill(
      ((y % 7 < 3 ? 2 : 3) * 0b01010101) & 0xff,
      from,
      Math.min(start + rowBytes, from + Math.ceil(half / 2)),
    )
  }
  const header = pngHeader(width, height, { depth: 2, colourType: 3 })
  return pngFile([
    pngChunk('IHDR', header),
    pngChunk('PLTE', hash.subarray(0, 12)),
    pngChunk('IDAT', deflateSync(raw, { level: 1 })),
  ])
}

const noiseFiles = new Map<string, Buffer>()

/** True colour with as many rows of noise as the file size allows; drawn once per size, then reused. */
async function drawNoisePng({ width, height }: PictureSpec, sizeBytes: number): Promise<Buffer> {
  const key = `${width}x${height}:${sizeBytes}`
  const known = noiseFiles.get(key)
  if (known !== undefined) return known
  const rowBytes = width * 3
  const raw = Buffer.alloc((rowBytes + 1) * height)
  const rows = Math.min(height, Math.floor((sizeBytes * 0.95 - 2048) / (rowBytes + 1)))
  for (let y = 0; y < rows; y += 1) randomFillSync(raw, y * (rowBytes + 1) + 1, rowBytes)
  const header = pngHeader(width, height, { depth: 8, colourType: 2 })
  const file = pngFile([pngChunk('IHDR', header), pngChunk('IDAT', deflateSync(raw, { level: 1 }))])
  noiseFiles.set(key, file)
  return file
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Signature, and the header chunk with its 13 bytes of data. */
const pngHeadBytes = 8 + 25

function pngHeader(width: number, height: number, kind: { depth: number; colourType: number }): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = kind.depth
  header[9] = kind.colourType
  return header
}

function pngFile(chunks: Buffer[]): Buffer {
  return Buffer.concat([pngSignature, ...chunks, pngChunk('IEND', Buffer.alloc(0))])
}

function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.length)
  chunk.writeUInt32BE(data.length, 0)
  chunk.write(type, 4, 'latin1')
  data.copy(chunk, 8)
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length)
  return chunk
}

function addPngText(png: Buffer, seed: string): Buffer {
  const digest = createHash('sha256').update(seed).digest('hex')
  const text = pngChunk('tEXt', Buffer.from(`Comment\0${digest}`, 'latin1'))
  return Buffer.concat([png.subarray(0, pngHeadBytes), text, png.subarray(pngHeadBytes)])
}

function padPng(png: Buffer, sizeBytes: number | undefined): Buffer {
  if (sizeBytes === undefined || sizeBytes === png.length) return png
  const missing = checkRoom(png, sizeBytes, 12)
  const padding = pngChunk('paDd', randomFillSync(Buffer.alloc(missing - 12)))
  return Buffer.concat([png.subarray(0, pngHeadBytes), padding, png.subarray(pngHeadBytes)])
}

/** Comment segments behind the start marker: the seed first, then padding of at most 65,533 bytes each. */
function padJpeg(jpeg: Buffer, { seed, sizeBytes }: PictureSpec): Buffer {
  const named = [jpegComment(createHash('sha256').update(seed).digest())]
  const withName = jpeg.length + 36
  let missing = sizeBytes === undefined ? 0 : checkRoom(Buffer.alloc(withName), sizeBytes, 4)
  while (missing > 0) {
    const take = missing <= 65_537 ? missing : Math.min(65_537, missing - 4)
    named.push(jpegComment(Buffer.alloc(take - 4, 0x2e)))
    missing -= take
  }
  return Buffer.concat([jpeg.subarray(0, 2), ...named, jpeg.subarray(2)])
}

function jpegComment(data: Buffer): Buffer {
  const head = Buffer.from([0xff, 0xfe, 0, 0])
  head.writeUInt16BE(data.length + 2, 2)
  return Buffer.concat([head, data])
}

/** An unknown chunk behind the picture; decoders skip it. Sizes are rounded up to the even number RIFF wants. */
function padWebp(webp: Buffer, { seed, sizeBytes }: PictureSpec): Buffer {
  const name = createHash('sha256').update(seed).digest()
  const wanted = sizeBytes === undefined ? webp.length + 8 + name.length : sizeBytes + (sizeBytes % 2)
  const data = Buffer.alloc(checkRoom(webp, wanted, 8 + name.length) - 8, 0x2e)
  name.copy(data)
  const head = Buffer.alloc(8)
  head.write('DKRM', 'latin1')
  head.writeUInt32LE(data.length, 4)
  const file = Buffer.concat([webp, head, data])
  file.writeUInt32LE(file.length - 8, 4)
  return file
}

function checkRoom(file: Buffer, sizeBytes: number, leastBytes: number): number {
  const missing = sizeBytes - file.length
  if (missing !== 0 && missing < leastBytes) {
    throw new Error(`A picture of ${sizeBytes} bytes is too small: it needs ${file.length + leastBytes}`)
  }
  return missing
}
