// The built-in illustrator through its provider contract: real threads, real encoding, pictures read back as pixels.
import { Worker } from 'node:worker_threads'
import sharp from 'sharp'
import { afterAll, expect, test } from 'vitest'
import { turnsDuring } from '../../test/cpu-time.ts'
import { plainRequest } from '../../test/provider-context.ts'
import type { CallContext, ProviderOutcome, ProviderRequest, ReferenceImage } from './provider.ts'
import { createDrawingPool } from './sketch/pool.ts'
import { showcasePrompts } from './sketch/showcase.ts'
import { createSketchProvider } from './sketch.ts'

const pool = createDrawingPool()
const provider = createSketchProvider({ pool })
afterAll(() => pool.close())

type Drawn = { outcome: ProviderOutcome; pictures: Buffer[]; partials: { bytes: Buffer; index: number }[] }

function createContext(drawn: Omit<Drawn, 'outcome'>, signal: AbortSignal): CallContext {
  return {
    http: {
      request: () => Promise.reject(new Error('the illustrator needs no network')),
    } as unknown as CallContext['http'],
    signal,
    timeoutMs: 20_000,
    receiveImage: async bytes => {
      const parts: Uint8Array[] = []
      for await (const part of bytes) parts.push(part)
      const picture = Buffer.concat(parts)
      drawn.pictures.push(picture)
      const { width, height, format } = await sharp(picture).metadata()
      const mediaType = `image/${format}`
      return { storageKey: 'k', mediaType, sizeBytes: picture.length, sha256: '0'.repeat(64), width, height }
    },
    onPartialImage: (bytes, index) => drawn.partials.push({ bytes, index }),
    attemptId: 'test/1',
    createKey: 'test',
    headers: {},
  }
}

async function draw(more: Partial<ProviderRequest>, options: { signal?: AbortSignal } = {}): Promise<Drawn> {
  const drawn = { pictures: [], partials: [] }
  const signal = options.signal ?? AbortSignal.timeout(180_000)
  const request = plainRequest('sketch', { width: 256, height: 256, ...more })
  return { outcome: await provider.submit(request, createContext(drawn, signal)), ...drawn }
}

async function drawOne(more: Partial<ProviderRequest>): Promise<Buffer> {
  const { outcome, pictures } = await draw(more)
  expect(outcome.kind).toBe('succeeded')
  const picture = pictures[0]
  if (!picture) throw new Error('no picture arrived')
  return picture
}

async function pixelsOf(picture: Buffer, edge = 32): Promise<Buffer> {
  return await sharp(picture).resize(edge, edge, { fit: 'fill' }).removeAlpha().raw().toBuffer()
}

/** Mean difference of two pictures over small versions of them, 0 to 255. */
function distance(a: Buffer, b: Buffer): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return sum / a.length
}

const meanOf = (pixels: Buffer): number => pixels.reduce((sum, value) => sum + value, 0) / pixels.length

/** How alike two lists rise and fall: 1 is the same shape, 0 none in common. */
function correlation(a: number[], b: number[]): number {
  const centred = (list: number[]) => {
    const mean = list.reduce((sum, value) => sum + value, 0) / list.length
    return list.map(value => value - mean)
  }
  const [x, y] = [centred(a), centred(b)]
  const dot = (p: number[], q: number[]) => p.reduce((sum, value, i) => sum + value * (q[i] ?? 0), 0)
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))
}

/** Share of pixels whose channels satisfy a rule. */
function shareOf(pixels: Buffer, rule: (r: number, g: number, b: number) => boolean): number {
  let count = 0
  for (let i = 0; i < pixels.length; i += 3)
    if (rule(pixels[i] ?? 0, pixels[i + 1] ?? 0, pixels[i + 2] ?? 0)) count++
  return count / (pixels.length / 3)
}

function toReference(bytes: Buffer): ReferenceImage {
  return { mediaType: 'image/png', sizeBytes: bytes.length, width: 256, height: 256, read: async () => bytes }
}

test('the same prompt, options and seed give the same bytes, on any thread', async () => {
  const wish = { prompt: 'a fox in a forest, watercolor', seed: 7 }
  const [a, b, c] = await Promise.all([drawOne(wish), drawOne(wish), drawOne(wish)])
  expect(a.equals(b)).toBe(true)
  expect(a.equals(c)).toBe(true)
})

test('another seed, another prompt and another picture of one request differ', async () => {
  const base = await pixelsOf(await drawOne({ prompt: 'a cat', seed: 1 }))
  expect(distance(base, await pixelsOf(await drawOne({ prompt: 'a cat', seed: 2 })))).toBeGreaterThan(4)
  expect(distance(base, await pixelsOf(await drawOne({ prompt: 'a castle', seed: 1 })))).toBeGreaterThan(10)
  const { pictures } = await draw({ prompt: 'a cat', seed: 1, count: 3 })
  expect(pictures).toHaveLength(3)
  const [x, y, z] = await Promise.all(pictures.map(picture => pixelsOf(picture)))
  if (!x || !y || !z) throw new Error('three pictures')
  for (const [one, other] of [
    [x, y],
    [y, z],
    [x, z],
  ] as const)
    expect(distance(one, other)).toBeGreaterThan(2)
})

test.each([
  [333, 517],
  [1000, 64],
  [67, 801],
  [1360, 768],
])('a picture has exactly the size asked for: %i x %i', async (width, height) => {
  const meta = await sharp(await drawOne({ prompt: 'a boat', width, height })).metadata()
  expect([meta.width, meta.height]).toEqual([width, height])
})

test('without pixels the frozen table gives the size, and 1024 x 1024 is the default', async () => {
  const sizeOf = async (more: Partial<ProviderRequest>) => {
    const { width, height } = await sharp(
      await drawOne({ width: null, height: null, quality: 'low', ...more }),
    ).metadata()
    return `${width}x${height}`
  }
  expect(await sizeOf({})).toBe('1024x1024')
  expect(await sizeOf({ aspectRatio: '9:21', resolution: '1K' })).toBe('672x1552')
  expect(await sizeOf({ aspectRatio: '16:9', resolution: '2K' })).toBe('2720x1536')
  const { outcome } = await draw({ width: null, height: null, aspectRatio: 'wide' })
  expect(outcome).toMatchObject({ kind: 'failed', failure: 'invalid_request', field: 'size' })
})

test('4K pictures are drawn at their true size', async () => {
  const meta = await sharp(await drawOne({ prompt: 'mountains at dawn', width: 6240, height: 2672 }), {
    limitInputPixels: false,
  }).metadata()
  expect([meta.width, meta.height]).toEqual([6240, 2672])
})

test.each([
  ['png', [0x89, 0x50, 0x4e, 0x47]],
  ['jpeg', [0xff, 0xd8, 0xff]],
  ['webp', [0x52, 0x49, 0x46, 0x46]],
] as const)('%s is %s by its first bytes', async (outputFormat, magic) => {
  const picture = await drawOne({ prompt: 'a pear', outputFormat })
  expect([...picture.subarray(0, magic.length)]).toEqual([...magic])
})

test('more compression gives a smaller jpeg', async () => {
  const wish = { prompt: 'a forest in autumn', outputFormat: 'jpeg' } as const
  const [small, large] = await Promise.all([
    drawOne({ ...wish, outputCompression: 20 }),
    drawOne({ ...wish, outputCompression: 95 }),
  ])
  expect(small.length).toBeLessThan(large.length / 2)
})

test('a named colour can be seen', async () => {
  const isRed = (r: number, g: number, b: number) => r > 130 && r > g * 1.8 && r > b * 1.8
  const isBlue = (r: number, _g: number, b: number) => b > 110 && b > r * 1.5
  const look = async (prompt: string) => await pixelsOf(await drawOne({ prompt, seed: 3 }), 64)
  const [red, blue] = await Promise.all([
    look('a red car, white background'),
    look('a blue car, white background'),
  ])
  expect(shareOf(red, isRed)).toBeGreaterThan(shareOf(blue, isRed) + 0.05)
  expect(shareOf(blue, isBlue)).toBeGreaterThan(shareOf(red, isBlue) + 0.05)
})

test.each(['a house in a meadow', 'a boat on the sea', 'a city', 'a cat in a room'])(
  'night is darker than noon: %s',
  async prompt => {
    const light = async (time: string) =>
      meanOf(await pixelsOf(await drawOne({ prompt: `${prompt} ${time}`, seed: 5 })))
    expect(await light('at night')).toBeLessThan((await light('at noon')) * 0.8)
  },
)

test('two dozen prompts give two dozen clearly different pictures', { timeout: 300_000 }, async () => {
  const pictures = await Promise.all(showcasePrompts.map(prompt => drawOne({ prompt, seed: 1 })))
  const small = await Promise.all(pictures.map(picture => pixelsOf(picture)))
  for (const [i, a] of small.entries()) {
    for (const [j, b] of small.entries()) {
      if (j > i) expect(distance(a, b), `${showcasePrompts[i]} / ${showcasePrompts[j]}`).toBeGreaterThan(12)
    }
  }
})

test('styles change the picture of one prompt', async () => {
  const styles = [
    '',
    'watercolor',
    'oil painting',
    'pixel art',
    'line drawing',
    'film noir',
    'neon',
    'blueprint',
    'stained glass',
    'retro poster',
  ]
  const pictures = await Promise.all(
    styles.map(
      async style =>
        await pixelsOf(await drawOne({ prompt: `a lighthouse by the sea, ${style}`, seed: 1 }), 128),
    ),
  )
  for (const [i, a] of pictures.entries())
    for (const b of pictures.slice(i + 1)) expect(distance(a, b)).toBeGreaterThan(4)
})

test('what the negative prompt names is left out', async () => {
  const wish = { prompt: 'a red balloon and a green tree in a meadow', seed: 4 }
  const [both, less] = await Promise.all([drawOne(wish), drawOne({ ...wish, negativePrompt: 'tree' })])
  expect(distance(await pixelsOf(both), await pixelsOf(less))).toBeGreaterThan(3)
})

test('a transparent background leaves the subject alone on nothing', async () => {
  const picture = await drawOne({ prompt: 'a dog', background: 'transparent' })
  const { data } = await sharp(picture).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  const alpha = data.filter((_, i) => i % 4 === 3)
  expect(alpha.at(0)).toBe(0)
  expect(alpha.filter(value => value === 255).length).toBeGreaterThan(alpha.length * 0.08)
  expect(alpha.filter(value => value === 0).length).toBeGreaterThan(alpha.length * 0.3)
  const opaque = await sharp(await drawOne({ prompt: 'a dog' })).metadata()
  expect(opaque.hasAlpha).toBe(false)
})

test('a reference is restyled and stays recognisable', async () => {
  const reference = await drawOne({ prompt: 'a red lighthouse by the sea at noon', seed: 2 })
  const before = await pixelsOf(reference)
  const grey = (pixels: Buffer) =>
    Array.from(
      { length: pixels.length / 3 },
      (_, i) => (pixels[i * 3] ?? 0) + (pixels[i * 3 + 1] ?? 0) + (pixels[i * 3 + 2] ?? 0),
    )
  const other = await pixelsOf(await drawOne({ prompt: 'a cat in a room', seed: 2 }))
  for (const prompt of ['make it an oil painting', 'at night', 'in purple tones', 'watercolor']) {
    const after = await pixelsOf(await drawOne({ prompt, references: [toReference(reference)] }))
    expect(distance(before, after), prompt).toBeGreaterThan(3)
    expect(correlation(grey(before), grey(after)), prompt).toBeGreaterThan(0.6)
    expect(correlation(grey(before), grey(after)), prompt).toBeGreaterThan(
      correlation(grey(other), grey(after)),
    )
  }
})

test('with a mask only the transparent area changes', async () => {
  const reference = await drawOne({ prompt: 'a meadow at noon', seed: 2 })
  const hole = {
    input: { create: { width: 100, height: 120, channels: 4, background: '#000' } },
    left: 90,
    top: 80,
    blend: 'dest-out',
  } as const
  const mask = await sharp({ create: { width: 256, height: 256, channels: 4, background: '#fff' } })
    .composite([hole])
    .png()
    .toBuffer()
  const picture = await drawOne({
    prompt: 'a black cat',
    references: [toReference(reference)],
    mask: toReference(mask),
  })
  const [a, b] = await Promise.all(
    [reference, picture].map(bytes => sharp(bytes).removeAlpha().raw().toBuffer()),
  )
  if (!a || !b) throw new Error('two pictures')
  let [inside, outside] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Math.floor(i / 3) % 256, Math.floor(i / 768)]
    const open = x >= 90 && x < 190 && y >= 80 && y < 200
    if (a[i] !== b[i]) open ? inside++ : outside++
  }
  expect(outside).toBe(0)
  expect(inside).toBeGreaterThan(100 * 120)
})

test('a reference that is no picture is the request’s fault', async () => {
  const { outcome } = await draw({
    references: [toReference(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))],
  })
  expect(outcome).toMatchObject({ kind: 'failed', failure: 'invalid_request', field: 'image' })
})

test('partial pictures come in order, decode, and grow closer to the final one', async () => {
  const { partials, pictures } = await draw({ prompt: 'a castle at sunset', partialImages: 3 })
  expect(partials.map(({ index }) => index)).toEqual([0, 1, 2])
  const final = await pixelsOf(pictures[0] ?? Buffer.alloc(0), 128)
  const gaps = await Promise.all(
    partials.map(async ({ bytes }) => distance(await pixelsOf(bytes, 128), final)),
  )
  expect(gaps[0]).toBeGreaterThan(gaps[1] ?? 0)
  expect(gaps[1]).toBeGreaterThan(gaps[2] ?? 0)
})

test('success is free and says so', async () => {
  const { outcome } = await draw({})
  expect(outcome).toMatchObject({
    kind: 'succeeded',
    usage: { costUsdMicro: 0, outputTokens: null },
    warnings: [],
  })
})

test('an abort ends the call at once, before and during the drawing', async () => {
  const early = await draw({}, { signal: AbortSignal.abort() })
  expect(early.outcome).toMatchObject({ kind: 'failed', failure: 'unavailable' })
  const stop = new AbortController()
  const pending = draw({ width: 4096, height: 4096, count: 6 }, { signal: stop.signal })
  setImmediate(() => stop.abort())
  const late = await pending
  expect(late.outcome).toMatchObject({ kind: 'failed', failure: 'unavailable' })
  expect((await draw({})).outcome.kind).toBe('succeeded')
})

test('drawing does not hold up the event loop', async () => {
  // On the thread of the loop, which would not turn meanwhile, this picture takes the better part of a second.
  const drawn = draw({ prompt: 'a forest, oil painting', width: 2048, height: 2048 })
  expect(await turnsDuring(drawn)).toBeGreaterThan(200)
})

test('a thread that dies fails its own picture as unavailable and is replaced', async () => {
  let started = 0
  const fragile = createDrawingPool({
    maxWorkers: 1,
    startWorker: async () =>
      new Worker(
        started++ === 0
          ? "require('node:worker_threads').parentPort.on('message', () => process.exit(3))"
          : "const p = require('node:worker_threads').parentPort; p.on('message', m => p.postMessage({ id: m.id, kind: 'done', bytes: new Uint8Array([1]) }))",
        { eval: true },
      ),
  })
  const context = createContext({ pictures: [], partials: [] }, AbortSignal.timeout(180_000))
  const fragileProvider = createSketchProvider({ pool: fragile })
  const first = await fragileProvider.submit(plainRequest('sketch'), context)
  expect(first).toMatchObject({ kind: 'failed', failure: 'unavailable' })
  expect(await fragileProvider.check?.(context)).toEqual({ ok: true })
  expect(started).toBe(2)
  await fragile.close()
})

test('past a full queue a request is unavailable for overload, and nothing of it is left waiting', async () => {
  const idle = createDrawingPool({
    maxWorkers: 1,
    maxWaiting: 2,
    startWorker: async () =>
      new Worker("require('node:worker_threads').parentPort.on('message', () => {})", { eval: true }),
  })
  const context = createContext({ pictures: [], partials: [] }, AbortSignal.timeout(180_000))
  const outcome = await createSketchProvider({ pool: idle }).submit(
    plainRequest('sketch', { count: 6 }),
    context,
  )
  expect(outcome).toMatchObject({ kind: 'failed', failure: 'unavailable', overloaded: true })
  await idle.close()
})

test('the check draws a thumbnail', async () => {
  const context = createContext({ pictures: [], partials: [] }, AbortSignal.timeout(180_000))
  expect(await provider.check?.(context)).toEqual({ ok: true })
})
