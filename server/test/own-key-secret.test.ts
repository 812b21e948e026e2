// Accounts' own keys beside a node with another AUTH_SECRET, which opens none of them: the orders are another node's to
// work on, and it ends none.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from './harness.ts'
import { defaultOpenAiKey } from './upstreams/openai.ts'
import { defaultReplicateKey, type ReplicateUpstream, startReplicateUpstream } from './upstreams/replicate.ts'

const secret = 'an installation secret of 32 letters and more'
const otherSecret = 'another secret of an installation, 32 letters'
const polled = 'google/nano-banana-pro'

let rig: Rig
let replicate: ReplicateUpstream
let stranger: Node
let own: { accountId: string; apiKey: string }

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  replicate = await startReplicateUpstream({ latencyMs: 0 })
  stranger = await start('work', otherSecret)
})
afterAll(async () => {
  await rig.close()
  await replicate.close()
})

const start = (role: string, authSecret = secret) =>
  rig.startNode(
    {
      OPENAI_API_KEY: 'sk-key-of-the-operator-refused-9921',
      REPLICATE_API_TOKEN: 'r8_TokenOfTheOperatorRefused0123456789ab',
      REPLICATE_BASE_URL: `${replicate.url}/v1`,
      OUTBOUND_ALLOW: new URL(replicate.files.url).host,
      AUTH_SECRET: authSecret,
    },
    role,
  )

async function call(node: Node, ask: string, body: object = {}) {
  const [method = 'GET', path = ''] = ask.split(' ')
  const answer = await fetch(`${node.url}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${own.apiKey}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  expect(answer.status, text).toBeLessThan(300)
  return JSON.parse(text) as { id: string; status: string; reason: string | null }
}

/** Of a new account that has brought its key. */
async function place(node: Node, provider: string, body: object): Promise<string> {
  own = await rig.account({ credits: 1_000 })
  const key = provider === 'openai' ? defaultOpenAiKey : defaultReplicateKey
  await call(node, `PUT provider-keys/${provider}`, { key })
  const made = await call(node, 'POST generations', body)
  expect(made).toMatchObject({ ownKey: true })
  return made.id
}

async function rowOf(id: string) {
  const text = 'SELECT state, epoch FROM generation WHERE id = $1'
  const [row] = await rig.database.db.query<{ state: string; epoch: number }>({ name: 'test_row', text }, [
    id,
  ])
  return row ?? { state: '', epoch: 0 }
}

const told = () =>
  stranger.output.filter(line => line.includes('provider_key.own_unreadable') && line.includes(own.accountId))

async function endOf(node: Node, id: string) {
  const read = () => call(node, `GET generations/${id}`)
  await eventually(`${id} ended`, async () => ['succeeded', 'failed'].includes((await read()).status), 60_000)
  return read()
}

test('an order that waits is not ended by a node that cannot open its key, which says so once', async () => {
  const serving = await start('serve')
  const id = await place(serving, 'openai', { model: 'gpt-image-2', prompt: 'a lighthouse' })
  await eventually('it was claimed and given back twice', async () => (await rowOf(id)).epoch >= 2)
  await eventually('it waits again', async () => (await rowOf(id)).state === 'queued')
  expect(told()).toHaveLength(1)
  const worker = await start('work')
  expect(await endOf(serving, id)).toMatchObject({ status: 'succeeded' })
  expect(told()).toHaveLength(1)
  await Promise.all([serving.stop(), worker.stop()])
}, 120_000)

test('a node that cannot open a key sells nothing at the full price in its place', async () => {
  const serving = await start('serve')
  own = await rig.account({ credits: 1_000 })
  await call(serving, 'PUT provider-keys/openai', { key: defaultOpenAiKey })
  const misled = await start('serve', otherSecret)
  const order = (node: Node, path: string) =>
    fetch(`${node.url}/api/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${own.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-image-2', prompt: 'a pier' }),
    })
  for (const path of ['generations', 'generations/quote']) {
    const refused = await order(misled, path)
    expect([path, refused.status, refused.headers.get('retry-after')]).toEqual([path, 503, '5'])
    expect(await refused.text()).toContain('Your key for openai')
    expect((await order(serving, path)).status, path).toBeLessThan(300)
  }
  await Promise.all([serving.stop(), misled.stop()])
}, 120_000)

test('nor does it read or end a task that the upstream works on', async () => {
  const node = await start('all')
  const prompt = 'a ferry [[emulate: slow=4000]]'
  const id = await place(node, 'replicate', { model: polled, prompt })
  await eventually('it is awaited', async () => (await rowOf(id)).state === 'awaiting')
  await node.kill()
  const reads = () => replicate.requests.filter(({ path }) => /predictions\/\w+$/.test(path)).length
  const before = reads()
  await eventually('the stranger came upon it', () => told().length > 0)
  expect([(await rowOf(id)).state, reads()]).toEqual(['awaiting', before])
  const later = await start('all')
  expect(await endOf(later, id)).toMatchObject({ status: 'succeeded' })
  const creates = replicate.requests.filter(({ path, ...each }) => {
    return path.endsWith('/predictions') && each.prompt === prompt
  })
  expect([creates.length, told().length]).toEqual([1, 1])
  await later.stop()
}, 120_000)

test('nor one whose worker died, which is reconciled where the key can be opened', async () => {
  const node = await start('all')
  const resume = rig.openai.pause()
  const prompt = 'a pier at low tide'
  const id = await place(node, 'openai', { model: 'gpt-image-2', prompt })
  await rig.openai.waitUntil(() => rig.openai.requests.some(each => each.prompt === prompt))
  await node.kill()
  resume()
  await eventually('it was claimed and given back', async () => (await rowOf(id)).epoch >= 3)
  // The line arrives when it arrives, and a claim under way shows for a moment.
  await eventually('it is said', () => told().length > 0)
  await eventually('it waits again', async () => (await rowOf(id)).state === 'reconciling')
  expect(told()).toHaveLength(1)
  const later = await start('all')
  expect(await endOf(later, id)).toMatchObject({ status: 'failed', reason: 'unknown_outcome' })
  await later.stop()
}, 120_000)
