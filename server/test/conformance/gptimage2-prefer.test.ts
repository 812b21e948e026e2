// gptimage2's orders are answered at once; a caller who prefers to wait is answered as soon as its order has ended, or
// at the end of that wait, and always in the contract's own words.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { type Documented, openDocumented } from './documented.ts'

type Body = { generationId: string; status: string }

let rig: Rig
let node: Node
let documented: Documented
let apiKey: string

const path = '/api/v1/generate'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  documented = await openDocumented(node.url, '/openapi/gptimage2.json')
  const account = { credits: 100, plan: 'pro', key: { style: 'gptimage2', inFlight: 'off' } } as const
  apiKey = (await rig.account(account)).apiKey
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

const order = (prompt: string, prefer: string | null, more: { at?: string; key?: string } = {}) =>
  documented.call<Body>({
    ...{ path, key: apiKey, body: { prompt, quality: 'low' }, url: node.url + (more.at ?? '/gptimage2') },
    headers: {
      ...(prefer === null ? {} : { prefer }),
      ...(more.key ? { 'idempotency-key': more.key } : {}),
    },
  })
const appliedOf = ({ headers }: { headers: Headers }) => headers.get('preference-applied')

test('a caller who prefers to wait is told how the order ended, at the mount and at the root', async () => {
  for (const at of ['/gptimage2', '']) {
    for (const prefer of ['wait=20', 'respond-async, wait=20', 'foo, wait = "20"']) {
      const answer = await order('quick', prefer, { at })
      expect([answer.status, appliedOf(answer)], prefer).toEqual([202, 'wait=20'])
      expect(answer.body).toEqual({ generationId: expect.any(String), status: 'succeeded' })
      expect(answer.headers.get('location')).toBe(
        `${node.url}/api/v1/generations/${answer.body.generationId}`,
      )
    }
  }
  for (const [directive, status] of [
    ['no_data', 'failed'],
    ['moderation_input', 'blocked'],
  ]) {
    const answer = await order(`no luck [[emulate: ${directive}]]`, 'wait=20')
    expect([answer.status, answer.body.status], directive).toEqual([202, status])
  }
})

test('the wait ends when it is over: the status then is the one of that moment, and a repeat goes on waiting', async () => {
  const resume = rig.openai.pause()
  const begunAt = Date.now()
  const open = await order('slow', 'wait=1', { key: 'slow' })
  expect([open.status, open.body.status, appliedOf(open)]).toEqual([202, 'running', 'wait=1'])
  expect(Date.now() - begunAt).toBeGreaterThanOrEqual(990)
  const repeat = order('slow', 'wait=60', { key: 'slow' })
  resume()
  const ended = await repeat
  expect(ended.body).toEqual({ generationId: open.body.generationId, status: 'succeeded' })
  expect([appliedOf(ended), ended.headers.get('idempotent-replayed')]).toEqual(['wait=60', 'true'])
})

test('who prefers not to wait, or says nothing that is known, is answered at once', async () => {
  const resume = rig.openai.pause()
  for (const [prefer, applied] of [
    ['respond-async', 'respond-async'],
    ['wait=0', 'wait=0'],
    ['wait=-1', null],
    ['wait=soon', null],
    [null, null],
  ] as const) {
    const answer = await order('at once', prefer)
    expect([answer.status, answer.body.status, appliedOf(answer)], String(prefer)).toEqual([
      202,
      'queued',
      applied,
    ])
  }
  resume()
  // What still runs ends before the books are looked at.
  expect((await order('the last', 'wait=60')).body.status).toBe('succeeded')
})
