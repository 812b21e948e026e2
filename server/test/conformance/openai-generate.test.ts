// OpenAI's Images API, called by OpenAI's own client against a running service: what it draws, and in which form.
import { toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { lookAt, makeInput, openClient } from './openai-client.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
})
afterAll(() => rig.close())

async function open(credits = 1_000) {
  const { apiKey, accountId } = await rig.account({ credits })
  return {
    apiKey,
    accountId,
    ...openClient(node.url, apiKey),
    spent: async () => credits - (await rig.balance(accountId)),
  }
}

describe('generations', () => {
  test('answer base64 with what is true of the picture, its usage and its time', async () => {
    const { client, spent } = await open()
    const before = Math.floor(Date.now() / 1000)
    const made = await client.images.generate({
      model: 'gpt-image-2',
      prompt: 'a red fox',
      size: '1536x1024',
      quality: 'low',
    })
    expect(made).toMatchObject({ size: '1536x1024', quality: 'low', output_format: 'png' })
    expect(made.created).toBeGreaterThanOrEqual(before)
    expect(Object.keys(made.data?.[0] ?? {})).toEqual(['b64_json'])
    expect(await lookAt(made.data?.[0]?.b64_json)).toEqual({ format: 'png', size: '1536x1024' })
    const { usage } = made
    expect(usage?.output_tokens).toBeGreaterThan(0)
    expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0))
    expect(usage?.input_tokens_details).toMatchObject({ image_tokens: 0 })
    expect(await spent()).toBeGreaterThan(0)
  })

  test('make several images in one order, and each is paid for', async () => {
    const { client, spent } = await open()
    const one = await client.images.generate({ model: 'gpt-image-2', prompt: 'one', quality: 'low' })
    const price = await spent()
    const made = await client.images.generate({ model: 'gpt-image-2', prompt: 'many', n: 4, quality: 'low' })
    expect(one.data).toHaveLength(1)
    expect(made.data).toHaveLength(4)
    expect(new Set(made.data?.map(each => each.b64_json)).size).toBe(4)
    expect(await spent()).toBe(price * 5)
  })

  test('take words of older and newer models, and the model that is set when none is named', async () => {
    const { client } = await open()
    const made = await client.images.generate({
      prompt: 'a red fox',
      style: 'vivid',
      quality: 'hd',
      user: 'someone',
      moderation: 'low',
      background: 'auto',
      size: 'auto',
      output_compression: 100,
      response_format: 'b64_json',
    })
    expect(made.quality).toBe('high')
    expect(await lookAt(made.data?.[0]?.b64_json)).toMatchObject({ format: 'png' })
  })

  test('say the format that the bytes have, also where the model cannot make the one that was asked for', async () => {
    const { client } = await open()
    const model = 'google:gemini-2.5-flash-image'
    const own = await client.images.generate({ model, prompt: 'a hill' })
    expect(own.output_format).toBe('jpeg')
    expect(await lookAt(own.data?.[0]?.b64_json)).toMatchObject({ format: 'jpeg', size: own.size })
    for (const output_format of ['png', 'webp', 'jpeg'] as const) {
      const made = await client.images.generate({ model, prompt: 'a hill', output_format, n: 2 })
      expect(made.output_format).toBe(output_format)
      for (const each of made.data ?? []) {
        expect(await lookAt(each.b64_json)).toMatchObject({ format: output_format, size: made.size })
      }
    }
    const native = await client.images.generate({
      model: 'gpt-image-2',
      prompt: 'a hill',
      output_format: 'webp',
      output_compression: 50,
    })
    expect(native.output_format).toBe('webp')
    expect(await lookAt(native.data?.[0]?.b64_json)).toMatchObject({ format: 'webp' })
  })

  test('answer an address that opens without a key, for an hour', async () => {
    const { client } = await open()
    const made = await client.images.generate({
      model: 'google:gemini-2.5-flash-image',
      prompt: 'a mill',
      response_format: 'url',
      output_format: 'png',
      n: 2,
    })
    expect(made.data).toHaveLength(2)
    for (const { url, b64_json } of made.data ?? []) {
      expect(b64_json).toBeUndefined()
      expect(url?.startsWith(`${node.url}/files/`)).toBe(true)
      const leftS = Number(new URL(url ?? '').searchParams.get('exp')) - Date.now() / 1000
      expect(leftS).toBeGreaterThan(3_500)
      expect(leftS).toBeLessThanOrEqual(3_600)
      const answer = await fetch(url ?? '', { headers: { authorization: 'Bearer of-somebody-else' } })
      expect(answer.headers.get('content-type')).toBe('image/png')
      expect(
        Buffer.from(await answer.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG')
    }
    const dalle = await client.images.generate({ model: 'dall-e-3', prompt: 'a mill', size: '1792x1024' })
    expect(dalle.data?.[0]?.url).toMatch(/^http/)
    expect(dalle.size).toBe('1792x1024')
  })

  test('draw on a model that speaks ratios when the size is one that it makes, and name those sizes when it is not', async () => {
    const { client } = await open()
    const model = 'google:gemini-2.5-flash-image'
    const wide = await client.images.generate({ model, prompt: 'wide', size: '1536x1024' })
    const exact = await client.images.generate({ model, prompt: 'wide', size: wide.size ?? null })
    expect(exact.size).toBe(wide.size)
    const [width = 0, height = 1] = (wide.size ?? '').split('x').map(Number)
    expect(width / height).toBeGreaterThan(1.4)
    const refused = client.images.generate({ model, prompt: 'odd', size: '1000x1000' as '1024x1024' })
    await expect(refused).rejects.toMatchObject({
      status: 400,
      param: 'size',
      message: expect.stringContaining(wide.size ?? '?'),
    })
  })
})

describe('edits', () => {
  test('send several pictures and a mask as files, whatever they are called and declared to be', async () => {
    const { client, spent } = await open()
    const made = await client.images.edit({
      model: 'gpt-image-1.5',
      prompt: 'put them together',
      image: [
        await toFile(await makeInput({}), 'blob', { type: 'application/octet-stream' }),
        await toFile(await makeInput({ format: 'jpeg', colour: '#aa0000' }), 'b.jpg', { type: 'image/jpeg' }),
        await toFile(await makeInput({ format: 'webp' }), 'c.webp', { type: 'image/webp' }),
      ],
      mask: await toFile(await makeInput({ transparent: true }), 'mask.png', { type: 'image/png' }),
      n: 2,
      output_compression: 60,
      output_format: 'jpeg',
      input_fidelity: 'high',
      size: '1024x1024',
    })
    expect(made).toMatchObject({ output_format: 'jpeg', size: '1024x1024' })
    expect(made.data).toHaveLength(2)
    const upstream = rig.openai.requests.at(-1)
    expect(upstream?.path).toBe('/v1/images/edits')
    expect(JSON.stringify(upstream?.fields)).toMatch(/"n":"?2/)
    expect(await spent()).toBeGreaterThan(0)
  })

  test('take pictures by data URL in JSON as well', async () => {
    const { apiKey } = await open()
    const picture = await makeInput({})
    const answer = await fetch(`${node.url}/openai/v1/images/edits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'gpt-image-2',
        prompt: 'at night',
        images: [{ image_url: `data:image/png;base64,${picture.toString('base64')}` }],
      }),
    })
    const made = (await answer.json()) as { data: { b64_json: string }[]; output_format: string }
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(await lookAt(made.data[0]?.b64_json)).toMatchObject({ format: 'png' })
  })
})

describe('models', () => {
  test('are all that can be called now, each found by its id, encoded or not', async () => {
    const { client, apiKey } = await open()
    const list = await client.models.list()
    const ids = list.data.map(each => each.id)
    for (const id of ['gpt-image-2', 'dall-e-3', 'google:gemini-2.5-flash-image', 'google/nano-banana']) {
      expect(ids).toContain(id)
      expect(await client.models.retrieve(id)).toEqual(list.data.find(each => each.id === id))
    }
    const bare = await fetch(`${node.url}/v1/models/google/nano-banana`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    expect(await bare.json()).toMatchObject({ id: 'google/nano-banana', object: 'model' })
    // No key is configured for its only provider.
    expect(ids).not.toContain('stability-ai/sdxl')
    await expect(client.models.retrieve('stability-ai/sdxl')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    })
  })
})
