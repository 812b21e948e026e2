// Runs the fal adapter through the shared contract with every behaviour of its emulator, and pins its mapping.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import { describeProviderContract } from '../../test/provider-contract.ts'
import { defaultFalKey, type FalUpstream, startFalUpstream } from '../../test/upstreams/fal.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import { classifyResult, classifySubmit } from './fal/failures.ts'
import { createFalProvider } from './fal.ts'
import type { CallContext, ProviderRequest, ReferenceImage, UpstreamTask } from './provider.ts'

const flux = 'fal-ai/flux/dev'
const seedream = 'bytedance/seedream/v5/lite/text-to-image'
const request = plainRequest(flux, { width: 512, height: 256 })

describeProviderContract('fal', {
  createProvider: createFalProvider,
  async startEmulator() {
    const upstream = await startFalUpstream()
    const allow = [new URL(upstream.files.url).host]
    return { upstream, baseUrl: upstream.url, apiKey: defaultFalKey, files: upstream.files, allow }
  },
  request,
  mode: 'poll',
  outputs: 'urls',
  scenarios: [
    { behaviour: 'queue=3, steps=2', outcome: 'succeeded', mode: 'poll' },
    { behaviour: 'state=RESTING', outcome: 'succeeded', mode: 'poll' },
    { behaviour: 'early_result=2', outcome: 'succeeded', mode: 'poll' },
    { behaviour: 'poll_status=429', outcome: 'succeeded', mode: 'poll' },
    { behaviour: 'poll_status=401', outcome: 'succeeded', mode: 'poll' },
    { behaviour: 'poll_status=500', outcome: 'succeeded', mode: 'poll' },
    { behaviour: 'forgotten', outcome: 'unknown_outcome', mode: 'poll', billable: 1 },
    { behaviour: 'content', outcome: 'content_rejected', billable: 0, match: { stage: 'input' } },
    { behaviour: 'content, detail=object', outcome: 'content_rejected', match: { stage: 'input' } },
    { behaviour: 'content=image', outcome: 'content_rejected', match: { stage: 'input' } },
    { behaviour: 'content=nowhere', outcome: 'content_rejected', match: { stage: 'unknown' } },
    { behaviour: 'content_at_submit', outcome: 'content_rejected', billable: 0 },
    { behaviour: 'nsfw', outcome: 'content_rejected', billable: 1, match: { stage: 'output' } },
    {
      behaviour: 'nsfw=1+3',
      outcome: 'succeeded',
      pictures: 2,
      request: { count: 4 },
      match: { warnings: ['2 of 4 pictures were withheld by a safety check'] },
    },
    { behaviour: 'fewer=2', outcome: 'succeeded', pictures: 2, request: { count: 3 } },
    { behaviour: 'fewer=3', outcome: 'succeeded', pictures: 1, match: { warnings: [expect.any(String)] } },
    { behaviour: 'invalid_result', outcome: 'invalid_request', match: { field: 'size', accepted: true } },
    { behaviour: 'invalid_result, detail=string', outcome: 'invalid_request', match: { accepted: true } },
    { behaviour: 'failed', outcome: 'upstream_failed', match: { usage: { costUsdMicro: 0 } } },
    { behaviour: 'failed, detail=string', outcome: 'upstream_failed' },
    { behaviour: 'timeout=user', outcome: 'upstream_failed', billable: 0 },
    { behaviour: 'timeout=server', outcome: 'upstream_failed', billable: 0 },
    { behaviour: 'disconnected', outcome: 'upstream_failed', billable: 0 },
    { behaviour: 'canceled_elsewhere', outcome: 'upstream_failed', billable: 0 },
    { behaviour: 'no_images', outcome: 'malformed_response', billable: 1 },
    { behaviour: 'odd_result=1', outcome: 'succeeded', billable: 1 },
    { behaviour: 'odd_result=2', outcome: 'malformed_response', billable: 1 },
    { behaviour: 'empty_images', outcome: 'malformed_response' },
    { behaviour: 'null_images', outcome: 'malformed_response' },
    { behaviour: 'no_url', outcome: 'malformed_response' },
    {
      behaviour: 'data_url',
      outcome: 'succeeded',
      match: { images: [{ image: { mediaType: 'image/png' } }] },
    },
    { behaviour: 'half_data_url', outcome: 'malformed_response' },
    { behaviour: 'other_size', outcome: 'succeeded', match: { images: [{ image: { width: 64 } }] } },
    { behaviour: 'rate_limit', outcome: 'rate_limited' },
    { behaviour: 'rate_limit, retry_after=70', outcome: 'rate_limited', match: { retryAfterMs: 70_000 } },
    { behaviour: 'quota', outcome: 'quota_exhausted' },
    { behaviour: 'forbidden', outcome: 'misconfigured' },
    { behaviour: 'wrong_key', outcome: 'misconfigured' },
    { behaviour: 'retired', outcome: 'model_retired' },
    { behaviour: 'invalid', outcome: 'invalid_request', match: { field: 'size' } },
    {
      behaviour: 'invalid=image_urls, detail=object',
      outcome: 'invalid_request',
      match: { field: 'references' },
    },
    { behaviour: 'invalid, message_only', outcome: 'invalid_request' },
    { behaviour: 'no_runner', outcome: 'unavailable', match: { overloaded: true } },
    { behaviour: 'gateway_504', outcome: 'unknown_outcome' },
    { behaviour: 'server_error', outcome: 'unknown_outcome' },
    { behaviour: 'foreign_urls', outcome: 'malformed_response', billable: 1 },
    { behaviour: 'no_urls', outcome: 'malformed_response', billable: 1 },
    { behaviour: 'no_id', outcome: 'malformed_response', billable: 1 },
    { behaviour: 'echo=400', outcome: 'invalid_request' },
    { behaviour: 'echo_text=422', outcome: 'invalid_request' },
    { behaviour: 'file_gone=1', outcome: 'succeeded', mode: 'download' },
    { behaviour: 'file_gone', outcome: 'unknown_outcome', mode: 'download' },
    { behaviour: 'file_page', outcome: 'malformed_response', mode: 'download' },
    { behaviour: 'file_redirect', outcome: 'malformed_response', mode: 'download' },
    { behaviour: '', outcome: 'succeeded', mode: 'webhook', notices: 1 },
    { behaviour: 'slow=60, webhook_twice', outcome: 'succeeded', mode: 'webhook' },
    { behaviour: 'webhook_late', outcome: 'succeeded', mode: 'webhook' },
    { behaviour: 'content, webhook_twice', outcome: 'content_rejected', mode: 'webhook' },
    { behaviour: 'webhook_never', outcome: 'succeeded', mode: 'webhook', notices: 0 },
    { behaviour: 'webhook_unsigned', outcome: 'succeeded', mode: 'webhook', notices: 0 },
    { behaviour: 'webhook_forged', outcome: 'succeeded', mode: 'webhook', notices: 0 },
    { behaviour: 'webhook_old', outcome: 'succeeded', mode: 'webhook', notices: 0 },
    { behaviour: 'webhook_changed', outcome: 'succeeded', mode: 'webhook', notices: 0 },
  ],
})

describe('what fal is told and what its answers mean', () => {
  let upstream: FalUpstream
  let folder: string
  let outbound: ReturnType<typeof createOutbound>
  let picture: Buffer
  let runs = 0
  beforeAll(async () => {
    upstream = await startFalUpstream()
    outbound = createOutbound({ allow: [], configuredOrigins: [upstream.url] })
    folder = await mkdtemp(join(tmpdir(), 'fal-'))
    picture = await makePicture({ width: 8, height: 8, format: 'png', seed: 'reference' })
  })
  afterAll(async () => {
    await outbound.close()
    expect([...upstream.errors, ...upstream.files.upstream.errors]).toEqual([])
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
  })

  const createProvider = () => createFalProvider({ apiKey: defaultFalKey, baseUrl: `${upstream.url}/` })

  function openContext(more: Partial<CallContext> = {}): CallContext {
    runs += 1
    const storage = createDiskStorage({ root: folder })
    return { ...openTestContext({ http: outbound, storage, attempt: `mapping-${runs}` }), ...more }
  }

  async function submit(more: Partial<ProviderRequest>, changed: Partial<CallContext> = {}) {
    const context = openContext(changed)
    const outcome = await createProvider().submit({ ...request, ...more }, context)
    const sent = upstream.requests.find(each => each.attempt === context.attemptId)
    const body: unknown = sent?.body ? JSON.parse(sent.body.toString('utf8')) : null
    return { outcome, context, path: sent?.path, headers: sent?.headers ?? {}, body }
  }

  async function submitTask(prompt: string): Promise<{ task: UpstreamTask; context: CallContext }> {
    const { outcome, context } = await submit({ prompt })
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    return { task: outcome.task, context }
  }

  const reference = (): ReferenceImage => ({
    mediaType: 'image/png',
    sizeBytes: 100,
    width: 8,
    height: 8,
    read: async () => picture,
  })

  it('sends what the route fills in and no other field', async () => {
    const wide = await submit({ upstreamModel: seedream, width: 2048, height: 2048 })
    expect(wide.path).toBe(`/${seedream}`)
    expect(wide.body).toEqual({ prompt: 'a small red boat', image_size: { width: 2048, height: 2048 } })
    const all = await submit({
      count: 3,
      seed: 7,
      negativePrompt: 'rain',
      outputFormat: 'jpeg',
      parameters: { steps: 4 },
    })
    expect(all.body).toEqual({
      prompt: 'a small red boat',
      image_size: { width: 512, height: 256 },
      num_images: 3,
      seed: 7,
      negative_prompt: 'rain',
      output_format: 'jpeg',
      steps: 4,
    })
  })

  it.each([
    [{ aspectRatio: '16:9' }, 'landscape_16_9'],
    [{ aspectRatio: '3:4' }, 'portrait_4_3'],
    [{ aspectRatio: '1:1' }, 'square_hd'],
    [{ resolution: '2K' }, 'auto_2K'],
    [{}, undefined],
  ])('says a ratio as a preset, and nothing where nothing is asked: %o', async (asked, size) => {
    const { outcome, body } = await submit({ upstreamModel: seedream, width: null, height: null, ...asked })
    expect(outcome.kind).toBe('pending')
    expect((body as { image_size?: unknown }).image_size).toBe(size)
  })

  it('sends references as data URLs to the edit model', async () => {
    const edit = { upstreamModel: 'bytedance/seedream/v5/lite/edit', width: 2048, height: 2048 }
    const { outcome, body } = await submit({ ...edit, references: [reference(), reference()] })
    expect(outcome.kind).toBe('pending')
    const url = `data:image/png;base64,${picture.toString('base64')}`
    expect(body).toMatchObject({ image_urls: [url, url] })
  })

  it('lets no job begin after the deadline and none run twice', async () => {
    const { headers } = await submit({}, { timeoutMs: 42_700 })
    expect(headers).toMatchObject({ 'x-fal-request-timeout': '42', 'x-fal-no-retry': '1' })
  })

  it.each<[Partial<ProviderRequest>, string, string | undefined]>([
    [{ mask: reference() }, 'invalid_request', 'mask'],
    [{ quality: 'high' }, 'invalid_request', 'quality'],
    [{ thinkingLevel: 'deep' }, 'invalid_request', 'thinkingLevel'],
    [{ background: 'transparent' }, 'invalid_request', 'background'],
    [{ width: null, height: null, aspectRatio: '21:9' }, 'invalid_request', 'aspectRatio'],
    [{ parameters: { sync_mode: true } }, 'misconfigured', undefined],
    [{ upstreamModel: '../requests/1' }, 'misconfigured', undefined],
    [{ upstreamModel: 'a/b?fal_webhook=x' }, 'misconfigured', undefined],
  ])('refuses what it cannot say, unsent: %o', async (more, failure, field) => {
    const { outcome, path } = await submit(more)
    expect(outcome).toMatchObject(field === undefined ? { failure } : { failure, field })
    expect(path).toBeUndefined()
  })

  it('keeps the returned addresses, tells the place in the queue, and asks the less often the farther back', async () => {
    const { task, context } = await submitTask('a boat [[emulate: queue=3, steps=1]]')
    expect(task).toEqual({
      id: expect.any(String),
      pollUrl: `${upstream.url}/fal-ai/flux/requests/${task.id}/status`,
      resultUrl: `${upstream.url}/fal-ai/flux/requests/${task.id}`,
      cancelUrl: `${upstream.url}/fal-ai/flux/requests/${task.id}/cancel`,
      count: 1,
    })
    const seen = []
    for (let polls = 0; polls < 5; polls += 1) seen.push(await createProvider().poll?.(task, context))
    expect(seen).toMatchObject([
      { kind: 'pending', queuePosition: 2, pollAfterMs: 2_000 },
      { kind: 'pending', queuePosition: 1, pollAfterMs: 1_500 },
      { kind: 'pending', queuePosition: 0, pollAfterMs: 1_000 },
      { kind: 'pending', queuePosition: null, pollAfterMs: 1_000 },
      { kind: 'succeeded', usage: { upstreamRequestId: task.id } },
    ])
  })

  it('shows the key to no address that an answer or a row could name', async () => {
    const { task, context } = await submitTask('a boat')
    const outcome = await createProvider().poll?.(
      { ...task, pollUrl: 'https://evil.example/status' },
      context,
    )
    expect(outcome).toMatchObject({ failure: 'unavailable' })
    const canceled = await createProvider().cancel?.(
      { ...task, cancelUrl: 'https://fal.run.evil.example/' },
      context,
    )
    expect(canceled).toMatchObject({ kind: 'not_canceled' })
  })

  it('calls a job canceled only where it left the queue unbegun', async () => {
    const waiting = await submitTask('a boat [[emulate: queue=9]]')
    expect(await createProvider().cancel?.(waiting.task, waiting.context)).toEqual({ kind: 'canceled' })
    expect(upstream.counters(waiting.context.attemptId).billable).toBe(0)
    expect(await createProvider().poll?.(waiting.task, waiting.context)).toMatchObject({
      failure: 'upstream_failed',
      usage: { costUsdMicro: 0 },
    })
    for (const behaviour of ['steps=9', '']) {
      const { task, context } = await submitTask(`a boat [[emulate: ${behaviour}]]`)
      expect(await createProvider().cancel?.(task, context)).toMatchObject({ kind: 'not_canceled' })
    }
    const { cancelUrl: _, ...bare } = waiting.task
    expect(await createProvider().cancel?.(bare, waiting.context)).toMatchObject({ kind: 'not_canceled' })
  })

  it('ends no task on an answer that somebody between may have given at the result', () => {
    const headers = {}
    const detail = JSON.stringify({ detail: 'gone wrong' })
    const none = [
      { status: 502, headers, text: detail },
      { status: 500, headers, text: '<html>oops</html>' },
      { status: 503, headers, text: '{"message":"Service Unavailable"}' },
      { status: 403, headers, text: detail },
      { status: 429, headers, text: detail },
    ]
    for (const answer of none) expect(classifyResult(answer)).toBeNull()
    expect(classifyResult({ status: 500, headers, text: detail })).toMatchObject({
      failure: 'upstream_failed',
    })
  })

  it('believes that nothing ran only where fal says so at the submit', () => {
    const kind = (status: number, body: unknown) =>
      classifySubmit({ status, headers: {}, text: JSON.stringify(body) }).failure
    expect(kind(503, { detail: 'x', error_type: 'runner_scheduling_failure' })).toBe('unavailable')
    expect(kind(503, { detail: 'x', error_type: 'runner_disconnected' })).toBe('unknown_outcome')
    expect(kind(503, { detail: 'x' })).toBe('unknown_outcome')
    expect(kind(504, { detail: 'x', error_type: 'runner_scheduling_failure' })).toBe('unknown_outcome')
    expect(kind(409, { detail: 'x' })).toBe('unknown_outcome')
    expect(kind(308, {})).toBe('malformed_response')
  })

  it('does not repeat what fal repeats of the prompt', async () => {
    const { outcome } = await submit({ prompt: 'a secret garden [[emulate: invalid]]' })
    expect(JSON.stringify(outcome)).not.toContain('secret garden')
  })
})
