// What self-hosted engines make: real pictures with the prompt, the settings or a whole workflow written into them.
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { makePicture, type PictureFormat } from '../pictures.ts'
import type { Directives } from '../upstream.ts'

export type EnginePicture = {
  width: number
  height: number
  format: PictureFormat
  seed: string
  /** Words that must never reach a customer, by the name under which the engine files them. */
  metadata: Record<string, string>
}

/** A picture as the engine would save it. */
export async function makeEnginePicture(spec: EnginePicture): Promise<Buffer> {
  const { metadata, ...plain } = spec
  const picture = await makePicture(plain)
  const entries = Object.entries(metadata)
  if (spec.format === 'png') return addPngTexts(picture, entries)
  const words = entries.map(([name, text]) => `${name}: ${text}`).join('\n')
  const exif = { IFD0: { ImageDescription: words, Software: 'engine' } }
  const source = sharp(picture).withExif(exif)
  return spec.format === 'jpeg'
    ? source.jpeg({ quality: 80 }).toBuffer()
    : source.webp({ quality: 60 }).toBuffer()
}

/** Spoilt as directives ask, in base64. */
export function spoilBase64(picture: Buffer, directives: Directives): Buffer {
  if (directives.has('base64_text')) return toBase64('This is not a picture, only words. '.repeat(40))
  if (directives.has('html_picture')) return toBase64('<!doctype html><html><script>alert(1)</script></html>')
  if (directives.has('truncated_picture')) return toBase64(picture.subarray(0, picture.length / 2))
  const encoded = toBase64(picture)
  return directives.has('half_base64') ? encoded.subarray(0, Math.floor(encoded.length / 8) * 4 + 1) : encoded
}

function toBase64(bytes: Buffer | string): Buffer {
  return Buffer.from(Buffer.from(bytes).toString('base64'), 'latin1')
}

/** Behind the header, where engines put them: plain text, compressed text would be alike. */
function addPngTexts(png: Buffer, entries: [string, string][]): Buffer {
  const headBytes = 8 + 25
  const chunks = entries.map(([name, text]) => pngChunk('iTXt', Buffer.from(`${name}\0\0\0\0\0${text}`)))
  return Buffer.concat([png.subarray(0, headBytes), ...chunks, png.subarray(headBytes)])
}

function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.length)
  chunk.writeUInt32BE(data.length, 0)
  chunk.write(type, 4, 'latin1')
  data.copy(chunk, 8)
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length)
  return chunk
}
