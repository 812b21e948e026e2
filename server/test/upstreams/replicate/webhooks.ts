// Webhooks of the emulated vendor, by the Standard Webhooks rules: signed, sent again with the same id until they are
// taken, never redirected. They can be late, twice, out of order, or not come at all.
import { createHmac } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isEnded, makeId, type Prediction, present, statusOf, type World } from './predictions.ts'

export type Hooks = World & {
  secret: string
  /** How long the vendor's second is here. */
  secondMs: number
  closing: AbortSignal
  /** Calls that were made, retries among them, and those of them that were taken. */
  count(what: 'made' | 'taken'): void
}

const maxTries = 4

/** Follows a prediction to its end and tells of it. Resolves when everything was said. */
export async function tellOf(hooks: Hooks, prediction: Prediction): Promise<void> {
  const { webhook, directives } = prediction
  const way = directives.get('webhook')
  if (webhook === null || way === 'never') return
  const events = [...webhook.events]
  if (events.includes('start')) await send(hooks, prediction, 'starting')
  await delay(prediction.durationMs, undefined, { signal: hooks.closing })
  // A timer may be a moment early.
  while (!isEnded(statusOf(prediction))) await delay(1, undefined, { signal: hooks.closing })
  if (way === 'late') await delay(500, undefined, { signal: hooks.closing })
  const middle = events.includes('output') ? ['output'] : []
  const last = events.includes('completed') ? ['completed'] : []
  for (const event of way === 'reordered' ? [...last, 'output'] : [...middle, ...last]) {
    await send(hooks, prediction, event === 'output' ? 'processing' : null)
  }
}

async function send(
  hooks: Hooks,
  prediction: Prediction,
  status: 'starting' | 'processing' | null,
): Promise<void> {
  const { webhook, directives } = prediction
  if (webhook === null) return
  const way = directives.get('webhook')
  const shown = present(hooks, prediction, status ?? undefined)
  const body = JSON.stringify(way === 'huge' ? { ...shown, logs: 'x'.repeat(2_000_000) } : shown)
  const message = { id: `msg_${makeId()}`, body, atS: nowS() - (way === 'old' ? 3_600 : 0) }
  const times = way === 'twice' ? 2 : 1
  for (let time = 0; time < times; time += 1) await deliver(hooks, webhook.url, { ...message, way })
}

type Message = { id: string; body: string; atS: number; way: string | undefined }

/** Until it is taken, a few times. */
async function deliver(hooks: Hooks, url: string, message: Message): Promise<void> {
  for (let tries = 1; tries <= maxTries; tries += 1) {
    hooks.count('made')
    const answer = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      body: message.body,
      headers: { 'content-type': 'application/json', ...sign(hooks.secret, message) },
      signal: hooks.closing,
    }).catch(() => null)
    await answer?.arrayBuffer().catch(() => null)
    if (answer?.ok) return hooks.count('taken')
    await delay(hooks.secondMs * tries, undefined, { signal: hooks.closing })
  }
}

function sign(secret: string, { id, body, atS, way }: Message): Record<string, string> {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const own = createHmac('sha256', way === 'wrong' ? 'another secret' : key)
    .update(`${id}.${atS}.${body}`)
    .digest('base64')
  const signature = { 'webhook-signature': `v1,${Buffer.alloc(32, 7).toString('base64')} v1,${own}` }
  return {
    'webhook-id': id,
    'webhook-timestamp': String(atS),
    ...(way === 'unsigned' ? {} : signature),
  }
}

function nowS(): number {
  return Math.floor((performance.timeOrigin + performance.now()) / 1000)
}
