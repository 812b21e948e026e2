// What the key that made a task is used for after another has taken its place.
import { expect, test } from 'vitest'
import { markTasks } from './made-with.ts'
import type { CallContext, Provider, UpstreamTask, WebhookContext, WebhookRequest } from './provider.ts'

const context = {} as CallContext
const task: UpstreamTask = { id: 'one', madeWith: 'old' }
const webhook: WebhookRequest = { headers: {}, rawBody: Buffer.from('{}'), receivedAt: new Date(0) }

type Ways = { canceled?: boolean; status?: number; signs?: boolean | Error }

/** Tells in `asked` what it was asked for. */
function createVendor(name: string, asked: string[], ways: Ways): Provider {
  return {
    name,
    idempotentCreates: false,
    submit: () => Promise.reject(new Error('no order here')),
    poll: async () => ({ kind: 'failed', failure: 'unknown_outcome', message: name }),
    async cancel() {
      asked.push(`cancel ${name}`)
      return ways.canceled ? { kind: 'canceled' } : { kind: 'not_canceled', message: name }
    },
    async fetchOutput() {
      asked.push(`fetch ${name}`)
      const body = (async function* () {})()
      const discard = async () => void asked.push(`discard ${name}`)
      return { status: ways.status ?? 200, headers: { by: name }, body, discard } as never
    },
    async readWebhook() {
      asked.push(`read ${name}`)
      if (ways.signs instanceof Error) throw ways.signs
      return ways.signs ? { taskId: 'one', task: { id: 'one' } } : null
    },
  }
}

function open(old: Ways, now: Ways = {}) {
  const asked: string[] = []
  const maker = createVendor('old', asked, old)
  const ring = {
    find: (fingerprint: string) => (fingerprint === 'old' ? maker : null),
    earlier: () => [{ fingerprint: 'old', provider: maker }],
    onOrphan: () => {},
  }
  return { asked, provider: markTasks(createVendor('new', asked, now), 'new', ring) }
}

test('a task is canceled with the key that made it, and where that does not end it with the one in use', async () => {
  const { asked, provider } = open({ canceled: true })
  expect(await provider.cancel?.(task, context)).toEqual({ kind: 'canceled' })
  expect(asked).toEqual(['cancel old'])
  const revoked = open({}, { canceled: true })
  expect(await revoked.provider.cancel?.(task, context)).toEqual({ kind: 'canceled' })
  expect(revoked.asked).toEqual(['cancel old', 'cancel new'])
  await provider.cancel?.({ id: 'one', madeWith: 'new' }, context)
  expect(asked).toEqual(['cancel old', 'cancel new'])
})

test('an output is fetched with the key that made its task, and with the one in use where that is refused', async () => {
  const { asked, provider } = open({})
  expect((await provider.fetchOutput?.('https://a', context, task))?.headers).toEqual({ by: 'old' })
  expect(asked).toEqual(['fetch old'])
  expect((await provider.fetchOutput?.('https://a', context))?.headers).toEqual({ by: 'new' })
  const revoked = open({ status: 401 })
  expect((await revoked.provider.fetchOutput?.('https://a', context, task))?.headers).toEqual({ by: 'new' })
  expect(revoked.asked).toEqual(['fetch old', 'discard old', 'fetch new'])
})

test('a webhook is believed that either key’s account signed, and its task is that key’s', async () => {
  const read = ({ provider }: ReturnType<typeof open>) =>
    provider.readWebhook?.(webhook, context as WebhookContext)
  expect(await read(open({ signs: true }))).toEqual({ taskId: 'one', task: { id: 'one', madeWith: 'old' } })
  const byNew = open({ signs: true }, { signs: true })
  expect(await read(byNew)).toEqual({ taskId: 'one', task: { id: 'one', madeWith: 'new' } })
  expect(byNew.asked).toEqual(['read new'])
  expect(await read(open({}))).toBe(null)
  const away = new Error('its secret cannot be had')
  expect(await read(open({ signs: true }, { signs: away }))).toMatchObject({ taskId: 'one' })
  await expect(read(open({ signs: away }))).rejects.toBe(away)
})
