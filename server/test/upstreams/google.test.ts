// Holds the Gemini emulator against the vendor's own client: what that client cannot read, the emulator gets wrong.
import { ApiError, type GenerateContentConfig, GoogleGenAI, type Part, ThinkingLevel } from '@google/genai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findPixels, googleModels, retiredGoogleModels } from './google/models.ts'
import { defaultGoogleKey, startGoogleUpstream } from './google.ts'
import { makePicture } from './pictures.ts'
import { attemptHeader, type Upstream } from './upstream.ts'

let upstream: Upstream
let client: GoogleGenAI
const model = 'gemini-3.1-flash-image'
const pro = 'gemini-3-pro-image'
const imageOnly = { responseModalities: ['IMAGE'] }

beforeAll(async () => {
  upstream = await startGoogleUpstream()
  client = new GoogleGenAI({ apiKey: defaultGoogleKey, httpOptions: { baseUrl: upstream.url } })
})
afterAll(async () => {
  expect(upstream.errors).toEqual([])
  await upstream.close()
})

function generate(contents: string | Part[], config: GenerateContentConfig = {}, id = model) {
  return client.models.generateContent({ model: id, contents, config: { ...imageOnly, ...config } })
}

type Answer = Awaited<ReturnType<typeof generate>>

const partsOf = (answer: Answer) => answer.candidates?.[0]?.content?.parts ?? []

async function readPicture(part: Part | undefined) {
  const bytes = Buffer.from(part?.inlineData?.data ?? '', 'base64')
  const { format, width, height } = await sharp(bytes).metadata()
  await sharp(bytes).stats()
  return { format, width, height, declared: part?.inlineData?.mimeType }
}

async function readError(
  call: Promise<unknown>,
): Promise<{ status: number; error: Record<string, unknown> }> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ApiError)) throw new Error(`no ApiError: ${String(error)}`)
  return {
    status: error.status,
    error: (JSON.parse(error.message) as { error: Record<string, unknown> }).error,
  }
}

describe('the emulator of Gemini, read by the official client', () => {
  it('draws every ratio of every model in the pixels of the vendor’s table, as jpeg', async () => {
    for (const known of googleModels) {
      for (const aspectRatio of known.ratios) {
        const answer = await generate(
          'a boat [[emulate: drafts=0]]',
          { imageConfig: { aspectRatio } },
          known.id,
        )
        const pixels = findPixels(known, aspectRatio, '1K')
        expect(await readPicture(partsOf(answer).at(-1))).toEqual({
          ...pixels,
          format: 'jpeg',
          declared: 'image/jpeg',
        })
      }
    }
  })

  it('draws the sizes of a model', async () => {
    const width = async (imageSize: string) => {
      const answer = await generate('a boat', { imageConfig: { aspectRatio: '1:1', imageSize } })
      return (await readPicture(partsOf(answer)[0])).width
    }
    expect([await width('512'), await width('1K'), await width('2K'), await width('4K')]).toEqual([
      512, 1024, 2048, 4096,
    ])
  })

  it('draws differently for another prompt and another seed, and alike for the same', async () => {
    const data = async (prompt: string, seed: number) => {
      return partsOf(await generate(prompt, { seed }))[0]?.inlineData?.data
    }
    const first = await data('a boat', 1)
    expect(await data('a boat', 1)).toBe(first)
    expect(await data('a boat', 2)).not.toBe(first)
    expect(await data('a house', 1)).not.toBe(first)
  })

  it('sends drafts first, marked as thoughts, and signs the final picture', async () => {
    const parts = partsOf(await generate('a boat', {}, pro))
    expect(parts.map(part => part.thought)).toEqual([true, true, undefined])
    expect(parts.at(-1)?.thoughtSignature).toBeTruthy()
    const texts = partsOf(await generate('a boat [[emulate: text, png, drafts=1]]'))
    expect(texts.map(part => [part.thought, part.text, part.inlineData?.mimeType])).toEqual([
      [true, undefined, 'image/png'],
      [undefined, expect.any(String), undefined],
      [undefined, undefined, 'image/png'],
    ])
    expect((await readPicture(texts[2])).format).toBe('png')
  })

  it('counts tokens by kind, on refusals too', async () => {
    const picture = await makePicture({ width: 32, height: 32, format: 'webp', seed: 'in' })
    const inlineData = { mimeType: 'image/webp', data: picture.toString('base64') }
    const config = { thinkingConfig: { thinkingLevel: ThinkingLevel.HIGH } }
    const answer = await generate([{ text: 'more blue' }, { inlineData }], config)
    expect(answer.usageMetadata).toMatchObject({
      promptTokenCount: 3 + 560,
      candidatesTokenCount: 1120,
      thoughtsTokenCount: 240,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 3 },
        { modality: 'IMAGE', tokenCount: 560 },
      ],
    })
    expect(answer).toMatchObject({ modelVersion: model, responseId: expect.any(String) })
    const refused = await generate('a boat [[emulate: finish]]')
    expect(refused.candidates?.[0]).toMatchObject({ finishReason: 'IMAGE_PROHIBITED_CONTENT' })
    expect(refused.candidates?.[0]?.content?.parts).toBeUndefined()
    expect(refused.usageMetadata?.thoughtsTokenCount).toBe(240)
  })

  it('refuses with a 200 in each of the documented shapes', async () => {
    const blocked = await generate('a [[emulate: block=SAFETY]]')
    expect(blocked.promptFeedback?.blockReason).toBe('SAFETY')
    expect(blocked.candidates).toBeUndefined()
    expect((await generate('a [[emulate: block_empty]]')).candidates).toEqual([])
    const reasons = ['NO_IMAGE', 'IMAGE_SAFETY', 'MAX_TOKENS']
    for (const reason of reasons) {
      const answer = await generate(`a [[emulate: finish=${reason}]]`)
      expect(answer.candidates?.[0]?.finishReason).toBe(reason)
    }
    expect((await generate('a [[emulate: text_only]]')).text).toMatch(/can't create/)
    const thoughts = partsOf(await generate('a [[emulate: only_thoughts, drafts=2]]'))
    expect(thoughts.map(part => part.thought)).toEqual([true, true])
  })

  it.each<[string, GenerateContentConfig, string]>([
    ['a size in lower case', { imageConfig: { imageSize: '1k' } }, model],
    ['512 on 2.1', { imageConfig: { imageSize: '512' } }, 'gemini-nano-banana-2.1'],
    ['any size on 2.5', { imageConfig: { imageSize: '1K' } }, 'gemini-2.5-flash-image'],
    ['a wide ratio on pro', { imageConfig: { aspectRatio: '8:1' } }, pro],
    ['a ratio of another platform', { imageConfig: { aspectRatio: '9:21' } }, model],
    // The client itself refuses to send this one, so it goes around its checks.
    [
      'personGeneration',
      {
        httpOptions: { extraBody: { generationConfig: { imageConfig: { personGeneration: 'ALLOW_ALL' } } } },
      },
      model,
    ],
    ['a seed beyond 32 bits', { seed: 2 ** 31 }, model],
    ['two candidates', { candidateCount: 2 }, model],
    ['a level the model lacks', { thinkingConfig: { thinkingLevel: ThinkingLevel.LOW } }, model],
    [
      'level and budget together',
      { thinkingConfig: { thinkingLevel: ThinkingLevel.HIGH, thinkingBudget: 100 } },
      model,
    ],
  ])('answers 400 INVALID_ARGUMENT to %s and bills nothing', async (_name, config, id) => {
    const label = `invalid ${JSON.stringify(config)} ${id}`
    const httpOptions = { ...config.httpOptions, headers: { [attemptHeader]: label } }
    const { status, error } = await readError(generate('a boat', { ...config, httpOptions }, id))
    expect([status, error.status]).toEqual([400, 'INVALID_ARGUMENT'])
    expect(upstream.counters(label)).toMatchObject({ requests: 1, billable: 0 })
  })

  it('answers 400 to pictures that are none, to other types, and to too many', async () => {
    const words = { inlineData: { mimeType: 'image/png', data: Buffer.from('words').toString('base64') } }
    const gif = { inlineData: { mimeType: 'image/gif', data: 'R0lGODlh' } }
    const png = await makePicture({ width: 8, height: 8, format: 'png', seed: 'in' })
    const good = { inlineData: { mimeType: 'image/png', data: png.toString('base64') } }
    for (const parts of [[words], [gif], Array.from({ length: 15 }, () => good)]) {
      expect((await readError(generate([{ text: 'a' }, ...parts]))).status).toBe(400)
    }
    expect(partsOf(await generate([{ text: 'a' }, good]))).toHaveLength(1)
  })

  it('answers 404 to retired ids and lists the living ones', async () => {
    for (const id of [...retiredGoogleModels, 'nobody-knows']) {
      const { status, error } = await readError(generate('a boat', {}, id))
      expect([status, error.status, error.message]).toEqual([404, 'NOT_FOUND', expect.stringContaining(id)])
    }
    const listed: (string | undefined)[] = []
    for await (const one of await client.models.list()) listed.push(one.name)
    expect(listed).toEqual(googleModels.map(one => `models/${one.id}`))
    expect((await client.models.get({ model })).displayName).toBe('Nano Banana 2')
  })

  it('answers a wrong key with 400 API_KEY_INVALID, which repeats the key', async () => {
    const stranger = new GoogleGenAI({ apiKey: 'stranger-key', httpOptions: { baseUrl: upstream.url } })
    const { status, error } = await readError(stranger.models.generateContent({ model, contents: 'a boat' }))
    expect([status, error.status]).toEqual([400, 'INVALID_ARGUMENT'])
    expect(JSON.stringify(error.details)).toContain('API_KEY_INVALID')
    expect(JSON.stringify(error.details)).toContain('stranger-key')
  })

  it('tells a minute’s limit from a day’s quota as the vendor does', async () => {
    const minute = await readError(generate('a [[emulate: rate_limit, delay=600.5s]]'))
    expect([minute.status, minute.error.status]).toEqual([429, 'RESOURCE_EXHAUSTED'])
    expect(JSON.stringify(minute.error.details)).toMatch(/PerMinute.*"retryDelay":"600.5s"/)
    const day = await readError(generate('a [[emulate: quota]]'))
    expect(JSON.stringify(day.error.details)).toMatch(/PerDay.*"retryDelay":"38s"/)
    const bare = await readError(generate('a [[emulate: rate_limit=bare]]'))
    expect(bare.error.details).toBeUndefined()
  })

  it('answers an overload with 503 UNAVAILABLE and bills nothing', async () => {
    const httpOptions = { headers: { [attemptHeader]: 'overload' } }
    const { status, error } = await readError(generate('a [[emulate: overloaded]]', { httpOptions }))
    expect([status, error.status]).toEqual([503, 'UNAVAILABLE'])
    expect(upstream.counters('overload')).toMatchObject({ requests: 1, billable: 0 })
  })
})
