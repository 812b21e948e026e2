// The Stability adapter against the emulator: the shared contract, the vendor's own refusals, and what it sends.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import { defaultStabilityKey, startStabilityUpstream } from '../../test/upstreams/stability.ts'
import type { Upstream } from '../../test/upstreams/upstream.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import type { ProviderRequest, ReferenceImage } from './provider.ts'
import { classifyErrorAnswer } from './stability/failures.ts'
import { createStabilityProvider, NOT_RUN } from './stability.ts'

const request = plainRequest('sd3.5-large', { aspectRatio: '3:2' })

function refused(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  match: object = {},
): ContractScenario {
  return { behaviour, outcome, billable: 0, match: { ...match } }
}

function unusable(behaviour: string, more: Partial<ContractScenario> = {}): ContractScenario {
  return { behaviour, outcome: 'malformed_response', billable: 1, ...more }
}

const scenarios: ContractScenario[] = [
  refused('moderation_input', 'content_rejected', { stage: 'input' }),
  { behaviour: 'filtered', outcome: 'content_rejected', billable: 1, match: { stage: 'output' } },
  { behaviour: 'filtered, json_answer', outcome: 'content_rejected', match: { stage: 'output' } },
  refused('rate_limit', 'rate_limited', { retryAfterMs: 60_000 }),
  refused('quota', 'quota_exhausted'),
  refused('wrong_key', 'misconfigured'),
  refused('forbidden', 'misconfigured'),
  refused('retired', 'model_retired'),
  refused('too_large', 'invalid_request'),
  refused('unprocessable', 'invalid_request', { field: 'negativePrompt' }),
  refused('error_500', 'unknown_outcome'),
  { behaviour: 'error_500, when=after', outcome: 'unknown_outcome', billable: 1 },
  // The vendor documents no overload answer, so that none proves "not run".
  refused('error_503', 'unknown_outcome'),
  refused('conflict_409', 'unknown_outcome'),
  { behaviour: 'echo=400, when=before', outcome: 'invalid_request', billable: 0 },
  { behaviour: 'echo_text=500, when=before', outcome: 'unknown_outcome', billable: 0 },
  { ...refused('', 'invalid_request', { field: 'prompt' }), request: { prompt: 'x'.repeat(10_001) } },
  { ...refused('', 'invalid_request', { field: 'aspectRatio' }), request: { aspectRatio: '3:4' } },
  { ...refused('', 'invalid_request', { field: 'model' }), request: { upstreamModel: 'sd3-large' } },
  { behaviour: 'json_answer', outcome: 'succeeded' },
  { behaviour: 'no_finish', outcome: 'succeeded' },
  {
    behaviour: 'tiny_picture',
    outcome: 'succeeded',
    match: { images: [{ image: { width: 1, height: 1 } }] },
  },
  { behaviour: 'other_size', outcome: 'succeeded', match: { images: [{ image: { width: 512 } }] } },
  {
    behaviour: 'wrong_type',
    outcome: 'succeeded',
    match: { images: [{ image: { mediaType: 'image/jpeg' } }] },
  },
  { behaviour: '', outcome: 'succeeded', request: { upstreamModel: 'ultra', outputFormat: 'webp' } },
  unusable('no_bytes'),
  unusable('half_picture'),
  { behaviour: 'unframed_half', outcome: 'unknown_outcome', billable: 1 },
  unusable('html_picture'),
  unusable('json_answer, half_base64'),
  unusable('json_answer, base64_text'),
  unusable('json_answer, null_image'),
  { behaviour: 'json_answer, reset_mid_body', outcome: 'unknown_outcome', billable: 1 },
]

describeProviderContract('stability', {
  createProvider: createStabilityProvider,
  startEmulator: async () => {
    const apiKey = 'secret-of-a-stability-account-0123456789'
    const upstream = await startStabilityUpstream({ apiKey })
    return { upstream, baseUrl: `${upstream.url}/v2beta`, apiKey }
  },
  request,
  scenarios,
})

describe('the Stability adapter', () => {
  let upstream: Upstream
  let storage: Storage
  let folder: string
  let http: ReturnType<typeof createOutbound>
  let runs = 0

  beforeAll(async () => {
    upstream = await startStabilityUpstream()
    folder = await mkdtemp(join(tmpdir(), 'stability-adapter-'))
    storage = createDiskStorage({ root: folder })
    http = createOutbound({ allow: [], configuredOrigins: [upstream.url] })
  })
  afterAll(async () => {
    expect(upstream.errors).toEqual([])
    await http.close()
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function submit(wanted: Partial<ProviderRequest>) {
    runs += 1
    // A slash at the end is a common slip of the pen.
    const provider = createStabilityProvider({
      apiKey: defaultStabilityKey,
      baseUrl: `${upstream.url}/v2beta/`,
    })
    const attempt = `adapter-${runs}`
    const outcome = await provider.submit(
      { ...request, ...wanted },
      openTestContext({ http, storage, attempt }),
    )
    const log = upstream.requests.find(logged => logged.attempt === attempt)
    return { outcome, log, fields: log?.fields as Record<string, unknown> | undefined }
  }

  async function reference(seed: string): Promise<ReferenceImage> {
    const bytes = await makePicture({ width: 64, height: 48, format: 'png', seed })
    const described = { mediaType: 'image/png', sizeBytes: bytes.length, width: 64, height: 48 }
    return { ...described, read: async () => bytes }
  }

  it('streams the raw bytes to storage, whole, and keeps the request id', async () => {
    const { outcome } = await submit({ prompt: 'a harbour', outputFormat: 'jpeg', seed: 7 })
    if (outcome.kind !== 'succeeded') throw new Error(JSON.stringify(outcome))
    const [image] = outcome.images
    if (image?.kind !== 'received') throw new Error('not received')
    const object = await storage.read(image.image.storageKey)
    const parts: Buffer[] = []
    for await (const part of object?.stream ?? []) parts.push(part as Buffer)
    const { format, width, height } = await sharp(Buffer.concat(parts)).metadata()
    expect({ format, width, height }).toEqual({ format: 'jpeg', width: 1216, height: 832 })
    expect(outcome.usage.upstreamRequestId).toMatch(/^[0-9a-f]{32}$/)
    expect(outcome.usage.costUsdMicro).toBeNull()
  })

  it.each([
    ['sd3.5-large', { endpoint: 'sd3', model: 'sd3.5-large', mode: 'text-to-image', cfg_scale: '6' }],
    ['sd3.5-medium', { endpoint: 'sd3', model: 'sd3.5-medium', mode: 'text-to-image', cfg_scale: '6' }],
    ['core', { endpoint: 'core' }],
    ['ultra', { endpoint: 'ultra' }],
  ])('sends %s the fields its endpoint takes, and an empty file', async (upstreamModel, expected) => {
    const { outcome, log, fields } = await submit({
      upstreamModel,
      prompt: 'a lake "ünï"\r\n--x',
      negativePrompt: 'people',
      seed: 5_000_000_000,
      outputFormat: 'png',
      parameters: { cfg_scale: 6, strength: 0.3, style_preset: 'anime', steps: 9 },
    })
    expect(outcome.kind, JSON.stringify(outcome)).toBe('succeeded')
    expect(log?.prompt).toBe('a lake "ünï"\r\n--x')
    expect(log?.headers).toMatchObject({ accept: 'image/*', authorization: `Bearer ${defaultStabilityKey}` })
    expect(fields).toEqual({
      ...expected,
      prompt: 'a lake "ünï"\r\n--x',
      negative_prompt: 'people',
      aspect_ratio: '3:2',
      seed: String(5_000_000_000 % 4_294_967_295),
      output_format: 'png',
      style_preset: 'anime',
      files: ['none'],
    })
    expect(outcome.kind === 'succeeded' && outcome.warnings.join()).toContain('steps')
  })

  it('leaves out what nobody asked for', async () => {
    const { fields } = await submit({ upstreamModel: 'core', aspectRatio: null, prompt: 'plain' })
    expect(fields).toEqual({ endpoint: 'core', prompt: 'plain', files: ['none'] })
  })

  it('works from a picture without a ratio, at the strength of the route', async () => {
    const picture = await reference('a')
    const { outcome, log, fields } = await submit({
      references: [picture],
      parameters: { strength: 0.35 },
    })
    expect(outcome.kind, JSON.stringify(outcome)).toBe('succeeded')
    expect(fields).toMatchObject({ mode: 'image-to-image', strength: '0.35', imageBytes: picture.sizeBytes })
    expect(fields).not.toHaveProperty('aspect_ratio')
    expect(log?.body?.includes(await picture.read())).toBe(true)
    const ultra = await submit({ upstreamModel: 'ultra', references: [picture] })
    expect(ultra.fields).toMatchObject({ endpoint: 'ultra', strength: '0.7' })
  })

  it('sends nothing when a request cannot be made or a reference cannot be read', async () => {
    const picture = await reference('a')
    const before = upstream.total.requests
    const cases: [Partial<ProviderRequest>, string][] = [
      [{ count: 2 }, 'count'],
      [{ mask: picture }, 'mask'],
      [{ references: [picture, picture] }, 'references'],
      [{ upstreamModel: 'core', references: [picture] }, 'references'],
      [{ aspectRatio: null, width: 640, height: 640 }, 'size'],
    ]
    for (const [wanted, field] of cases) {
      expect((await submit(wanted)).outcome).toMatchObject({ failure: 'invalid_request', field })
    }
    const gone = { ...picture, read: () => Promise.reject(new Error('gone')) }
    await expect(submit({ references: [gone] })).rejects.toThrow('gone')
    expect(upstream.total.requests).toBe(before)
  })

  it('is told by the lock how long to stay away, whatever comes next', async () => {
    const first = await submit({ prompt: 'fast [[emulate: rate_limit, lock=400]]' })
    const second = await submit({ prompt: 'next' })
    expect([first.outcome, second.outcome]).toMatchObject([
      { failure: 'rate_limited', retryAfterMs: 60_000 },
      { failure: 'rate_limited', retryAfterMs: 60_000 },
    ])
  })

  it.each([
    [400, '<h1>Bad request</h1>', {}, { failure: 'invalid_request' }],
    [404, '<h1>Not found</h1>', {}, { failure: 'misconfigured' }],
    [429, '', { 'retry-after': '90' }, { failure: 'rate_limited', retryAfterMs: 90_000 }],
    [302, '', {}, { failure: 'malformed_response' }],
    [405, '', {}, { failure: 'misconfigured' }],
    [408, '', {}, { failure: 'unknown_outcome' }],
    [
      403,
      '{"id":"ab12","name":"content_moderation","errors":[]}',
      {},
      { failure: 'content_rejected', usage: { upstreamRequestId: 'ab12' } },
    ],
  ])('reads %i %s', (status, text, headers, expected) => {
    expect(classifyErrorAnswer({ status, text, headers })).toMatchObject(expected)
  })

  it('lists no answer as proof of "not run": the vendor documents none', () => {
    expect(NOT_RUN).toEqual([])
  })
})
