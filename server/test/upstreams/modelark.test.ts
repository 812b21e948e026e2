// Holds the ModelArk emulator against the official client of the API that it resembles, and against what its vendor
// documents beyond that.
import OpenAI from 'openai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultModelArkKey, type ModelArkUpstream, startModelArkUpstream } from './modelark.ts'

let upstream: ModelArkUpstream
let client: OpenAI

beforeAll(async () => {
  upstream = await startModelArkUpstream()
  client = new OpenAI({ apiKey: defaultModelArkKey, baseURL: `${upstream.url}/api/v3`, maxRetries: 0 })
})
afterAll(async () => {
  expect(upstream.errors).toEqual([])
  await upstream.close()
})

const model = 'seedream-4-0-250828'

/** Fields that the client's types do not know. */
function generate(fields: Record<string, unknown>, key = defaultModelArkKey) {
  return client
    .withOptions({ apiKey: key })
    .post('/images/generations', { body: { model, prompt: 'a boat', ...fields } }) as Promise<{
    data: { url?: string; b64_json?: string; size?: string; error?: { code: string } }[]
    usage: { generated_images: number }
  }>
}

async function measure(bytes: Buffer) {
  const { format, width, height } = await sharp(bytes).metadata()
  return { format, width, height }
}

describe('the emulator of ModelArk, read by the client of the API it resembles', () => {
  it('answers with base64 of the size asked for', async () => {
    const answer = await client.images.generate({
      model,
      prompt: 'a boat',
      size: '1280x768' as '1024x1024',
      response_format: 'b64_json',
    })
    const bytes = Buffer.from(answer.data?.[0]?.b64_json ?? '', 'base64')
    expect(await measure(bytes)).toEqual({ format: 'jpeg', width: 1280, height: 768 })
  })

  it('answers with addresses unless told otherwise, which die', async () => {
    const { data } = await generate({ size: '1K' })
    const url = data[0]?.url ?? ''
    const read = await fetch(url)
    expect(await measure(Buffer.from(await read.arrayBuffer()))).toMatchObject({ width: 1024, height: 1024 })
    expect(upstream.files.expire(url)).toBe(true)
    expect((await fetch(url)).status).toBe(404)
  })

  it('draws its mark unless that is switched off', async () => {
    const pictures = []
    for (const watermark of [undefined, true, false]) {
      const { data } = await generate({ size: '1K', response_format: 'b64_json', watermark })
      pictures.push(data[0]?.b64_json)
    }
    expect(pictures[0]).toBe(pictures[1])
    expect(pictures[2]).not.toBe(pictures[0])
  })

  it('mixes pictures and errors, and bills the pictures', async () => {
    const { data, usage } = await generate({
      prompt: 'x [[emulate: failed=1]]',
      size: '1K',
      sequential_image_generation: 'auto',
      sequential_image_generation_options: { max_images: 3 },
    })
    expect(data.map(item => item.error?.code ?? typeof item.url)).toEqual([
      'OutputImageSensitiveContentDetected',
      'string',
      'string',
    ])
    expect(usage.generated_images).toBe(2)
  })

  it('streams an event for each picture, then the completed one', async () => {
    const stream = (await client.post('/images/generations', {
      body: {
        model,
        prompt: 'two boats',
        size: '1K',
        stream: true,
        sequential_image_generation: 'auto',
        sequential_image_generation_options: { max_images: 2 },
      },
      stream: true,
    })) as AsyncIterable<{ type: string }>
    const types: string[] = []
    for await (const event of stream) types.push(event.type)
    expect(types).toEqual([
      'image_generation.partial_succeeded',
      'image_generation.partial_succeeded',
      'image_generation.completed',
    ])
  })

  it.each<[string, Record<string, unknown>, number, string]>([
    ['too few pixels', { model: 'seedream-4-5-251128', size: '1024x1024' }, 400, 'InvalidParameter'],
    ['a word the model does not know', { model: 'seedream-4-5-251128', size: '1K' }, 400, 'InvalidParameter'],
    ['a format it does not make', { size: '1K', output_format: 'png' }, 400, 'InvalidParameter'],
    ['a field nobody knows', { size: '1K', n: 2 }, 400, 'InvalidParameter'],
    ['a picture that is none', { size: '1K', image: 'data:image/gif;base64,AAAA' }, 400, 'InvalidParameter'],
    ['a model that is gone', { model: 'seedream-3-0-t2i-250415' }, 404, 'InvalidEndpointOrModel.NotFound'],
    ['no prompt', { prompt: '' }, 400, 'MissingParameter'],
  ])('refuses %s', async (_what, fields, status, code) => {
    const before = upstream.total.billable
    await expect(generate(fields)).rejects.toMatchObject({ status, code })
    expect(upstream.total.billable).toBe(before)
  })

  it('refuses another key', async () => {
    await expect(generate({}, 'other')).rejects.toMatchObject({ status: 401, code: 'AuthenticationError' })
  })
})
