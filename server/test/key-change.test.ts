// A key of an upstream that is replaced by one of another account there, while the upstream works on what was bought with
// the first: nothing is lost, and nothing is bought twice.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from './harness.ts'
import { defaultReplicateKey, type ReplicateUpstream, startReplicateUpstream } from './upstreams/replicate.ts'

const first = defaultReplicateKey
const second = 'r8_AnotherAccountOfReplicate0123456789ab'
const secret = 'an installation secret of 32 letters and more'
const model = 'google/nano-banana'
const ends = ['succeeded', 'failed', 'blocked', 'canceled']

let rig: Rig
let upstream: ReplicateUpstream
let admin: string
let customer: string

beforeAll(async () => {
  rig = await createRig()
  upstream = await startReplicateUpstream({ latencyMs: 300, otherKeys: [second] })
  admin = (await rig.account({ credits: 0, key: { scopes: ['admin'] } })).apiKey
  customer = (await rig.account({ credits: 10_000 })).apiKey
})
afterAll(async () => {
  await rig.close()
  await upstream.close()
})

const start = (key: string) =>
  rig.startNode({
    REPLICATE_API_TOKEN: key,
    REPLICATE_BASE_URL: `${upstream.url}/v1`,
    OUTBOUND_ALLOW: new URL(upstream.files.url).host,
    AUTH_SECRET: secret,
  })

async function call(node: Node, ask: string, { key = customer, body = {} } = {}) {
  const [method = 'GET', path = ''] = ask.split(' ')
  const answer = await fetch(`${node.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  expect(answer.status, text).toBeLessThan(300)
  return JSON.parse(text || '{}') as { id: string; status: string; outputs: unknown[] }
}

const setKey = (node: Node, key: string) =>
  call(node, 'PUT /api/v1/admin/provider-keys/replicate', { key: admin, body: { key } })
const createsOf = (prompt: string) =>
  upstream.requests.filter(({ method, path, ...each }) => {
    return method === 'POST' && path.endsWith('/predictions') && each.prompt === prompt
  }).length

/** Its picture is shown to the first key alone. */
async function place(
  node: Node,
  slowMs: number,
  { key = customer, more = ', file_needs_key' } = {},
): Promise<{ id: string; prompt: string }> {
  const prompt = `boat ${randomUUID()} [[emulate: slow=${slowMs}${more}]]`
  const { id } = await call(node, 'POST /api/v1/generations', { key, body: { model, prompt } })
  await eventually('the upstream works on it', () => createsOf(prompt) === 1)
  await eventually('it is awaited', async () => (await stateOf(id)) === 'awaiting')
  return { id, prompt }
}

async function stateOf(id: string): Promise<string | undefined> {
  const text = 'SELECT state FROM generation WHERE id = $1'
  const [row] = await rig.database.db.query<{ state: string }>({ name: 'test_state', text }, [id])
  return row?.state
}

async function endOf(node: Node, id: string, key = customer) {
  const read = () => call(node, `GET /api/v1/generations/${id}`, { key })
  await eventually(`${id} ended`, async () => ends.includes((await read()).status))
  return read()
}

const orphans = (node: Node) => node.output.filter(line => line.includes('provider_key.orphans'))

test('a task is read with the key it was made with, on nodes that start later too', async () => {
  const node = await start('')
  await setKey(node, first)
  const placed = [await place(node, 8_000), await place(node, 30_000)]
  await setKey(node, second)
  const [early, late] = placed
  expect((await endOf(node, early?.id ?? '')).status).toBe('succeeded')
  await node.kill()
  const later = await start('')
  expect((await endOf(later, late?.id ?? '')).status).toBe('succeeded')
  expect(placed.map(({ prompt }) => createsOf(prompt))).toEqual([1, 1])
  // What is new is made with the new key.
  const fresh = await place(later, 100, { more: '' })
  expect((await endOf(later, fresh.id)).status).toBe('succeeded')
  expect(upstream.requests.findLast(each => each.prompt === fresh.prompt)?.headers.authorization).toContain(
    second,
  )
  expect(orphans(later)).toEqual([])
  await call(later, 'DELETE /api/v1/admin/provider-keys/replicate', { key: admin })
  await later.kill()
})

test('a task whose key is not known any more is asked for until the key is back, and the operator is told', async () => {
  const node = await start(first)
  const { id, prompt } = await place(node, 500)
  await node.kill()
  const other = await start(second)
  await eventually('the operator is told', () => orphans(other).length > 0)
  expect(await stateOf(id)).toBe('awaiting')
  await setKey(other, first)
  expect((await endOf(other, id)).status).toBe('succeeded')
  expect(createsOf(prompt)).toBe(1)
  await other.kill()
})

test('an account’s own key that is replaced reads, and fetches, what was made with it', async () => {
  const node = await start(second)
  const key = (await rig.account({ credits: 1_000 })).apiKey
  const bring = (own: string) =>
    call(node, 'PUT /api/v1/provider-keys/replicate', { key, body: { key: own } })
  await bring(first)
  const { id, prompt } = await place(node, 4_000, { key })
  await bring(second)
  expect(await endOf(node, id, key)).toMatchObject({ status: 'succeeded', ownKey: true })
  expect(createsOf(prompt)).toBe(1)
  const asked = upstream.requests.filter(({ path }) => /predictions\/\w+$/.test(path))
  expect(asked.at(-1)?.headers.authorization).toContain(first)
  // The first is gone with the second: nobody can read such a task any more.
  await bring(first)
  const lost = await place(node, 60_000, { key })
  await bring(second)
  await call(node, 'DELETE /api/v1/provider-keys/replicate', { key })
  expect(await endOf(node, lost.id, key)).toMatchObject({ reason: 'provider_key_missing' })
  await node.kill()
}, 120_000)
