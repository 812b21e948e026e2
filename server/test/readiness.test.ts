// Readiness of a running node tells the truth of its work: tasks that do not succeed, orders that nobody runs.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from './harness.ts'
import { ask } from './money.ts'

let rig: Rig
beforeAll(async () => {
  rig = await createRig()
})
afterAll(() => rig.close())

type Checks = Record<string, { ok: boolean; message?: string }>

async function readReadiness(node: Node): Promise<{ status: number; checks: Checks }> {
  const answer = await fetch(`${node.url}/readyz`)
  return { status: answer.status, checks: ((await answer.json()) as { checks: Checks }).checks }
}

test('a node whose sweeps and samples do not succeed is not ready and names one, until they do again', async () => {
  const node = await rig.startNode({ TEST_STILL_MS: '4000' })
  await eventually('it is ready', async () => (await readReadiness(node)).status === 200)
  // The database answers, and nothing that reads generations does.
  await rig.database.ownerDb.transaction(async tx => {
    // A busy machine may let it be silent for long.
    await ask(tx, 'SET LOCAL idle_in_transaction_session_timeout = 0')
    await ask(tx, 'LOCK TABLE generation IN ACCESS EXCLUSIVE MODE')
    const fits = async (isWanted: (checks: Checks) => boolean) => isWanted((await readReadiness(node)).checks)
    const isStill = ({ jobs }: Checks) =>
      /^[a-z]+\.[a-z]+ has not succeeded for \d+ s$/.test(jobs?.message ?? '')
    await eventually('the tasks are missed', () => fits(isStill))
    await eventually('the queue cannot be read', () => fits(({ queue }) => queue?.ok === false))
    const { status, checks } = await readReadiness(node)
    expect([status, checks.database, checks.jobs?.ok]).toEqual([503, { ok: true }, false])
  })
  await eventually('it is ready again', async () => (await readReadiness(node)).status === 200)
  await node.stop()
})

test('a node is not ready while an order that could be run has waited longer than a caller would', async () => {
  const node = await rig.startNode({}, 'serve')
  const { apiKey } = await rig.account({ credits: 100 })
  const order = (key: string) =>
    fetch(`${node.url}/api/v1/generations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'openai:gpt-image-2', prompt: 'nobody works' }),
    })
  expect((await order(apiKey)).status).toBe(202)
  const set = (text: string) => ask(rig.database.db, `UPDATE generation SET ${text}`)
  const isReady = async () => (await readReadiness(node)).status === 200
  const message = async () => (await readReadiness(node)).checks.queue?.message ?? ''
  await set("created_at = app_now() - interval '280 s'")
  await eventually('it waits too long', async () =>
    /^the oldest generation waits for \d{3} s$/.test(await message()),
  )
  expect(await isReady()).toBe(false)
  await set("created_at = app_now() - interval '100 s'")
  await eventually('it waits for less long', isReady)
  // Somebody works: the account has a long queue of its own, and waits for its turns.
  await set("created_at = app_now() - interval '280 s'")
  await eventually('it waits too long again', async () => !(await isReady()))
  const other = await rig.account({ credits: 100 })
  const { id } = (await (await order(other.apiKey)).json()) as { id: string }
  const work = "state = 'dispatching', lease_owner = 'another', lease_until = app_now() + interval '1 hour'"
  await set(`${work} WHERE id = '${id}'`)
  await eventually('the work is seen', isReady)
  await set(`state = 'queued', lease_owner = NULL, lease_until = NULL WHERE id = '${id}'`)
  // It was tried and may not be again yet: no worker could take it.
  await set("created_at = app_now() - interval '280 s', not_before = app_now() + interval '1 hour'")
  await eventually('the sample has seen it', async () => (await readMetric(node)) === 0)
  expect(await isReady()).toBe(true)
  await node.stop()
})

async function readMetric(node: Node): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text()
  return Number(/^darkroom_queue_age_seconds (\S+)$/m.exec(text)?.[1])
}
