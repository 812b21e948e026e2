// POST /api/v1/images/generate: what is taken, what comes back, what it costs, and that the picture is the one the
// upstream made.
import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { makePicture } from '../upstreams/pictures.ts'
import {
  createTypedClient,
  creditsOf,
  detailsOf,
  errorOf,
  faultsOf,
  get,
  imageOf,
  postGenerate,
  type Schemas,
} from './getimages-contract.ts'

let rig: Rig
let node: Node
let apiKey: string
let accountId: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  const made = await rig.account({ credits: 10_000 })
  apiKey = made.apiKey
  accountId = made.accountId
})
afterAll(() => rig.close())

const generate = (body: unknown, headers: string[] = []) => postGenerate(node.url, apiKey, { body, headers })
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

type ModelId = Schemas['GenerateImageRequest']['modelId']
type Ratio = NonNullable<Schemas['GenerateImageRequest']['aspectRatio']>

const prices: Record<ModelId, number> = {
  'openai:gpt-image-1.5': 3,
  'openai:gpt-image-2': 5,
  'google:gemini-2.5-flash-image': 3,
  'google:gemini-3.1-flash-image-preview': 5,
  'google:gemini-3-pro-image-preview': 12,
}
const models = Object.keys(prices) as ModelId[]
const ratios: Ratio[] = ['1:1', '3:2', '2:3', '16:9', '9:16', '4:3', '3:4', '21:9']
const pro = 'google:gemini-3-pro-image-preview'

describe('a generation through the generated client', () => {
  test('answers with the image, its charge and the balance, and reads back the same', async () => {
    const client = createTypedClient(node.url, apiKey)
    const before = await client.GET('/api/v1/account')
    const made = await client.POST('/api/v1/images/generate', {
      body: { prompt: '  a lighthouse in fog \n', modelId: 'openai:gpt-image-2', style: 'etching' },
    })
    expect(made.response.status).toBe(200)
    if (!made.data || !before.data) throw new Error('no answer')
    const { image, credits } = made.data
    expect(faultsOf('GenerateImageResponse', made.data)).toEqual([])
    expect(credits).toEqual({ charged: 5, remaining: before.data.creditBalance - 5 })
    const { b64_json, ...metadata } = image
    expect(metadata).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      prompt: 'a lighthouse in fog',
      modelId: 'openai:gpt-image-2',
      providerId: 'openai',
      aspectRatio: '1:1',
      style: 'etching',
      thinkingLevel: null,
      mediaType: 'image/png',
      creditCost: 5,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    const again = await client.GET('/api/v1/images/{id}', { params: { path: { id: image.id } } })
    expect(again.data).toEqual({ image: { ...metadata, b64_json } })
    const bare = await client.GET('/api/v1/images/{id}', {
      params: { path: { id: image.id }, query: { format: 'metadata' } },
    })
    expect(bare.data).toEqual({ image: metadata })
    const listed = await client.GET('/api/v1/images', { params: { query: { limit: 1 } } })
    expect(listed.data?.images).toEqual([metadata])
    const used = await client.GET('/api/v1/usage', { params: { query: { limit: 1 } } })
    expect(used.data?.transactions[0]).toMatchObject({ amount: -5, type: 'deduction', referenceId: image.id })
  })
})

function readModel(body: Buffer | null | undefined): unknown {
  return (JSON.parse(body?.toString('utf8') ?? '{}') as { model?: unknown }).model
}

describe('the bytes', () => {
  test('are those the upstream sent, byte for byte', async () => {
    for (const modelId of ['openai:gpt-image-2', 'google:gemini-2.5-flash-image'] as const) {
      const answer = await generate({ prompt: `bytes of ${modelId}`, modelId })
      const bytes = Buffer.from(imageOf(answer).b64_json, 'base64')
      const { width, height, format } = await sharp(bytes).metadata()
      expect(imageOf(answer).mediaType).toBe(`image/${format}`)
      const upstream = modelId.startsWith('openai') ? rig.openai : rig.google
      const sent = upstream.requests.find(each => each.prompt?.includes(`bytes of ${modelId}`))
      // Both emulators draw from the upstream model's name and the prompt they were sent.
      const name = /models\/([^:]+):/.exec(sent?.path ?? '')?.[1] ?? readModel(sent?.body)
      const stage = upstream === rig.openai ? '0' : 'any:final:0'
      const seed = `${name}:${sent?.prompt}:${stage}`
      const drawn = await makePicture({ width, height, format: format === 'png' ? 'png' : 'jpeg', seed })
      expect(sha256(bytes)).toBe(sha256(drawn))
    }
  })

  test('are plain base64 without line breaks, of pictures of any length modulo three', async () => {
    for (let length = 0; length < 3; length += 1) {
      const answer = await generate({
        prompt: `padding ${'x'.repeat(length)}`,
        modelId: 'openai:gpt-image-2',
      })
      const text = imageOf(answer).b64_json
      expect(text).toMatch(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/)
      expect(Buffer.from(text, 'base64').toString('base64')).toBe(text)
    }
  })
})

describe('models and ratios', () => {
  for (const modelId of models) {
    test(`${modelId} makes every ratio it offers, for ${prices[modelId]} credits`, async () => {
      for (const aspectRatio of ratios) {
        const answer = await generate({ prompt: `a ${aspectRatio} view`, modelId, aspectRatio })
        if (aspectRatio === '21:9' && modelId !== pro) {
          expect(answer.status).toBe(400)
          expect(detailsOf(answer)).toEqual(['aspectRatio: invalid_value'])
          continue
        }
        expect(answer.status, aspectRatio).toBe(200)
        expect(imageOf(answer)).toMatchObject({ modelId, aspectRatio, providerId: modelId.split(':')[0] })
        expect(creditsOf(answer).charged).toBe(prices[modelId])
        const { width, height } = await sharp(Buffer.from(imageOf(answer).b64_json, 'base64')).metadata()
        const [wide = 1, high = 1] = aspectRatio.split(':').map(Number)
        expect(Math.abs(width / height / (wide / high) - 1), `${width}x${height}`).toBeLessThan(0.03)
      }
    })
  }

  test('an unknown model is 400 without details and costs nothing', async () => {
    for (const modelId of ['openai:gpt-image-9', '', 'OPENAI:GPT-IMAGE-2', 'toString']) {
      const answer = await generate({ prompt: 'x', modelId })
      expect(answer.status).toBe(400)
      expect(errorOf(answer).details, modelId).toBeUndefined()
    }
  })

  test('its message names the models that are offered now, and no others', async () => {
    const some = await rig.startNode({ GEMINI_API_KEY: '' })
    const messageOf = async (to: Node) => {
      const answer = await postGenerate(to.url, apiKey, {
        body: { prompt: 'x', modelId: 'nobody:1' },
        headers: [],
      })
      expect(answer.status).toBe(400)
      return errorOf(answer).message
    }
    expect(await messageOf(some)).toBe('Unknown model ID; allowed: openai:gpt-image-1.5, openai:gpt-image-2.')
    const all = await messageOf(node)
    for (const id of models) expect(all).toContain(id)
  })

  test('thinking is taken by the two models that think, and priced', async () => {
    const deep: Partial<Record<ModelId, number>> = {
      'google:gemini-3.1-flash-image-preview': 7,
      'google:gemini-3-pro-image-preview': 18,
    }
    for (const modelId of models) {
      for (const thinkingLevel of ['default', 'deep'] as const) {
        const answer = await generate({ prompt: 'thought over', modelId, thinkingLevel })
        const price = thinkingLevel === 'deep' ? deep[modelId] : prices[modelId]
        if (!(modelId in deep)) {
          expect(answer.status).toBe(400)
          expect(detailsOf(answer)).toEqual(['thinkingLevel: invalid_value'])
          continue
        }
        expect(creditsOf(answer).charged).toBe(price)
        expect(imageOf(answer).thinkingLevel).toBe(thinkingLevel)
      }
    }
  })
})

describe('prompt and style', () => {
  const modelId = 'openai:gpt-image-2'

  test('a prompt has 1 to 2000 code points after trimming; an emoji is one', async () => {
    const long = '🎨'.repeat(2000)
    const kept = await generate({ prompt: `\u3000 ${long}\n`, modelId })
    expect(kept.status).toBe(200)
    expect(imageOf(kept).prompt).toBe(long)
    const refused = await generate({ prompt: `${long}🎨`, modelId })
    expect([refused.status, detailsOf(refused)]).toEqual([400, ['prompt: too_big']])
    expect(errorOf(refused).message).toBe('Invalid request body.')
    for (const prompt of ['', '   ', '\n\t\u00a0\u2003']) {
      expect(detailsOf(await generate({ prompt, modelId })), JSON.stringify(prompt)).toEqual([
        'prompt: too_small',
      ])
    }
  })

  test('the style joins the prompt upstream and is echoed; empty is null; 501 characters are refused', async () => {
    const styled = await generate({ prompt: 'a quay at dawn', modelId, style: 'gouache' })
    expect(imageOf(styled)).toMatchObject({ prompt: 'a quay at dawn', style: 'gouache' })
    const sent = rig.openai.requests.find(each => each.prompt?.includes('a quay at dawn'))
    expect(sent?.prompt).toContain('gouache')
    for (const style of ['', '  ']) {
      expect(imageOf(await generate({ prompt: 'plain', modelId, style })).style).toBeNull()
    }
    expect(imageOf(await generate({ prompt: 'plain', modelId })).style).toBeNull()
    expect(imageOf(await generate({ prompt: 'long', modelId, style: '🖌'.repeat(500) })).style).toHaveLength(
      1000,
    )
    const refused = await generate({ prompt: 'long', modelId, style: 's'.repeat(501) })
    expect([refused.status, detailsOf(refused)]).toEqual([400, ['style: too_big']])
  })

  test('any text a customer may write comes back as it was', async () => {
    const texts = [
      '"quoted" \\ back',
      'línea 👩‍👩‍👧 ئەڵف',
      '</script><!--',
      '{{7*7}} %s $$ #{x}',
      "'; DROP TABLE account; --",
    ]
    for (const prompt of texts) {
      const answer = await generate({ prompt, modelId })
      expect(imageOf(answer).prompt).toBe(prompt)
      const read = await get(node.url, apiKey, `/api/v1/images/${imageOf(answer).id}?format=metadata`)
      expect(imageOf(read).prompt).toBe(prompt)
    }
  })
})

describe('no image, no charge', () => {
  test('too few credits is 400, names the cost and has no details; one credit more is enough', async () => {
    const poor = await rig.account({ credits: 11 })
    const order = { body: { prompt: 'dear', modelId: pro } }
    const answer = await postGenerate(node.url, poor.apiKey, order)
    expect(answer.status).toBe(400)
    expect(errorOf(answer).message).toMatch(/\b12 credits\b/)
    expect(errorOf(answer).details).toBeUndefined()
    expect(await rig.balance(poor.accountId)).toBe(11)
    expect((await get(node.url, poor.apiKey, '/api/v1/usage')).body).toMatchObject({ total: 1 })
    const enough = await rig.account({ credits: 12 })
    const paid = await postGenerate(node.url, enough.apiKey, order)
    expect(creditsOf(paid)).toEqual({ charged: 12, remaining: 0 })
  })

  test('a refusal by a safety system is 400 and leaves a refund row', async () => {
    for (const [modelId, directive] of [
      ['openai:gpt-image-2', 'moderation_input'],
      ['google:gemini-2.5-flash-image', 'block'],
    ]) {
      const balance = await rig.balance(accountId)
      const answer = await generate({ prompt: `no [[emulate: ${directive}]]`, modelId })
      expect(answer.status).toBe(400)
      expect(errorOf(answer).details).toBeUndefined()
      expect(answer.headers['x-should-retry']).toBe('false')
      expect(await rig.balance(accountId)).toBe(balance)
      await expectRefund(String(answer.headers['x-darkroom-generation-id']))
    }
  })

  test('a failure is 500, refunded before the answer, not to be sent again, and its id answers 404', async () => {
    for (const directive of ['html_500', 'no_data', 'base64_text']) {
      const balance = await rig.balance(accountId)
      const answer = await generate({
        prompt: `fails [[emulate: ${directive}]]`,
        modelId: 'openai:gpt-image-2',
      })
      expect(answer.status, directive).toBe(500)
      expect(answer.headers['x-should-retry']).toBe('false')
      expect(answer.text).not.toMatch(/html|stack|node:|at \w+ \(/i)
      expect(await rig.balance(accountId)).toBe(balance)
      const id = String(answer.headers['x-darkroom-generation-id'])
      await expectRefund(id)
      expect((await get(node.url, apiKey, `/api/v1/images/${id}`)).status).toBe(404)
    }
  })

  async function expectRefund(id: string): Promise<void> {
    const { body } = await get(node.url, apiKey, '/api/v1/usage?limit=2')
    const rows = (body as Schemas['ListUsageResponse']).transactions
    expect(rows.map(row => [row.type, Math.sign(row.amount), row.referenceId])).toEqual([
      ['refund', 1, id],
      ['deduction', -1, id],
    ])
    expect((rows[0]?.amount ?? 0) + (rows[1]?.amount ?? 0)).toBe(0)
  }
})

test('below the mount everything works the same', async () => {
  const answer = await postGenerate(node.url, apiKey, {
    body: { prompt: 'mounted', modelId: 'openai:gpt-image-2' },
    mount: '/getimages',
  })
  expect(answer.status).toBe(200)
  const read = await get(node.url, apiKey, `/getimages/api/v1/images/${imageOf(answer).id}`)
  expect(imageOf(read)).toEqual(imageOf(answer))
})
