// Accounts that bring a key of their own: their orders use it and nothing else, cost the fee that was quoted, and
// neither cost the operator anything nor tell anybody that an upstream is ill.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readMargins } from '../../src/books/margin.ts'
import { createRig, eventually, generateImage, type Node, type Rig, read } from '../harness.ts'
import { defaultGoogleKey } from '../upstreams/google.ts'
import { defaultOpenAiKey } from '../upstreams/openai.ts'
import {
  defaultReplicateKey,
  type ReplicateUpstream,
  startReplicateUpstream,
} from '../upstreams/replicate.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'

const keys = '/api/v1/provider-keys'
/** The operator's key at OpenAI's emulator, which refuses it: only an own key brings pictures there. */
const operatorKey = 'sk-key-of-the-operator-refused-9921'
const operatorToken = 'r8_TokenOfTheOperatorRefused0123456789ab'
const badKey = 'sk-key-of-a-customer-refused-4410'
const body = { model: 'gpt-image-2', prompt: 'a lighthouse', quality: 'high' }
const headers = { prefer: 'wait=25' }
const secret = 'an installation secret of 32 letters and more'

let rig: Rig
let replicate: ReplicateUpstream
let node: Node
let client: NativeClient

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  replicate = await startReplicateUpstream({ latencyMs: 0 })
  node = await start()
  client = await createNativeClient(node)
})
afterAll(async () => {
  await rig.close()
  await replicate.close()
})

const start = (env: Record<string, string> = {}, role = 'all') =>
  rig.startNode(
    {
      OPENAI_API_KEY: operatorKey,
      AUTH_SECRET: secret,
      REPLICATE_API_TOKEN: operatorToken,
      REPLICATE_BASE_URL: `${replicate.url}/v1`,
      OUTBOUND_ALLOW: new URL(replicate.files.url).host,
      UPSTREAM_WEBHOOKS: 'on',
      ...env,
    },
    role,
  )

type Customer = { accountId: string; apiKey: string }
const newCustomer = () => rig.account({ credits: 1_000 })
const bring = (who: Customer, key: string, provider = 'openai') =>
  client.call(who.apiKey, `PUT ${keys}/${provider}`, { body: { key } })
const order = (who: Customer, change: object = {}, at: Node = node) =>
  client.call(who.apiKey, `POST ${generations}`, { body: { ...body, ...change }, headers, url: at.url })
const quote = async (who: Customer, change: object = {}) =>
  (await client.call(who.apiKey, `POST ${generations}/quote`, { body: { ...body, ...change } })).body
const sent = () => rig.openai.requests.map(each => each.headers.authorization?.replace('Bearer ', ''))
let serial = 0
const ask = <Row>(text: string, values: unknown[] = []) =>
  rig.database.db.query<Row>({ name: `test_own_keys_${serial++}`, text }, values)

test('the catalogue has what an own key serves, at the fee that a quote names, and says which others it could be', async () => {
  const who = await newCustomer()
  const id = 'black-forest-labs/flux-2-max'
  const list = async (query: string) => {
    const { body } = await client.call(who.apiKey, `GET /api/v1/catalog${query}`)
    return body.models as { id: string; offered: boolean; ownKeyProviders: string[]; prices: Row[] }[]
  }
  type Row = { credits: number; creditsWithImages: number[]; ownKey: boolean; resolution: string | null }
  const one = async (query: string) => (await list(query)).find(each => each.id === id)
  expect(await one('')).toBeUndefined()
  const possible = await one('?all=true')
  expect(possible).toMatchObject({ offered: false, ownKeyProviders: ['bfl'] })
  await bring(who, 'a-key-that-is-never-used-here', 'bfl')
  const owned = await one('')
  expect(owned).toEqual({ ...possible, offered: true, notes: expect.anything() })
  for (const { credits, creditsWithImages, ownKey, resolution } of owned?.prices ?? []) {
    expect(ownKey).toBe(true)
    const asked = { model: id, quality: undefined, ...(resolution ? { resolution } : {}) }
    expect(await quote(who, asked)).toMatchObject({ unitCredits: credits, ownKey: true })
    const images = [{ uploadKey: 'a' }, { uploadKey: 'b' }]
    expect(await quote(who, { ...asked, images })).toMatchObject({ unitCredits: creditsWithImages[1] })
  }
  expect((await list('')).find(each => each.id === 'gpt-image-2')?.prices.some(each => each.ownKey)).toBe(
    false,
  )
  await bring(who, defaultOpenAiKey)
  const both = (await list('')).find(each => each.id === 'gpt-image-2')
  expect(both?.offered).toBe(true)
  expect(both?.prices.every(each => each.ownKey)).toBe(true)
})

test('an order under an own key costs the fee that was quoted, and costs the operator nothing', async () => {
  const [own, other] = [await newCustomer(), await newCustomer()]
  const full = Number((await quote(other, { n: 3 })).costCredits)
  await bring(own, defaultOpenAiKey)
  const quoted = await quote(own, { n: 3 })
  expect([quoted.ownKey, quoted.costCredits]).toEqual([true, 3 * Math.ceil(full / 3 / 4)])
  const made = await order(own, { n: 3 })
  expect(made.body).toMatchObject({ status: 'succeeded', ownKey: true, costCredits: quoted.costCredits })
  expect(await rig.balance(own.accountId)).toBe(1_000 - Number(quoted.costCredits))
  expect(sent().at(-1)).toBe(defaultOpenAiKey)
  const [attempt] = await ask('SELECT * FROM attempt WHERE generation_id = $1', [made.body.id])
  expect(attempt).toMatchObject({ provider: 'openai', expected_cost_usd_micro: 0, cost_usd_micro: 0 })
  const usage = await read(node, own.apiKey, '/api/v1/usage')
  expect(JSON.stringify(usage.body)).toContain('Generated image (fee; own key for openai)')
  const shown = await generateImage(node, own.apiKey, { prompt: 'through another API' })
  const before = Number((await quote(other, { model: 'openai:gpt-image-2', quality: undefined })).costCredits)
  expect(shown.body.credits?.charged).toBe(Math.ceil(before / 4))
})

test('the operator’s key is never used for it, and its key for nobody else', async () => {
  const [own, other] = [await newCustomer(), await newCustomer()]
  await bring(own, defaultOpenAiKey)
  const from = sent().length
  expect((await order(other)).body).toMatchObject({ status: 'failed', ownKey: false })
  expect((await order(own)).body.status).toBe('succeeded')
  expect((await order(other)).body.status).toBe('failed')
  expect(sent().slice(from)).toEqual([operatorKey, defaultOpenAiKey, operatorKey])
  // A model that the key does not serve is the operator's, at the full price.
  const google = await order(own, { model: 'google:gemini-3-pro-image-preview', quality: undefined })
  expect(google.body).toMatchObject({ status: 'succeeded', ownKey: false })
  expect(rig.google.requests.at(-1)?.headers['x-goog-api-key']).toBe(defaultGoogleKey)
})

test('a bad own key fails the order in words that say whose it is, and alarms and stops nobody', async () => {
  const own = await newCustomer()
  await bring(own, badKey)
  const from = node.output.length
  for (let n = 0; n < 12; n += 1) {
    const failed = await order(own)
    expect(failed.body).toMatchObject({ status: 'failed', reason: 'provider_key_refused' })
    expect(failed.body.error).toContain('your own key')
  }
  expect(await rig.balance(own.accountId)).toBe(1_000)
  expect(node.output.slice(from).filter(line => /misconfigured|breaker|alarm/.test(line))).toEqual([])
  const good = await newCustomer()
  await bring(good, defaultOpenAiKey)
  expect((await order(good)).body.status).toBe('succeeded')
  const metrics = await (await fetch(`${node.url}/metrics`)).text()
  expect(metrics).toMatch(/darkroom_attempts_total\{provider="openai:own".*outcome="misconfigured"\} 12/)
  expect(metrics).not.toMatch(/darkroom_breaker_open\{provider="openai".* 1/)
  const losses = await ask(`SELECT 1 FROM transfer t WHERE t.kind = 'operator_loss' AND t.account_id = $1`, [
    own.accountId,
  ])
  expect(losses).toEqual([])
})

test('what an upstream may have billed is the customer’s, whatever became of the order', async () => {
  const own = await newCustomer()
  await bring(own, defaultOpenAiKey)
  for (const fault of ['moderation_output', 'reset_before_headers', 'leaky_error'])
    expect((await order(own, { prompt: `x [[emulate: ${fault}]]` })).body.status).toMatch(/failed|blocked/)
  const rows = await ask<{ message: string | null }>(
    `SELECT a.message, a.expected_cost_usd_micro, a.cost_usd_micro FROM attempt a
      JOIN generation g ON g.id = a.generation_id WHERE g.account_id = $1`,
    [own.accountId],
  )
  expect(rows).toHaveLength(3)
  for (const row of rows) {
    expect(row).toMatchObject({ expected_cost_usd_micro: 0 })
    expect(row.message ?? '').not.toContain(defaultOpenAiKey)
  }
  expect(
    await ask(`SELECT 1 FROM transfer WHERE kind = 'operator_loss' AND account_id = $1`, [own.accountId]),
  ).toEqual([])
  expect(await rig.balance(own.accountId)).toBe(1_000)
})

describe('while an order waits', () => {
  const queue = async (own: Customer) => {
    // No worker: the order waits until one comes.
    const serving = await start({}, 'serve')
    await eventually('the serving node knows the key', async () => {
      const shown = await client.call(own.apiKey, `POST ${generations}/quote`, { body, url: serving.url })
      return shown.body.ownKey === true
    })
    await node.stop()
    const queued = await client.call(own.apiKey, `POST ${generations}`, { body, url: serving.url })
    expect(queued.body).toMatchObject({ status: 'queued', ownKey: true })
    return { id: queued.body.id, serving }
  }
  const work = async () => {
    node = await start()
    client = await createNativeClient(node)
  }

  test('a removed key ends it, and the operator’s is not used in its place', async () => {
    const own = await newCustomer()
    await bring(own, defaultOpenAiKey)
    const { id, serving } = await queue(own)
    const from = sent().length
    await client.call(own.apiKey, `DELETE ${keys}/openai`, { url: serving.url })
    await work()
    const ended = await client.settled(own.apiKey, id)
    expect(ended).toMatchObject({ status: 'failed', reason: 'provider_key_missing' })
    expect([sent().length, await rig.balance(own.accountId)]).toEqual([from, 1_000])
    await serving.stop()
  })

  test('a new key takes the place of the one before it', async () => {
    const own = await newCustomer()
    await bring(own, badKey)
    const { id, serving } = await queue(own)
    await client.call(own.apiKey, `PUT ${keys}/openai`, {
      body: { key: defaultOpenAiKey },
      url: serving.url,
    })
    await work()
    expect(await client.settled(own.apiKey, id)).toMatchObject({ status: 'succeeded', ownKey: true })
    await serving.stop()
  })
})

describe('at an upstream that is polled', () => {
  const polled = { model: 'google/nano-banana-pro', quality: undefined }
  const creates = (prompt: string) =>
    replicate.requests.filter(({ path, prompt: sentPrompt }) => {
      return path.endsWith('/predictions') && sentPrompt === prompt
    })
  const attemptsOf = (id: string) =>
    ask<Record<string, unknown>>('SELECT * FROM attempt WHERE generation_id = $1', [id])
  const lossesOf = ({ accountId }: Customer) =>
    ask(`SELECT 1 FROM transfer WHERE kind = 'operator_loss' AND account_id = $1`, [accountId])
  const isIn = async (id: string, state: string, count = 1) =>
    (await attemptsOf(id)).filter(each => each.state === state).length === count
  const remove = (own: Customer, provider: string) => client.call(own.apiKey, `DELETE ${keys}/${provider}`)
  let since: Date

  /** Ordered, and left to itself as soon as it is taken. */
  async function begin(own: Customer, prompt: string, n = 1): Promise<string> {
    const made = await client.call(own.apiKey, `POST ${generations}`, { body: { ...polled, prompt, n } })
    expect(made.body).toMatchObject({ ownKey: true })
    return made.body.id
  }

  test('only the fee is charged, every call bears the own key, and the books show no cost of the operator', async () => {
    since = new Date()
    const [own, other] = [await newCustomer(), await newCustomer()]
    const full = Number((await quote(other, { ...polled, n: 2 })).costCredits)
    await bring(own, defaultReplicateKey, 'replicate')
    const quoted = await quote(own, { ...polled, n: 2 })
    expect([quoted.ownKey, quoted.costCredits]).toEqual([true, 2 * Math.ceil(full / 2 / 4)])
    const [from, printed] = [replicate.requests.length, node.output.length]
    const prompt = 'a ferry [[emulate: slow=600]]'
    const id = await begin(own, prompt, 2)
    const ended = await client.settled(own.apiKey, id)
    expect(ended).toMatchObject({ status: 'succeeded', ownKey: true, costCredits: quoted.costCredits })
    expect(ended.outputs).toHaveLength(2)
    expect(await rig.balance(own.accountId)).toBe(1_000 - Number(quoted.costCredits))
    const calls = replicate.requests.slice(from)
    expect(calls.filter(({ path }) => /predictions\/\w+$/.test(path)).length).toBeGreaterThanOrEqual(2)
    expect(new Set(calls.map(each => each.headers.authorization))).toEqual(
      new Set([`Bearer ${defaultReplicateKey}`]),
    )
    const made = creates(prompt).map(({ fields }) => Object.keys(fields as object))
    expect(made.map(names => [names.includes('input'), names.includes('webhook')])).toEqual(
      Array(2).fill([true, false]),
    )
    const attempts = await attemptsOf(id)
    expect(attempts).toHaveLength(2)
    for (const each of attempts)
      expect(each).toMatchObject({ state: 'done', expected_cost_usd_micro: 0, cost_usd_micro: 0 })
    const shown = await client.call(own.apiKey, `GET ${keys}/replicate`)
    const seen = JSON.stringify([ended, attempts, shown.body, node.output.slice(printed)])
    expect(seen).not.toContain(defaultReplicateKey)
  })

  test('a removed key ends its order though another own key remains, which buys nothing in its place', async () => {
    const own = await newCustomer()
    await bring(own, defaultReplicateKey, 'replicate')
    await bring(own, defaultGoogleKey, 'google')
    const prompt = 'a harbour [[emulate: slow=60000]]'
    const id = await begin(own, prompt)
    await eventually('the upstream works on it', () => isIn(id, 'accepted'))
    const from = rig.google.requests.length
    await remove(own, 'replicate')
    const ended = await client.settled(own.apiKey, id)
    expect(ended).toMatchObject({ status: 'failed', reason: 'provider_key_missing', costCredits: 0 })
    expect([await rig.balance(own.accountId), await lossesOf(own)]).toEqual([1_000, []])
    expect([creates(prompt).length, rig.google.requests.length]).toEqual([1, from])
    expect(await attemptsOf(id)).toMatchObject([{ state: 'unknown', provider: 'replicate' }])
  })

  test('what came before the key was removed is sold, and nothing else', async () => {
    const own = await newCustomer()
    await bring(own, defaultReplicateKey, 'replicate')
    const prompt = 'a pier [[emulate: slow=60000, first=1]]'
    const id = await begin(own, prompt, 2)
    await eventually('one of two has ended', () => isIn(id, 'done'))
    await remove(own, 'replicate')
    const ended = await client.settled(own.apiKey, id)
    expect(ended).toMatchObject({ status: 'succeeded' })
    expect(ended.outputs).toHaveLength(1)
    expect(await rig.balance(own.accountId)).toBe(1_000 - ended.costCredits)
    expect(ended.costCredits).toBeGreaterThan(0)
    expect([creates(prompt).length, await lossesOf(own)]).toEqual([2, []])
  })

  test('a key that takes the place of the removed one reads on', async () => {
    const own = await newCustomer()
    await bring(own, defaultReplicateKey, 'replicate')
    const prompt = 'a quay [[emulate: slow=2500]]'
    const id = await begin(own, prompt)
    await eventually('the upstream works on it', () => isIn(id, 'accepted'))
    await bring(own, badKey, 'replicate')
    await bring(own, defaultReplicateKey, 'replicate')
    expect(await client.settled(own.apiKey, id)).toMatchObject({ status: 'succeeded' })
    expect(creates(prompt)).toHaveLength(1)
  })

  test('the margins of that time hold revenue alone', async () => {
    const margins = await readMargins(rig.database.ownerDb, { since, until: new Date() }, 1_000)
    const ours = margins.find(({ model }) => model === polled.model)
    expect(ours).toMatchObject({ orders: 4, ownOrders: 4, costUsdMicro: 0, lostUsdMicro: 0 })
    expect(ours?.revenueUsdMicro).toBeGreaterThan(0)
  })
})

test('accounts see and touch their own keys only, whatever the path says', async () => {
  const [own, other] = [await newCustomer(), await newCustomer()]
  const reader = await rig.account({ credits: 0, key: { scopes: ['read'] } })
  await bring(own, defaultOpenAiKey)
  expect((await client.call(own.apiKey, `GET ${keys}`)).body.providerKeys).toHaveLength(1)
  expect((await client.call(other.apiKey, `GET ${keys}`)).body).toEqual({ providerKeys: [] })
  expect((await client.call(other.apiKey, `GET ${keys}/openai`)).status).toBe(404)
  expect((await client.call(other.apiKey, `DELETE ${keys}/openai`)).status).toBe(404)
  expect((await bring(reader, badKey)).status).toBe(403)
  await bring(other, badKey)
  expect((await order(own)).body.status).toBe('succeeded')
  expect((await order(other)).body.reason).toBe('provider_key_refused')
  const shown = await client.call(own.apiKey, `GET ${keys}/openai`)
  expect(JSON.stringify([shown.body, node.output])).not.toContain(defaultOpenAiKey)
})

test('it can be switched off, and the fee be set in credits', async () => {
  const own = await newCustomer()
  await bring(own, defaultOpenAiKey)
  const off = await start({ BYOK: 'off' })
  expect((await order(own, {}, off)).body).toMatchObject({ status: 'failed', ownKey: false })
  const refused = await client.call(own.apiKey, `PUT ${keys}/openai`, { body: { key: badKey }, url: off.url })
  expect(refused.status).toBe(403)
  await off.stop()
  const cheap = await start({ BYOK_FEE: '1' })
  expect((await order(own, { n: 2 }, cheap)).body).toMatchObject({ status: 'succeeded', costCredits: 2 })
  await cheap.stop()
  const free = await start({ BYOK_FEE: '0%' })
  expect((await order(own, {}, free)).body).toMatchObject({ status: 'succeeded', costCredits: 0 })
  await free.stop()
})
