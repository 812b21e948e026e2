// What getimg lets a caller read: models, balance, costs; and what it does not have: videos.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, generateImage, type Node, type Rig } from '../harness.ts'
import { ask, grant } from '../money.ts'
import { type Contract, faultOf, imageOf, openAccount, openContract } from './getimg-contract.ts'
import { sendRaw } from './raw-request.ts'

let rig: Rig
let node: Node
let sandbox: Node
let getimg: Contract
let folder: string

/** An operator's own model, with a slash in its id and a price of its own for each resolution. */
const own = {
  id: 'acme/engine:v1',
  name: 'Acme',
  owner: 'acme',
  createdAt: '2026-05-05',
  dialects: ['getimg'],
  modes: ['generate', 'edit'],
  aspectRatios: ['3:2', '1:1'],
  resolutions: ['1K', '2K'],
  maxReferences: 12,
  maxCount: 1,
  routes: ['openai/gpt-image-2'],
  prices: {
    getimg: [
      {
        rules: [
          { resolution: '2K', credits: 9 },
          { resolution: '1K', credits: 4 },
        ],
      },
    ],
  },
}

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  folder = mkdtempSync(join(tmpdir(), 'darkroom-getimg-'))
  const catalog = join(folder, 'catalog.json')
  writeFileSync(catalog, JSON.stringify({ models: [own] }))
  const env = {
    CREDIT_PRICE_USD: '0.000125',
    DARKROOM_CATALOG: catalog,
    GETIMG_REQUESTS_PER_MINUTE: '100000',
  }
  ;[node, sandbox] = await Promise.all([
    rig.startNode(env),
    rig.startNode({ DARKROOM_SANDBOX: 'on', CREDIT_PRICE_USD: '0.01' }),
  ])
  getimg = await openContract(node.url)
})
afterAll(async () => {
  await rig.close()
  rmSync(folder, { recursive: true, force: true })
})

type Model = {
  id: string
  supported_aspect_ratios: string[]
  supported_resolutions: string[]
  supported_references: Record<string, number>
  pricing: { rates: { resolution: string | null; unit_price: string }[] }
}

describe('models', () => {
  test('are a bare list of those that can be used now, described in full, and free to read', async () => {
    const { apiKey } = await openAccount(rig, 0)
    const answer = await getimg.get(apiKey, '/v2/models')
    const models = answer.body as unknown as Model[]
    expect(models.map(each => each.id).sort()).toEqual([
      'acme/engine:v1',
      'gemini-3-1-flash-image',
      'gemini-3-1-flash-lite-image',
      'gpt-image-2',
    ])
    expect((await getimg.get(apiKey, '/getimg/v2/models?type=image')).body).toEqual(answer.body)
    expect((await getimg.get(apiKey, '/v2/models?type=video')).body).toEqual([])
    for (const query of ['?type=audio', '?type=', '?type=image&type=image']) {
      const refused = await getimg.get(apiKey, `/v2/models${query}`)
      expect([refused.status, faultOf(refused).param], query).toEqual([400, 'type'])
    }
  })

  test('of the contract are all there in the sandbox, with its ratios, resolutions and references', async () => {
    const { apiKey } = await openAccount(rig, 0)
    const contract = await openContract(sandbox.url)
    const models = (await contract.get(apiKey, '/v2/models')).body as unknown as Model[]
    const eight = ['1:1', '16:9', '21:9', '2:3', '3:2', '3:4', '4:3', '9:16']
    const expected: [string, string[], string[], number][] = [
      ['gemini-3-1-flash-image', eight, ['1K', '2K', '4K'], 4],
      ['gemini-3-1-flash-lite-image', [...eight, '4:5', '5:4'], ['1K', '2K', '4K'], 4],
      ['gpt-image-2', [...eight, '4:5'], ['1K', '2K', '4K'], 8],
      ['seedream-5-lite', eight, ['2K', '4K'], 8],
      ['wan-2-7-image', [...eight, '4:5'], ['1K', '2K', '4K'], 8],
      ['z-image-turbo', eight, ['1K', '2K', '4K'], 0],
    ]
    expect(models.map(each => each.id).sort()).toEqual(expected.map(([id]) => id))
    for (const [id, ratios, resolutions, references] of expected) {
      const model = models.find(each => each.id === id)
      expect([...(model?.supported_aspect_ratios ?? [])].sort(), id).toEqual([...ratios].sort())
      expect(model?.supported_resolutions, id).toEqual(resolutions)
      expect(model?.supported_references, id).toEqual(references > 0 ? { reference_image: references } : {})
      const prices = (model?.pricing.rates ?? []).map(each => Number(each.unit_price))
      expect(prices.length, id).toBeGreaterThan(0)
      expect(prices, id).toEqual([...prices].sort((one, other) => one - other))
      expect((await contract.get(apiKey, `/v2/models/${id}`)).body, id).toEqual(model)
    }
  })

  test('are read by an id with a slash and a colon, percent-encoded or not; the first ratio is the default', async () => {
    const { apiKey } = await openAccount(rig, 100)
    const bare = await sendRaw(node.url, {
      path: `/v2/models/${own.id}`,
      headers: ['authorization', `Bearer ${apiKey}`],
    })
    expect((JSON.parse(bare.text) as Model).id).toBe(own.id)
    for (const id of [encodeURIComponent(own.id), 'acme%2fengine%3Av1']) {
      const answer = await getimg.get(apiKey, `/v2/models/${id}`)
      expect(answer.status, id).toBe(200)
      expect(answer.body, id).toEqual({
        id: own.id,
        name: 'Acme',
        type: 'image',
        created_at: '2026-05-05T00:00:00.000Z',
        supported_aspect_ratios: ['1:1', '3:2'],
        supported_resolutions: ['1K', '2K'],
        supported_durations: [],
        supported_references: { reference_image: 8 },
        supports_sound: false,
        pricing: {
          currency: 'USD',
          rates: [
            { billable_unit: 'image', resolution: '1K', sound: 'not_applicable', unit_price: '0.0005' },
            { billable_unit: 'image', resolution: '2K', sound: 'not_applicable', unit_price: '0.001125' },
          ],
        },
      })
    }
    const made = imageOf(await getimg.post(apiKey, { body: { model: own.id, prompt: 'default' } }))
    expect([made.model, made.data[0]?.width, made.data[0]?.height]).toEqual([own.id, 1024, 1024])
    expect(made.usage.total_cost).toBe(0.0005)
    for (const id of ['nobody', 'z-image-turbo', encodeURIComponent('openai:gpt-image-2'), '%2e%2e', '%ff']) {
      const answer = await getimg.get(apiKey, `/v2/models/${id}`)
      expect([answer.status, faultOf(answer).code], id).toEqual([404, 'not_found'])
    }
  })
})

describe('the balance', () => {
  test.each([
    [0, '0.00'],
    [1, '0.000125'],
    [8, '0.001'],
    [80, '0.01'],
    [400, '0.05'],
    [8_000, '1.00'],
    [999_999_999, '124999.999875'],
  ])('of %i credits is %s dollars', async (credits, balance) => {
    const { apiKey } = await openAccount(rig, credits)
    for (const mount of ['', '/getimg']) {
      expect((await getimg.get(apiKey, `${mount}/v2/billing/balance`)).body).toEqual({
        balance,
        currency: 'USD',
      })
    }
  })
})

type Costs = { data: { date: string; cost: number }[]; total_cost: number; start: string; end: string }

describe('costs', () => {
  const costsOf = async (apiKey: string, start: string, end: string): Promise<Costs> => {
    const answer = await getimg.get(apiKey, `/v2/billing/costs?${new URLSearchParams({ start, end })}`)
    expect(answer.status, answer.text).toBe(200)
    return answer.body as unknown as Costs
  }

  test('are what delivered orders of every surface cost, by UTC date, with a row for each date', async () => {
    const { apiKey, accountId } = await openAccount(rig, 1_000)
    await getimg.post(apiKey, { body: { model: own.id, prompt: 'four' } })
    await getimg.post(apiKey, { body: { model: own.id, prompt: 'nine', resolution: '2K' } })
    await generateImage(node, apiKey, { prompt: 'five' })
    await getimg.post(apiKey, { body: { model: own.id, prompt: 'none [[emulate: html_500]]' } })
    await grant(rig.database.db, accountId, { amount: 50, reference: 'a top-up' })
    const now = new Date()
    const today = now.toISOString().slice(0, 10)
    const dayMs = 86_400_000
    const start = new Date(now.getTime() - 2 * dayMs)
    const end = new Date(now.getTime() + dayMs)
    const costs = await costsOf(apiKey, start.toISOString(), end.toISOString())
    expect(costs).toMatchObject({ currency: 'USD', start: start.toISOString(), end: end.toISOString() })
    expect(costs.data.map(each => each.date)).toEqual(
      [-2, -1, 0, 1].map(days => new Date(now.getTime() + days * dayMs).toISOString().slice(0, 10)),
    )
    // 18 credits at an eightieth of a cent.
    expect(costs.total_cost).toBe(0.00225)
    for (const { date, cost } of costs.data) expect(cost, date).toBe(date === today ? 0.00225 : 0)
    expect((1_050 - (await rig.balance(accountId))) * 0.000125).toBeCloseTo(costs.total_cost, 12)
    // The same in another zone's words.
    const shifted = `${new Date(start.getTime() + 2 * 3_600_000).toISOString().slice(0, -1)}+02:00`
    expect((await costsOf(apiKey, shifted, end.toISOString())).start).toBe(start.toISOString())
    const stranger = await openAccount(rig, 5)
    expect((await costsOf(stranger.apiKey, start.toISOString(), end.toISOString())).total_cost).toBe(0)
  })

  test('count an order on its own date, both ends included, and lose what was refunded', async () => {
    const { apiKey, accountId } = await openAccount(rig, 1_000)
    const order = () => getimg.post(apiKey, { body: { model: own.id, prompt: 'dated' } })
    const shift = (by: string) =>
      ask(rig.database.ownerDb, 'UPDATE clock_offset SET value = value + $1::interval', [by])
    await order()
    await shift('25 hours')
    await order()
    await shift('25 hours')
    await order()
    await shift('-50 hours')
    const text = 'SELECT id, created_at FROM generation WHERE account_id = $1 ORDER BY created_at'
    const rows = await ask<{ id: string; created_at: Date }>(rig.database.db, text, [accountId])
    const [first, second, third] = rows.map(each => each.created_at)
    if (!first || !second || !third) throw new Error('three orders were made')
    const to = (at: Date, ms = 0) => new Date(at.getTime() + ms).toISOString()
    const all = await costsOf(apiKey, to(first), to(third))
    expect(all.total_cost).toBe(0.0015)
    expect(all.data.reduce((sum, each) => sum + each.cost, 0)).toBeCloseTo(0.0015, 12)
    for (const at of [first, second, third]) {
      const date = at.toISOString().slice(0, 10)
      expect(all.data.find(each => each.date === date)?.cost, date).toBeGreaterThanOrEqual(0.0005)
    }
    expect((await costsOf(apiKey, to(first, 1), to(third))).total_cost).toBe(0.001)
    expect((await costsOf(apiKey, to(first), to(third, -1))).total_cost).toBe(0.001)
    expect((await costsOf(apiKey, to(second), to(second, 1))).total_cost).toBe(0.0005)
    await rig.database.db.query({ name: '', text: "SELECT refund_generation($1, 3, 'sorry')" }, [rows[1]?.id])
    expect((await costsOf(apiKey, to(second), to(second, 1))).total_cost).toBe(0.000125)
  })

  test.each<[string, string, string]>([
    ['', 'start', 'parameter_missing'],
    ['start=2026-11-01T00:00:00Z', 'end', 'parameter_missing'],
    ['start=2026-11-01&end=2026-11-02T00:00:00Z', 'start', 'invalid_parameter'],
    ['start=2026-11-01T00:00:00&end=2026-11-02T00:00:00Z', 'start', 'invalid_parameter'],
    ['start=2026-02-30T00:00:00Z&end=2026-11-02T00:00:00Z', 'start', 'invalid_parameter'],
    ['start=2026-11-01T00:00:00Z&end=tomorrow', 'end', 'invalid_parameter'],
    ['start=2026-11-01T00:00:00Z&end=2026-11-01T00:00:00Z', 'end', 'invalid_parameter'],
    ['start=2026-11-02T00:00:00Z&end=2026-11-01T00:00:00Z', 'end', 'invalid_parameter'],
    ['start=2026-01-01T00:00:00Z&end=2026-06-30T00:00:00.001Z', 'end', 'invalid_parameter'],
    ['start=0000-01-01T00:00:00%2B01:00&end=0000-01-02T00:00:00Z', 'start', 'invalid_parameter'],
    ['start=9999-12-31T00:00:00Z&end=9999-12-31T23:59:59-01:00', 'end', 'invalid_parameter'],
    ['start=1767225600&end=2026-11-01T00:00:00Z', 'start', 'invalid_parameter'],
    [
      'start=2026-11-01T00:00:00Z&start=2026-11-01T00:00:00Z&end=2026-11-02T00:00:00Z',
      'start',
      'invalid_parameter',
    ],
  ])('for %s is 400 and names %s', async (query, param, code) => {
    const { apiKey } = await openAccount(rig, 0)
    const answer = await getimg.get(apiKey, `/v2/billing/costs?${query}`)
    expect([answer.status, faultOf(answer).param, faultOf(answer).code]).toEqual([400, param, code])
  })

  test('180 days are the longest span, and have a row each', async () => {
    const { apiKey } = await openAccount(rig, 0)
    const costs = await costsOf(apiKey, '2026-01-01T00:00:00Z', '2026-06-30T00:00:00Z')
    expect([costs.data.length, costs.total_cost]).toEqual([181, 0])
    for (const year of ['0000', '9999'])
      expect((await costsOf(apiKey, `${year}-01-01T00:00:00Z`, `${year}-01-02T00:00:00Z`)).total_cost).toBe(0)
  })
})

test('everything under /v2/videos/ is not found, by any method and whoever asks', async () => {
  const { apiKey } = await openAccount(rig, 100)
  for (const mount of ['', '/getimg']) {
    for (const path of [
      '/v2/videos',
      '/v2/videos/generations',
      '/v2/videos/generations/req-1',
      '/v2/videos/x?y=z',
    ]) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        for (const headers of [[], ['authorization', `Bearer ${apiKey}`], ['authorization', 'Bearer none']]) {
          const answer = await getimg.judge({ method, path: mount + path, headers })
          expect([answer.status, faultOf(answer).code], `${method} ${path}`).toEqual([404, 'not_found'])
        }
      }
    }
  }
})

test('nothing but downloads, videos and documents is answered without a key', async () => {
  for (const path of ['/v2/models', '/v2/models/gpt-image-2', '/v2/billing/balance', '/v2/billing/costs']) {
    const answer = await getimg.judge({ path })
    expect([answer.status, faultOf(answer).code], path).toEqual([401, 'invalid_api_key'])
    const wrong = await getimg.judge({ path, method: 'POST' })
    expect([wrong.status, wrong.headers.allow], path).toEqual([405, 'GET'])
  }
  const documents = await Promise.all(
    ['/openapi/getimg.json', '/getimg/openapi.json'].map(path => sendRaw(node.url, { path })),
  )
  expect(documents.map(each => each.status)).toEqual([200, 200])
  expect(documents[0]?.text).toBe(documents[1]?.text)
  expect(Object.keys(getimg.document.paths).every(path => path.startsWith('/v2/'))).toBe(true)
})
