// Pricing, canceling and deleting through the native API: prices are the charge, a cancel tells what won, and what is
// deleted is gone everywhere.
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, eventually, generateImage, type Node, type Rig, read } from '../harness.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

let rig: Rig
let node: Node
let client: NativeClient

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ WORKER_CONCURRENCY: '4', OUTBOUND_ALLOW: new URL(rig.openai.url).host })
  client = await createNativeClient(node)
})
afterAll(() => rig.close())

const model = 'openai:gpt-image-2'
const wait = { prefer: 'wait=20' }
const unknownIds = ['01890000-0000-7000-8000-000000000000', 'quote', '%27%20OR%201%3D1', '..']

describe('a quote', () => {
  test('is the charge to the credit, whatever is ordered', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const orders = [
      { model, prompt: 'x' },
      { model: 'gpt-image-2', prompt: 'x', quality: 'low', n: 3 },
      { model: 'gpt-image-2', prompt: 'x', quality: 'high', size: '1536x1024' },
      { model: 'google:gemini-3-pro-image-preview', prompt: 'x', thinkingLevel: 'deep' },
      { model: 'darkroom:sketch', prompt: 'x', n: 2 },
    ]
    for (const body of orders) {
      const quoted = await client.call(apiKey, `POST ${generations}/quote`, { body })
      expect(quoted.status, JSON.stringify(body)).toBe(200)
      const before = await rig.balance(accountId)
      const made = await client.call(apiKey, `POST ${generations}`, { body, headers: wait })
      expect(made.body.status).toBe('succeeded')
      expect(before - (await rig.balance(accountId)), JSON.stringify(body)).toBe(quoted.body.costCredits)
      expect(quoted.body.costCredits).toBe(Number(quoted.body.unitCredits) * (body.n ?? 1))
    }
  })

  test('of an order to be adapted has the price and the warnings of that order', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const ask = { model: 'gpt-image-2', prompt: 'x', quality: 'best', negativePrompt: 'rain', n: 2 }
    for (const onUnsupported of [undefined, 'refuse']) {
      const refused = await client.call(apiKey, `POST ${generations}`, { body: { ...ask, onUnsupported } })
      expect(refused.body).toMatchObject({ code: 'invalid_request' })
      expect(refused.body.issues?.map(issue => issue.path)).toContain('quality')
    }
    const body = { ...ask, onUnsupported: 'adapt' }
    const quoted = await client.call(apiKey, `POST ${generations}/quote`, { body })
    expect(quoted.body.warnings).toEqual([
      'The quality best is not offered; medium was used.',
      'The negative prompt is not offered and was left out.',
    ])
    const before = await rig.balance(accountId)
    const queued = await client.call(apiKey, `POST ${generations}`, { body })
    expect([queued.status, queued.body.warnings]).toEqual([202, quoted.body.warnings])
    const shown = () => client.call(apiKey, `GET ${generations}/${queued.body.id}`)
    await eventually('the order ended', async () => (await shown()).body.status === 'succeeded')
    expect((await shown()).body.warnings).toEqual(quoted.body.warnings)
    expect(before - (await rig.balance(accountId))).toBe(quoted.body.costCredits)
  })

  test('neither runs nor charges nor fetches, also with an empty wallet', async () => {
    const { apiKey } = await rig.account({ credits: 0 })
    const calls = rig.openai.requests.length
    const body = {
      model: 'gpt-image-2',
      prompt: 'x',
      images: [{ url: `${rig.openai.url}/nothing-here.png` }],
    }
    const quoted = await client.call(apiKey, `POST ${generations}/quote`, { body })
    expect([quoted.status, Number(quoted.body.costCredits) > 0]).toEqual([200, true])
    expect(rig.openai.requests).toHaveLength(calls)
    expect((await read(node, apiKey, '/api/v1/usage')).body).toMatchObject({ total: 0 })
    // The order itself would have asked for the picture.
    const funded = await rig.account({ credits: 100 })
    expect((await client.call(funded.apiKey, `POST ${generations}`, { body })).status).toBe(400)
  })

  test('is refused as the order would be, and is no generation', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const wrong: [object | string, number, string | null][] = [
      [{ model, prompt: 'x', n: 0 }, 400, 'n'],
      [{ model, prompt: 'x', aspectRatio: '7:5' }, 400, 'aspectRatio'],
      [{ model, prompt: 'x', images: [{ url: 'nonsense' }] }, 400, 'images.0.url'],
      [{ model: 'nobody/nothing', prompt: 'x' }, 400, null],
      [{ model, prompt: 'x', credits: 1 }, 400, 'body'],
      ['{', 400, null],
    ]
    for (const [body, status, path] of wrong) {
      const quoted = await client.call(apiKey, `POST ${generations}/quote`, { body })
      const ordered = await client.call(apiKey, `POST ${generations}`, { body })
      expect([quoted.status, quoted.body], JSON.stringify(body)).toEqual([status, ordered.body])
      if (path) expect(quoted.body.issues?.map(issue => issue.path)).toContain(path)
    }
    const parameter = await client.call(apiKey, `POST ${generations}/quote?dry=1`, {
      body: { model, prompt: 'x' },
    })
    expect([parameter.status, parameter.body.issues?.[0]?.path]).toEqual([400, 'dry'])
    expect((await client.call(apiKey, `GET ${generations}/quote`)).status).toBe(404)
    const reader = await rig.account({ credits: 5, key: { scopes: ['read'] } })
    expect(
      (await client.call(reader.apiKey, `POST ${generations}/quote`, { body: { model, prompt: 'x' } }))
        .status,
    ).toBe(403)
    const put = await fetch(`${node.url}${generations}/quote`, { method: 'PUT' })
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST'])
  })
})

describe('a cancel', () => {
  test('of an order that waits ends it unpaid; of one at work says that it runs on', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const body = { model, prompt: 'slow' }
    const resume = rig.openai.pause()
    const orders = await Promise.all(
      Array.from({ length: 8 }, () => client.call(apiKey, `POST ${generations}`, { body })),
    )
    const now = () =>
      Promise.all(orders.map(({ body: { id } }) => client.call(apiKey, `GET ${generations}/${id}`)))
    let seen = orders
    // An order may wait for a moment though a place is free.
    await eventually('four places are taken', async () => {
      seen = await now()
      return seen.filter(({ body: { status } }) => status === 'running').length === 4
    })
    const waiting = seen.find(({ body: { status } }) => status === 'queued')
    const running = seen.findLast(({ body: { status } }) => status === 'running')
    if (!waiting || !running) throw new Error('four orders must wait')
    const canceled = await client.call(apiKey, `POST ${generations}/${waiting.body.id}/cancel`)
    expect(canceled.body).toMatchObject({
      outcome: 'canceled',
      generation: { id: waiting.body.id, status: 'canceled', reason: 'canceled', costCredits: 0 },
    })
    const again = await client.call(apiKey, `POST ${generations}/${waiting.body.id}/cancel`)
    expect([again.status, again.body]).toEqual([200, canceled.body])
    const late = await client.call(apiKey, `POST ${generations}/${running.body.id}/cancel`)
    expect(late.body).toMatchObject({ outcome: 'runs_on', generation: { status: 'running' } })
    resume()
    const ended = await client.settled(apiKey, running.body.id)
    expect(ended.status).toBe('succeeded')
    const lost = await client.call(apiKey, `POST ${generations}/${running.body.id}/cancel`)
    expect(lost.body).toMatchObject({ outcome: 'already_ended', generation: { status: 'succeeded' } })
    let spent = 0
    for (const { body: order } of orders) spent += (await client.settled(apiKey, order.id)).costCredits
    expect(await rig.balance(accountId)).toBe(100 - spent)
    expect((await client.settled(apiKey, waiting.body.id)).status).toBe('canceled')
  })

  test('of an order of gptimage2, whose list of statuses is closed, shows it as failed at every path', async () => {
    const { apiKey } = await rig.account({ credits: 100, plan: 'pro' })
    const json = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ prompt: 'slow', quality: 'low' })
    const resume = rig.openai.pause()
    const ids = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const init = { method: 'POST', headers: json, body }
        const made = await fetch(`${node.url}/gptimage2/api/v1/generate`, init)
        return String(((await made.json()) as { generationId: string }).generationId)
      }),
    )
    const outcomes = await Promise.all(ids.map(id => client.call(apiKey, `POST ${generations}/${id}/cancel`)))
    resume()
    const canceled = outcomes.find(answer => answer.body.outcome === 'canceled')?.body.generation
    const { id } = canceled as { id: string }
    const shown = { id, status: 'failed', error: expect.stringMatching(/canceled/), costCredits: 1 }
    expect(canceled).toMatchObject(shown)
    expect((await client.call(apiKey, `GET ${generations}/${id}`)).body).toMatchObject(shown)
    expect((await read(node, apiKey, `/gptimage2${generations}/${id}`)).body).toMatchObject(shown)
    const listed = async (status: string) => {
      const page = await client.call(apiKey, `GET ${generations}?status=${status}`)
      return (page.body.generations as { id: string }[]).map(each => each.id)
    }
    expect(await listed('failed')).toContain(id)
    expect(await listed('canceled')).toEqual([])
    for (const each of ids) await client.settled(apiKey, each)
  })

  test('of a foreign generation, and its deletion, are those of an unknown one', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const stranger = await rig.account({ credits: 0 })
    const { body } = await client.call(apiKey, `POST ${generations}`, {
      body: { model, prompt: 'mine' },
      headers: wait,
    })
    for (const verb of [
      (id: string) => `POST ${generations}/${id}/cancel`,
      (id: string) => `DELETE ${generations}/${id}`,
    ]) {
      const foreign = await client.call(stranger.apiKey, verb(body.id))
      expect(foreign.status).toBe(404)
      for (const id of unknownIds.slice(0, 3)) {
        const unknown = await client.call(stranger.apiKey, verb(id))
        expect([unknown.status, unknown.body], id).toEqual([404, foreign.body])
      }
      const reader = await rig.account({ credits: 0, key: { scopes: ['read'] } })
      expect((await client.call(reader.apiKey, verb(body.id))).status).toBe(403)
      expect((await client.call('dr_none', verb(body.id))).status).toBe(401)
      expect((await client.call(apiKey, `${verb(body.id)}?force=1`)).body.issues?.[0]?.path).toBe('force')
    }
    expect((await client.call(apiKey, `GET ${generations}/${body.id}`)).body.outputs).toHaveLength(1)
  })
})

describe('a deletion', () => {
  test('removes the generation from every read, and its files', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100, key: { rate: null } })
    const native = await client.call(apiKey, `POST ${generations}`, {
      body: { model, prompt: 'gone' },
      headers: wait,
    })
    const made = await generateImage(node, apiKey, { prompt: 'gone too' })
    const ids = [native.body.id, made.body.image?.id ?? '']
    const balance = await rig.balance(accountId)
    const stored = () =>
      readdirSync(rig.dataDir, { recursive: true, encoding: 'utf8' }).filter(name =>
        ids.some(id => name.includes(id)),
      )
    expect(stored().length).toBeGreaterThan(0)
    const urls = native.body.outputs.flatMap(({ url, webp }) => [url, webp])
    for (const url of urls) expect((await fetch(url)).status).toBe(200)
    for (const id of ids) {
      const deleted = await client.call(apiKey, `DELETE ${generations}/${id}`)
      expect([deleted.status, deleted.headers.get('x-ratelimit-limit')]).toEqual([204, '600'])
      expect((await client.call(apiKey, `DELETE ${generations}/${id}`)).status).toBe(204)
      expect((await client.call(apiKey, `GET ${generations}/${id}`)).status).toBe(404)
      expect((await client.call(apiKey, `POST ${generations}/${id}/cancel`)).status).toBe(404)
      expect((await read(node, apiKey, `/api/v1/images/${id}`)).status).toBe(404)
      const bytes = await fetch(`${node.url}${generations}/${id}/images/0`, {
        headers: { authorization: `Bearer ${apiKey}` },
      })
      expect(bytes.status).toBe(404)
    }
    for (const url of urls) expect((await fetch(url)).status).toBe(404)
    expect((await read(node, apiKey, '/api/v1/images')).body).toMatchObject({ total: 0, images: [] })
    await eventually('the files are gone', () => stored().length === 0)
    expect(await rig.balance(accountId)).toBe(balance)
    expect((await read(node, apiKey, '/api/v1/usage')).body).toMatchObject({ total: 3 })
  })

  test('of one that has not ended is refused and names what to do; afterwards it is possible', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const body = { model, prompt: 'slow' }
    const resume = rig.openai.pause()
    const { body: order } = await client.call(apiKey, `POST ${generations}`, { body })
    const early = await client.call(apiKey, `DELETE ${generations}/${order.id}`)
    resume()
    expect([early.status, early.body.code, early.headers.get('x-should-retry')]).toEqual([
      409,
      'still_running',
      'false',
    ])
    expect((await client.settled(apiKey, order.id)).status).toBe('succeeded')
    expect((await client.call(apiKey, `DELETE ${generations}/${order.id}`)).status).toBe(204)
  })
})
