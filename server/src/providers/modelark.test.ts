// The ModelArk adapter against the emulator: the shared contract, the vendor's own refusals, and what it sends.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listReadScenarios } from '../../test/contract-scenarios.ts'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import {
  defaultModelArkKey,
  type ModelArkUpstream,
  startModelArkUpstream,
} from '../../test/upstreams/modelark.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import { classifyErrorAnswer } from './modelark/failures.ts'
import { createModelArkProvider, NOT_RUN } from './modelark.ts'
import type { ProviderRequest, ReferenceImage } from './provider.ts'

const request = plainRequest('seedream-4-5-251128', { width: 2048, height: 2048 })
const large = { width: 4096, height: 4096 }
const series = { count: 4 }

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

function stream(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  more: Partial<ContractScenario> = {},
): ContractScenario {
  return { behaviour, outcome, billable: 1, request: series, ...more }
}

const scenarios: ContractScenario[] = [
  refused('moderation_input', 'content_rejected', { stage: 'input', categories: [] }),
  refused('moderation_image', 'content_rejected', { stage: 'input', categories: ['PrivacyInformation'] }),
  refused('moderation_output, slow=50', 'content_rejected', { stage: 'output' }),
  {
    behaviour: 'failed',
    outcome: 'content_rejected',
    match: { stage: 'output', usage: { costUsdMicro: 0 } },
  },
  {
    behaviour: 'failed, failed_code=InternalServiceError',
    outcome: 'upstream_failed',
    match: { usage: { costUsdMicro: 0 } },
  },
  { behaviour: 'failed, no_usage', outcome: 'content_rejected', match: { usage: { costUsdMicro: null } } },
  { behaviour: 'error_in_200', outcome: 'unknown_outcome' },
  refused('rate_limit', 'rate_limited'),
  refused('overloaded', 'rate_limited'),
  refused('quota', 'quota_exhausted'),
  refused('overdue', 'quota_exhausted'),
  refused('wrong_key', 'misconfigured'),
  refused('forbidden', 'misconfigured'),
  refused('not_open', 'misconfigured'),
  refused('closed_endpoint', 'misconfigured'),
  refused('retired', 'model_retired'),
  refused('error_500', 'unknown_outcome'),
  { behaviour: 'error_500, when=after', outcome: 'unknown_outcome', billable: 1 },
  // The vendor documents no overload answer among the 5xx, so that none proves "not run".
  refused('error_503', 'unknown_outcome'),
  refused('conflict_409', 'unknown_outcome'),
  { behaviour: 'echo=400, when=before', outcome: 'invalid_request', billable: 0 },
  { behaviour: 'echo_text=500, when=before', outcome: 'unknown_outcome', billable: 0 },
  { ...refused('', 'model_retired'), request: { upstreamModel: 'seedream-3-0-t2i-250415' } },
  { ...refused('', 'invalid_request', { field: 'size' }), request: { width: 1024, height: 1024 } },
  { behaviour: '', outcome: 'succeeded', request: { width: null, height: null, resolution: '2K' } },
  { behaviour: 'no_usage', outcome: 'succeeded', match: { usage: { outputTokens: null } } },
  { behaviour: 'tiny_picture', outcome: 'succeeded', match: { warnings: [expect.stringContaining('1x1')] } },
  {
    behaviour: 'other_size',
    outcome: 'succeeded',
    match: { warnings: [expect.stringContaining('512x512')] },
  },
  {
    behaviour: 'wrong_type',
    outcome: 'succeeded',
    match: { images: [{ image: { mediaType: 'image/png' } }] },
  },
  unusable('no_data'),
  unusable('empty_data'),
  unusable('null_arrays'),
  unusable('neither'),
  unusable('half_base64'),
  unusable('base64_text'),
  unusable('html_picture'),
  unusable('truncated_picture'),
  { behaviour: '', outcome: 'succeeded', request: large, pictures: 1 },
  // No task stands behind an address, so that one that is gone cannot be had anew.
  unusable('file_gone', { request: large, mode: 'download', outcome: 'unknown_outcome' }),
  unusable('file_expires=0', { request: large, mode: 'download', outcome: 'unknown_outcome' }),
  unusable('file_half', { request: large, mode: 'download' }),
  { behaviour: 'file_other_type', outcome: 'succeeded', request: large, mode: 'download' },
  unusable('file_redirect', { request: large, mode: 'download' }),
  ...listReadScenarios('download').map(scenario => ({ ...scenario, request: { width: 3104, height: 2048 } })),
  stream('', 'succeeded', { pictures: 4, match: { warnings: [] } }),
  stream('no_done', 'succeeded', { pictures: 4 }),
  stream('bare_events', 'succeeded', { pictures: 4 }),
  stream('ignores_stream', 'succeeded', { pictures: 4 }),
  stream('no_completed', 'succeeded', { pictures: 4 }),
  stream('fewer=3', 'succeeded', { pictures: 3 }),
  stream('failed=1', 'succeeded', { pictures: 3 }),
  stream('ignores_stream, failed=1', 'succeeded', { pictures: 3 }),
  stream('failed', 'content_rejected', { match: { stage: 'output', usage: { costUsdMicro: 0 } } }),
  stream('failed, failed_code=InternalServiceError', 'upstream_failed'),
  stream('moderation_output', 'content_rejected', { match: { stage: 'output' } }),
  stream('error_in_200', 'unknown_outcome'),
  stream('reset_after=2', 'succeeded', { pictures: 2 }),
  stream('reset_after=0', 'unknown_outcome'),
  stream('cut_in_event', 'unknown_outcome'),
  stream('failed, no_completed', 'unknown_outcome'),
  stream('fewer=0', 'malformed_response'),
]

describeProviderContract('modelark', {
  createProvider: createModelArkProvider,
  startEmulator: async () => {
    const apiKey = 'secret-of-a-modelark-account-0123456789'
    const upstream = await startModelArkUpstream({ apiKey })
    return { upstream, baseUrl: `${upstream.url}/api/v3`, apiKey, files: upstream.files }
  },
  request,
  scenarios,
})

describe('the ModelArk adapter', () => {
  let upstream: ModelArkUpstream
  let storage: Storage
  let folder: string
  let http: ReturnType<typeof createOutbound>
  let runs = 0

  beforeAll(async () => {
    upstream = await startModelArkUpstream()
    folder = await mkdtemp(join(tmpdir(), 'modelark-adapter-'))
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
    const provider = createModelArkProvider({
      apiKey: defaultModelArkKey,
      baseUrl: `${upstream.url}/api/v3/`,
    })
    const attempt = `adapter-${runs}`
    const outcome = await provider.submit(
      { ...request, ...wanted },
      openTestContext({ http, storage, attempt }),
    )
    const log = upstream.requests.find(logged => logged.attempt === attempt)
    return { outcome, log, fields: log?.fields as Record<string, unknown> | undefined }
  }

  async function readStored(storageKey: string): Promise<Buffer> {
    const object = await storage.read(storageKey)
    const parts: Buffer[] = []
    for await (const part of object?.stream ?? []) parts.push(part as Buffer)
    return Buffer.concat(parts)
  }

  async function reference(seed: string, format: 'png' | 'jpeg' | 'webp' = 'png'): Promise<ReferenceImage> {
    const bytes = await makePicture({ width: 64, height: 48, format, seed })
    const described = { mediaType: `image/${format}`, sizeBytes: bytes.length, width: 64, height: 48 }
    return { ...described, read: async () => bytes }
  }

  it('stores the picture without the vendor’s mark, and tells tokens', async () => {
    const { outcome, fields } = await submit({ prompt: 'a harbour', width: 2720, height: 1536 })
    expect(fields).toEqual({
      model: 'seedream-4-5-251128',
      prompt: 'a harbour',
      size: '2720x1536',
      response_format: 'b64_json',
      watermark: false,
    })
    if (outcome.kind !== 'succeeded') throw new Error(JSON.stringify(outcome))
    expect(outcome).toMatchObject({ warnings: [], usage: { outputTokens: 16_320, images: 1 } })
    const corner = async (image: (typeof outcome.images)[number] | undefined) => {
      if (image?.kind !== 'received') throw new Error('not received')
      const bytes = await sharp(await readStored(image.image.storageKey))
        .extract({ left: 2700, top: 1516, width: 16, height: 16 })
        .raw()
        .toBuffer()
      return new Set(bytes)
    }
    expect(await corner(outcome.images[0])).not.toEqual(new Set([255]))
    const marked = await submit({
      prompt: 'a harbour',
      width: 2720,
      height: 1536,
      parameters: { watermark: true },
    })
    if (marked.outcome.kind !== 'succeeded') throw new Error(JSON.stringify(marked.outcome))
    expect(await corner(marked.outcome.images[0])).toEqual(new Set([255]))
  })

  it('asks for an address where the picture is large, and for a stream of them where there are several', async () => {
    const one = await submit({ ...large, prompt: 'large' })
    expect(one.fields).toMatchObject({ size: '4096x4096', response_format: 'url' })
    expect(one.fields).not.toHaveProperty('stream')
    expect(one.outcome).toMatchObject({
      kind: 'succeeded',
      images: [{ kind: 'url', url: expect.stringMatching(/^http/) }],
    })
    const word = await submit({ width: null, height: null, resolution: '4K' })
    expect(word.fields).toMatchObject({ size: '4K', response_format: 'url' })
    const four = await submit({ count: 4, prompt: 'four' })
    expect(four.fields).toEqual({
      model: 'seedream-4-5-251128',
      prompt: 'four',
      size: '2048x2048',
      response_format: 'url',
      watermark: false,
      sequential_image_generation: 'auto',
      sequential_image_generation_options: { max_images: 4 },
      stream: true,
    })
    expect(four.outcome.kind === 'succeeded' && four.outcome.images).toHaveLength(4)
  })

  it('says which pictures were not made, and how many are billed', async () => {
    const { outcome } = await submit({ count: 4, prompt: 'few [[emulate: failed=1]]' })
    const warnings = outcome.kind === 'succeeded' ? outcome.warnings : []
    expect(warnings).toEqual([
      expect.stringContaining('OutputImageSensitiveContentDetected'),
      'Asked for 4 pictures, 3 arrived',
    ])
    expect(outcome).toMatchObject({ usage: { images: 3, costUsdMicro: null } })
    const spoilt = await submit({ prompt: 'spoilt [[emulate: half_base64]]' })
    expect(spoilt.outcome).toMatchObject({
      failure: 'malformed_response',
      usage: { images: 1, costUsdMicro: null },
    })
  })

  it('sends pictures as data URLs, one alone or several as a list', async () => {
    const one = await submit({ references: [await reference('a', 'webp')] })
    expect(one.fields).toMatchObject({ image: [{ mediaType: 'image/webp' }] })
    expect(JSON.parse(one.log?.body?.toString() ?? '').image).toMatch(/^data:image\/webp;base64,/)
    const pictures = [await reference('a'), await reference('b', 'jpeg')]
    const two = await submit({ references: pictures })
    expect(two.outcome.kind).toBe('succeeded')
    expect(two.fields?.image).toEqual(pictures.map(({ mediaType, sizeBytes }) => ({ mediaType, sizeBytes })))
    expect(two.log?.headers['content-length']).toBe(String(two.log?.body?.length))
  })

  it('sends the format to models that take one, and names what it leaves out', async () => {
    const lite = await submit({ upstreamModel: 'seedream-5-0-lite-260128', outputFormat: 'png' })
    expect(lite.fields).toMatchObject({ output_format: 'png' })
    const { outcome, fields } = await submit({
      outputFormat: 'png',
      seed: 7,
      negativePrompt: 'people',
      parameters: { optimize_prompt_mode: 'fast', steps: 9 },
    })
    expect(fields).toMatchObject({ optimize_prompt_options: { mode: 'fast' } })
    expect(fields).not.toHaveProperty('output_format')
    const warnings = outcome.kind === 'succeeded' ? outcome.warnings.join() : ''
    for (const word of ['png', 'seed', 'negative prompt', 'steps']) expect(warnings).toContain(word)
  })

  it('sends nothing when a request cannot be made or a reference cannot be read', async () => {
    const picture = await reference('a')
    const before = upstream.total.requests
    const cases: [Partial<ProviderRequest>, string][] = [
      [{ mask: picture }, 'mask'],
      [{ references: Array(15).fill(picture) }, 'references'],
      [{ count: 16 }, 'count'],
      [{ count: 4, references: Array(12).fill(picture) }, 'count'],
    ]
    for (const [wanted, field] of cases) {
      expect((await submit(wanted)).outcome).toMatchObject({ failure: 'invalid_request', field })
    }
    const gone = { ...picture, read: () => Promise.reject(new Error('gone')) }
    await expect(submit({ references: [gone] })).rejects.toThrow('gone')
    expect(upstream.total.requests).toBe(before)
  })

  it.each([
    [
      400,
      '{"error":{"code":"InvalidParameter","param":"image"}}',
      { failure: 'invalid_request', field: 'references' },
    ],
    [
      400,
      '{"error":{"code":"SensitiveContentDetected.Violence"}}',
      { stage: 'input', categories: ['Violence'] },
    ],
    [400, 'words', { failure: 'invalid_request' }],
    [402, '', { failure: 'quota_exhausted' }],
    [404, '<h1>Not found</h1>', { failure: 'misconfigured' }],
    [405, '', { failure: 'misconfigured' }],
    [302, '', { failure: 'malformed_response' }],
    [408, '', { failure: 'unknown_outcome' }],
  ])('reads %i %s', (status, text, expected) => {
    expect(classifyErrorAnswer({ status, text, headers: {} })).toMatchObject(expected)
  })

  it('waits as long as a 429 says, where it says it', () => {
    const text = '{"error":{"code":"RateLimitExceeded"}}'
    const answer = { status: 429, text, headers: { 'retry-after': '7' } }
    expect(classifyErrorAnswer(answer)).toMatchObject({ failure: 'rate_limited', retryAfterMs: 7000 })
  })

  it('lists no answer as proof of "not run": the vendor documents none', () => {
    expect(NOT_RUN).toEqual([])
  })
})
