// What a body with pictures in it looks like on the wire.
import { describe, expect, it } from 'vitest'
import { buildJsonBody } from './json-body.ts'
import type { ReferenceImage } from './provider.ts'

function pictureOf(bytes: Buffer, mediaType = 'image/png'): ReferenceImage {
  return { mediaType, sizeBytes: bytes.length, width: 1, height: 1, read: async () => bytes }
}

async function write(fields: unknown) {
  const { headers, content } = await buildJsonBody(fields)
  if (typeof content === 'string') return { headers, text: content, pieces: 1 }
  const parts: Uint8Array[] = []
  for await (const part of content) parts.push(part)
  return { headers, text: Buffer.concat(parts).toString(), pieces: parts.length }
}

describe('a JSON body with pictures', () => {
  it.each([0, 1, 2, 3, 48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1, 200_000])(
    'holds a picture of %i bytes whole, among other fields, with the length stated',
    async size => {
      const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) % 256))
      const picture = pictureOf(bytes, 'image/webp')
      const { headers, text, pieces } = await write({
        prompt: 'ünï "x" picture-1',
        first: { picture, form: 'base64' },
        list: [{ picture, form: 'data_url' }, 'https://example.com'],
        last: null,
      })
      const base64 = bytes.toString('base64')
      expect(JSON.parse(text)).toEqual({
        prompt: 'ünï "x" picture-1',
        first: base64,
        list: [`data:image/webp;base64,${base64}`, 'https://example.com'],
        last: null,
      })
      expect(headers).toEqual({
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      })
      expect(pieces).toBeGreaterThanOrEqual(2 * Math.ceil(size / (48 * 1024)))
    },
  )

  it('is a plain text without pictures', async () => {
    const { headers, text } = await write({ prompt: 'é', n: 1 })
    expect(text).toBe('{"prompt":"é","n":1}')
    expect(headers['content-length']).toBe('21')
  })

  it('is not begun when a picture cannot be read', async () => {
    const gone = { ...pictureOf(Buffer.from('x')), read: () => Promise.reject(new Error('gone')) }
    await expect(buildJsonBody({ image: { picture: gone, form: 'base64' } })).rejects.toThrow('gone')
  })
})
