// Guards the hot path against every cut, escape and piece of garbage; the reference is JSON.parse with Buffer.
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonImagesError, type JsonImagesOptions, type JsonPath, readJsonWithImages } from './json-images.ts'

// Two busy cores may take a while to close a socket; what is awaited is the event, not the time.
const patience = { timeout: 60_000 }

type Read = { value: unknown; images: { path: JsonPath; bytes: Buffer }[] }
type Limits = { maxJsonBytes?: number; maxDepth?: number }

const isImage = (path: JsonPath) => path.at(-1) === 'b64_json'

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

async function read(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  limits: Limits = {},
): Promise<Read> {
  const options: JsonImagesOptions<Buffer> = { isImage, receive: collect, ...limits }
  const { value, images } = await readJsonWithImages(chunks, options)
  return { value, images: images.map(image => ({ path: image.path, bytes: image.received })) }
}

const readText = (text: string, limits: Limits = {}) => read([Buffer.from(text)], limits)

async function codeOf(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof JsonImagesError ? error.code : `not a JsonImagesError: ${String(error)}`
}

/** What JSON.parse and Buffer make of the same document. */
function readPlainly(text: string): Read {
  const images: Read['images'] = []
  function visit(value: unknown, path: JsonPath): unknown {
    if (typeof value === 'string' && isImage(path)) {
      images.push({ path, bytes: Buffer.from(value, 'base64') })
      return { $image: images.length - 1 }
    }
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]))
    if (typeof value !== 'object' || value === null) return value
    // A plain assignment would treat the key __proto__ as the prototype, which JSON.parse does not.
    const entries = Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])] as const)
    return Object.fromEntries(entries)
  }
  return { value: visit(JSON.parse(text), []), images }
}

function cut(bytes: Buffer, places: number[]): Buffer[] {
  const ends = [...places.map(place => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
}

const picture = fc.uint8Array({ minLength: 1, maxLength: 200 }).map(bytes => ({
  b64_json: Buffer.from(bytes).toString('base64'),
}))
const key = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('data', 'a"b', '\\', '__proto__'),
)
const { tree } = fc.letrec(tie => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.string({ unit: 'grapheme' }), picture),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
    fc.tuple(picture, tie('tree')).map(([image, rest]) => ({ before: rest, ...image, after: rest })),
  ),
}))

/** Rewrites base64 the ways a JSON writer may: `\/`, and any character as a `\u` escape. */
function escapeBase64(text: string, seed: number): string {
  return text.replace(/"b64_json":(\s*)"([^"]*)"/g, (_whole, space: string, base64: string) => {
    const escaped = [...base64].map((char, index) => {
      const turn = (seed + index * 7) % 11
      if (char === '/' && turn < 6) return '\\/'
      return turn === 3 ? `\\u00${char.charCodeAt(0).toString(16)}` : char
    })
    return `"b64_json":${space}"${escaped.join('')}"`
  })
}

test('gives what JSON.parse and Buffer give, wherever the chunks are cut and however base64 is escaped', async () => {
  const cases = fc.record({
    document: tree,
    indent: fc.constantFrom(0, 2),
    seed: fc.option(fc.nat({ max: 100 })),
    places: fc.array(fc.nat(), { maxLength: 30 }),
    bytewise: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ document, indent, seed, places, bytewise }) => {
      const plain = JSON.stringify(document, null, indent)
      const text = seed === null ? plain : escapeBase64(plain, seed)
      const bytes = Buffer.from(text)
      const chunks = bytewise ? [...bytes].map(byte => Buffer.from([byte])) : cut(bytes, places)
      expect(await read(chunks)).toEqual(readPlainly(text))
    }),
    { numRuns: 1000 },
  )
})

test('gives large pictures unchanged in pieces of at least 128 KiB, whatever their length', async () => {
  for (const sizeBytes of [36_863, 36_864, 36_865, 221_184, 221_187, 221_188, 1_000_000, 3_000_001]) {
    const bytes = Buffer.alloc(sizeBytes)
    for (let at = 0; at < sizeBytes; at++) bytes[at] = (at * 2654435761) >>> 13
    const plain = `{"data":[{"b64_json":"${bytes.toString('base64')}"}]}`
    for (const text of [plain, plain.replaceAll('/', '\\/')]) {
      for (const step of [65_536, 1_357, text.length]) {
        const chunks: Buffer[] = []
        for (let at = 0; at < text.length; at += step) chunks.push(Buffer.from(text.slice(at, at + step)))
        const pieces: number[] = []
        const { images } = await readJsonWithImages(chunks, {
          isImage,
          async receive(pictureBytes) {
            const parts: Uint8Array[] = []
            for await (const part of pictureBytes) {
              pieces.push(part.length)
              parts.push(Buffer.from(part))
            }
            return Buffer.concat(parts)
          },
        })
        expect(images[0]?.received.equals(bytes)).toBe(true)
        expect(pieces.slice(0, -1).every(length => length >= 128 * 1024)).toBe(true)
      }
    }
  }
})

test('accepts exactly padded standard base64', async () => {
  const junk = fc.string({
    unit: fc.constantFrom(
      ...'ABCDwxyz0189+/',
      'A',
      'B',
      'C',
      '=',
      '=',
      '-',
      '_',
      ' ',
      '\n',
      '.',
      'é',
      '\u0141',
      '"',
    ),
    minLength: 0,
    maxLength: 12,
  })
  const sound = fc
    .uint8Array({ minLength: 1, maxLength: 9 })
    .map(bytes => Buffer.from(bytes).toString('base64'))
  const noisy = fc.oneof(junk, sound)
  const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(noisy, fc.array(fc.nat(), { maxLength: 4 }), async (base64, places) => {
      const chunks = cut(Buffer.from(JSON.stringify({ b64_json: base64 })), places)
      if (!valid.test(base64)) {
        expect(await codeOf(read(chunks))).toBe('invalid_base64')
        return
      }
      accepted++
      expect((await read(chunks)).images[0]?.bytes).toEqual(Buffer.from(base64, 'base64'))
    }),
    { numRuns: 3000 },
  )
  expect(accepted).toBeGreaterThan(500)
})

test('finds one foreign byte anywhere in a large picture', async () => {
  const base64 = Buffer.alloc(150_000, 7).toString('base64')
  for (const at of [0, 5, 49_151, 49_152, 49_155, 49_156, 100_000, base64.length - 1]) {
    for (const foreign of [
      '-',
      '_',
      ' ',
      '\r',
      '=',
      '\u00e9',
      '\\n',
      '\\u0000',
      '\\u0022',
      '\\u012b',
      '\\x',
    ]) {
      const text = `{"b64_json":"${base64.slice(0, at)}${foreign}${base64.slice(at + 1)}"}`
      const code = await codeOf(read([Buffer.from(text, 'latin1')]))
      // A single '=' in the last place is padding, and so fits.
      if (foreign !== '=' || at !== base64.length - 1)
        expect([at, foreign, code]).toEqual([at, foreign, 'invalid_base64'])
    }
  }
})

test('refuses an empty picture, data URLs, and pictures that are cut by an escaped quote', async () => {
  for (const base64 of [
    '',
    'data:image/png;base64,AAAA',
    'AAAA\\"',
    'A',
    'AAAA====',
    'QQ=A',
    '=',
    '==',
    '====',
  ]) {
    expect(await codeOf(readText(`{"b64_json":"${base64}"}`))).toBe('invalid_base64')
  }
})

test('leaves null, numbers and lists at a picture path as ordinary JSON', async () => {
  const text = '{"data":[{"b64_json":null},{"b64_json":12},{"b64_json":["x"]},{"b64_json":{"url":"y"}}]}'
  expect(await readText(text)).toEqual({ value: JSON.parse(text), images: [] })
})

test('tells a cut document from a broken one at every place of the cut', async () => {
  const text =
    '\ufeff {"created": 1, "data":[{"b64_json":"QUJD","revised_prompt":"\\u00e9 \\" x"}], "n":{"a":[true]}} '
  const bytes = Buffer.from(text)
  const end = bytes.lastIndexOf('}')
  for (const at of Array(end + 1).keys()) {
    // A cut inside the byte order mark leaves no JSON at all.
    if (at === 1 || at === 2) continue
    expect([at, await codeOf(read([bytes.subarray(0, at)]))]).toEqual([at, 'truncated'])
  }
  expect((await read([bytes])).images).toHaveLength(1)
})

test('refuses what JSON.parse refuses', async () => {
  const broken = [
    '{"a":1]',
    ']',
    '{"a" 1}',
    '{"a":1,}',
    '[1,]',
    '{} {}',
    '1,2',
    'nul',
    '{"a":\u0001}',
    "{'a':1}",
  ]
  for (const text of [
    ...broken,
    '{"b64_json":"QUJD" "QUJD":1}',
    '{"a":"\n"}',
    '<html></html>',
    '{"\\x":1}',
  ]) {
    expect([text, await codeOf(readText(text))]).toEqual([text, 'invalid_json'])
  }
})

test('bounds everything that is not picture text', async () => {
  const long = JSON.stringify({ text: 'x'.repeat(2000), data: [{ b64_json: 'QUJD'.repeat(10_000) }] })
  expect((await readText(long, { maxJsonBytes: 2100 })).images[0]?.bytes).toHaveLength(30_000)
  expect(await codeOf(readText(long, { maxJsonBytes: 2000 }))).toBe('too_large')
  expect(await codeOf(readText(' '.repeat(5000), { maxJsonBytes: 4999 }))).toBe('too_large')
  expect(await codeOf(readText('[{"a":'.repeat(500_000)))).toBe('too_large')
  expect(await codeOf(readText(`${'['.repeat(65)}${']'.repeat(65)}`))).toBe('too_large')
  expect((await readText(`${'['.repeat(64)}${']'.repeat(64)}`)).images).toEqual([])
})

test('rethrows the error of the source unchanged, even when the receiver wraps or swallows it', async () => {
  const reset = new Error('socket reset')
  async function* broken(head: string) {
    yield Buffer.from(head)
    throw reset
  }
  const receivers: ((bytes: AsyncIterable<Uint8Array>) => Promise<unknown>)[] = [
    collect,
    bytes => collect(bytes).catch(() => 'swallowed'),
    bytes => collect(bytes).catch(cause => Promise.reject(new Error('not a picture', { cause }))),
    () => Promise.resolve('did not look'),
  ]
  for (const head of ['{"a"', '{"b64_json":"QUJ', '{"b64_json":"QUJD"']) {
    for (const receive of receivers) {
      await expect(readJsonWithImages(broken(head), { isImage, receive })).rejects.toBe(reset)
    }
  }
})

test('rethrows the error of the receiver unchanged and lets go of a source that has stalled', async () => {
  const rejected = new Error('no picture')
  let released = false
  async function* stalling() {
    try {
      yield Buffer.from('{"b64_json":"QUJD')
      yield Buffer.from('QUJD')
      yield Buffer.from('QUJD')
    } finally {
      released = true
    }
  }
  await expect(
    readJsonWithImages(stalling(), { isImage, receive: () => Promise.reject(rejected) }),
  ).rejects.toBe(rejected)
  await expect.poll(() => released, patience).toBe(true)
  const never: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => {
      let sent = false
      return {
        next: () => {
          if (sent) return new Promise<IteratorResult<Uint8Array>>(() => undefined)
          sent = true
          return Promise.resolve({ done: false, value: Buffer.from('{"b64_json":"QUJD') })
        },
      }
    },
  }
  const receive = async (bytes: AsyncIterable<Uint8Array>) => {
    void bytes[Symbol.asyncIterator]().next()
    throw rejected
  }
  await expect(readJsonWithImages(never, { isImage, receive })).rejects.toBe(rejected)
})

test('reads and checks the rest of a picture whose receiver stopped early', async () => {
  const base64 = Buffer.alloc(1_000_000, 5).toString('base64')
  const receive = async (bytes: AsyncIterable<Uint8Array>) => {
    for await (const part of bytes) return part.length
  }
  const text = `{"data":[{"b64_json":"${base64}"},{"b64_json":"QUJD"}]}`
  const read = await readJsonWithImages([Buffer.from(text)], { isImage, receive })
  expect(read.images.map(image => image.received)).toEqual([442_368, 3])
  const broken = text.replace('","b64', '-').replace('"},{', '-"},{')
  expect(await codeOf(readJsonWithImages([Buffer.from(broken)], { isImage, receive }))).toBe('invalid_base64')
})

test('reads on behind a picture that is no base64 where something can stand for it, wherever the chunks are cut', async () => {
  const good = Buffer.alloc(60_000, 9).toString('base64')
  const spoilt = () => Buffer.from('spoilt')
  const readOn = (text: string, places: number[] = []) =>
    readJsonWithImages(cut(Buffer.from(text), places), { isImage, receive: collect, spoilt })
  const document = (bad: string) => `{"data":[{"b64_json":"${bad}"},{"b64_json":"${good}"}],"id":"x1"}`
  const bads = ['AAAAA', `${good}=`, `${good.slice(0, 50_000)}-${good}`, '', 'A B C D ']
  for (const bad of bads) {
    for (const places of [[], [20], [21, 22, 23, 24, 25, 26], [50_010, 90_000]]) {
      const { value, images } = await readOn(document(bad), places)
      expect(value).toEqual({ data: [{ b64_json: { $image: 0 } }, { b64_json: { $image: 1 } }], id: 'x1' })
      expect(images.map(({ received }) => received.toString('base64'))).toEqual([
        Buffer.from('spoilt').toString('base64'),
        good,
      ])
    }
  }
  // Behind escapes its end is in doubt; a cut is a cut.
  for (const bad of ['AAAA\\/', 'AAAA\\"AAA', 'A-AA\\"A'])
    expect([bad, await codeOf(readOn(document(bad)))]).toEqual([bad, 'invalid_base64'])
  expect(await codeOf(readOn('{"b64_json":"AA-A'))).toBe('truncated')
})

test('does not read ahead of a slow receiver', async () => {
  let pulled = 0
  async function* body() {
    yield Buffer.from('{"b64_json":"')
    for (; pulled < 100; pulled++) yield Buffer.alloc(65_536, 'A')
    yield Buffer.from('"}')
  }
  const seen: number[] = []
  await readJsonWithImages(body(), {
    isImage,
    async receive(bytes) {
      for await (const _part of bytes) {
        seen.push(pulled)
        await new Promise(resolve => setImmediate(resolve))
      }
    },
  })
  expect(seen.every((count, index) => count <= (index + 1) * 10)).toBe(true)
  expect(seen.length).toBeGreaterThan(10)
})

test('holds no more than a few pieces of a picture of 200 MB', async () => {
  const chunk = Buffer.alloc(65_536, 'QUJD')
  async function* body() {
    yield Buffer.from('{"b64_json":"')
    for (let sent = 0; sent < 200 * 1024 * 1024; sent += chunk.length) yield chunk
    yield Buffer.from('"}')
  }
  const before = process.memoryUsage().rss
  let peak = before
  const { images } = await readJsonWithImages(body(), {
    isImage,
    async receive(bytes) {
      let sizeBytes = 0
      for await (const part of bytes) {
        sizeBytes += part.length
        peak = Math.max(peak, process.memoryUsage().rss)
      }
      return sizeBytes
    },
  })
  expect(images[0]?.received).toBe(150 * 1024 * 1024)
  expect(peak - before).toBeLessThan(120 * 1024 * 1024)
})
