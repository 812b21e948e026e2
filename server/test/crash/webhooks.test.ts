// Webhooks across deaths: a process that is killed at any point between the settlement and the record of a delivery
// leaves nothing unsent, and what is sent twice has one id. Several processes share the work without doing it twice.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { crashCounts } from '../counts.ts'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { type Receiver, startReceiver, withStatus } from '../webhook-receiver.ts'
import { call, deliveriesOf, makeWebhook, moveClock, orderNative } from '../webhooks.ts'

let rig: Rig
let receiver: Receiver
let env: Record<string, string>
let account: { accountId: string; apiKey: string }
let serial = 0
let path: string
let url: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  receiver = await startReceiver()
  env = { OUTBOUND_ALLOW: receiver.host }
})
afterAll(async () => {
  await rig.close()
  await receiver.close()
})
beforeEach(async () => {
  account = await rig.account({ credits: 20_000 })
  serial += 1
  path = `/crash/${serial}`
  url = receiver.url + path
  receiver.answer(withStatus(204))
})

const idsAt = (at: string) => receiver.at(at).map(each => each.headers['webhook-id'])

/** An order that is not waited for: whoever takes it may die of it. */
async function place(node: Node, prompt: string): Promise<void> {
  const body = { model: 'openai:gpt-image-2', prompt }
  await call(node, account.apiKey, { path: '/api/v1/generations', body }).catch(() => undefined)
}

async function isDelivered(node: Node, webhookId: string, count = 1): Promise<boolean> {
  const deliveries = await deliveriesOf(node, account.apiKey, webhookId)
  return deliveries.length === count && deliveries.every(each => each.status === 'delivered')
}

test.each([
  ['after the settlement, before anything is sent', 'T6.after', 1],
  ['with a delivery claimed and not sent', 'webhook.before', 1],
  ['with a delivery sent and not written down', 'webhook.after', 2],
])('who dies %s leaves the delivery to the next one, under one id', async (_when, failpoint, sent) => {
  const doomed = await rig.startNode({ ...env, FAILPOINT: `${failpoint}:1:kill` })
  const { id, secret } = await makeWebhook(doomed, account.apiKey, { url })
  await place(doomed, `a boat ${failpoint}`)
  await doomed.exited
  expect(doomed.output.join('\n')).toContain(`failpoint ${failpoint} fired`)
  // Past the lease of the dead, and before there is one of the next.
  await moveClock(rig, 60)
  const heir = await rig.startNode(env)
  await eventually('the delivery is on record', () => isDelivered(heir, id))
  expect(idsAt(path)).toHaveLength(sent)
  expect(new Set(idsAt(path)).size).toBe(1)
  expect(secret).not.toBe('')
  await heir.stop()
})

test(
  'everything arrives while the processes that send it are killed again and again',
  async () => {
    const kills = crashCounts.webhookKills
    const events = kills * 10
    let answers = 0
    receiver.answer((response, received) => {
      answers += 1
      withStatus(answers % 5 === 0 ? 503 : 204)(response, received)
    })
    const server = await rig.startNode(env, 'serve')
    const { id } = await makeWebhook(server, account.apiKey, { url, policy: 'standard' })
    for (let kill = 0; kill < kills; kill += 1) {
      // Each dies in the middle of what the ten orders make it send, before or after one of them has gone out.
      const failpoint = kill % 2 === 0 ? 'webhook.before' : 'webhook.after'
      const doomed = await rig.startNode({ ...env, FAILPOINT: `${failpoint}:${2 + (kill % 5)}:kill` }, 'work')
      await Promise.all(Array.from({ length: 10 }, (_, nth) => place(server, `a boat ${kill}.${nth}`)))
      await doomed.exited
      await moveClock(rig, 30)
    }
    const last = await rig.startNode(env, 'work')
    await eventually(
      'all are delivered',
      async () => {
        await moveClock(rig, 10)
        const [row] = await ask<{ delivered: number; all: number }>(
          rig.database.db,
          `SELECT count(*) FILTER (WHERE state = 'delivered')::int AS delivered, count(*)::int AS all
          FROM webhook_delivery WHERE endpoint_id = $1`,
          [id],
        )
        return row?.all === events && row.delivered === events
      },
      300_000,
    )
    const bodies = new Map(receiver.at(path).map(each => [each.headers['webhook-id'], each.body]))
    expect(bodies.size).toBe(events)
    // One event each, and one id for each event.
    expect(new Set(bodies.values()).size).toBe(events)
    await Promise.all([last.kill(), server.kill()])
  },
  crashCounts.webhookKillsTimeoutMs,
)

test('three processes share deliveries, and none is sent by two of them', async () => {
  const nodes = await Promise.all([0, 1, 2].map(() => rig.startNode(env)))
  const [first] = nodes as [Node]
  let open = 0
  let most = 0
  receiver.answer(response => {
    open += 1
    most = Math.max(most, open)
    setTimeout(() => {
      open -= 1
      response.writeHead(204).end()
    }, 20)
  })
  const { id } = await makeWebhook(first, account.apiKey, { url })
  const orders = Array.from({ length: 60 }, (_, at) => orderNative(nodes[at % 3] ?? first, account.apiKey))
  await Promise.all(orders)
  await eventually('all are delivered', () => isDelivered(first, id, 60))
  expect(idsAt(path)).toHaveLength(60)
  expect(new Set(idsAt(path)).size).toBe(60)
  // Sixteen places at each.
  expect(most).toBeLessThanOrEqual(48)
  await Promise.all(nodes.map(node => node.stop()))
})

test('an address that was allowed when the webhook was made is judged again at every attempt', async () => {
  const lenient = await rig.startNode(env)
  const { id } = await makeWebhook(lenient, account.apiKey, { url })
  await lenient.stop()
  const strict = await rig.startNode()
  const before = receiver.received.length
  for (let order = 0; order < 3; order += 1) await orderNative(strict, account.apiKey)
  await eventually('the attempts are on record', async () => {
    const deliveries = await deliveriesOf(strict, account.apiKey, id)
    return deliveries.length === 3 && deliveries.every(each => each.attempts.length > 0)
  })
  const attempts = (await deliveriesOf(strict, account.apiKey, id)).flatMap(each => each.attempts)
  expect(new Set(attempts.map(each => each.error))).toEqual(new Set(['blocked_address']))
  expect(receiver.received.length).toBe(before)
  await strict.stop()
})
