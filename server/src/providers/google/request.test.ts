// Guards what is sent to Gemini: only fields the model takes, in the exact words, and nothing half-made.
import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainRequest } from '../../../test/provider-context.ts'
import { googleModels } from '../../../test/upstreams/google/models.ts'
import { parseCreate } from '../../../test/upstreams/google/validate.ts'
import type { ProviderRequest, ReferenceImage } from '../provider.ts'
import { buildGoogleRequest } from './request.ts'

const plain = plainRequest('gemini-nano-banana-2.1', { prompt: 'A red fox, "quoted" \n and ünïcode 🦊' })

function reference(bytes: Buffer, mediaType = 'image/png'): ReferenceImage {
  return { mediaType, sizeBytes: bytes.length, width: 1, height: 1, read: async () => bytes }
}

async function send(changes: Partial<ProviderRequest>) {
  const built = await buildGoogleRequest({ ...plain, ...changes })
  if (!built.ok) throw new Error(built.failure.message)
  const { content, sizeBytes } = built.body
  const chunks: Uint8Array[] = []
  if (typeof content === 'string') chunks.push(Buffer.from(content))
  else for await (const chunk of content) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  expect(bytes.length).toBe(sizeBytes)
  return { path: built.path, body: JSON.parse(bytes.toString()) as Record<string, unknown>, bytes }
}

test('everything a model takes is sent in the exact words of the wire', async () => {
  const { path, body } = await send({
    aspectRatio: '16:9',
    resolution: '2K',
    seed: 42,
    thinkingLevel: 'deep',
    parameters: { thinkingDefault: 'MINIMAL', thinkingDeep: 'HIGH' },
    outputFormat: 'png',
    quality: 'high',
    partialImages: 2,
  })
  expect(path).toBe('/models/gemini-nano-banana-2.1:generateContent')
  expect(body).toEqual({
    contents: [{ role: 'user', parts: [{ text: plain.prompt }] }],
    generationConfig: {
      responseModalities: ['IMAGE'],
      imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
      thinkingConfig: { thinkingLevel: 'HIGH' },
      seed: 42,
    },
  })
})

test('what was not asked is left out', async () => {
  const { body } = await send({})
  expect(body.generationConfig).toEqual({ responseModalities: ['IMAGE'] })
  const unmapped = await send({ thinkingLevel: 'default' })
  expect(unmapped.body.generationConfig).toEqual({ responseModalities: ['IMAGE'] })
  const mapped = await send({ thinkingLevel: 'default', parameters: { thinkingDefault: 'MINIMAL' } })
  expect(mapped.body.generationConfig).toMatchObject({ thinkingConfig: { thinkingLevel: 'MINIMAL' } })
})

test('the half tier is the literal 512, and gemini-2.5-flash-image never gets a size', async () => {
  const half = await send({ upstreamModel: 'gemini-3.1-flash-image', resolution: '512' })
  expect(half.body.generationConfig).toMatchObject({ imageConfig: { imageSize: '512' } })
  const old = await send({ upstreamModel: 'gemini-2.5-flash-image', resolution: '1K', aspectRatio: '1:1' })
  expect(old.body.generationConfig).toEqual({
    responseModalities: ['IMAGE'],
    imageConfig: { aspectRatio: '1:1' },
  })
})

test('a model id cannot change the path', async () => {
  expect((await send({ upstreamModel: 'a/../b?c' })).path).toBe('/models/a%2F..%2Fb%3Fc:generateContent')
})

test('any safe integer is a seed, and the same seed stays the same', async () => {
  const sent = async (seed: number) => {
    const { body } = await send({ seed })
    return (body.generationConfig as { seed: number }).seed
  }
  expect(await sent(0)).toBe(0)
  expect(await sent(2 ** 31 - 1)).toBe(2 ** 31 - 1)
  for (const seed of [-1, 2 ** 31, 4294967295, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    const folded = await sent(seed)
    expect(folded).toBeGreaterThanOrEqual(0)
    expect(folded).toBeLessThan(2 ** 31)
    expect(Number.isInteger(folded)).toBe(true)
    expect(await sent(seed)).toBe(folded)
  }
})

test.each<[string, Partial<ProviderRequest>]>([
  ['count', { count: 2 }],
  ['mask', { mask: reference(Buffer.from('x')) }],
  ['negativePrompt', { negativePrompt: 'blurry' }],
  ['background', { background: 'transparent' }],
  ['size', { width: 1024, height: 1024 }],
  ['seed', { seed: 1.5 }],
  ['resolution', { upstreamModel: 'gemini-2.5-flash-image', resolution: '2K' }],
  ['thinkingLevel', { thinkingLevel: 'deep' }],
])('what Gemini cannot honour is refused before anything is sent: %s', async (field, changes) => {
  const built = await buildGoogleRequest({ ...plain, ...changes })
  expect(built).toMatchObject({ ok: false, failure: { failure: 'invalid_request', field } })
})

test('a route parameter nobody knows is the operator’s mistake', async () => {
  const built = await buildGoogleRequest({ ...plain, parameters: { personGeneration: 'ALLOW_ALL' } })
  expect(built).toMatchObject({ ok: false, failure: { failure: 'misconfigured' } })
})

test('a reference that cannot be read leaves nothing sent', async () => {
  const broken = { ...reference(Buffer.from('x')), read: () => Promise.reject(new Error('disk')) }
  await expect(buildGoogleRequest({ ...plain, references: [broken] })).rejects.toThrow('disk')
})

test('references of any size follow the text, byte for byte, in one document of the announced length', async () => {
  const sizes = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 196_600, max: 196_620 }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { minLength: 1, maxLength: 3 }),
      fc.string({ unit: 'grapheme' }),
      async (all, prompt) => {
        const pictures = all.map((size, index) => Buffer.alloc(size, index + 1))
        const { body } = await send({
          prompt,
          references: pictures.map(bytes => reference(bytes, 'image/webp')),
        })
        const parts = pictures.map(bytes => ({
          inlineData: { mimeType: 'image/webp', data: bytes.toString('base64') },
        }))
        expect(body.contents).toEqual([{ role: 'user', parts: [{ text: prompt }, ...parts] }])
      },
    ),
    { numRuns: 60 },
  )
})

test('a model that takes it is never sent what the emulated upstream refuses', async () => {
  for (const model of googleModels) {
    const sizes = model.sizes.length === 0 ? ['1K', null] : [...model.sizes, null]
    const parameters = model.thinking.includes('HIGH')
      ? { thinkingDeep: 'HIGH', thinkingDefault: 'MINIMAL' }
      : {}
    for (const aspectRatio of [...model.ratios, null]) {
      for (const resolution of sizes) {
        const thinkingLevel = 'thinkingDeep' in parameters ? ('deep' as const) : null
        const request = {
          upstreamModel: model.id,
          aspectRatio,
          resolution,
          parameters,
          thinkingLevel,
          seed: 7,
        }
        const { bytes } = await send(request)
        expect(parseCreate(bytes, model)).toMatchObject({
          prompt: plain.prompt,
          ratio: aspectRatio ?? '1:1',
          size: resolution ?? '1K',
          seed: 7,
          wantsText: false,
        })
      }
    }
  }
})
