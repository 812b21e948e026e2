// Holds the OpenAI emulator against the vendor's own client: what that client cannot read, the emulator gets wrong.
import OpenAI, { toFile } from 'openai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { countOutputTokens } from './openai/answers.ts'
import { defaultOpenAiKey, startOpenAiUpstream } from './openai.ts'
import { makePicture } from './pictures.ts'
import { attemptHeader, type Upstream } from './upstream.ts'

let upstream: Upstream
let client: OpenAI

beforeAll(async () => {
  upstream = await startOpenAiUpstream()
  client = new OpenAI({ apiKey: defaultOpenAiKey, baseURL: `${upstream.url}/v1`, maxRetries: 0 })
})
afterAll(async () => {
  expect(upstream.errors).toEqual([])
  await upstream.close()
})

async function readPicture(base64: string | undefined) {
  const bytes = Buffer.from(base64 ?? '', 'base64')
  const { format, width, height } = await sharp(bytes).metadata()
  await sharp(bytes).stats()
  return { format, width, height }
}

async function pictureFile(name: string, format: 'png' | 'webp' = 'png') {
  const bytes = await makePicture({ width: 64, height: 64, format, seed: name })
  return toFile(bytes, `${name}.${format}`, { type: `image/${format}` })
}

describe('the emulator of OpenAI, read by the official client', () => {
  it('draws every count, size and format that was asked for, with the usage of the vendor’s formula', async () => {
    const answer = await client.images.generate({
      model: 'gpt-image-2',
      prompt: 'two boats',
      n: 2,
      size: '1536x1024',
      quality: 'low',
      output_format: 'webp',
    })
    expect(await readPicture(answer.data?.[0]?.b64_json)).toEqual({
      format: 'webp',
      width: 1536,
      height: 1024,
    })
    expect(answer.data?.[1]?.b64_json).not.toBe(answer.data?.[0]?.b64_json)
    expect(answer.data).toHaveLength(2)
    expect(answer).toMatchObject({ size: '1536x1024', quality: 'low', output_format: 'webp' })
    expect(answer.usage?.output_tokens).toBe(2 * 158)
    expect(answer._request_id).toMatch(/^req_/)
  })

  it('counts output tokens as the vendor’s calculator does', () => {
    const vectors = {
      '1024x1024': [196, 1756, 7024],
      '2560x1440': [205, 1843, 7370],
      '3840x2160': [371, 3336, 13342],
    }
    for (const [size, expected] of Object.entries(vectors)) {
      const [width = 0, height = 0] = size.split('x').map(Number)
      expect(['low', 'medium', 'high'].map(quality => countOutputTokens(quality, width, height))).toEqual(
        expected,
      )
    }
  })

  it('takes one picture, several pictures and a mask in an edit', async () => {
    const one = await client.images.edit({
      model: 'gpt-image-2',
      prompt: 'edit one',
      image: await pictureFile('a'),
    })
    expect(await readPicture(one.data?.[0]?.b64_json)).toMatchObject({ format: 'png', width: 1024 })
    const many = await client.images.edit({
      model: 'gpt-image-1.5',
      prompt: 'edit many',
      image: [await pictureFile('a'), await pictureFile('b', 'webp')],
      mask: await pictureFile('mask'),
      input_fidelity: 'high',
      n: 2,
    })
    expect(many.data).toHaveLength(2)
    expect(many.usage?.input_tokens_details.image_tokens).toBe(2 * 272)
    const log = upstream.requests.find(request => request.prompt === 'edit many')
    expect(log?.fields).toMatchObject({
      n: 2,
      images: [
        { name: 'image[]', mediaType: 'image/png' },
        { name: 'image[]', mediaType: 'image/webp' },
      ],
      mask: { sizeBytes: expect.any(Number) },
    })
  })

  it('streams partial pictures and then the completed one, for generations and edits', async () => {
    const stream = await client.images.generate({
      model: 'gpt-image-2',
      prompt: 'streamed',
      stream: true,
      partial_images: 2,
    })
    const types: string[] = []
    for await (const event of stream) {
      types.push(event.type)
      expect(await readPicture(event.b64_json)).toMatchObject({ format: 'png', width: 1024 })
      if (event.type === 'image_generation.completed') expect(event.usage.output_tokens).toBe(1756 + 200)
    }
    expect(types).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ])
    const edit = await client.images.edit({
      model: 'gpt-image-2',
      prompt: 'streamed edit [[emulate: bare_events, done]]',
      image: await pictureFile('a'),
      stream: true,
      partial_images: 1,
    })
    const editTypes: string[] = []
    for await (const event of edit) editTypes.push(event.type)
    expect(editTypes).toEqual(['image_edit.partial_image', 'image_edit.completed'])
  })

  it('breaks a stream with an error event that the client raises', async () => {
    const stream = await client.images.generate({
      model: 'gpt-image-2',
      prompt: '[[emulate: stream_error]]',
      stream: true,
      partial_images: 2,
    })
    const read = async () => {
      for await (const event of stream) expect(event.type).toBe('image_generation.partial_image')
    }
    await expect(read()).rejects.toThrow(OpenAI.APIError)
  })

  it.each([
    ['moderation_input', OpenAI.BadRequestError, 'moderation_blocked'],
    ['moderation_output', OpenAI.BadRequestError, 'moderation_blocked'],
    ['content_policy_violation', OpenAI.BadRequestError, 'content_policy_violation'],
    ['rate_limit', OpenAI.RateLimitError, 'rate_limit_exceeded'],
    ['quota', OpenAI.RateLimitError, 'insufficient_quota'],
    ['unverified', OpenAI.PermissionDeniedError, null],
    ['retired', OpenAI.NotFoundError, 'model_not_found'],
    ['error_500, when=before', OpenAI.InternalServerError, null],
    ['overloaded', OpenAI.InternalServerError, null],
    ['html_502, when=before', OpenAI.InternalServerError, undefined],
  ])('raises the client’s own error class for %s and bills nothing', async (behaviour, errorClass, code) => {
    const attempt = `sdk-${behaviour}`
    const refused = client.images.generate(
      { model: 'gpt-image-2', prompt: `refuse [[emulate: ${behaviour}]]` },
      { headers: { [attemptHeader]: attempt } },
    )
    const error = await refused.then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(errorClass)
    expect((error as InstanceType<typeof OpenAI.APIError>).code).toBe(code)
    expect(upstream.counters(attempt)).toMatchObject({ requests: 1, billable: 0 })
  })

  it.each([
    [{ seed: 1 }, 'seed', 'unknown_parameter'],
    [{ response_format: 'b64_json' }, 'response_format', 'unknown_parameter'],
    [{ size: '1000x1000' }, 'size', 'invalid_value'],
    [{ size: '4096x4096' }, 'size', 'invalid_value'],
    [{ background: 'transparent', output_format: 'jpeg' }, 'background', 'invalid_value'],
    [{ quality: 'xhigh' }, 'quality', 'invalid_value'],
    [{ n: 11 }, 'n', 'invalid_value'],
    [{ prompt: undefined }, 'prompt', 'missing_required_parameter'],
  ])('refuses %j and names the parameter', async (wrong, param, code) => {
    const body = {
      model: 'gpt-image-2',
      prompt: 'wrong',
      ...wrong,
    } as OpenAI.Images.ImageGenerateParamsNonStreaming
    await expect(client.images.generate(body)).rejects.toMatchObject({ status: 400, param, code })
  })

  it('knows no retired model, no wrong key and no wrong address', async () => {
    const order = { model: 'dall-e-3', prompt: 'old' }
    await expect(client.images.generate(order)).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
    const stranger = new OpenAI({ apiKey: 'sk-wrong', baseURL: `${upstream.url}/v1`, maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
    const lost = new OpenAI({ apiKey: defaultOpenAiKey, baseURL: upstream.url, maxRetries: 0 })
    await expect(lost.models.list()).rejects.toMatchObject({ status: 404 })
  })

  it('lists models with the day of their shutdown', async () => {
    const page = await client.models.list()
    const byId = new Map(page.data.map(model => [model.id, model]))
    expect(byId.get('gpt-image-1.5')).toMatchObject({ shutdown_date: '2026-12-01' })
    expect(byId.get('gpt-image-2')).toMatchObject({ shutdown_date: null })
    expect(await client.models.retrieve('gpt-image-2')).toMatchObject({ id: 'gpt-image-2' })
  })

  it('moderates text, lists of text and mixed input, and looks at pictures in six categories only', async () => {
    const clean = await client.moderations.create({ input: 'a quiet lake' })
    expect(clean.results.map(result => result.flagged)).toEqual([false])
    const list = await client.moderations.create({ input: ['fine', 'flag:hate'] })
    expect(list.results.map(result => result.flagged)).toEqual([false, true])
    const url = 'https://pictures.example/flag:violence,flag:sexual/minors.png'
    const mixed = await client.moderations.create({
      input: [
        { type: 'text', text: 'look' },
        { type: 'image_url', image_url: { url } },
      ],
    })
    expect(mixed.results).toHaveLength(1)
    expect(mixed.results[0]?.categories).toMatchObject({ violence: true, 'sexual/minors': false })
    const broken = {
      type: 'image_url' as const,
      image_url: { url: 'data:image/png;base64,bm90IGEgcGljdHVyZQ==' },
    }
    await expect(client.moderations.create({ input: [broken] })).rejects.toMatchObject({ status: 400 })
    await expect(client.moderations.create({ input: 'x [[emulate: rate_limit]]' })).rejects.toMatchObject({
      status: 429,
    })
    await expect(client.moderations.create({ input: 'x [[emulate: error_500]]' })).rejects.toMatchObject({
      status: 500,
    })
  })

  it('bills a create whose answer was lost, and not one that was refused at the door', async () => {
    for (const [when, billable] of [
      ['after', 1],
      ['before', 0],
    ] as const) {
      const attempt = `lost-${when}`
      const prompt = `lost [[emulate: reset_before_headers, when=${when}]]`
      const headers = { [attemptHeader]: attempt }
      await expect(client.images.generate({ model: 'gpt-image-2', prompt }, { headers })).rejects.toThrow(
        OpenAI.APIConnectionError,
      )
      expect(upstream.counters(attempt)).toMatchObject({ requests: 1, billable, inFlight: 0 })
    }
  })

  it('obeys scripts of a test, as often as they say, before directives of the prompt', async () => {
    upstream.script({ prompt: 'scripted', behaviour: 'quota', times: 1 })
    const order = { model: 'gpt-image-2', prompt: 'scripted' }
    await expect(client.images.generate(order)).rejects.toMatchObject({ status: 429 })
    expect((await client.images.generate(order)).data).toHaveLength(1)
    const twice = { model: 'gpt-image-2', prompt: 'n times [[emulate: rate_limit, first=2]]' }
    await expect(client.images.generate(twice)).rejects.toMatchObject({ status: 429 })
    await expect(client.images.generate(twice)).rejects.toMatchObject({ status: 429 })
    expect((await client.images.generate(twice)).data).toHaveLength(1)
  })
})
