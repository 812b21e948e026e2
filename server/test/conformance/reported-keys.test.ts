// Keys that somebody found: whoever shows one ends it at once on every node, and learns nothing by it.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listKeys } from '../../src/accounts/keys.ts'
import { REPORTS_PER_ADDRESS } from '../../src/accounts/reported-keys.ts'
import { newSecret } from '../../src/accounts/secret.ts'
import { createRig, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { type Documented, openDocumented } from './documented.ts'

let rig: Rig
let nodes: Node[]
let service: Documented
const path = '/api/reported-keys'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  // Behind a proxy, whose word for the caller's address is believed.
  nodes = await Promise.all([0, 1].map(() => rig.startNode({ TRUSTED_PROXIES: '1', LOG_LEVEL: 'warn' })))
  service = await openDocumented(nodes[0]?.url ?? '', '/openapi.json')
})
afterAll(() => rig.close())

async function report(body: unknown, from = '203.0.113.7', at = nodes[0]) {
  const answer = await fetch(`${at?.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': from },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  const seen = { status: answer.status, headers: answer.headers, body: JSON.parse(text) }
  service.check({ method: 'POST', template: path, path, body }, seen)
  return { ...seen, text }
}

const isLive = async (apiKey: string) =>
  Promise.all(
    nodes.map(async ({ url }) => {
      const { status } = await fetch(`${url}/api/v1/account`, {
        headers: { authorization: `Bearer ${apiKey}` },
      })
      return status === 200
    }),
  )

test('a key that is shown is refused from then on by every process, its owner is told why, and nobody the secret', async () => {
  const { accountId, apiKey } = await rig.account({ credits: 10 })
  const other = await rig.account({ credits: 10 })
  expect(await isLive(apiKey)).toEqual([true, true])
  const url = 'https://example.com/leak.txt'
  expect((await report({ key: apiKey, url })).text).toBe('{"received":true}')
  expect(await isLive(apiKey)).toEqual([false, false])
  expect(await isLive(other.apiKey)).toEqual([true, true])
  const revoked = (await listKeys(rig.database.db, accountId)).filter(each => each.revokedAt)
  const [key] = revoked
  expect(revoked).toHaveLength(1)
  expect(key).toMatchObject({ revokedReason: 'leaked', revokedAt: expect.any(Date) })
  const line = nodes[0]?.output.find(each => each.includes('key.reported')) ?? ''
  expect(JSON.parse(line)).toMatchObject({ keyId: key?.id, accountId, foundAt: url })
  expect(nodes.flatMap(({ output }) => output).join()).not.toContain(apiKey)
})

test('the answer is one and the same for a live key, a revoked one, one that never was and what is none', async () => {
  const { apiKey } = await rig.account({ credits: 10 })
  const answers = []
  for (const key of [
    apiKey,
    apiKey,
    newSecret('default'),
    `${newSecret('getimg').slice(0, -1)}!`,
    'x',
    "' OR 1=1",
  ]) {
    const { status, headers, text } = await report({ key }, '203.0.113.8')
    const told = [...headers].filter(
      ([name]) => !['date', 'x-request-id', 'x-darkroom-request-id'].includes(name),
    )
    answers.push(JSON.stringify([status, told, text]))
  }
  expect(new Set(answers).size).toBe(1)
  expect(answers[0]).toContain('202')
})

test('what is no report is refused by its field, and no other method is taken', async () => {
  for (const [body, field] of [
    [{}, 'key'],
    [{ key: '' }, 'key'],
    [{ key: 7 }, 'key'],
    [{ key: 'x'.repeat(201) }, 'key'],
    [{ key: 'x', secret: 'y' }, 'secret'],
  ] as const) {
    const refused = await report(body, '203.0.113.9')
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([400, expect.stringContaining(field)])
  }
  const wrong = await fetch(`${nodes[0]?.url}${path}`)
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
})

test('an address reports so many in a while at all processes together, and keeps no other from it', async () => {
  const from = '198.51.100.20'
  const tries = await Promise.all(
    Array.from({ length: REPORTS_PER_ADDRESS + 10 }, (_, nth) =>
      report({ key: randomUUID() }, from, nodes[nth % 2]),
    ),
  )
  expect(tries.filter(({ status }) => status === 202)).toHaveLength(REPORTS_PER_ADDRESS)
  const refused = tries.filter(({ status }) => status === 429)
  expect(refused).toHaveLength(10)
  for (const { headers } of refused) expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  const { apiKey } = await rig.account({ credits: 10 })
  // Beyond its number nothing is revoked, whatever is shown.
  await report({ key: apiKey }, from)
  expect(await isLive(apiKey)).toEqual([true, true])
  await report({ key: apiKey }, '198.51.100.21')
  expect(await isLive(apiKey)).toEqual([false, false])
  await ask(rig.database.db, "DELETE FROM rate_window WHERE scope LIKE 'key-report:%'")
})
