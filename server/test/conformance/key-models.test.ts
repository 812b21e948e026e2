// Keys that may be used for some models alone: any other is refused before anything is priced, held or asked of an
// upstream, in the words of each API; lists that are read with the key show these models alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setKeyModels } from '../../src/accounts/keys.ts'
import { createRig, type Node, type Rig, read } from '../harness.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

/** One of each surface, by the id that it is called there. */
const allowed = ['openai:gpt-image-2', 'gemini-3-1-flash-image', 'google/nano-banana', 'gpt-image-1-mini']

let rig: Rig
let nodes: [Node, Node]
let client: NativeClient

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  nodes = [await rig.startNode(), await rig.startNode()]
  client = await createNativeClient(nodes[0])
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

const open = () => rig.account({ credits: 1_000, plan: 'pro', key: { models: allowed } })
const asked = () => rig.openai.requests.length + rig.google.requests.length

async function post(
  apiKey: string,
  path: string,
  { at = nodes[0], ...body }: { at?: Node; [field: string]: unknown },
) {
  const answer = await fetch(at.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a fox', ...body }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

type Surface = {
  name: string
  path: string
  good: Record<string, unknown>
  bad: Record<string, unknown>
  status: number
  told: object
}
const text = expect.stringMatching(/may not use the model \S+; allowed: openai:gpt-image-2, /)
const details = [{ path: 'model', message: text, code: 'invalid_value' }]
const surfaces: Surface[] = [
  {
    ...{ name: 'Get Images', path: '/api/v1/images/generate', status: 400 },
    ...{ good: { modelId: allowed[0] }, bad: { modelId: 'google:gemini-2.5-flash-image' } },
    told: { error: { message: text, details: [{ ...details[0], path: 'modelId' }] } },
  },
  {
    ...{ name: 'getimg', path: '/v2/images/generations', status: 400 },
    ...{ good: { model: allowed[1] }, bad: { model: 'gpt-image-2' } },
    told: { error: expect.objectContaining({ code: 'invalid_parameter', param: 'model', message: text }) },
  },
  {
    ...{ name: 'imgeo', path: '/imgeo/api/v1/generate', status: 400 },
    ...{ good: { model: allowed[2] }, bad: { model: 'google/nano-banana-pro' } },
    told: { error: text, code: 'forbidden' },
  },
  {
    ...{ name: 'OpenAI', path: '/v1/images/generations', status: 403 },
    ...{ good: { model: allowed[3] }, bad: { model: 'gpt-image-2' } },
    told: {
      error: {
        ...{ message: text, type: 'invalid_request_error' },
        ...{ param: 'model', code: 'insufficient_permissions' },
      },
    },
  },
  {
    ...{ name: 'native', path: generations, status: 403 },
    ...{ good: { model: allowed[0] }, bad: { model: 'gpt-image-2' } },
    told: { error: text, code: 'forbidden', issues: details },
  },
  {
    ...{ name: 'a native quote', path: `${generations}/quote`, status: 403 },
    ...{ good: { model: allowed[2] }, bad: { model: 'no-such-model' } },
    told: { error: text, code: 'forbidden', issues: details },
  },
]

describe('a key for some models', () => {
  test.each(surfaces)(
    '$name: orders these, and any other is refused before anything is held',
    async surface => {
      const { apiKey, accountId } = await open()
      const before = asked()
      const refused = await post(apiKey, surface.path, surface.bad)
      expect([refused.status, refused.body]).toEqual([surface.status, surface.told])
      expect([await rig.balance(accountId), asked()]).toEqual([1_000, before])
      const made = await post(apiKey, surface.path, surface.good)
      expect([200, 202], JSON.stringify(made.body)).toContain(made.status)
      const other = await rig.account({ credits: 1_000, plan: 'pro' })
      if (surface.name !== 'a native quote')
        expect((await post(other.apiKey, surface.path, surface.bad)).status).toBeLessThan(300)
    },
  )

  test('the gptimage2 API has one model, which the key must be for', async () => {
    const { apiKey, accountId } = await open()
    const refused = await post(apiKey, '/gptimage2/api/v1/generate', {})
    expect([refused.status, refused.body.code, refused.body.issues]).toEqual([403, 'forbidden', details])
    expect(await rig.balance(accountId)).toBe(1_000)
    const own = await rig.account({ credits: 1_000, plan: 'pro', key: { models: ['gpt-image-2'] } })
    expect((await post(own.apiKey, '/gptimage2/api/v1/generate', {})).status).toBe(202)
  })

  test('sees these models alone in every list that is read with it', async () => {
    const { apiKey } = await open()
    const ids = async (path: string, member?: string) => {
      const { body } = await read(nodes[0], apiKey, path)
      return ((member ? body[member] : body) as { id: string }[]).map(({ id }) => id).sort()
    }
    const offered = (await rig.account({ credits: 0 })).apiKey
    const all = (await client.call(offered, 'GET /api/v1/catalog')).body.models as { id: string }[]
    expect(all.length).toBeGreaterThan(allowed.length)
    const mine = allowed.filter(id => all.some(each => each.id === id)).sort()
    expect(await ids('/api/v1/catalog', 'models')).toEqual(mine)
    expect(await ids('/v1/models', 'data')).toEqual(mine)
    expect(await ids('/v2/models')).toEqual(['gemini-3-1-flash-image'])
    for (const [path, status] of [
      ['/v1/models/gpt-image-2', 404],
      ['/v1/models/google%2Fnano-banana', 200],
      ['/v2/models/gpt-image-2', 404],
      ['/v2/models/gemini-3-1-flash-image', 200],
      ['/api/v1/catalog?model=gpt-image-2', 404],
    ] as const) {
      expect((await read(nodes[0], apiKey, path)).status, path).toBe(status)
    }
  })

  test('is for others from the next request on, on every node, and a repeat still shows its order', async () => {
    const { apiKey, accountId } = await open()
    const order = (node: Node) =>
      client.call(apiKey, `POST ${generations}`, {
        body: { model: allowed[0], prompt: 'a fox' },
        headers: { 'idempotency-key': 'once' },
        url: node.url,
      })
    const made = await order(nodes[0])
    const [key] = await rig.database.db.query<{ id: string }>(
      {
        name: 'test_key_of_account',
        text: 'SELECT id FROM api_key WHERE account_id = $1 AND models IS NOT NULL',
      },
      [accountId],
    )
    for (let round = 0; round < 20; round += 1) {
      await setKeyModels(rig.database.db, key?.id ?? '', ['gpt-image-1-mini'])
      for (const node of nodes)
        expect((await post(apiKey, generations, { model: allowed[0], at: node })).status).toBe(403)
      await setKeyModels(rig.database.db, key?.id ?? '', null)
      for (const node of nodes)
        expect((await post(apiKey, `${generations}/quote`, { model: allowed[0], at: node })).status).toBe(200)
    }
    await setKeyModels(rig.database.db, key?.id ?? '', ['gpt-image-1-mini'])
    expect((await order(nodes[1])).body.id).toBe(made.body.id)
  })
})
