// Runs the getimg adapter through the shared contract with every behaviour of its emulator, and pins its mapping.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import { describeProviderContract } from '../../test/provider-contract.ts'
import { defaultGetimgKey, type GetimgUpstream, startGetimgUpstream } from '../../test/upstreams/getimg.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import { classifyErrorAnswer } from './getimg/failures.ts'
import { createGetimgProvider } from './getimg.ts'
import type { ProviderOutcome, ProviderRequest, ReferenceImage } from './provider.ts'

const lite = 'gemini-3-1-flash-lite-image'
const request = plainRequest(lite, { aspectRatio: '1:1', resolution: '1K', outputFormat: 'png' })

describeProviderContract('getimg', {
  createProvider: createGetimgProvider,
  async startEmulator() {
    const upstream = await startGetimgUpstream()
    const allow = [new URL(upstream.files.url).host]
    return { upstream, baseUrl: upstream.url, apiKey: defaultGetimgKey, files: upstream.files, allow }
  },
  request,
  outputs: 'urls',
  scenarios: [
    { behaviour: 'moderation', outcome: 'content_rejected', billable: 0, match: { stage: 'input' } },
    { behaviour: 'moderation, flat_error', outcome: 'content_rejected', billable: 0 },
    { behaviour: 'moderation_words', outcome: 'content_rejected', match: { stage: 'unknown' } },
    { behaviour: 'moderation_words=422, flat_error', outcome: 'content_rejected' },
    { behaviour: 'rate_limit', outcome: 'rate_limited', match: { retryAfterMs: 3000 } },
    {
      behaviour: 'rate_limit, flat_error, delay=90',
      outcome: 'rate_limited',
      match: { retryAfterMs: 90_000 },
    },
    { behaviour: 'rate_limit=none', outcome: 'rate_limited' },
    { behaviour: 'concurrency', outcome: 'rate_limited' },
    { behaviour: 'quota', outcome: 'quota_exhausted' },
    { behaviour: 'quota, flat_error', outcome: 'quota_exhausted' },
    { behaviour: 'invalid', outcome: 'invalid_request', match: { field: 'aspectRatio' } },
    {
      behaviour: 'invalid=images[0].url, flat_error',
      outcome: 'invalid_request',
      match: { field: 'references' },
    },
    { behaviour: 'retired', outcome: 'model_retired', billable: 0 },
    { behaviour: 'unknown_model', outcome: 'model_retired', billable: 0 },
    { behaviour: 'wrong_key', outcome: 'misconfigured' },
    { behaviour: 'forbidden', outcome: 'misconfigured' },
    { behaviour: 'server_error', outcome: 'unknown_outcome' },
    { behaviour: 'server_error, when=after', outcome: 'unknown_outcome', billable: 1 },
    { behaviour: 'overloaded, when=after', outcome: 'unknown_outcome', billable: 1 },
    { behaviour: 'conflict', outcome: 'unknown_outcome' },
    { behaviour: 'cost=0.0413', outcome: 'succeeded', match: { usage: { costUsdMicro: 41_300 } } },
    { behaviour: 'cost=0, cost_as_text', outcome: 'succeeded', match: { usage: { costUsdMicro: 0 } } },
    { behaviour: 'no_usage', outcome: 'succeeded', match: { usage: { costUsdMicro: null } } },
    { behaviour: 'files=2', outcome: 'succeeded', pictures: 1, match: { warnings: [expect.any(String)] } },
    { behaviour: 'no_files', outcome: 'malformed_response', match: { usage: { costUsdMicro: 35_000 } } },
    { behaviour: 'null_data', outcome: 'malformed_response' },
    { behaviour: 'no_url', outcome: 'malformed_response' },
    { behaviour: 'status=failed', outcome: 'upstream_failed' },
    { behaviour: 'ended', outcome: 'unknown_outcome', mode: 'download', billable: 1 },
    { behaviour: 'file_gone=1', outcome: 'succeeded', mode: 'download' },
    { behaviour: 'file_page', outcome: 'malformed_response', mode: 'download' },
    { behaviour: 'file_redirect', outcome: 'malformed_response', mode: 'download' },
    { behaviour: 'file_half', outcome: 'malformed_response', mode: 'download' },
    {
      behaviour: 'other_format',
      outcome: 'succeeded',
      match: { images: [{ image: { mediaType: 'image/webp' } }] },
    },
    { behaviour: 'other_size', outcome: 'succeeded', match: { images: [{ image: { width: 64 } }] } },
    { behaviour: 'echo=400', outcome: 'invalid_request' },
    { behaviour: 'echo_text=400', outcome: 'invalid_request' },
    {
      behaviour: '',
      outcome: 'invalid_request',
      requests: 0,
      request: { seed: 7 },
      match: { field: 'seed' },
    },
  ],
})

describe('what getimg is told and what its answers mean', () => {
  let upstream: GetimgUpstream
  let folder: string
  const submitted: (() => Promise<void>)[] = []
  beforeAll(async () => {
    upstream = await startGetimgUpstream()
    folder = await mkdtemp(join(tmpdir(), 'getimg-'))
  })
  afterAll(async () => {
    for (const close of submitted) await close()
    expect([...upstream.errors, ...upstream.files.upstream.errors]).toEqual([])
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function submit(
    more: Partial<ProviderRequest>,
  ): Promise<{ outcome: ProviderOutcome; body: unknown }> {
    const outbound = createOutbound({ allow: [], configuredOrigins: [upstream.url] })
    submitted.push(() => outbound.close())
    const provider = createGetimgProvider({ apiKey: defaultGetimgKey, baseUrl: `${upstream.url}/` })
    const attempt = `mapping-${submitted.length}`
    const storage = createDiskStorage({ root: folder })
    const context = openTestContext({ http: outbound, storage, attempt })
    const outcome = await provider.submit({ ...request, ...more }, context)
    const sent = upstream.requests.find(each => each.attempt === attempt)?.body
    return { outcome, body: sent ? JSON.parse(sent.toString('utf8')) : null }
  }

  it('sends the documented fields and no other', async () => {
    const { outcome, body } = await submit({})
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      images: [{ kind: 'url', mediaType: 'image/png' }],
      usage: { costUsdMicro: 35_000, upstreamRequestId: expect.stringMatching(/^req-/) },
    })
    expect(body).toEqual({
      model: lite,
      prompt: 'a small red boat',
      aspect_ratio: '1:1',
      resolution: '1K',
      output_format: 'png',
    })
    const bare = await submit({ aspectRatio: null, resolution: null, outputFormat: null })
    expect(bare.body).toEqual({ model: lite, prompt: 'a small red boat' })
  })

  it('hands on references by their public address, and refuses those without one before anything is sent', async () => {
    const publicUrl = 'https://pictures.example.com/one.png'
    const good = await submit({ references: [reference({ publicUrl })] })
    expect(good.outcome.kind).toBe('succeeded')
    expect(good.body).toMatchObject({ images: [{ url: publicUrl, role: 'reference_image' }] })
    for (const bad of [{}, { publicUrl: 'http://127.0.0.1:8080/one.png' }]) {
      const refused = await submit({ references: [reference({ publicUrl }), reference(bad)] })
      expect(refused.outcome).toMatchObject({ failure: 'invalid_request', field: 'references' })
      expect(refused.body).toBeNull()
    }
  })

  it.each<[Partial<ProviderRequest>, string]>([
    [{ count: 2 }, 'count'],
    [{ mask: reference({}) }, 'mask'],
    [{ negativePrompt: 'rain' }, 'negativePrompt'],
    [{ seed: 0 }, 'seed'],
    [{ quality: 'high' }, 'quality'],
    [{ thinkingLevel: 'deep' }, 'thinkingLevel'],
    [{ background: 'transparent' }, 'background'],
    [{ aspectRatio: null, width: 64, height: 64 }, 'size'],
    [
      { references: Array.from({ length: 9 }, () => reference({ publicUrl: 'https://a.example/1' })) },
      'references',
    ],
  ])('refuses what getimg cannot honour, unsent: %o', async (more, field) => {
    const { outcome, body } = await submit(more)
    expect(outcome).toMatchObject({ failure: 'invalid_request', field })
    expect(body).toBeNull()
  })

  it('takes a route parameter for a mistake of the operator', async () => {
    const { outcome } = await submit({ parameters: { steps: 4 } })
    expect(outcome).toMatchObject({ failure: 'misconfigured' })
  })

  it('reads a delay in Unix seconds against the answer’s own clock', () => {
    const date = 'Sat, 28 Nov 2026 10:00:00 GMT'
    const headers = { date, 'x-ratelimit-reset': String(Date.parse(date) / 1000 + 17) }
    const text = '{"message":"slow down","code":"rate_limit"}'
    const answer = { status: 429, text, prompt: '' }
    expect(classifyErrorAnswer({ ...answer, headers })).toMatchObject({ retryAfterMs: 17_000 })
    const both = { ...headers, 'retry-after': '5' }
    expect(classifyErrorAnswer({ ...answer, headers: both })).toMatchObject({ retryAfterMs: 5_000 })
    expect(classifyErrorAnswer({ ...answer, headers: {} })).not.toHaveProperty('retryAfterMs')
  })

  it.each([
    [400, { message: 'Invalid value: safety first' }, 'a safety first poster', 'content_rejected'],
    [400, { message: 'Invalid value: safety first' }, 'safety first', 'invalid_request'],
    [400, { message: 'see our policy', code: 'invalid_parameter', param: 'prompt' }, '', 'invalid_request'],
    [403, { message: 'blocked by moderation' }, '', 'content_rejected'],
    [404, { message: 'see our policy' }, '', 'model_retired'],
    [429, { message: 'fair use policy' }, '', 'rate_limited'],
    [402, { message: 'see our refund policy' }, '', 'quota_exhausted'],
    [422, { message: 'unreadable' }, '', 'invalid_request'],
  ])(
    'tells moderation from other refusals by status, code and words: %i %o',
    (status, body, prompt, failure) => {
      const text = JSON.stringify(body)
      expect(classifyErrorAnswer({ status, headers: {}, text, prompt }).failure).toBe(failure)
    },
  )

  it('takes no page of an intermediary for a refusal by getimg', () => {
    const text = '<html>Request blocked by our security policy</html>'
    const kinds = [400, 403, 404, 405, 502].map(
      status => classifyErrorAnswer({ status, headers: {}, text, prompt: '' }).failure,
    )
    expect(kinds).toEqual([
      'invalid_request',
      'misconfigured',
      'misconfigured',
      'misconfigured',
      'unknown_outcome',
    ])
  })
})

function reference({ publicUrl }: { publicUrl?: string }): ReferenceImage {
  const picture = { mediaType: 'image/png', sizeBytes: 10, width: 1, height: 1 }
  const read = () => Promise.reject(new Error('getimg never needs the bytes'))
  return { ...picture, read, ...(publicUrl === undefined ? {} : { publicUrl }) }
}
