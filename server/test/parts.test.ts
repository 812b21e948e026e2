// Orders that an upstream serves in several calls, or with more pictures than were asked for: what stays in storage
// is what was sold, and what the operator is told to have paid is what the calls cost.
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from './harness.ts'
import { ask, askOne } from './money.ts'

/** One picture for each call of its upstream, so an order of several is split. */
const model = 'google:gemini-3.1-flash-image-preview'

let rig: Rig
let node: Node
let account: { accountId: string; apiKey: string }
beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  account = await rig.account({ credits: 1_000_000 })
})
afterAll(() => rig?.close())

type Ended = { id: string; status: string; outputs: { url: string }[] }

async function generate(directives: string, n = 1): Promise<Ended> {
  const prompt = `boat ${randomUUID()} [[emulate: ${directives}]]`
  const answer = await fetch(`${node.url}/api/v1/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${account.apiKey}`,
      'content-type': 'application/json',
      prefer: 'wait=60',
    },
    body: JSON.stringify({ model, prompt, n }),
  })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Ended
}

/** Names of everything in storage that belongs to the generation. */
function stored(id: string): string[] {
  const folder = join(rig.dataDir, 'images', 'g', id.slice(-2))
  return readdirSync(folder).filter(name => name.startsWith(id))
}

type Costs = { n: number; part: number; state: string; expected: number; cost: number | null }

function costsOf(id: string): Promise<Costs[]> {
  return ask<Costs>(
    rig.database.db,
    `SELECT n, part, state, expected_cost_usd_micro AS expected, cost_usd_micro AS cost FROM attempt
      WHERE generation_id = '${id}' ORDER BY n, part`,
  )
}

async function lossOf(id: string): Promise<number> {
  const { loss } = await askOne<{ loss: number }>(
    rig.database.db,
    `SELECT coalesce(sum(e.amount), 0)::bigint AS loss FROM transfer t JOIN entry e ON e.transfer_id = t.id
      WHERE t.generation_id = '${id}' AND e.bucket = 'operator_loss'`,
  )
  return loss
}

test('drafts that came with the picture do not stay in storage', async () => {
  const { id, status, outputs } = await generate('drafts=2')
  expect([status, outputs.length]).toEqual(['succeeded', 1])
  await eventually('only the picture and its manifest are left', () => stored(id).length === 2)
  const picture = await fetch(outputs[0]?.url ?? '', {
    headers: { authorization: `Bearer ${account.apiKey}` },
  })
  expect(picture.status).toBe(200)
  expect((await picture.arrayBuffer()).byteLength).toBeGreaterThan(1_000)
})

test('pictures of an order that failed do not stay in storage', async () => {
  const { id, status } = await generate('only_thoughts, drafts=2')
  expect(status).not.toBe('succeeded')
  await eventually('nothing is left', () => stored(id).length === 0)
})

test('an order served in several calls is booked at the cost of those calls, each once', async () => {
  const [single] = await costsOf((await generate('no_usage')).id)
  const { id, outputs } = await generate('no_usage', 4)
  expect(outputs).toHaveLength(4)
  expect(single?.expected).toBeGreaterThan(0)
  const each = { n: 1, state: 'done', expected: single?.expected, cost: single?.expected }
  expect(await costsOf(id)).toEqual([0, 1, 2, 3].map(part => ({ ...each, part })))
  expect(await lossOf(id)).toBe(0)
})

test("a call that was billed in vain beside one that delivered is the operator's loss, at its own cost", async () => {
  const { id, status, outputs } = await generate('html_picture, no_usage, first=1', 2)
  expect([status, outputs.length]).toEqual(['succeeded', 1])
  const costs = await costsOf(id)
  expect(costs.map(({ state }) => state).sort()).toEqual(['done', 'failed'])
  expect(await lossOf(id)).toBe(costs[0]?.expected)
  const { captured } = await askOne<{ captured: boolean }>(
    rig.database.db,
    `SELECT captured * 2 = price AS captured FROM generation WHERE id = '${id}'`,
  )
  expect(captured).toBe(true)
})
