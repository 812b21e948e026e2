// Guards the reading of event streams: the same events wherever the bytes are cut, and never more than allowed.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonImagesError, readJsonWithImages } from './json-images.ts'
import { readSseEvents } from './sse-events.ts'

async function readAll(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, maxEventBytes = 1000) {
  const events: { event: string | null; data: string }[] = []
  for await (const { event, data } of readSseEvents(chunks, { maxEventBytes })) {
    events.push({ event, data: data.toString('utf8') })
  }
  return events
}

const word = fc.string({ unit: 'grapheme', maxLength: 8 }).map(text => text.replace(/[\r\n\ufeff]/g, ''))

test('gives the same events wherever the chunks are cut, with LF or CRLF, comments and unknown fields', async () => {
  const event = fc.record({
    event: fc.option(word.filter(text => text !== '')),
    lines: fc.array(word, { minLength: 1, maxLength: 3 }),
    noise: fc.subarray([': comment', 'id: 7', 'retry: 10', 'other', ':']),
    space: fc.boolean(),
  })
  const cases = fc.record({
    events: fc.array(event, { maxLength: 4 }),
    newline: fc.constantFrom('\n', '\r\n'),
    places: fc.array(fc.nat(), { maxLength: 12 }),
    done: fc.boolean(),
    blankEnd: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ events, newline, places, done, blankEnd }) => {
      const blocks = events.map(({ event: name, lines, noise, space }) => {
        // A data line that begins with a space needs the optional one, or it would lose its own.
        const data = lines.map(line => (space || line.startsWith(' ') ? `data: ${line}` : `data:${line}`))
        return [...noise, ...(name === null ? [] : [`event: ${name}`]), ...data].join(newline)
      })
      if (done) blocks.push('data: [DONE]')
      const text = blocks.join(newline + newline) + (blankEnd ? newline + newline : '')
      const bytes = Buffer.from(text)
      const ends = [...places.map(place => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
      const chunks = ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
      const wanted = events.map(({ event: name, lines }) => ({ event: name, data: lines.join('\n') }))
      expect(await readAll(chunks)).toEqual(wanted)
    }),
    { numRuns: 1000 },
  )
})

test('stops at [DONE] without waiting for the server to close', async () => {
  let released = false
  async function* body() {
    try {
      yield Buffer.from('\ufeffdata: {"a":1}\n\nevent: x\n\ndata: [DONE]\n\n')
      yield Buffer.from('data: late\n\n')
    } finally {
      released = true
    }
  }
  expect(await readAll(body())).toEqual([{ event: null, data: '{"a":1}' }])
  expect(released).toBe(true)
})

test('bounds one event, however it is spread over lines and chunks, and not the stream', async () => {
  async function* endless(line: string) {
    for (;;) yield Buffer.from(line)
  }
  for (const line of ['data: xxxxxxxx\n', 'data: xxxxxxxx', ':', '\r']) {
    const error = await readAll(endless(line)).catch((reason: unknown) => reason)
    expect(error instanceof JsonImagesError && error.code).toBe('too_large')
  }
  const many = Array.from({ length: 500 }, () => Buffer.from(': still here\n\ndata: xxxxxxxx\n\n'))
  expect(await readAll(many, 40)).toHaveLength(500)
})

test('rethrows the error of the source unchanged', async () => {
  const reset = new Error('socket reset')
  async function* body() {
    yield Buffer.from('data: {"a"')
    throw reset
  }
  await expect(readAll(body())).rejects.toBe(reset)
})

test('hands a picture of 12 MB inside an event to readJsonWithImages', async () => {
  const bytes = Buffer.alloc(12_000_000)
  for (const at of bytes.keys()) bytes[at] = (at * 2654435761) >>> 13
  const text = `event: image_generation.completed\ndata: {"b64_json":"${bytes.toString('base64')}"}\n\n`
  const all = Buffer.from(text)
  const chunks: Buffer[] = []
  for (let at = 0; at < all.length; at += 50_000) chunks.push(all.subarray(at, at + 50_000))
  let seen = 0
  for await (const { event, data } of readSseEvents(chunks, { maxEventBytes: 20_000_000 })) {
    const { images } = await readJsonWithImages([data], {
      isImage: path => path.at(-1) === 'b64_json',
      async receive(pieces) {
        const parts: Uint8Array[] = []
        for await (const piece of pieces) parts.push(Buffer.from(piece))
        return Buffer.concat(parts)
      },
    })
    expect(event).toBe('image_generation.completed')
    expect(images[0]?.received.equals(bytes)).toBe(true)
    seen++
  }
  expect(seen).toBe(1)
})
