// A request is followed to its generation by the log alone: the record of its end names the order that it made,
// repeated or joined, in every dialect and whatever became of the answer.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig()
  node = await rig.startNode({ LOG_LEVEL: 'info' })
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

type Case = { dialect: string; path: string; body: object; style?: 'imgeo' | 'gptimage2' }
const openai = { model: 'gpt-image-2' }
const cases: Record<string, Case> = {
  getimages: {
    dialect: 'getimages',
    path: '/api/v1/images/generate',
    body: { modelId: 'openai:gpt-image-2' },
  },
  getimg: { dialect: 'getimg', path: '/v2/images/generations', body: openai },
  imgeo: {
    dialect: 'imgeo',
    path: '/api/v1/generate',
    body: { model: 'google/nano-banana' },
    style: 'imgeo',
  },
  openai: { dialect: 'openai', path: '/v1/images/generations', body: openai },
  'openai as a stream': {
    dialect: 'openai',
    path: '/v1/images/generations',
    body: { ...openai, stream: true },
  },
  native: { dialect: 'native', path: '/api/v1/generations', body: { model: 'openai:gpt-image-2' } },
  gptimage2: { dialect: 'gptimage2', path: '/api/v1/generate', body: {}, style: 'gptimage2' },
}

type Asked = { apiKey: string; requestId: string; headers?: Record<string, string>; signal?: AbortSignal }

async function post({ path, body }: Pick<Case, 'path' | 'body'>, asked: Asked): Promise<number> {
  const { apiKey, requestId, headers, signal } = asked
  const answer = await fetch(node.url + path, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      ...{ 'x-request-id': requestId, ...headers },
    },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })
  await answer.text()
  return answer.status
}

type Line = Record<string, unknown>
const linesOf = (event: string) =>
  node.output
    .filter(line => line.includes(`"${event}"`))
    .map(line => JSON.parse(line) as Line)
    .filter(line => line.event === event)

async function endOf(requestId: string): Promise<Line> {
  const find = () => linesOf('request.ended').find(line => line.requestId === requestId)
  await eventually(`the end of ${requestId} is in the log`, () => find() !== undefined)
  return find() ?? {}
}

async function idsOf(accountId: string): Promise<string[]> {
  const text = 'SELECT id FROM generation WHERE account_id = $1'
  return (await ask<{ id: string }>(rig.database.db, text, [accountId])).map(({ id }) => id)
}

const open = (style?: Case['style']) =>
  rig.account({
    credits: 100,
    plan: 'pro',
    key: { rate: 'off', inFlight: 'off', ...(style ? { style } : {}) },
  })

test.each(Object.entries(cases))(
  '%s: an order and its repeat name it, a refused request names none',
  async (name, each) => {
    const { accountId, apiKey } = await open(each.style)
    const requestId = name.replaceAll(' ', '-')
    const order = { path: each.path, body: { ...each.body, prompt: 'a boat' } }
    const headers = { 'idempotency-key': 'one' }
    expect(await post(order, { apiKey, requestId, headers })).toBeLessThan(300)
    expect(await post(order, { apiKey, requestId: `${requestId}-again`, headers })).toBeLessThan(300)
    expect(
      await post({ ...each, body: { ...each.body, prompt: 7 } }, { apiKey, requestId: `${requestId}-wrong` }),
    ).toBe(400)
    const [generationId, ...more] = await idsOf(accountId)
    expect([typeof generationId, more]).toEqual(['string', []])
    const { dialect } = each
    expect(await endOf(requestId)).toMatchObject({ dialect, generationId })
    expect(await endOf(`${requestId}-again`)).toMatchObject({ dialect, generationId })
    expect(await endOf(`${requestId}-wrong`)).not.toHaveProperty('generationId')
    expect(linesOf('generation.created').map(line => line.generationId)).toContain(generationId)
  },
)

test('a retry that joins names the order it joined', async () => {
  const { accountId, apiKey } = await open()
  const { path } = cases.openai as Case
  const order = { path, body: { ...openai, prompt: 'joined [[emulate: slow=1500]]' } }
  const before = rig.openai.total.inFlight
  const first = post(order, { apiKey, requestId: 'first' })
  await rig.openai.waitUntil(() => rig.openai.total.inFlight > before)
  await post(order, { apiKey, requestId: 'retry', headers: { 'x-stainless-retry-count': '1' } })
  await first
  const [generationId, ...more] = await idsOf(accountId)
  expect(more).toEqual([])
  expect([(await endOf('first')).generationId, (await endOf('retry')).generationId]).toEqual([
    generationId,
    generationId,
  ])
})

test('an order that fails, and one whose caller has left, are named too', async () => {
  const { accountId, apiKey } = await open()
  const each = cases.getimages as Case
  const order = (directives: string) => ({
    path: each.path,
    body: { ...each.body, prompt: `unlucky [[emulate: ${directives}]]` },
  })
  expect(await post(order('moderation_input'), { apiKey, requestId: 'refused' })).toBe(400)
  const [refused] = await idsOf(accountId)
  expect(await endOf('refused')).toMatchObject({ status: 400, generationId: refused })

  const leaving = new AbortController()
  const before = rig.openai.total.inFlight
  const call = post(order('slow=1500'), { apiKey, requestId: 'left', signal: leaving.signal })
  await rig.openai.waitUntil(() => rig.openai.total.inFlight > before)
  leaving.abort()
  await expect(call).rejects.toThrow()
  const left = (await idsOf(accountId)).find(id => id !== refused)
  expect(await endOf('left')).toMatchObject({ status: 499, generationId: left })
})
