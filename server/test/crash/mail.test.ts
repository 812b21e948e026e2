// Letters across deaths and processes: a process that is killed between the mail server's answer and the record of it has
// its letter sent again under the same Message-ID; nobody else sends one twice; the password is in no log.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { addressOf, type MailServer, mailPassword, mailUser, startMailServer } from '../mail-server.ts'
import { ask } from '../money.ts'
import { type Receiver, startReceiver, withStatus } from '../webhook-receiver.ts'
import { call, makeWebhook, moveClock } from '../webhooks.ts'

let rig: Rig
let receiver: Receiver
let mail: MailServer
let env: Record<string, string>
let accountId: string
let apiKey: string
let address: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  receiver = await startReceiver()
  receiver.answer(withStatus(410))
  mail = await startMailServer()
  env = { OUTBOUND_ALLOW: receiver.host, ...mail.env(rig.dataDir) }
})
afterAll(async () => {
  await rig.close()
  await Promise.all([receiver.close(), mail.close()])
})
beforeEach(async () => {
  ;({ accountId, apiKey } = await rig.account({ credits: 0 }))
  address = await addressOf(rig.database.db, accountId)
})

/** Makes a webhook of the account that its first delivery, a test event, disables. */
async function disableWebhook(node: Node): Promise<void> {
  const { id } = await makeWebhook(node, apiKey, { url: receiver.url, policy: 'standard' })
  await call(node, apiKey, { method: 'POST', path: `/api/v1/webhooks/${id}/test` }).catch(() => undefined)
}

async function stateOf(): Promise<string> {
  const text = 'SELECT state, last_error FROM mail WHERE account_id = $1'
  const [row] = await ask<{ state: string; last_error: string | null }>(rig.database.db, text, [accountId])
  return [row?.state ?? 'none', row?.last_error ?? ''].join(' ').trim()
}

test.each([
  ['before the letter is sent', 'mail.before', 1],
  ['with the letter accepted and not written down', 'mail.after', 2],
])('who dies %s leaves it to the next one, under one Message-ID', async (_when, failpoint, sent) => {
  const doomed = await rig.startNode({ ...env, FAILPOINT: `${failpoint}:1:kill` })
  await disableWebhook(doomed)
  await doomed.exited
  expect(doomed.output.join('\n')).toContain(`failpoint ${failpoint} fired`)
  const heirs = await Promise.all([rig.startNode(env, 'work'), rig.startNode(env, 'work')])
  expect(await stateOf()).toBe('waiting')
  // Past the lease of the dead.
  await moveClock(rig, 91)
  await eventually('the letter is on record', async () => (await stateOf()) === 'sent')
  const ids = mail.lettersTo(address).map(({ messageId }) => messageId)
  expect(ids).toHaveLength(sent)
  expect(new Set(ids).size).toBe(1)
  await Promise.all(heirs.map(heir => heir.stop()))
})

test('the password is in no log, whether the server takes it, refuses it or is down, and no address is', async () => {
  const port = mail.port
  const node = await rig.startNode({ ...env, LOG_LEVEL: 'trace' })
  await disableWebhook(node)
  await eventually('it is sent', async () => (await stateOf()) === 'sent')
  await mail.close()
  ;({ accountId, apiKey } = await rig.account({ credits: 0 }))
  await disableWebhook(node)
  await eventually('the server is missed', async () => (await stateOf()) === 'waiting unreachable')
  mail = await startMailServer({ port, password: 'another one' })
  await moveClock(rig, 61)
  await eventually('the password is refused', async () => (await stateOf()) === 'waiting auth_refused_535')
  await mail.close()
  mail = await startMailServer({ port })
  await moveClock(rig, 301)
  await eventually('it is sent after all', async () => (await stateOf()) === 'sent')
  expect(await node.stop()).toBe(0)

  const log = node.output.join('\n')
  for (const event of ['mail.sent', 'mail.deferred', 'auth_refused_535']) expect(log).toContain(event)
  // As it goes over the wire too.
  const spoken = `\0${mailUser}\0${mailPassword}`
  const forms = [mailPassword, encodeURIComponent(mailPassword), spoken, address]
  for (const form of forms) {
    for (const coding of ['utf8', 'base64', 'hex'] as const)
      expect(log).not.toContain(Buffer.from(form).toString(coding))
  }
})

test('without a mail server the service works as ever, and letters wait', async () => {
  const node = await rig.startNode({ OUTBOUND_ALLOW: receiver.host })
  await disableWebhook(node)
  await eventually('the letter is written', async () => (await stateOf()) === 'waiting')
  const { body } = await call(node, apiKey, { path: '/api/v1/webhooks' })
  expect(body.webhooks).toMatchObject([{ enabled: false, disabledReason: 'gone' }])
  expect(await node.stop()).toBe(0)
  expect(await stateOf()).toBe('waiting')
})
