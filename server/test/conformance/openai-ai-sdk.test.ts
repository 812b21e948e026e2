// The Vercel AI SDK against OpenAI's Images API as served here: two of its providers, with nothing changed but the
// base URL and the key.
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, experimental_generateImage, generateImage } from 'ai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { makeInput } from './openai-client.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
})
afterAll(() => rig.close())

async function open(credits = 1_000) {
  const { apiKey, accountId } = await rig.account({ credits })
  const spent = async () => credits - (await rig.balance(accountId))
  const openai = createOpenAI({ apiKey, baseURL: `${node.url}/v1` })
  const compatible = createOpenAICompatible({ name: 'darkroom', apiKey, baseURL: `${node.url}/openai/v1` })
  return { openai, compatible, spent }
}

async function look(image: { uint8Array: Uint8Array }) {
  const { format, width, height } = await sharp(image.uint8Array).metadata()
  return { format, width, height }
}

describe('@ai-sdk/openai', () => {
  test('makes several images of a size', async () => {
    const { openai, spent } = await open()
    const { images, warnings } = await generateImage({
      model: openai.image('gpt-image-2'),
      prompt: 'a red fox',
      n: 2,
      size: '1536x1024',
      providerOptions: { openai: { quality: 'low' } },
    })
    expect(warnings).toEqual([])
    expect(images).toHaveLength(2)
    for (const image of images) {
      expect(image.mediaType).toBe('image/png')
      expect(await look(image)).toEqual({ format: 'png', width: 1536, height: 1024 })
    }
    expect(await spent()).toBeGreaterThan(0)
  })

  test('edits pictures', async () => {
    const { openai } = await open()
    const { image } = await experimental_generateImage({
      model: openai.image('gpt-image-2'),
      prompt: {
        text: 'put them together',
        images: [await makeInput({}), await makeInput({ format: 'jpeg' })],
        mask: await makeInput({ transparent: true }),
      },
    })
    expect((await look(image)).format).toBe('png')
    expect(rig.openai.requests.at(-1)?.path).toBe('/v1/images/edits')
  })

  test('calls models that are nobody’s but ours, one picture a call', async () => {
    const { openai } = await open()
    const { images } = await generateImage({
      model: openai.image('google:gemini-2.5-flash-image'),
      prompt: 'a hill',
      n: 2,
    })
    expect(images.map(each => each.mediaType)).toEqual(['image/jpeg', 'image/jpeg'])
  })

  test('reads what is said of a refusal', async () => {
    const { openai } = await open(0)
    const failure = (change: object) =>
      generateImage({ model: openai.image('gpt-image-2'), prompt: 'a fox', maxRetries: 0, ...change }).catch(
        (error: unknown) => error,
      )
    const poor = await failure({})
    expect(APICallError.isInstance(poor)).toBe(true)
    expect(poor).toMatchObject({ statusCode: 429, message: expect.stringContaining('has less') })
    expect(await failure({ model: openai.image('gpt-image-9') })).toMatchObject({ statusCode: 404 })
    expect(await failure({ size: '1000x1001' })).toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('1024x1024'),
    })
  })
})

describe('@ai-sdk/openai-compatible', () => {
  test('makes images with models of any surface', async () => {
    const { compatible, spent } = await open()
    for (const id of ['gpt-image-2', 'google/nano-banana', 'openai:gpt-image-1.5']) {
      const { image } = await generateImage({ model: compatible.imageModel(id), prompt: 'a red fox' })
      expect((await look(image)).width, id).toBeGreaterThan(500)
    }
    expect(await spent()).toBeGreaterThan(0)
  })

  test('hands its own options on', async () => {
    const { compatible } = await open()
    const { image } = await generateImage({
      model: compatible.imageModel('gpt-image-2'),
      prompt: 'a red fox',
      providerOptions: { darkroom: { output_format: 'webp', quality: 'low' } },
    })
    expect(image.mediaType).toBe('image/webp')
  })
})
