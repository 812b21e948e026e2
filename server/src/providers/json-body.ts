// Builds a JSON body with pictures in it as base64. They are read before the first byte is sent: a failing read in
// the middle of a body would leave a create of unknown outcome behind. Their text is made slice by slice.
import { randomUUID } from 'node:crypto'
import type { ReferenceImage } from './provider.ts'

/** Stands in a body for the picture's text. */
export type PictureText = { picture: ReferenceImage; form: 'base64' | 'data_url' }

export type JsonBody = {
  /** Type and length. */
  headers: Record<string, string>
  content: string | AsyncIterable<Uint8Array>
}

/** A multiple of 3, so that slices join without padding between them. */
const SLICE_BYTES = 48 * 1024

/** `fields` is any JSON value that may hold PictureText where a string belongs. */
export async function buildJsonBody(fields: unknown): Promise<JsonBody> {
  const token = `picture-${randomUUID()}-`
  const pictures: PictureText[] = []
  const text = JSON.stringify(fields, (_name, value: unknown) =>
    isPictureText(value) ? `${token}${pictures.push(value) - 1}` : value,
  )
  if (pictures.length === 0) return describeBody(text, Buffer.byteLength(text))
  const [first = '', ...rest] = text.split(new RegExp(`${token}\\d+`))
  const pieces: (string | Buffer)[] = [first]
  for (const [index, { picture, form }] of pictures.entries()) {
    if (form === 'data_url') pieces.push(`data:${picture.mediaType};base64,`)
    pieces.push(await picture.read(), rest[index] ?? '')
  }
  return describeBody(
    streamPieces(pieces),
    pieces.reduce((sum, piece) => sum + countBytes(piece), 0),
  )
}

function isPictureText(value: unknown): value is PictureText {
  return typeof value === 'object' && value !== null && 'picture' in value && 'form' in value
}

function describeBody(content: JsonBody['content'], sizeBytes: number): JsonBody {
  const headers = { 'content-type': 'application/json', 'content-length': String(sizeBytes) }
  return { headers, content }
}

function countBytes(piece: string | Buffer): number {
  return typeof piece === 'string' ? Buffer.byteLength(piece) : Math.ceil(piece.length / 3) * 4
}

async function* streamPieces(pieces: readonly (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      yield Buffer.from(piece)
      continue
    }
    for (let start = 0; start < piece.length; start += SLICE_BYTES) {
      yield Buffer.from(piece.toString('base64', start, start + SLICE_BYTES), 'latin1')
    }
  }
}
