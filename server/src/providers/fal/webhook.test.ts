// Which calls are believed to come from fal, and how often its keys are fetched for that.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSigner, type Signer } from '../../../test/upstreams/fal/webhooks.ts'
import { startUpstream, type Upstream } from '../../../test/upstreams/upstream.ts'
import { createOutbound, OutboundError } from '../../outbound.ts'
import type { WebhookContext, WebhookRequest } from '../provider.ts'
import { createWebhookReader } from './webhook.ts'

const minuteMs = 60_000
const start = Date.parse('2026-11-28T10:00:00Z')
let publisher: Upstream
let signer: Signer
let answer: { status: number; body: string } | null = null
let outbound: ReturnType<typeof createOutbound>

beforeAll(async () => {
  publisher = await startUpstream({
    name: 'keys',
    async handle({ response }) {
      response.statusCode = answer?.status ?? 200
      response.end(answer?.body ?? JSON.stringify(signer.jwks()))
    },
  })
  outbound = createOutbound({ allow: [], configuredOrigins: [publisher.url] })
})
afterAll(async () => {
  await outbound.close()
  await publisher.close()
})

/** A reader with an empty memory, and how often it has fetched keys. */
function open(keysLifetimeMs = 60 * minuteMs) {
  signer = createSigner()
  answer = null
  const read = createWebhookReader({ jwksUrl: `${publisher.url}/jwks.json`, keysLifetimeMs })
  const before = publisher.requests.length
  const context: WebhookContext = {
    http: outbound,
    signal: AbortSignal.timeout(5_000),
    timeoutMs: 5_000,
    headers: {},
  }
  return {
    read: (request: WebhookRequest) => read(request, context),
    fetches: () => publisher.requests.length - before,
  }
}

type Given = { body?: string; atMs?: number; saidMs?: number; by?: Signer; headers?: Record<string, string> }

function call({ body, atMs = start, saidMs = atMs, by = signer, headers = {} }: Given = {}): WebhookRequest {
  const text = body ?? JSON.stringify({ request_id: 'job-1', status: 'OK', payload: { request_id: 'other' } })
  const signed = by.sign(text, 'job-1', Math.floor(saidMs / 1000))
  return { headers: { ...signed, ...headers }, rawBody: Buffer.from(text), receivedAt: new Date(atMs) }
}

describe('webhooks of fal', () => {
  it('tells which task has moved, and nothing of what the payload says', async () => {
    const { read } = open()
    expect(await read(call())).toEqual({ taskId: 'job-1' })
  })

  it('believes no other signature, body, id or time', async () => {
    const { read, fetches } = open()
    const changed = { ...call(), rawBody: Buffer.from('{"request_id":"job-2"}') }
    const signature = call().headers['x-fal-webhook-signature'] ?? ''
    const flipped = `${signature.startsWith('0') ? '1' : '0'}${signature.slice(1)}`
    const bad: WebhookRequest[] = [
      changed,
      call({ by: createSigner() }),
      call({ headers: { 'x-fal-webhook-request-id': 'job-2' } }),
      call({ headers: { 'x-fal-webhook-user-id': 'user-2' } }),
      call({ headers: { 'x-fal-webhook-signature': flipped } }),
      call({ headers: { 'x-fal-webhook-signature': signature.slice(2) } }),
      call({ headers: { 'x-fal-webhook-timestamp': String(Math.floor(start / 1000) + 1) } }),
      { ...call(), headers: {} },
    ]
    for (const request of bad) expect(await read(request)).toBeNull()
    expect(await read(call())).toEqual({ taskId: 'job-1' })
    // Forgers cannot make us fetch again and again.
    expect(fetches()).toBe(1)
  })

  it.each([
    [-5 * minuteMs, true],
    [5 * minuteMs, true],
    [-5 * minuteMs - 1000, false],
    [5 * minuteMs + 1000, false],
  ])('takes a time that is off by %i ms: %s', async (offMs, isTaken) => {
    const { read, fetches } = open()
    expect(await read(call({ saidMs: start + offMs }))).toEqual(isTaken ? { taskId: 'job-1' } : null)
    expect(fetches()).toBe(isTaken ? 1 : 0)
  })

  it.each(['not json', '[]', '{}', '{"request_id":7}', '{"request_id":""}'])(
    'takes no signed call without an id: %s',
    async body => {
      const { read } = open()
      expect(await read(call({ body }))).toBeNull()
    },
  )

  it('fetches keys once in their lifetime', async () => {
    const { read, fetches } = open(10 * minuteMs)
    await read(call())
    await read(call({ atMs: start + 9 * minuteMs }))
    expect(fetches()).toBe(1)
    expect(await read(call({ atMs: start + 10 * minuteMs }))).not.toBeNull()
    expect(fetches()).toBe(2)
  })

  it('finds a new key within a minute, and then takes both', async () => {
    const { read, fetches } = open()
    const old = call({ atMs: start + 2 * minuteMs })
    await read(call())
    signer.rotate()
    expect(await read(call({ atMs: start + 30_000 }))).toBeNull()
    expect(await read(call({ atMs: start + minuteMs }))).toEqual({ taskId: 'job-1' })
    expect(await read(old)).toEqual({ taskId: 'job-1' })
    expect(fetches()).toBe(2)
  })

  it.each([
    { status: 500, body: 'oops' },
    { status: 200, body: '<html>' },
  ])('asks the caller to come again when the keys cannot be had: %o', async broken => {
    const { read } = open()
    answer = broken
    await expect(read(call())).rejects.toBeInstanceOf(OutboundError)
    answer = null
    expect(await read(call())).toEqual({ taskId: 'job-1' })
  })

  it('believes nobody when no usable key is published', async () => {
    const { read } = open()
    answer = { status: 200, body: '{"keys":[{"kty":"OKP","x":"short"},{"x":7},null]}' }
    expect(await read(call())).toBeNull()
  })
})
