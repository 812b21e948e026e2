// Orders that go through Replicate from end to end: two processes of the service, the emulator with its file host and
// its webhooks. Whatever happens on the way, a prediction is bought once and the customer pays for what arrived.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRig, eventually, type Node, type Rig } from './harness.ts'
import { defaultReplicateKey, type ReplicateUpstream, startReplicateUpstream } from './upstreams/replicate.ts'

const credits = 10_000
const sdxl = 'stability-ai/sdxl'
const nanoBanana = 'google/nano-banana'
const schnell = 'black-forest-labs/flux-schnell'

type Wanted = { behaviour: string; nth?: number; [field: string]: unknown }

type Shown = {
  id: string
  status: string
  costCredits: number
  outputs: { width: number; height: number; mediaType: string }[]
  warnings: string[]
}

const ends = ['succeeded', 'failed', 'blocked', 'canceled']

function raise(message: string): never {
  throw new Error(message)
}

describe('an order through Replicate', () => {
  let rig: Rig
  let upstream: ReplicateUpstream
  let nodes: Node[]
  let env: Record<string, string>
  let account: { accountId: string; apiKey: string }

  beforeAll(async () => {
    rig = await createRig()
    upstream = await startReplicateUpstream({ latencyMs: 300, secondMs: 100 })
    env = {
      REPLICATE_API_TOKEN: defaultReplicateKey,
      REPLICATE_BASE_URL: `${upstream.url}/v1`,
      OUTBOUND_ALLOW: new URL(upstream.files.url).host,
      // Loopback stands for the public address: the emulator calls it back.
      UPSTREAM_WEBHOOKS: 'on',
      TEST_LEASE_MS: '15000',
    }
    nodes = await Promise.all([rig.startNode(env), rig.startNode(env)])
    account = await rig.account({ credits })
  })
  afterAll(async () => {
    expect([...upstream.errors, ...upstream.files.upstream.errors]).toEqual([])
    expect(await rig.violations()).toEqual([])
    await rig.close()
    await upstream.close()
  })

  const nodeAt = (nth: number) => nodes[nth % nodes.length] ?? raise('there is no node')

  async function call(path: string, body: Record<string, unknown> | null, node: Node): Promise<Shown> {
    const answer = await fetch(`${node.url}${path}`, {
      method: body === null ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${account.apiKey}`, 'content-type': 'application/json' },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    })
    const shown = (await answer.json()) as Shown
    expect(answer.status, JSON.stringify(shown)).toBeLessThan(300)
    return shown
  }

  async function untilEnd(id: string, nth: number): Promise<Shown> {
    const read = () => call(`/api/v1/generations/${id}`, null, nodeAt(nth))
    await eventually(`${id} ended`, async () => ends.includes((await read()).status))
    return read()
  }

  const countCreates = (prompt: string) =>
    upstream.requests.filter(
      each => each.method === 'POST' && each.path.endsWith('/predictions') && each.prompt === prompt,
    ).length

  /** Orders on one node, watches on the other, and answers with the end. */
  async function order(model: string, wanted: Wanted) {
    const { behaviour, nth = 0, ...more } = wanted
    const prompt = `boat ${randomUUID()} [[emulate: ${behaviour}]]`
    const { id } = await call('/api/v1/generations', { model, prompt, ...more }, nodeAt(nth))
    return { ...(await untilEnd(id, nth + 1)), creates: countCreates(prompt) }
  }

  it.each([
    [nanoBanana, '', {}, 1],
    [nanoBanana, 'slow=400', {}, 1],
    [schnell, '', { n: 4 }, 4],
    [schnell, 'slow=900', { n: 2 }, 2],
    [sdxl, '', { n: 2, seed: 5, negativePrompt: 'rain' }, 2],
    ['bytedance/seedream-4.5', '', { aspectRatio: '16:9' }, 1],
    ['google/nano-banana-pro', 'webhook=never', { n: 3 }, 3],
    ['qwen/qwen-image', 'webhook=twice, slow=900', {}, 1],
    [nanoBanana, 'html_502, on=poll', {}, 1],
    [nanoBanana, 'reset_mid_body, on=download', {}, 1],
    [nanoBanana, 'file_gone=1', {}, 1],
    [nanoBanana, 'file_needs_key', {}, 1],
  ])('to %s under "%s" brings its pictures and is paid once', async (model, behaviour, more, pictures) => {
    const before = await rig.balance(account.accountId)
    const ended = await order(model, { behaviour, ...more })
    expect(ended).toMatchObject({ status: 'succeeded' })
    expect(ended.outputs).toHaveLength(pictures)
    const perCall = model === schnell || model === sdxl ? 4 : 1
    expect(ended.creates).toBe(Math.ceil(pictures / perCall))
    expect(await rig.balance(account.accountId)).toBe(before - ended.costCredits)
    expect(ended.costCredits).toBeGreaterThan(0)
  })

  it('is paid for the pictures that were not dropped', async () => {
    const whole = await order(schnell, { behaviour: '', n: 4 })
    const fewer = await order(schnell, { behaviour: 'fewer=3', n: 4 })
    expect(fewer.outputs).toHaveLength(3)
    expect(fewer.costCredits * 4).toBe(whole.costCredits * 3)
    expect(fewer.warnings.join()).toContain('3')
    const costOf = async ({ id }: Shown) => {
      const text = 'SELECT sum(cost_usd_micro)::int AS cost FROM attempt WHERE generation_id = $1'
      return (await rig.database.db.query<{ cost: number }>({ name: 'test_cost', text }, [id]))[0]?.cost
    }
    expect([await costOf(whole), await costOf(fewer)]).toEqual([12_000, 9_000])
  })

  it.each([
    ['nsfw', 'blocked'],
    ['sensitive, slow=300', 'blocked'],
    ['high_demand', 'failed'],
    ['interrupted, slow=300', 'failed'],
    ['aborted, slow=300', 'failed'],
    ['output_null', 'failed'],
    ['html_500', 'failed'],
    ['file_redirect', 'failed'],
  ])('under "%s" is %s, never bought again, and costs nothing', async (behaviour, status) => {
    const before = await rig.balance(account.accountId)
    const ended = await order(nanoBanana, { behaviour })
    expect(ended).toMatchObject({ status, costCredits: 0, outputs: [] })
    expect(ended.creates).toBe(1)
    expect(await rig.balance(account.accountId)).toBe(before)
  })

  it('is known again by its webhook when the process that waited for the create has died', async () => {
    const doomed = await rig.startNode({ ...env, TEST_LEASE_MS: '1500' })
    const taken = upstream.webhooks.taken
    const prompt = `lost ${randomUUID()} [[emulate: hang, slow=300]]`
    const { id } = await call('/api/v1/generations', { model: nanoBanana, prompt }, doomed)
    await eventually('the webhook was taken', () => upstream.webhooks.taken > taken)
    await doomed.kill()
    const ended = await untilEnd(id, 0)
    expect(ended).toMatchObject({ status: 'succeeded' })
    expect(ended.outputs).toHaveLength(1)
    expect(countCreates(prompt)).toBe(1)
  })

  it('is one of twenty at once on two nodes, each bought once', async () => {
    const billed = upstream.total.billable
    const models = [nanoBanana, schnell, sdxl, 'qwen/qwen-image']
    const orders = Array.from({ length: 20 }, (_, index) =>
      order(models[index % models.length] ?? schnell, { behaviour: `slow=${500 + index * 10}`, nth: index }),
    )
    const ended = await Promise.all(orders)
    expect(ended.map(each => each.status)).toEqual(Array(20).fill('succeeded'))
    expect(upstream.total.billable - billed).toBe(20)
  })
})
