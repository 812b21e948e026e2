// The native list of models: what can be ordered now, and at which price, as the order itself will have it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

type Price = {
  resolution: string | null
  size: string | null
  quality: string | null
  thinkingLevel: string | null
  aspectRatio: string | null
  credits: number
  creditsWithImages: number[]
  ownKey: boolean
}
type Model = {
  id: string
  edits: boolean
  aspectRatios: string[]
  resolutions: string[]
  qualities: string[]
  thinkingLevels: string[]
  negativePrompt: boolean
  maxN: number
  maxImages: number
  prices: Price[]
}

let rig: Rig
let node: Node
let client: NativeClient

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  client = await createNativeClient(node)
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

async function readModels(apiKey: string): Promise<Model[]> {
  const { status, body } = await client.call(apiKey, 'GET /api/v1/catalog')
  expect(status).toBe(200)
  return body.models as Model[]
}

test('every model that is listed can be ordered with what its prices name, at those prices', async () => {
  const { apiKey } = await rig.account({ credits: 0 })
  const models = await readModels(apiKey)
  expect(models.map(({ id }) => id)).toContain('gpt-image-2')
  for (const { id, prices } of models) {
    expect(prices.length, id).toBeGreaterThan(0)
    for (const { credits, creditsWithImages: _, ownKey, ...named } of prices) {
      expect(ownKey).toBe(false)
      const options = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== null))
      const body = { model: id, prompt: 'x', ...options }
      const quoted = await client.call(apiKey, `POST ${generations}/quote`, { body })
      expect([quoted.status, quoted.body.unitCredits], JSON.stringify(body)).toEqual([200, credits])
    }
  }
})

test('whatever changes a price is in the list: the ratio of the picture, and how many it is made from', async () => {
  // Nothing is asked of these upstreams.
  const more = await rig.startNode({ BFL_API_KEY: 'bfl-key-for-prices', ARK_API_KEY: 'ark-key-for-prices' })
  const { apiKey } = await rig.account({ credits: 0 })
  const { body } = await client.call(apiKey, 'GET /api/v1/catalog', { url: more.url })
  const models = body.models as Model[]
  const unitOf = async (order: object) => {
    const quoted = await client.call(apiKey, `POST ${generations}/quote`, {
      ...{ body: { prompt: 'x', ...order }, url: more.url },
    })
    expect(quoted.status, JSON.stringify(quoted.body)).toBe(200)
    return quoted.body.unitCredits
  }
  const images = (count: number) => ({ images: Array(count).fill({ uploadKey: 'never-looked-at' }) })
  const optionsOf = ({ resolution, size, quality, thinkingLevel, aspectRatio }: Price) =>
    Object.fromEntries(
      Object.entries({ resolution, size, quality, thinkingLevel, aspectRatio }).filter(([, value]) => value),
    )
  const dearer = models.filter(({ prices }) => prices.some(each => each.creditsWithImages.length > 0))
  expect(dearer.map(({ id }) => id)).toContain('black-forest-labs/flux-2-pro')
  for (const { id: model, prices, maxImages } of models) {
    for (const row of prices) {
      for (const count of new Set([1, 2, maxImages].filter(each => each <= maxImages))) {
        const listed = row.creditsWithImages[count - 1] ?? row.credits
        expect(await unitOf({ model, ...optionsOf(row), ...images(count) }), `${model} ${count}`).toBe(listed)
      }
    }
  }
  const ratios = models.find(({ id }) => id === 'gpt-image-2')
  for (const aspectRatio of ratios?.aspectRatios ?? []) {
    const row = ratios?.prices.find(
      each => each.aspectRatio === aspectRatio && each.quality === 'medium' && each.resolution === '1K',
    )
    const order = { model: 'gpt-image-2', aspectRatio, resolution: '1K', quality: 'medium' }
    expect(await unitOf(order), aspectRatio).toBe(row?.credits)
  }
  await more.stop()
})

test('what a model is said to take it takes, and no more of it', async () => {
  const { apiKey } = await rig.account({ credits: 0 })
  const quote = async (body: object) =>
    (await client.call(apiKey, `POST ${generations}/quote`, { body: { prompt: 'x', ...body } })).status
  for (const { id, aspectRatios, maxN, negativePrompt } of await readModels(apiKey)) {
    for (const aspectRatio of aspectRatios) expect(await quote({ model: id, aspectRatio }), id).toBe(200)
    expect(await quote({ model: id, n: maxN }), `${id} ${maxN}`).toBe(200)
    if (maxN < 10) expect(await quote({ model: id, n: maxN + 1 }), `${id} ${maxN + 1}`).toBe(400)
    expect(await quote({ model: id, negativePrompt: 'rain' }), id).toBe(negativePrompt ? 200 : 400)
  }
})

test('one model is read by its id, an unknown one is not there, and another parameter is refused', async () => {
  const { apiKey } = await rig.account({ credits: 0, key: { scopes: ['read'] } })
  const one = await client.call(apiKey, 'GET /api/v1/catalog?model=openai:gpt-image-2')
  expect((one.body.models as Model[]).map(({ id }) => id)).toEqual(['openai:gpt-image-2'])
  // There is such a model, and no key for its upstream.
  for (const id of ['nothing', 'black-forest-labs/flux-schnell']) {
    const none = await client.call(apiKey, `GET /api/v1/catalog?model=${id}`)
    expect([none.status, none.body.code], id).toEqual([404, 'not_found'])
  }
  expect((await client.call(apiKey, 'GET /api/v1/catalog?limit=5')).status).toBe(400)
  expect((await fetch(`${node.url}/api/v1/catalog`)).status).toBe(401)
})
