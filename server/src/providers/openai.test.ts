// The OpenAI adapter against the emulator: the shared contract, the vendor's own refusals, and what it sends.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest, type TestContextOptions } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { defaultOpenAiKey, startOpenAiUpstream } from '../../test/upstreams/openai.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import type { Upstream } from '../../test/upstreams/upstream.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import { classifyErrorAnswer } from './openai/failures.ts'
import { createOpenAiProvider, NOT_RUN } from './openai.ts'
import type { ProviderRequest, ReferenceImage } from './provider.ts'

const request = plainRequest('gpt-image-2', { width: 1024, height: 1024, quality: 'low' })
const streamed = { partialImages: 2 }

function refused(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  match: object = {},
): ContractScenario {
  return { behaviour, outcome, billable: 0, match: { ...match } }
}

function delayed(behaviour: string, retryAfterMs: number): ContractScenario {
  return refused(behaviour, 'rate_limited', { retryAfterMs })
}

function unusable(behaviour: string, more: Partial<ContractScenario> = {}): ContractScenario {
  return { behaviour, outcome: 'malformed_response', billable: 1, ...more }
}

function stream(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  match: object = {},
): ContractScenario {
  return { behaviour, outcome, billable: 1, request: streamed, match: { ...match } }
}

const scenarios: ContractScenario[] = [
  refused('moderation_input', 'content_rejected', { stage: 'input', categories: ['sexual'] }),
  refused('moderation_output, slow=50', 'content_rejected', { stage: 'output', categories: ['sexual'] }),
  refused('moderation_input, moderation_details=off, categories=sexual+violence', 'content_rejected', {
    stage: 'unknown',
    categories: ['sexual', 'violence'],
  }),
  refused('content_policy_violation', 'content_rejected', { stage: 'unknown', categories: [] }),
  delayed('rate_limit', 240),
  delayed('rate_limit=seconds', 2000),
  delayed('rate_limit=seconds, delay=90', 90_000),
  delayed('rate_limit=date', 3000),
  delayed('rate_limit=reset', 1000),
  delayed('rate_limit=prose', 240),
  delayed('rate_limit=prose, delay=12s', 12_000),
  delayed('rate_limit=prose, delay=1m2s', 62_000),
  refused('rate_limit=none', 'rate_limited'),
  refused('quota', 'quota_exhausted'),
  refused('billing_limit', 'quota_exhausted'),
  refused('wrong_key', 'misconfigured'),
  refused('wrong_key=masked', 'misconfigured', { message: expect.not.stringContaining('****') }),
  refused('leaky_error', 'unknown_outcome'),
  refused('unverified', 'misconfigured'),
  refused('region', 'misconfigured'),
  refused('retired', 'model_retired', { gone: true }),
  refused('overloaded', 'unavailable', { overloaded: true }),
  refused('error_500', 'unknown_outcome'),
  { behaviour: 'error_500, when=after', outcome: 'unknown_outcome', billable: 1 },
  refused('timeout_408', 'unknown_outcome'),
  refused('conflict_409', 'unknown_outcome'),
  { ...refused('', 'model_retired', { gone: true }), request: { upstreamModel: 'gpt-image-1' } },
  { ...refused('', 'model_retired', { gone: true }), request: { upstreamModel: 'dall-e-3' } },
  { ...refused('', 'invalid_request', { field: 'quality' }), request: { quality: 'xhigh' } },
  { ...refused('', 'invalid_request', { field: 'size' }), request: { width: 1000, height: 1000 } },
  { ...refused('', 'invalid_request', { field: 'count' }), request: { count: 11 } },
  { behaviour: 'extra_fields', outcome: 'succeeded', match: { warnings: [] } },
  {
    behaviour: 'no_usage',
    outcome: 'succeeded',
    match: { usage: { inputTokens: null, outputTokens: null } },
  },
  { behaviour: 'tiny_picture', outcome: 'succeeded', match: { warnings: [expect.stringContaining('1x1')] } },
  {
    behaviour: 'other_size',
    outcome: 'succeeded',
    match: { warnings: [expect.stringContaining('512x512')] },
  },
  {
    behaviour: 'wrong_type',
    outcome: 'succeeded',
    match: { images: [{ image: { mediaType: 'image/jpeg' } }] },
  },
  unusable('no_data'),
  unusable('empty_data'),
  unusable('null_arrays'),
  unusable('null_base64'),
  unusable('empty_base64'),
  unusable('half_base64'),
  unusable('half_json'),
  unusable('base64_text'),
  unusable('html_picture'),
  unusable('svg_picture'),
  unusable('truncated_picture'),
  stream('', 'succeeded'),
  stream('partials=0', 'succeeded'),
  stream('partials=1, done', 'succeeded'),
  stream('final_first', 'succeeded'),
  stream('bare_events', 'succeeded'),
  stream('bare_events, done', 'succeeded'),
  stream('reset_after_completed', 'succeeded'),
  stream('stream_error', 'unknown_outcome'),
  // The work had been accepted under a 200, so that a delay stated later proves nothing.
  stream('stream_error=rate_limit_exceeded', 'unknown_outcome'),
  stream('moderation_output', 'content_rejected', { stage: 'output' }),
  stream('cut_before_completed', 'unknown_outcome'),
  stream('reset_before_completed', 'unknown_outcome'),
  stream('cut_in_event', 'unknown_outcome'),
  stream('reset_mid_body', 'unknown_outcome'),
  { ...unusable('half_base64'), request: streamed },
  { ...unusable('base64_text'), request: streamed },
  { ...unusable('truncated_picture'), request: streamed },
  { behaviour: 'moderation_input', outcome: 'content_rejected', billable: 0, request: streamed },
]

describeProviderContract('openai', {
  createProvider: createOpenAiProvider,
  startEmulator: async () => {
    // A key without the vendor's prefix, so that it is not found by its looks alone.
    const apiKey = 'secret-of-a-compatible-server-0123456789'
    const upstream = await startOpenAiUpstream({ apiKey })
    return { upstream, baseUrl: `${upstream.url}/v1`, apiKey }
  },
  request,
  scenarios,
})

it('calls a model gone by status and code together, never by words or by either alone', () => {
  const answer = (status: number, code: string | null) => {
    const error = {
      message: 'The model `x` does not exist.',
      type: 'invalid_request_error',
      code,
      param: null,
    }
    return classifyErrorAnswer({ status, headers: {}, body: JSON.stringify({ error }) })
  }
  expect(answer(404, 'model_not_found')).toMatchObject({ failure: 'model_retired', gone: true })
  for (const [status, code] of [
    [404, null],
    [403, 'model_not_found'],
    [400, 'model_not_found'],
  ] as const) {
    const { gone, failure } = answer(status, code)
    expect([gone, failure], `${status} ${code}`).toEqual([undefined, 'model_retired'])
  }
})

describe('the OpenAI adapter', () => {
  let upstream: Upstream
  let storage: Storage
  let folder: string
  let http: ReturnType<typeof createOutbound>
  let runs = 0

  beforeAll(async () => {
    upstream = await startOpenAiUpstream()
    folder = await mkdtemp(join(tmpdir(), 'openai-adapter-'))
    storage = createDiskStorage({ root: folder })
    http = createOutbound({ allow: [], configuredOrigins: [upstream.url] })
  })
  afterAll(async () => {
    expect(upstream.errors).toEqual([])
    await http.close()
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function submit(
    wanted: Partial<ProviderRequest>,
    more: Partial<TestContextOptions> & { organization?: string; project?: string } = {},
  ) {
    runs += 1
    const { organization, project, ...context } = more
    const provider = createOpenAiProvider({
      apiKey: defaultOpenAiKey,
      // A slash at the end is a common slip of the pen.
      baseUrl: `${upstream.url}/v1/`,
      ...(organization === undefined ? {} : { organization }),
      ...(project === undefined ? {} : { project }),
    })
    const attempt = `adapter-${runs}`
    const outcome = await provider.submit(
      { ...request, ...wanted },
      openTestContext({ http, storage, attempt, ...context }),
    )
    const log = upstream.requests.find(logged => logged.attempt === attempt)
    return { outcome, log, fields: log?.fields as Record<string, unknown> | undefined }
  }

  async function readStored(storageKey: string) {
    const object = await storage.read(storageKey)
    const parts: Buffer[] = []
    for await (const part of object?.stream ?? []) parts.push(part as Buffer)
    const { format, width, height } = await sharp(Buffer.concat(parts)).metadata()
    return { format, width, height }
  }

  async function reference(seed: string, format: 'png' | 'jpeg' | 'webp' = 'png'): Promise<ReferenceImage> {
    const bytes = await makePicture({ width: 64, height: 48, format, seed })
    const described = { mediaType: `image/${format}`, sizeBytes: bytes.length, width: 64, height: 48 }
    return { ...described, read: async () => bytes }
  }

  it('stores every picture asked for and reports tokens, their kinds and the request id', async () => {
    const { outcome } = await submit({
      count: 3,
      width: 1536,
      outputFormat: 'webp',
      prompt: 'three red boats',
    })
    if (outcome.kind !== 'succeeded') throw new Error(JSON.stringify(outcome))
    const stored = outcome.images.flatMap(image => (image.kind === 'received' ? [image.image] : []))
    expect(new Set(stored.map(image => image.sha256)).size).toBe(3)
    for (const image of stored) {
      expect(await readStored(image.storageKey)).toEqual({ format: 'webp', width: 1536, height: 1024 })
    }
    expect(outcome.warnings).toEqual([])
    expect(outcome.usage).toEqual({
      inputTokens: 4,
      outputTokens: 3 * 158,
      inputTextTokens: 4,
      inputImageTokens: 0,
      outputImageTokens: 3 * 158,
      outputTextTokens: 0,
      thinkingTokens: null,
      images: 3,
      costUsdMicro: null,
      upstreamRequestId: expect.stringMatching(/^req_/),
    })
  })

  it('sends the fields the model takes and no others', async () => {
    const { outcome, log, fields } = await submit(
      {
        upstreamModel: 'gpt-image-2.6-flare',
        prompt: 'a lake',
        negativePrompt: 'people',
        seed: 7,
        count: 2,
        quality: 'max',
        outputFormat: 'jpeg',
        outputCompression: 60,
        background: 'opaque',
        moderation: 'low',
        inputFidelity: 'high',
        parameters: { complexity: 'low', response_format: 'b64_json', style: 'vivid' },
      },
      { organization: 'org-1', project: 'proj-1' },
    )
    expect(outcome.kind).toBe('succeeded')
    expect(fields).toEqual({
      model: 'gpt-image-2.6-flare',
      prompt: 'a lake',
      n: 2,
      size: '1024x1024',
      quality: 'max',
      background: 'opaque',
      output_format: 'jpeg',
      output_compression: 60,
      moderation: 'low',
      complexity: 'low',
    })
    expect(log?.headers).toMatchObject({
      authorization: `Bearer ${defaultOpenAiKey}`,
      'openai-organization': 'org-1',
      'openai-project': 'proj-1',
    })
    const warnings = outcome.kind === 'succeeded' ? outcome.warnings.join() : ''
    for (const word of ['response_format', 'style', 'seed', 'negative prompt'])
      expect(warnings).toContain(word)
  })

  it('leaves out what nobody asked for', async () => {
    const { fields } = await submit({ width: null, height: null, quality: null, prompt: 'plain' })
    expect(fields).toEqual({ model: 'gpt-image-2', prompt: 'plain', n: 1 })
  })

  it('uploads one picture as image, several as image[], byte for byte and with their mask', async () => {
    const one = await submit({ prompt: 'edit "ünï"\r\n--x', references: [await reference('a')] })
    expect(one.outcome.kind).toBe('succeeded')
    expect(one.log?.prompt).toBe('edit "ünï"\r\n--x')
    expect(one.fields).toMatchObject({ images: [{ name: 'image', mediaType: 'image/png' }], mask: null })
    const pictures = [await reference('a'), await reference('b', 'jpeg'), await reference('c', 'webp')]
    const many = await submit({
      upstreamModel: 'gpt-image-1.5',
      inputFidelity: 'high',
      moderation: 'low',
      references: pictures,
      mask: await reference('mask'),
      count: 2,
    })
    if (many.outcome.kind !== 'succeeded') throw new Error(JSON.stringify(many.outcome))
    expect(many.fields).toMatchObject({
      n: 2,
      input_fidelity: 'high',
      images: pictures.map(({ mediaType, sizeBytes }) => ({ name: 'image[]', mediaType, sizeBytes })),
      mask: { sizeBytes: (await reference('mask')).sizeBytes },
    })
    expect(many.fields).not.toHaveProperty('moderation')
    expect(many.outcome.usage.inputImageTokens).toBe(3 * 272)
    const body = many.log?.body ?? Buffer.alloc(0)
    for (const picture of pictures) expect(body.includes(await picture.read())).toBe(true)
    expect(many.log?.headers['content-length']).toBe(String(body.length))
  })

  it('omits input_fidelity where the model does not take the level', async () => {
    const references = [await reference('a')]
    const current = await submit({ references, inputFidelity: 'high' })
    const mini = await submit({ references, inputFidelity: 'high', upstreamModel: 'gpt-image-1-mini' })
    for (const { outcome, fields } of [current, mini]) {
      expect(outcome.kind).toBe('succeeded')
      expect(fields).not.toHaveProperty('input_fidelity')
    }
  })

  it('sends nothing when a request cannot be made or a reference cannot be read', async () => {
    const maskOnly = await submit({ mask: await reference('mask') })
    expect(maskOnly.outcome).toMatchObject({ failure: 'invalid_request', field: 'mask' })
    const tooMany = await submit({ references: Array(17).fill(await reference('a')) })
    expect(tooMany.outcome).toMatchObject({ failure: 'invalid_request', field: 'references' })
    const before = upstream.total.requests
    const gone = { ...(await reference('a')), read: () => Promise.reject(new Error('gone')) }
    await expect(submit({ references: [await reference('a'), gone] })).rejects.toThrow('gone')
    expect(upstream.total.requests).toBe(before)
  })

  it('hands on partial pictures in order and keeps the completed one, for generations and edits', async () => {
    for (const references of [[], [await reference('a')]]) {
      const partials: { bytes: Buffer; index: number }[] = []
      const { outcome, fields } = await submit(
        { partialImages: 2, references },
        { onPartialImage: (bytes, index) => void partials.push({ bytes, index }) },
      )
      expect(fields).toMatchObject({ stream: true, partial_images: 2 })
      expect(partials.map(partial => partial.index)).toEqual([0, 1])
      for (const { bytes } of partials) {
        expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 1024, height: 1024 })
      }
      if (outcome.kind !== 'succeeded') throw new Error(JSON.stringify(outcome))
      expect(outcome.images).toHaveLength(1)
      expect(outcome.usage.outputTokens).toBe(196 + 200)
    }
  })

  it('succeeds with the pictures that arrived and says how many are missing', async () => {
    const { outcome } = await submit({ count: 4, prompt: 'few [[emulate: fewer=3]]' })
    expect(outcome).toMatchObject({ kind: 'succeeded', warnings: ['Asked for 4 pictures, 3 arrived'] })
    expect(outcome.kind === 'succeeded' && outcome.images).toHaveLength(3)
  })

  it('keeps the request id on failures, so that the vendor can be asked about the work', async () => {
    for (const behaviour of ['moderation_input', 'html_502', 'no_data', 'reset_mid_body']) {
      const { outcome } = await submit({ prompt: `[[emulate: ${behaviour}]]` })
      expect(outcome).toMatchObject({
        kind: 'failed',
        usage: { upstreamRequestId: expect.stringMatching(/^req_/) },
      })
    }
  })

  it('lists as proof of "not run" nothing but the documented overload', () => {
    expect(NOT_RUN).toEqual([{ status: 503, type: 'server_error' }])
  })

  it('reads a list as long as the one that proves the key, and none that is longer', async () => {
    let list = ''
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(list)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const own = createOutbound({ allow: [], configuredOrigins: [url] })
    const reader = createOpenAiProvider({ apiKey: defaultOpenAiKey, baseUrl: url })
    const read = () => {
      const context = { http: own, signal: AbortSignal.timeout(10_000), timeoutMs: 10_000, headers: {} }
      return reader.readModels?.(['gpt-image-2'], context)
    }
    const listOf = (sizeBytes: number) => {
      const others = Array.from({ length: sizeBytes / 1_024 }, () => ({ id: 'x'.repeat(1_000) }))
      return JSON.stringify({
        object: 'list',
        data: [...others, { id: 'gpt-image-2', shutdown_date: '2099-01-01' }],
      })
    }
    list = listOf(3 * 1_024 * 1_024)
    expect(await read()).toMatchObject({ ok: true, models: [{ shutdownOn: '2099-01-01' }] })
    list = listOf(5 * 1_024 * 1_024)
    expect(await read()).toMatchObject({ ok: false })
    await own.close()
    server.close()
  })

  it('tells the end of the models that were asked for, and no end that it cannot read', async () => {
    const shutdownDates: Record<string, string | null> = {
      'gpt-image-2': 'soon',
      'gpt-image-2.5-flare': '2027-02-30',
    }
    const lists = await startOpenAiUpstream({ shutdownDates })
    const own = createOutbound({ allow: [], configuredOrigins: [lists.url] })
    const read = (apiKey: string) =>
      createOpenAiProvider({ apiKey, baseUrl: `${lists.url}/v1` }).readModels?.(
        ['gpt-image-1.5', 'gpt-image-2', 'gpt-image-2.5-flare', 'nobody-knows'],
        { http: own, signal: AbortSignal.timeout(10_000), timeoutMs: 10_000, headers: {} },
      )
    const told = (upstreamModel: string, shutdownOn: string | null) => ({
      upstreamModel,
      shutdownOn,
      version: null,
    })
    expect(await read(defaultOpenAiKey)).toEqual({
      ok: true,
      models: [
        told('gpt-image-1.5', '2026-12-01'),
        told('gpt-image-2', null),
        told('gpt-image-2.5-flare', null),
      ],
    })
    const refused = await read('sk-of-nobody-0123456789abcdef')
    expect(refused).toEqual({ ok: false, message: expect.stringContaining('401') })
    await lists.close()
    expect(await read(defaultOpenAiKey)).toMatchObject({ ok: false })
    await own.close()
  })
})
