// How long an order may take, in every dialect: shorter for callers who wait for its end in silence, because common
// clients give up after 300 s and send again.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig()
  node = await rig.startNode()
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

type Case = { path: string; body: object; style?: 'imgeo' | 'gptimage2' }
const openai = { model: 'gpt-image-2' }
const cases: Record<string, Case> = {
  getimages: { path: '/api/v1/images/generate', body: { modelId: 'openai:gpt-image-2' } },
  getimg: { path: '/v2/images/generations', body: openai },
  imgeo: { path: '/api/v1/generate', body: { model: 'google/nano-banana' }, style: 'imgeo' },
  openai: { path: '/v1/images/generations', body: openai },
  'openai as a stream': { path: '/v1/images/generations', body: { ...openai, stream: true } },
  native: { path: '/api/v1/generations', body: { model: 'openai:gpt-image-2' } },
  gptimage2: { path: '/api/v1/generate', body: {}, style: 'gptimage2' },
}

type Asked = { apiKey: string; prompt: string; headers?: Record<string, string>; url?: string }

const post = ({ path, body }: Case, { apiKey, prompt, headers = {}, url = node.url }: Asked) =>
  fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ ...body, prompt }),
  })

async function place(each: Case, prompt: string, prefer: string | null): Promise<number | undefined> {
  const key = each.style ? { style: each.style } : {}
  const { accountId, apiKey } = await rig.account({ credits: 100, plan: 'pro', key })
  const answer = await post(each, { apiKey, prompt, headers: prefer === null ? {} : { prefer } })
  await answer.text()
  expect(answer.ok, `${answer.status}`).toBe(true)
  const text = `SELECT round(extract(epoch FROM deadline - created_at))::int AS seconds
    FROM generation WHERE account_id = $1`
  return (await ask<{ seconds: number }>(rig.database.db, text, [accountId]))[0]?.seconds
}

test.each([
  ['getimages', 270, 600],
  ['getimg', 270, 600],
  ['imgeo', 270, 600],
  ['openai', 270, 600],
  ['openai as a stream', 600, 600],
  ['native', 600, 600],
  ['gptimage2', 600, 600],
])(
  'an order of %s may take %i s, and %i s when its caller prefers not to wait to the end',
  async (name, waitedS, asyncS) => {
    const each = cases[name] as Case
    expect({
      plain: await place(each, 'plain', null),
      ignored: await place(each, 'ignored', 'wait=soon'),
      async: await place(each, 'async', 'respond-async'),
      wait: await place(each, 'wait', 'wait=30'),
    }).toEqual({ plain: waitedS, ignored: waitedS, async: asyncS, wait: asyncS })
  },
)

test('nobody is left waiting longer than a waiting caller may be, also for an order that may take longer', async () => {
  const impatient = await rig.startNode({ GENERATION_DEADLINE_SYNC_S: '5' })
  const { apiKey } = await rig.account({ credits: 100 })
  const each = cases.getimages as Case
  const order = (prefer?: string) => {
    const headers = { 'idempotency-key': 'long', ...(prefer ? { prefer } : {}) }
    return post(each, { apiKey, prompt: 'long [[emulate: slow=300000]]', headers, url: impatient.url })
  }
  const taken = await order('respond-async')
  expect(taken.status).toBe(202)
  const { generationId } = (await taken.json()) as { generationId: string }
  const [waiting, preferring] = await Promise.all([order(), order('wait=250')])
  expect([waiting.status, waiting.headers.get('x-should-retry')]).toEqual([500, 'false'])
  expect(preferring.status).toBe(202)
  expect(await preferring.json()).toMatchObject({ generationId, status: 'running' })
})
