// The Replicate adapter against the emulator: the shared contract, the vendor's own refusals, and what it sends.
import { createHmac } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest, type TestContextOptions } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { driveProvider } from '../../test/provider-drive.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import {
  defaultReplicateKey,
  type ReplicateUpstream,
  startReplicateUpstream,
} from '../../test/upstreams/replicate.ts'
import { createOutbound, OutboundError } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import type {
  CallContext,
  FailureKind,
  Provider,
  ProviderRequest,
  ReferenceImage,
  WebhookRequest,
} from './provider.ts'
import { classifyCreateAnswer, classifyUploadAnswer } from './replicate/failures.ts'
import { createReplicateProvider, NOT_RUN } from './replicate.ts'

// A model whose outcome is always polled for.
const polled = plainRequest('google/nano-banana', { aspectRatio: '1:1', outputFormat: 'png' })
// One whose outcome mostly comes in the create's own answer.
const waited = { upstreamModel: 'black-forest-labs/flux-schnell', outputFormat: null }
const four = { ...waited, count: 4 }
const sync = { mode: 'sync' as const, request: waited }

function refused(behaviour: string, outcome: FailureKind, match: object = {}): ContractScenario {
  return { behaviour, outcome, billable: 0, match: { ...match } }
}

function delayed(behaviour: string, retryAfterMs: number): ContractScenario {
  return refused(behaviour, 'rate_limited', { retryAfterMs })
}

/** Predictions that fail do so in the create's own answer, and in a poll. */
function failed(behaviour: string, outcome: FailureKind, match: object = {}): ContractScenario[] {
  return [
    { behaviour, outcome, billable: 0, match: { ...match } },
    { behaviour: `${behaviour}, wrapped`, outcome, billable: 0, match: { ...match } },
    { behaviour, outcome, billable: 0, match: { ...match }, ...sync },
  ]
}

function unusable(behaviour: string): ContractScenario[] {
  return [
    { behaviour, outcome: 'malformed_response', billable: 1 },
    { behaviour, outcome: 'malformed_response', billable: 1, ...sync },
  ]
}

const refusals: ContractScenario[] = [
  delayed('rate_limit', 8_000),
  delayed('rate_limit=prose, delay=30', 31_000),
  delayed('rate_limit=body', 8_000),
  delayed('rate_limit=header, delay=12', 13_000),
  delayed('rate_limit=low_credit', 8_000),
  refused('rate_limit=none', 'rate_limited'),
  refused('quota', 'quota_exhausted'),
  refused('wrong_key', 'misconfigured'),
  refused('retired', 'model_retired'),
  refused('invalid_version', 'model_retired'),
  refused('overloaded', 'unavailable', { overloaded: true }),
  refused('error_500', 'unknown_outcome'),
  { behaviour: 'error_500, when=after', outcome: 'unknown_outcome', billable: 1 },
  refused('conflict_409', 'unknown_outcome'),
  // A community model on the route of the official ones.
  {
    ...refused('', 'model_retired'),
    request: { upstreamModel: 'stability-ai/sdxl', aspectRatio: null, outputFormat: null },
  },
]

const failures: ContractScenario[] = [
  ...failed('nsfw', 'content_rejected', { stage: 'output' }),
  ...failed('nsfw=sdxl', 'content_rejected', { stage: 'output' }),
  ...failed('sensitive', 'content_rejected', { stage: 'unknown' }),
  ...failed('input_error', 'invalid_request', { accepted: true }),
  ...failed('spend_limit', 'upstream_failed'),
  ...failed('high_demand', 'upstream_failed'),
  ...failed('unavailable', 'upstream_failed'),
  ...failed('interrupted', 'upstream_failed'),
  ...failed('director', 'upstream_failed'),
  ...failed('start_timeout', 'upstream_failed'),
  ...failed('out_of_memory', 'upstream_failed'),
  ...failed('unknown_code', 'upstream_failed'),
  ...failed('empty_webhook', 'upstream_failed'),
  ...failed('strange_failure', 'upstream_failed'),
  { behaviour: 'silent_failure', outcome: 'upstream_failed', billable: 0 },
  { behaviour: 'canceled', outcome: 'upstream_failed' },
  { behaviour: 'aborted', outcome: 'upstream_failed' },
  { behaviour: 'canceled', outcome: 'upstream_failed', ...sync },
]

const successes: ContractScenario[] = [
  { behaviour: '', outcome: 'succeeded', ...sync },
  { behaviour: 'slow=300, wait_ends=50', outcome: 'succeeded', mode: 'poll', request: waited },
  { behaviour: 'slow=300, early_output', outcome: 'succeeded' },
  { behaviour: 'slow=200, strange_status', outcome: 'succeeded' },
  { behaviour: 'output_other_form', outcome: 'succeeded', pictures: 1 },
  { behaviour: 'output_other_form', outcome: 'succeeded', pictures: 1, ...sync },
  { behaviour: 'output_data_url', outcome: 'succeeded', match: { images: [{ image: { width: 1 } }] } },
  { behaviour: '', outcome: 'succeeded', pictures: 4, ...sync, request: four },
  {
    behaviour: 'fewer=3',
    outcome: 'succeeded',
    pictures: 3,
    match: { warnings: ['Asked for 4 pictures, 3 arrived'] },
    ...sync,
    request: four,
  },
  { behaviour: 'fewer=1', outcome: 'succeeded', pictures: 1, ...sync, request: four },
  { behaviour: 'fewer=0', outcome: 'content_rejected', billable: 0, ...sync, request: four },
  { behaviour: 'more=2', outcome: 'succeeded', pictures: 1, ...sync },
  ...['poll_limit=2', 'poll_nonsense=2', 'poll_denied=2'].map(behaviour => ({
    behaviour,
    outcome: 'succeeded' as const,
  })),
]

const losses: ContractScenario[] = [
  ...unusable('output_null'),
  ...unusable('output_number'),
  ...unusable('output_nested'),
  ...unusable('output_empty'),
  ...unusable('output_words'),
  { behaviour: 'poll_nonsense=9', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'poll_gone', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'data_removed', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'file_gone', outcome: 'unknown_outcome', billable: 1, mode: 'download' },
  { behaviour: 'file_gone=1', outcome: 'succeeded', mode: 'download' },
  { behaviour: 'file_needs_key', outcome: 'succeeded', mode: 'download' },
  { behaviour: 'file_slow', outcome: 'succeeded', mode: 'download' },
  { behaviour: 'file_other_type', outcome: 'succeeded', mode: 'download' },
  { behaviour: 'file_page', outcome: 'malformed_response', billable: 1, mode: 'download' },
  { behaviour: 'file_half', outcome: 'malformed_response', billable: 1, mode: 'download' },
  { behaviour: 'file_redirect', outcome: 'malformed_response', billable: 1, mode: 'download' },
  { behaviour: 'html_502, on=download, reads=99', outcome: 'malformed_response', billable: 1 },
]

const webhooks: ContractScenario[] = [
  { behaviour: 'slow=60', outcome: 'succeeded', notices: 1 },
  { behaviour: 'slow=60, webhook=late', outcome: 'succeeded', notices: 1 },
  { behaviour: 'slow=60, webhook=reordered', outcome: 'succeeded' },
  { behaviour: 'slow=60, webhook=twice', outcome: 'succeeded' },
  { behaviour: 'slow=60, webhook=never', outcome: 'succeeded', notices: 0 },
  { behaviour: 'slow=60, webhook=wrong', outcome: 'succeeded', notices: 0 },
  { behaviour: 'slow=60, webhook=unsigned', outcome: 'succeeded', notices: 0 },
  { behaviour: 'slow=60, webhook=old', outcome: 'succeeded', notices: 0 },
].map(scenario => ({ ...scenario, outcome: 'succeeded', mode: 'webhook' }))

describeProviderContract('replicate', {
  createProvider: createReplicateProvider,
  async startEmulator() {
    // A key without the vendor's prefix, so that it is not found by its looks alone.
    const apiKey = 'secret-of-a-compatible-gateway-0123456789'
    const upstream = await startReplicateUpstream({ apiKey, secondMs: 200 })
    return { upstream, files: upstream.files, baseUrl: `${upstream.url}/v1`, apiKey }
  },
  mode: 'poll',
  outputs: 'urls',
  request: polled,
  scenarios: [...refusals, ...failures, ...successes, ...losses, ...webhooks],
})

describe('the Replicate adapter', () => {
  let upstream: ReplicateUpstream
  let storage: Storage
  let folder: string
  let http: ReturnType<typeof createOutbound>
  let provider: Provider
  let runs = 0

  beforeAll(async () => {
    upstream = await startReplicateUpstream({ secondMs: 20 })
    folder = await mkdtemp(join(tmpdir(), 'replicate-'))
    storage = createDiskStorage({ root: folder })
    http = createOutbound({ allow: [new URL(upstream.files.url).host], configuredOrigins: [upstream.url] })
    provider = createProvider()
  })
  afterAll(async () => {
    expect([...upstream.errors, ...upstream.files.upstream.errors]).toEqual([])
    await http.close()
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
  })

  // A slash at the end is a common slip of the pen.
  const createProvider = () =>
    createReplicateProvider({ apiKey: defaultReplicateKey, baseUrl: `${upstream.url}/v1/` })

  function openContext(more: Partial<TestContextOptions> = {}): CallContext {
    runs += 1
    return openTestContext({ http, storage, attempt: `adapter-${runs}`, ...more })
  }

  async function order(wanted: Partial<ProviderRequest>, more: Partial<CallContext> = {}) {
    const context = { ...openContext(), ...more }
    const request = plainRequest('google/nano-banana', wanted)
    const driven = await driveProvider({ provider, request, context, readMs: 5_000 })
    const logged = upstream.requests.filter(each => each.attempt === context.attemptId)
    const create = logged.find(each => each.method === 'POST' && each.path.endsWith('/predictions'))
    return {
      ...driven,
      logged,
      create,
      body: create?.fields as { input: Record<string, unknown> } | undefined,
    }
  }

  function reference(bytes: Buffer, mediaType = 'image/png'): ReferenceImage {
    return { mediaType, sizeBytes: bytes.length, width: 64, height: 48, read: async () => bytes }
  }

  it('stores pictures of the pixels that the model is documented to make', async () => {
    const { outcome } = await order({
      upstreamModel: 'black-forest-labs/flux-schnell',
      aspectRatio: '16:9',
      outputFormat: 'webp',
      count: 3,
    })
    expect(outcome).toMatchObject({ kind: 'succeeded', warnings: [] })
    const images = outcome.kind === 'succeeded' ? outcome.images : []
    expect(images.map(each => each.kind === 'received' && each.image)).toMatchObject(
      Array(3).fill({ mediaType: 'image/webp', width: 1344, height: 768 }),
    )
    expect(upstream.files.keysShown).toBe(0)
  })

  it('waits in the create for models that are done in a moment, and asks for the id at once for others', async () => {
    const fast = await order({ upstreamModel: 'black-forest-labs/flux-schnell', count: 1 })
    expect(fast.create?.headers).toMatchObject({ prefer: 'wait=5', 'cancel-after': '35s' })
    expect(fast.polls).toBe(0)
    const slow = await order({})
    expect(slow.create?.headers).not.toHaveProperty('prefer')
    expect(slow.polls).toBe(1)
    expect(slow.create?.headers.authorization).toBe(`Bearer ${defaultReplicateKey}`)
  })

  it('has the vendor cancel what outlives our own deadline', async () => {
    const far = await order({}, { timeoutMs: 3_700_000 })
    expect(far.create?.headers['cancel-after']).toBe('1h1m55s')
    const near = await order({}, { timeoutMs: 265_000 })
    expect(near.create?.headers['cancel-after']).toBe('4m40s')
    // Its seconds are short here: 35 of them are over long before the work is.
    const { outcome } = await order({ prompt: 'late [[emulate: slow=60000]]' })
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'upstream_failed' })
  })

  it('runs community models by version and tells their cost from the time they took', async () => {
    const { outcome, create, body } = await order({
      upstreamModel: 'stability-ai/sdxl',
      width: 832,
      height: 1248,
      prompt: 'by version [[emulate: slow=200]]',
      parameters: { version: '7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc' },
    })
    expect(create?.path).toBe('/v1/predictions')
    expect(body?.input).toMatchObject({ width: 832, height: 1248, apply_watermark: false })
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      images: [{ image: { mediaType: 'image/png', width: 832, height: 1248 } }],
      usage: { costUsdMicro: 195, upstreamRequestId: expect.stringMatching(/^[a-z0-9]{26}$/) },
    })
  })

  it('sends small pictures as data URLs and uploads large ones before the create', async () => {
    const small = await makePicture({ width: 64, height: 48, format: 'png', seed: 'small' })
    const large = await makePicture({
      width: 64,
      height: 48,
      format: 'jpeg',
      seed: 'large',
      sizeBytes: 300_000,
    })
    const references = [reference(small), reference(large, 'image/jpeg')]
    const { outcome, logged, body } = await order({ references })
    expect(outcome.kind).toBe('succeeded')
    expect(logged.map(({ method, path }) => `${method} ${path}`).slice(0, 2)).toEqual([
      'POST /v1/files',
      'POST /v1/models/google/nano-banana/predictions',
    ])
    expect(body?.input.image_input).toEqual([
      `data:image/png;base64,${small.toString('base64')}`,
      expect.stringMatching(/\/v1\/files\/[a-z0-9]{26}$/),
    ])
    const one = await order({
      upstreamModel: 'black-forest-labs/flux-kontext-max',
      references: [reference(small)],
    })
    expect(one.body?.input.input_image).toBe(`data:image/png;base64,${small.toString('base64')}`)
  })

  it.each([
    ['upload=500', 'unavailable'],
    ['upload=503', 'unavailable'],
    ['upload=401', 'misconfigured'],
    ['upload=402', 'quota_exhausted'],
    ['upload=429', 'rate_limited'],
    ['upload=413', 'invalid_request'],
    ['upload=reset', 'unavailable'],
  ])('orders nothing when a picture cannot be uploaded: %s -> %s', async (behaviour, failure) => {
    const large = await makePicture({ width: 64, height: 48, format: 'png', seed: 'l', sizeBytes: 300_000 })
    const context = openContext()
    upstream.script({ attempt: context.attemptId, behaviour })
    const request = plainRequest('google/nano-banana', { references: [reference(large)] })
    expect(await provider.submit(request, context)).toMatchObject({ kind: 'failed', failure })
    expect(upstream.counters(context.attemptId)).toMatchObject({ requests: 1, billable: 0 })
  })

  it('turns the holes of a mask into white', async () => {
    const rows = Buffer.alloc(4 * 2 * 4, 255)
    // The left half of each row is transparent.
    for (const at of [0, 1, 4, 5]) rows[at * 4 + 3] = 0
    const mask = await sharp(rows, { raw: { width: 4, height: 2, channels: 4 } })
      .png()
      .toBuffer()
    const picture = await makePicture({ width: 4, height: 2, format: 'png', seed: 'x' })
    const { body } = await order({
      upstreamModel: 'stability-ai/sdxl:7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc',
      references: [reference(picture)],
      mask: reference(mask),
    })
    const sent = Buffer.from(String(body?.input.mask).split(',')[1] ?? '', 'base64')
    const pixels = await sharp(sent).toColourspace('b-w').raw().toBuffer()
    expect([...pixels]).toEqual([255, 255, 0, 0, 255, 255, 0, 0])
  })

  it('names the field that the vendor refuses in core words', async () => {
    const { outcome } = await order({
      upstreamModel: 'black-forest-labs/flux-schnell',
      outputFormat: 'jpeg',
      outputCompression: 101,
    })
    expect(outcome).toMatchObject({ failure: 'invalid_request', field: 'outputCompression' })
  })

  it('keeps no word of the prompt in the task', async () => {
    const { task } = await order({ prompt: 'a very secret boat [[emulate: slow=100]]' })
    expect(task).toEqual({
      id: expect.stringMatching(/^[a-z0-9]{26}$/),
      model: 'google/nano-banana',
      count: 1,
      warnings: [],
      polls: expect.any(Number),
    })
  })

  it('reads a task ever less often, up to five seconds', async () => {
    const context = openContext()
    const request = plainRequest('google/nano-banana', { prompt: '[[emulate: slow=60000]]' })
    let outcome = await provider.submit(request, context)
    const delays: number[] = []
    for (let polls = 0; polls < 20 && outcome.kind === 'pending'; polls += 1) {
      delays.push(outcome.pollAfterMs)
      outcome = (await provider.poll?.(outcome.task, context)) ?? outcome
    }
    expect(delays.slice(0, 3)).toEqual([1_000, 1_250, 1_500])
    expect(delays.at(-1)).toBe(5_000)
    // At that pace a read has nothing more to write down.
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    const again = await provider.poll?.(outcome.task, context)
    expect(again?.kind === 'pending' && again.task === outcome.task).toBe(true)
    const misread = { ...outcome.task, misreads: 2 }
    expect(await provider.poll?.(misread, context)).toHaveProperty('task', outcome.task)
  })

  it('tells how far the work is, as the log shows it', async () => {
    const context = openContext()
    const request = plainRequest('google/nano-banana', { prompt: '[[emulate: slow=60]]' })
    const seen: (number | undefined)[] = []
    let outcome = await provider.submit(request, context)
    while (outcome.kind === 'pending') {
      seen.push(outcome.progress)
      outcome = (await provider.poll?.(outcome.task, context)) ?? outcome
    }
    expect(seen).toContain(0.46)
  })

  it.each([
    ['slow=60000', 'canceled'],
    ['slow=60000, cancel_late', 'not_canceled'],
    ['slow=60000, cancel_refused', 'not_canceled'],
    ['', 'not_canceled'],
  ])('cancels only on the word of the vendor: %s -> %s', async (behaviour, kind) => {
    const context = openContext()
    const submitted = await provider.submit(
      plainRequest('google/nano-banana', { prompt: `cancel [[emulate: ${behaviour}]]` }),
      context,
    )
    if (submitted.kind !== 'pending') throw new Error(JSON.stringify(submitted))
    expect(await provider.cancel?.(submitted.task, context)).toMatchObject({ kind })
    const after = await provider.poll?.(submitted.task, context)
    expect(after?.kind === 'failed').toBe(kind === 'canceled')
  })

  it('shows the key to a file host only when asked for it, and never to another one', async () => {
    const shownBefore = upstream.files.keysShown
    const { outcome } = await order({ prompt: 'locked [[emulate: file_needs_key]]' })
    expect(outcome.kind).toBe('succeeded')
    expect(upstream.files.keysShown).toBe(shownBefore + 1)
    const abroad = createReplicateProvider({ apiKey: defaultReplicateKey, baseUrl: 'http://localhost:1/v1' })
    const url = upstream.files.publish({
      name: 'x.png',
      mediaType: 'image/png',
      make: async () => Buffer.from('x'),
      directives: new Map([['file_needs_key', '']]),
    })
    const answer = await abroad.fetchOutput?.(url, openContext())
    expect(answer?.status).toBe(401)
    await answer?.discard()
    expect(upstream.files.keysShown).toBe(shownBefore + 1)
  })

  it('lists as proof of "not run" nothing but the refusal at the door', () => {
    expect(NOT_RUN).toEqual([{ status: 503, envelope: 'detail' }])
  })

  it.each([
    ['{"detail":"Service temporarily overloaded.","status":503}', 'unavailable'],
    // Of gateways before it, which say their own; the prediction may run behind them.
    ['{"error":"upstream request timeout"}', 'unknown_outcome'],
    ['{"error":"upstream request timeout","status":503}', 'unknown_outcome'],
    ['{"detail":"no healthy upstream"}', 'unknown_outcome'],
    ['{"detail":"no healthy upstream","status":502}', 'unknown_outcome'],
    ['<html>503</html>', 'unknown_outcome'],
    ['', 'unknown_outcome'],
  ])('believes of a create answered 503 with %s that it is %s', (text, failure) => {
    expect(classifyCreateAnswer({ status: 503, headers: {}, text }).failure).toBe(failure)
  })

  it('counts an upload that a server in trouble refused as one that it is too busy for', () => {
    expect(classifyUploadAnswer({ status: 502, headers: {}, text: '' })).toMatchObject({
      failure: 'unavailable',
      overloaded: true,
    })
  })

  describe('reading a webhook', () => {
    const id = 'gm3qorzdhgbfurvjtvhg6dckhu'
    const body = JSON.stringify({
      id,
      model: 'black-forest-labs/flux-schnell',
      input: { prompt: 'secret', num_outputs: 3 },
      status: 'succeeded',
    })
    const receivedAt = new Date('2026-11-20T12:00:00Z')
    const now = receivedAt.getTime() / 1000

    function sign(text: string, more: { secret?: string; at?: number } = {}): WebhookRequest {
      const { secret = upstream.secret(), at = now } = more
      const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
      const signature = createHmac('sha256', key).update(`msg_1.${at}.${text}`).digest('base64')
      return {
        headers: {
          'webhook-id': 'msg_1',
          'webhook-timestamp': String(at),
          'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')} v1,${signature}`,
        },
        rawBody: Buffer.from(text),
        receivedAt,
      }
    }

    const read = (request: WebhookRequest, reader = provider) => reader.readWebhook?.(request, openContext())

    it('believes the signature of the secret, and hands on the whole handle without the prompt', async () => {
      const task = { id, model: 'black-forest-labs/flux-schnell', count: 3, warnings: [], polls: 0 }
      expect(await read(sign(body))).toEqual({ taskId: id, task })
      expect(await read(sign(body, { at: now - 290 }))).toMatchObject({ taskId: id })
    })

    it('believes nothing else', async () => {
      const good = sign(body)
      const { 'webhook-signature': _signature, ...unsigned } = good.headers
      const calls: [string, WebhookRequest][] = [
        ['another secret', sign(body, { secret: `whsec_${Buffer.alloc(24, 1).toString('base64')}` })],
        ['an old one', sign(body, { at: now - 310 })],
        ['one of the future', sign(body, { at: now + 310 })],
        ['a changed body', { ...good, rawBody: Buffer.from(body.replace('succeeded', 'failed')) }],
        ['no signature', { ...good, headers: unsigned }],
        ['another id', { ...good, headers: { ...good.headers, 'webhook-id': 'msg_2' } }],
        ['another scheme', { ...good, headers: { ...good.headers, 'webhook-signature': 'v1a,AAAA' } }],
        ['no prediction', sign('{"status":"succeeded"}')],
        ['an id that is a path', sign('{"id":"../files/1"}')],
        ['no JSON', sign('hello')],
      ]
      for (const [what, request] of calls) expect(await read(request), what).toBeNull()
    })

    it('asks for the secret once, and again when it was made anew, yet not at every wrong signature', async () => {
      const countAsked = () =>
        upstream.requests.filter(each => each.path === '/v1/webhooks/default/secret').length
      const before = countAsked()
      const reader = createProvider()
      await Promise.all([read(sign(body), reader), read(sign(body), reader), read(sign(body), reader)])
      expect(countAsked()).toBe(before + 1)
      upstream.renewSecret()
      expect(await read(sign(body), reader)).toMatchObject({ taskId: id })
      expect(countAsked()).toBe(before + 2)
      const wrong = sign(body, { secret: `whsec_${Buffer.alloc(24, 1).toString('base64')}` })
      for (let tries = 0; tries < 5; tries += 1) expect(await read(wrong, reader)).toBeNull()
      expect(countAsked()).toBe(before + 2)
    })

    it('asks the caller to come again when the secret cannot be had', async () => {
      const reader = createReplicateProvider({ apiKey: 'another-key', baseUrl: `${upstream.url}/v1` })
      await expect(read(sign(body), reader)).rejects.toBeInstanceOf(OutboundError)
    })
  })

  it('tells the latest version of each model, and leaves out one that is not there', async () => {
    const models = ['google/nano-banana', `stability-ai/sdxl:${'a'.repeat(64)}`, 'nobody/knows']
    const list = await createProvider().readModels?.(models, openContext())
    const version = expect.stringMatching(/^[0-9a-f]{64}$/)
    expect(list).toEqual({
      ok: true,
      models: models.slice(0, 2).map(upstreamModel => ({ upstreamModel, shutdownOn: null, version })),
    })
    const reader = createReplicateProvider({ apiKey: 'another-key', baseUrl: `${upstream.url}/v1` })
    expect(await reader.readModels?.(models, openContext())).toEqual({
      ok: false,
      message: expect.stringContaining('401'),
    })
  })

  it('tells no version that is none, however long', async () => {
    const name = 'google/nano-banana'
    const latestVersions: Record<string, string> = {}
    const front = await startReplicateUpstream({ latestVersions })
    const own = createOutbound({ allow: [], configuredOrigins: [front.url] })
    const reader = createReplicateProvider({ apiKey: defaultReplicateKey, baseUrl: `${front.url}/v1` })
    for (const strange of ['x'.repeat(100_000), 'a\u0000b', '', `${'a'.repeat(64)}\n`]) {
      latestVersions[name] = strange
      const list = await reader.readModels?.([name], { ...openContext(), http: own })
      expect(list).toEqual({ ok: true, models: [{ upstreamModel: name, shutdownOn: null, version: null }] })
    }
    await own.close()
    await front.close()
  })
})
