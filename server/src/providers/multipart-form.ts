// Builds a multipart/form-data body with pictures in it. They are read before the first byte is sent: a failing read
// in the middle of a body would leave a create of unknown outcome behind. They are never joined in memory.
import { randomUUID } from 'node:crypto'
import type { ReferenceImage } from './provider.ts'

export type FormFile = {
  field: string
  /** Without its ending. */
  name: string
  picture: Pick<ReferenceImage, 'mediaType' | 'read'>
}

export type MultipartForm = {
  /** Type with its boundary, and length. */
  headers: Record<string, string>
  body: AsyncIterable<Uint8Array>
}

const FILE_ENDINGS: Record<string, string> = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' }

/** Names of fields and files are ours; values are written as they are. */
export async function buildMultipartForm(
  fields: Record<string, string | number | boolean>,
  files: readonly FormFile[],
): Promise<MultipartForm> {
  const boundary = `darkroom-${randomUUID()}`
  const parts: Buffer[] = []
  for (const [name, value] of Object.entries(fields)) {
    parts.push(Buffer.from(`${partHead(boundary, name)}\r\n${String(value)}\r\n`))
  }
  for (const { field, name, picture } of files) {
    const ending = FILE_ENDINGS[picture.mediaType] ?? 'bin'
    const head = partHead(boundary, field, `; filename="${name}.${ending}"`)
    parts.push(Buffer.from(`${head}Content-Type: ${picture.mediaType}\r\n\r\n`))
    parts.push(await picture.read(), Buffer.from('\r\n'))
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`))
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
  return {
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(sizeBytes),
    },
    body: iterateParts(parts),
  }
}

function partHead(boundary: string, name: string, more = ''): string {
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n`
}

async function* iterateParts(parts: Buffer[]): AsyncGenerator<Uint8Array> {
  yield* parts
}
