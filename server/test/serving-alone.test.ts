// Nodes of the role serve on their own: what they end, what they leave to workers, and that they say so.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Rig } from './harness.ts'
import { ask, askOne, order } from './money.ts'

let rig: Rig
beforeAll(async () => {
  rig = await createRig()
})
afterAll(() => rig.close())

async function readMetric(url: string, name: string): Promise<number | null> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const line = text.split('\n').find(each => each.startsWith(name))
  return line === undefined ? null : Number(line.split(' ').at(-1))
}

const recentViolations = 'darkroom_invariant_violations{scope="recent"}'

test('a node that only serves ends what ran out of time, and raises the alarm for what needs a worker', async () => {
  const node = await rig.startNode({ TEST_CHECK_MS: '300' }, 'serve')
  const { accountId, apiKey } = await rig.account({ credits: 100 })
  const placed = await fetch(`${node.url}/api/v1/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'openai:gpt-image-2', prompt: 'nobody works' }),
  })
  expect(placed.status).toBe(202)
  const { db } = rig.database
  const [awaiting, begun] = [
    await order(db, { accountId, unitPrice: 7, claim: true }),
    await order(db, { accountId, unitPrice: 11, claim: true }),
  ]
  await ask(db, "UPDATE generation SET state = 'awaiting', lease_until = NULL WHERE id = $1", [awaiting.id])
  await ask(db, "UPDATE generation SET lease_until = app_now() - interval '30 s' WHERE id = $1", [begun.id])
  await ask(db, "UPDATE generation SET deadline = app_now() - interval '75 s'")
  const countOpen = async () =>
    (
      await askOne<{ open: number }>(
        db,
        "SELECT count(*)::int AS open FROM generation WHERE state NOT IN ('failed', 'succeeded')",
      )
    ).open
  await eventually('what waits is ended', async () => (await countOpen()) === 1)
  expect(await rig.balance(accountId)).toBe(100 - 11)
  // What a dead worker began may have come out: only a worker can tell, and the books say that none runs.
  expect(await rig.violations()).toEqual([{ rule: 'I6', subject: begun.id }])
  await eventually('the alarm is raised', async () => (await readMetric(node.url, recentViolations)) === 1)
  expect(node.output.join('\n')).toContain('invariant.violated')
  const worker = await rig.startNode({}, 'work')
  await eventually('the worker ends it', async () => (await countOpen()) === 0)
  expect(await rig.balance(accountId)).toBe(100)
  expect(await rig.violations()).toEqual([])
  await eventually('the alarm is over', async () => (await readMetric(node.url, recentViolations)) === 0)
  await Promise.all([node.stop(), worker.stop()])
})
