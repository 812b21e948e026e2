// The operator's keys of upstreams through the native API: in force on every node without a restart, never shown again,
// and enough by themselves to open the real models.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { defaultOpenAiKey } from '../upstreams/openai.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

const keys = '/api/v1/admin/provider-keys'
const wrongKey = 'sk-wrong-key-of-the-environment-5531'
const otherKey = 'sk-another-wrong-key-8842-of-an-admin'
const secret = 'an installation secret of 32 letters and more'
const body = { model: 'gpt-image-2', prompt: 'a lighthouse' }
const headers = { prefer: 'wait=25' }

let rig: Rig
let client: NativeClient
let node: Node
let admin: string
let customer: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  // Nothing in the environment: a fresh installation on its own machine.
  node = await rig.startNode({ OPENAI_API_KEY: '', GEMINI_API_KEY: '', AUTH_SECRET: secret })
  client = await createNativeClient(node)
  admin = (await rig.account({ credits: 0, key: { scopes: ['admin'] } })).apiKey
  customer = (await rig.account({ credits: 1_000 })).apiKey
})
afterAll(() => rig.close())

const order = async (at: Node, prompt = body.prompt) =>
  client.call(customer, `POST ${generations}`, { body: { ...body, prompt }, headers, url: at.url })
const set = (key: string, at: Node = node) =>
  client.call(admin, `PUT ${keys}/openai`, { body: { key }, url: at.url })
const lastKey = () => rig.openai.requests.at(-1)?.headers.authorization?.replace('Bearer ', '')

test('the first key ends the sandbox at once, on other nodes too', async () => {
  const other = await rig.startNode({ OPENAI_API_KEY: '', GEMINI_API_KEY: '', AUTH_SECRET: secret })
  expect((await order(node)).headers.get('x-darkroom-sandbox')).toBe('1')
  const calls = rig.openai.requests.length
  expect((await set(defaultOpenAiKey)).body).toMatchObject({ provider: 'openai', lastLetters: '6789' })
  const made = await order(node)
  expect([made.body.status, made.headers.get('x-darkroom-sandbox')]).toEqual(['succeeded', null])
  expect(rig.openai.requests.length).toBe(calls + 1)
  await eventually('the other node has the key', async () => {
    const answer = await order(other)
    return answer.headers.get('x-darkroom-sandbox') === null && answer.body.status === 'succeeded'
  })
  await other.stop()
})

test('a node that starts with keys in the database only serves real models', async () => {
  const later = await rig.startNode({ OPENAI_API_KEY: '', GEMINI_API_KEY: '', AUTH_SECRET: secret })
  const made = await order(later)
  expect([made.body.status, made.headers.get('x-darkroom-sandbox'), lastKey()]).toEqual([
    'succeeded',
    null,
    defaultOpenAiKey,
  ])
  await later.stop()
})

test('a new key is used at once, a call under way ends with the one before, and a removed one gives way to the environment’s', async () => {
  const configured = await rig.startNode({
    OPENAI_API_KEY: wrongKey,
    GEMINI_API_KEY: '',
    AUTH_SECRET: secret,
  })
  const resume = rig.openai.pause()
  const slow = order(configured, 'a slow one')
  await rig.openai.waitUntil(() => rig.openai.requests.some(each => each.prompt === 'a slow one'))
  await set(otherKey, configured)
  expect((await order(configured)).body).toMatchObject({ status: 'failed', reason: 'upstream_unavailable' })
  expect(lastKey()).toBe(otherKey)
  resume()
  expect((await slow).body.status).toBe('succeeded')
  await client.call(admin, `DELETE ${keys}/openai`, { url: configured.url })
  await order(configured)
  expect(lastKey()).toBe(wrongKey)
  await eventually('the first node has no key again', async () => {
    return (await order(node)).headers.get('x-darkroom-sandbox') === '1'
  })
  await configured.stop()
})

test('a key that another AUTH_SECRET sealed is not used and said to be lost; an earlier one still opens', async () => {
  await set(defaultOpenAiKey)
  const env = { OPENAI_API_KEY: '', GEMINI_API_KEY: '' }
  const renewed = 'another installation secret of 32 letters'
  const stranger = await rig.startNode({ ...env, AUTH_SECRET: renewed })
  expect(stranger.output.join()).toContain('provider_key.unreadable')
  expect((await client.call(admin, `GET ${keys}/openai`, { url: stranger.url })).body).toMatchObject({
    usable: false,
  })
  expect((await order(stranger)).headers.get('x-darkroom-sandbox')).toBe('1')
  await stranger.stop()
  const heir = await rig.startNode({ ...env, AUTH_SECRET: renewed, AUTH_SECRET_EARLIER: secret })
  expect((await order(heir)).body.status).toBe('succeeded')
  expect(lastKey()).toBe(defaultOpenAiKey)
  await heir.stop()
})

test('a key is never shown again, whatever the upstream repeats of it', async () => {
  await set(otherKey)
  const answers = [
    await order(node, 'one [[emulate: leaky_error]]'),
    await order(node),
    await client.call(admin, `GET ${keys}`),
    await client.call(admin, `GET ${keys}/openai`),
    await set(otherKey),
  ]
  expect(answers.map(answer => answer.status)).toEqual([200, 200, 200, 200, 200])
  const rows = await rig.database.db.query<{ message: string }>({
    name: 'test_messages',
    text: 'SELECT message FROM attempt WHERE message IS NOT NULL',
  })
  expect(rows.length).toBeGreaterThan(0)
  const said = JSON.stringify([answers.map(({ body }) => body), rows, node.output])
  for (const key of [otherKey, defaultOpenAiKey, wrongKey]) expect(said).not.toContain(key)
  expect(said).not.toContain(otherKey.slice(0, 20))
  expect(JSON.stringify(answers.map(answer => [...answer.headers]))).not.toContain(otherKey)
})

test('only the scope admin reaches them, and what is no key or no provider is refused by its field', async () => {
  for (const call of [`GET ${keys}`, `GET ${keys}/openai`, `DELETE ${keys}/openai`, `PUT ${keys}/openai`]) {
    const sent = call.startsWith('PUT') ? { body: { key: defaultOpenAiKey } } : {}
    expect((await client.call(customer, call, sent)).status, call).toBe(403)
    expect((await client.call('dr_nobody', call, sent)).status, call).toBe(401)
  }
  const refusals: [string, unknown, string | undefined][] = [
    ['nobody', { key: defaultOpenAiKey }, 'provider'],
    ['sketch', { key: defaultOpenAiKey }, 'provider'],
    ['openai', { key: 'short' }, 'key'],
    ['openai', { key: `${defaultOpenAiKey} ` }, 'key'],
    ['openai', { key: 'ключ-от-облака' }, 'key'],
    ['openai', {}, 'key'],
    ['openai', { key: defaultOpenAiKey, more: 1 }, 'body'],
  ]
  for (const [provider, sent, field] of refusals) {
    const refused = await client.call(admin, `PUT ${keys}/${provider}`, { body: sent })
    expect([refused.status, refused.body.issues?.[0]?.path], JSON.stringify(sent)).toEqual([400, field])
    expect(JSON.stringify(refused.body)).not.toContain(defaultOpenAiKey)
  }
  expect((await client.call(admin, `DELETE ${keys}/google`)).status).toBe(404)
  expect((await client.call(admin, `GET ${keys}/google`)).status).toBe(404)
})
