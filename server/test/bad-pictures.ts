// Files that call themselves pictures and mean harm, or are no pictures at all: written by hand, byte by byte.
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'

export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)]
  head.writeUInt32BE(data.length)
  tail.writeUInt32BE(crc32(body))
  return Buffer.concat([head, body, tail])
}

export const pngSignature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
/** Signature and header chunk. */
export const pngHeadBytes = 33

function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0])
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  return pngChunk('IHDR', header)
}

/** A png of zeros that unpacks to `edge` squared bytes; of 16,000 squared the file has a quarter of a megabyte. */
export function bombPng(edge: number): Buffer {
  const data = deflateSync(Buffer.alloc((edge + 1) * edge), { level: 9 })
  const chunks = [pngHeader(edge, edge), pngChunk('IDAT', data), pngChunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([pngSignature, ...chunks])
}

/** A header and nothing behind it. */
export function headerPng(edge: number): Buffer {
  return Buffer.concat([pngSignature, pngHeader(edge, edge)])
}

/** Chunks put right behind the header. */
export function addPngChunk(png: Buffer, type: string, data: Buffer): Buffer {
  return Buffer.concat([png.subarray(0, pngHeadBytes), pngChunk(type, data), png.subarray(pngHeadBytes)])
}

/** A progressive jpeg whose last scan is there so many times more. */
export async function scansJpeg(scans: number): Promise<Buffer> {
  const jpeg = await sharp({ create: { width: 400, height: 300, channels: 3, background: '#806040' } })
    .jpeg({ progressive: true })
    .toBuffer()
  const lastScan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]))
  const scan = jpeg.subarray(lastScan, jpeg.length - 2)
  return Buffer.concat([
    jpeg.subarray(0, lastScan),
    ...Array.from({ length: scans }, () => scan),
    jpeg.subarray(-2),
  ])
}

/** A segment right behind the start marker. */
export function addJpegSegment(jpeg: Buffer, marker: number, data: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(data.length + 2, 2)
  return Buffer.concat([jpeg.subarray(0, 2), head, data, jpeg.subarray(2)])
}

export async function animatedWebp(frames: number): Promise<Buffer> {
  const edge = 16
  const raw = Buffer.alloc(edge * edge * frames * 3)
  for (let frame = 0; frame < frames; frame += 1) raw.fill(frame % 256, frame * edge * edge * 3)
  return await sharp(raw, { raw: { width: edge, height: edge * frames, channels: 3, pageHeight: edge } })
    .webp({ effort: 0, delay: Array.from({ length: frames }, () => 20) })
    .toBuffer()
}

/** What decoders beyond the three would take, in the shortest form that their magic bytes allow. */
export const foreignFiles: Record<string, Buffer> = {
  svg: Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="9" height="9"/></svg>',
  ),
  gif: Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64'),
  tiff: Buffer.from('49492a0008000000000000000000000000000000', 'hex'),
  bigTiff: Buffer.from('4d4d002a0000000800000000000000000000', 'hex'),
  heif: Buffer.from('00000018667479706865696300000000686569636d696631', 'hex'),
  avif: Buffer.from('00000020667479706176696600000000617669666d6966316d696166', 'hex'),
  pdf: Buffer.from('%PDF-1.7\n1 0 obj\n<<>>\nendobj\n'),
  ico: Buffer.from('00000100010010100000010020006804000016000000', 'hex'),
  bmp: Buffer.from('424d460000000000000036000000280000000200000002000000', 'hex'),
  html: Buffer.from('<!doctype html><script>alert(1)</script>'),
  zip: Buffer.from('504b0304140000000000', 'hex'),
  empty: Buffer.from('            '),
}
