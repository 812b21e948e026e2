// Keys of the database and of accounts for what the environment describes: packages of the AI SDK and engines that ask
// for a key. An engine that asks for none takes none of an account.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { defaultOpenAiCompatibleKey, startOpenAiCompatibleUpstream } from '../upstreams/openai-compatible.ts'
import { startSdapiUpstream } from '../upstreams/sdapi.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { defaultXaiKey, startXaiUpstream, type XaiUpstream } from '../upstreams/xai.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

const operator = '/api/v1/admin/provider-keys'
const own = '/api/v1/provider-keys'
const badKey = 'a-key-that-nobody-takes-7743'
const headers = { prefer: 'wait=25' }
const onPackage = { model: 'xai:grok', prompt: 'a lighthouse' }
const onEngine = { model: 'self-hosted:openai-compatible', prompt: 'a lighthouse' }

let rig: Rig
let xai: XaiUpstream
let engine: Upstream
let card: Upstream
let node: Node
let client: NativeClient
let admin: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  xai = await startXaiUpstream()
  engine = await startOpenAiCompatibleUpstream({ profile: 'vllm-omni' })
  card = await startSdapiUpstream({ apiKey: '' })
  const catalog = join(rig.dataDir, 'catalog.json')
  writeFileSync(catalog, JSON.stringify(packageCatalog))
  node = await rig.startNode({
    AUTH_SECRET: 'an installation secret of 32 letters and more',
    DARKROOM_CATALOG: catalog,
    AI_SDK_PROVIDERS: 'xai=@ai-sdk/xai',
    XAI_BASE_URL: `${xai.url}/v1`,
    OPENAI_COMPATIBLE_BASE_URL: `${engine.url}/v1`,
    SDAPI_BASE_URL: card.url,
  })
  client = await createNativeClient(node)
  admin = (await rig.account({ credits: 0, key: { scopes: ['admin'] } })).apiKey
})
afterAll(async () => {
  await rig.close()
  await Promise.all([xai.close(), engine.close(), card.close()])
})

const packageCatalog = {
  upstreams: {
    'xai/grok': {
      ...{ provider: 'xai', model: 'grok-imagine-image', modes: ['generate'] },
      shape: { by: 'ratio', sizes: { '1K': { '1:1': '1024x1024' } }, resolutionWords: null },
      ...{ formats: ['png'], cost: { rules: [{ usdMicro: 16_000 }], estimate: true } },
    },
  },
  models: [
    {
      ...{ id: 'xai:grok', name: 'Grok', owner: 'xai', createdAt: '2026-11-28', modes: ['generate'] },
      ...{ aspectRatios: ['1:1'], resolutions: ['1K'], routes: ['xai/grok'] },
      prices: { native: [{ rules: [{ default: true, costOf: { upstream: 'xai/grok' } }] }] },
    },
  ],
}

const newCustomer = () => rig.account({ credits: 1_000 })
const order = async (who: { apiKey: string }, body: object) =>
  (await client.call(who.apiKey, `POST ${generations}`, { body, headers })).body
const put = (apiKey: string, path: string, key: string) =>
  client.call(apiKey, `PUT ${path}`, { body: { key } })
const lastKey = (of: { requests: readonly { headers: NodeJS.Dict<string | string[]> }[] }) =>
  of.requests.at(-1)?.headers.authorization
/** The providers of the engine's model that the catalogue says an account may bring a key for. */
async function ownable(who: { apiKey: string }): Promise<unknown> {
  const { body } = await client.call(who.apiKey, `GET /api/v1/catalog?model=${onEngine.model}`)
  return (body.models as { ownKeyProviders: string[] }[])[0]?.ownKeyProviders
}
let serial = 0
const ask = <Row>(text: string, values: unknown[] = []) =>
  rig.database.db.query<Row>({ name: `test_keys_everywhere_${serial++}`, text }, values)

test('a package takes an own key before it has one of the operator, whose key then opens it for all', async () => {
  const [customer, other] = [await newCustomer(), await newCustomer()]
  expect((await client.call(other.apiKey, `POST ${generations}`, { body: onPackage })).status).toBe(400)
  expect((await put(customer.apiKey, `${own}/xai`, defaultXaiKey)).status).toBe(200)
  const made = await order(customer, onPackage)
  expect(made).toMatchObject({ status: 'succeeded', ownKey: true })
  const [attempt] = await ask('SELECT * FROM attempt WHERE generation_id = $1', [made.id])
  expect(attempt).toMatchObject({ provider: 'xai', expected_cost_usd_micro: 0, cost_usd_micro: 0 })
  expect((await put(admin, `${operator}/xai`, badKey)).status).toBe(200)
  expect(await order(other, onPackage)).toMatchObject({ status: 'failed', ownKey: false })
  expect(lastKey(xai)).toBe(`Bearer ${badKey}`)
  await put(admin, `${operator}/xai`, defaultXaiKey)
  const full = await order(other, onPackage)
  expect(full).toMatchObject({ status: 'succeeded', ownKey: false })
  expect(made.costCredits).toBe(Math.ceil(Number(full.costCredits) / 4))
  await put(customer.apiKey, `${own}/xai`, badKey)
  expect(await order(customer, onPackage)).toMatchObject({ reason: 'provider_key_refused', costCredits: 0 })
})

test('an engine that asks for a key takes that of the database, and then those of accounts', async () => {
  const [customer, other] = [await newCustomer(), await newCustomer()]
  expect(await order(other, onEngine)).toMatchObject({ status: 'failed' })
  const early = await put(customer.apiKey, `${own}/openai-compatible`, defaultOpenAiCompatibleKey)
  expect([early.status, early.body.issues?.[0]?.path]).toEqual([400, 'provider'])
  expect(await ownable(other)).toEqual([])
  await put(admin, `${operator}/openai-compatible`, defaultOpenAiCompatibleKey)
  expect(await ownable(other)).toEqual(['openai-compatible'])
  expect(await order(other, onEngine)).toMatchObject({ status: 'succeeded', ownKey: false })
  expect((await put(customer.apiKey, `${own}/openai-compatible`, badKey)).status).toBe(200)
  expect(await order(customer, onEngine)).toMatchObject({ reason: 'provider_key_refused', ownKey: true })
  await put(customer.apiKey, `${own}/openai-compatible`, defaultOpenAiCompatibleKey)
  expect(await order(customer, onEngine)).toMatchObject({ status: 'succeeded', ownKey: true })
  // Whoever shows it any key would draw for the fee.
  await client.call(admin, `DELETE ${operator}/openai-compatible`)
  expect(await ownable(other)).toEqual([])
  await eventually('it takes no more orders under own keys', async () => {
    const quoted = await client.call(customer.apiKey, `POST ${generations}/quote`, { body: onEngine })
    return quoted.body.ownKey === false
  })
  expect(await order(customer, onEngine)).toMatchObject({ status: 'failed', ownKey: false })
})

test('an engine that asks for no key is none to bring one for, and the answer names those that are', async () => {
  const customer = await newCustomer()
  const refused = await put(customer.apiKey, `${own}/sdapi`, badKey)
  expect([refused.status, refused.body.issues?.[0]?.path]).toEqual([400, 'provider'])
  const said = JSON.stringify(refused.body)
  expect(said).toMatch(/asks for no key.*Keys can be brought for bfl, .*openai, .*xai\./)
  expect(said).not.toMatch(/brought for [^.]*sdapi/)
  expect((await put(admin, `${operator}/sdapi`, 'user:password-of-a-proxy')).status).toBe(200)
  expect((await put(customer.apiKey, `${own}/sdapi`, 'me:my-own-password')).status).toBe(200)
  await client.call(admin, `DELETE ${operator}/sdapi`)
  const drawn = await order(await newCustomer(), { model: 'self-hosted:sdapi', prompt: 'a lighthouse' })
  expect(drawn).toMatchObject({ status: 'succeeded', ownKey: false })
})
