// The adapter of Black Forest Labs against the emulator: the shared contract, the vendor's own refusals, where the key
// goes, and what is sent.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { driveProvider } from '../../test/provider-drive.ts'
import { type BflUpstream, defaultBflKey, startBflUpstream } from '../../test/upstreams/bfl.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import { startUpstream, type Upstream } from '../../test/upstreams/upstream.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import { readTask } from './bfl/answer.ts'
import { classifyErrorAnswer } from './bfl/failures.ts'
import { choosePollUrl, isOfVendor } from './bfl/poll-url.ts'
import { createBflProvider, NOT_RUN } from './bfl.ts'
import type { ProviderRequest, ReferenceImage, UpstreamTask } from './provider.ts'

const request = plainRequest('flux-2-pro', { width: 1024, height: 1024, prompt: 'a small red boat' })

function refused(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  match: object = {},
): ContractScenario {
  return { behaviour, outcome, billable: 0, match: { ...match } }
}

const filter = ['Derivative Works Filter']
const scenarios: ContractScenario[] = [
  refused('moderation_input', 'content_rejected', { stage: 'input', categories: filter }),
  refused('moderation_output, slow=50', 'content_rejected', { stage: 'output', categories: filter }),
  refused('moderation_output, reasons=A+B', 'content_rejected', { categories: ['A', 'B'] }),
  refused('moderation_input, reasons=none', 'content_rejected', { stage: 'input', categories: [] }),
  refused('failed', 'upstream_failed'),
  refused('failed=Failed', 'upstream_failed'),
  refused('quota', 'quota_exhausted'),
  refused('rate_limit', 'rate_limited'),
  refused('rate_limit=7', 'rate_limited', { retryAfterMs: 7000 }),
  refused('wrong_key', 'misconfigured'),
  refused('retired', 'model_retired'),
  refused('invalid', 'invalid_request', { field: 'size' }),
  refused('invalid_text', 'invalid_request'),
  refused('error_500', 'unknown_outcome'),
  { behaviour: 'error_500, when=after', outcome: 'unknown_outcome', billable: 1 },
  // The vendor documents no overload answer that proves "not run".
  refused('error_503', 'unknown_outcome'),
  refused('conflict_409', 'unknown_outcome'),
  { behaviour: 'echo=400, when=before', outcome: 'invalid_request', billable: 0 },
  { behaviour: 'echo_text=500, when=before', outcome: 'unknown_outcome', billable: 0 },
  { ...refused('', 'model_retired'), request: { upstreamModel: 'flux-pro-1.0-depth' } },
  { ...refused('', 'invalid_request', { field: 'size' }), request: { width: 1000 } },
  { behaviour: 'no_id', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'not_found=3', outcome: 'succeeded' },
  { behaviour: 'not_found_404=3', outcome: 'succeeded' },
  { behaviour: 'not_found', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'not_found_404', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'new_state=4', outcome: 'succeeded' },
  { behaviour: 'ready_null', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'ready_null=1', outcome: 'succeeded' },
  { behaviour: 'no_sample', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'poll_status=401', outcome: 'succeeded' },
  { behaviour: 'poll_status=403', outcome: 'succeeded' },
  { behaviour: 'poll_status=422', outcome: 'succeeded' },
  { behaviour: 'poll_status=429', outcome: 'succeeded' },
  { behaviour: 'same_host', outcome: 'succeeded' },
  { behaviour: 'no_polling_url', outcome: 'succeeded' },
  { behaviour: '', outcome: 'succeeded', match: { usage: { costUsdMicro: 30_000 } } },
  {
    behaviour: 'ready_null, no_cost',
    outcome: 'malformed_response',
    billable: 1,
    match: { usage: { costUsdMicro: null } },
  },
  { behaviour: 'no_cost', outcome: 'succeeded', match: { usage: { costUsdMicro: null } } },
  {
    behaviour: 'wrong_type',
    outcome: 'succeeded',
    match: { images: [{ image: { mediaType: 'image/png' } }] },
  },
  { behaviour: 'tiny_picture', outcome: 'succeeded' },
  { behaviour: 'other_size', outcome: 'succeeded' },
  { behaviour: 'file_gone=1', outcome: 'succeeded', mode: 'download' },
  { behaviour: 'file_gone', outcome: 'unknown_outcome', billable: 1, mode: 'download' },
  { behaviour: 'file_expires=0', outcome: 'unknown_outcome', billable: 1, mode: 'download' },
  { behaviour: 'file_half', outcome: 'malformed_response', billable: 1, mode: 'download' },
  { behaviour: 'file_page', outcome: 'malformed_response', billable: 1, mode: 'download' },
  { behaviour: 'file_redirect', outcome: 'malformed_response', billable: 1, mode: 'download' },
]

describeProviderContract('bfl', {
  createProvider: createBflProvider,
  mode: 'poll',
  outputs: 'urls',
  startEmulator: async () => {
    const apiKey = 'secret-of-a-bfl-account-0123456789'
    const upstream = await startBflUpstream({ apiKey })
    const allow = [new URL(upstream.polls.url).host]
    return { upstream, baseUrl: `${upstream.url}/v1`, apiKey, files: upstream.files, allow }
  },
  request,
  scenarios,
})

describe('the adapter of Black Forest Labs', () => {
  let upstream: BflUpstream
  let elsewhere: Upstream
  let storage: Storage
  let folder: string
  let http: ReturnType<typeof createOutbound>
  let runs = 0

  beforeAll(async () => {
    upstream = await startBflUpstream({ maxActive: 2 })
    elsewhere = await startUpstream({
      name: 'elsewhere',
      handle: async exchange => void exchange.response.end('{"status":"Ready"}'),
    })
    folder = await mkdtemp(join(tmpdir(), 'bfl-adapter-'))
    storage = createDiskStorage({ root: folder })
    // Whatever the rest of the product would let through: the adapter alone keeps the key from strangers.
    const allow = [upstream.polls, upstream.files, elsewhere].map(({ url }) => new URL(url).host)
    const localhost = new URL(elsewhere.url)
    http = createOutbound({
      allow: [...allow, `localhost:${localhost.port}`],
      configuredOrigins: [upstream.url],
    })
  })
  afterAll(async () => {
    expect([...upstream.errors, ...upstream.polls.errors, ...elsewhere.errors]).toEqual([])
    await http.close()
    await upstream.close()
    await elsewhere.close()
    await rm(folder, { recursive: true, force: true })
  })

  // A slash at the end is a common slip of the pen.
  const open = () => createBflProvider({ apiKey: defaultBflKey, baseUrl: `${upstream.url}/v1/` })

  async function submit(wanted: Partial<ProviderRequest>) {
    runs += 1
    const attempt = `adapter-${runs}`
    const context = openTestContext({ http, storage, attempt })
    const outcome = await open().submit({ ...request, ...wanted }, context)
    const log = upstream.requests.find(logged => logged.attempt === attempt)
    return { outcome, context, log, fields: log?.fields as Record<string, unknown> | undefined }
  }

  async function reference(seed: string): Promise<ReferenceImage> {
    const bytes = await makePicture({ width: 64, height: 48, format: 'png', seed })
    const described = { mediaType: 'image/png', sizeBytes: bytes.length, width: 64, height: 48 }
    return { ...described, read: async () => bytes }
  }

  it('reads the task at the other host with the key, and shows the key to no file host', async () => {
    const { outcome, context } = await submit({ prompt: 'a harbour', seed: 7 })
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    expect(outcome.task).toMatchObject({
      id: expect.any(String),
      pollUrl: expect.stringContaining(upstream.polls.url),
      costUsdMicro: 30_000,
    })
    expect(JSON.stringify(outcome.task)).not.toContain('harbour')
    const told = await open().poll?.(outcome.task, context)
    expect(told).toMatchObject({
      kind: 'succeeded',
      images: [{ kind: 'url', url: expect.stringContaining(upstream.files.url) }],
      usage: { costUsdMicro: 30_000, upstreamRequestId: outcome.task.id },
    })
    expect(upstream.polls.requests.at(-1)?.headers['x-key']).toBe(defaultBflKey)
    expect(upstream.files.keysShown).toBe(0)
  })

  it.each(['', 'localhost'])('never shows the key to a stranger that an answer names (%s)', async host => {
    const url = new URL(`${elsewhere.url}/v1/get_result?id=x`)
    if (host !== '') url.hostname = host
    // 127.0.0.1 is the configured host here, so that the stranger there has another scheme.
    const stranger = host === '' ? `https://127.0.0.1:${url.port}/v1/get_result` : url.href
    runs += 1
    const attempt = `adapter-${runs}`
    const driven = await driveProvider({
      provider: open(),
      request: { ...request, prompt: `x [[emulate: poll_url=${stranger}]]` },
      context: openTestContext({ http, storage, attempt }),
      readMs: 2_000,
    })
    // The vendor's general address has the task; where it had not, the end would be an unknown outcome.
    expect(driven.outcome.kind).toBe('succeeded')
    expect(driven.task?.pollUrl).toBe(`${upstream.url}/v1/get_result?id=${driven.task?.id}`)
    expect(elsewhere.total.requests).toBe(0)
  })

  it('keeps the connection for the next read, though the host is nobody’s setting', async () => {
    const { outcome, context } = await submit({})
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    for (let reads = 0; reads < 2; reads += 1) await open().poll?.(outcome.task, context)
    expect(upstream.polls.requests.at(-1)?.headers.connection).toBe('keep-alive')
  })

  it('judges the address anew at each read: a stored one proves nothing', async () => {
    const { outcome, context } = await submit({})
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    const forged = { ...outcome.task, pollUrl: `http://localhost:${elsewhere.port}/v1/get_result?id=x` }
    expect((await open().poll?.(forged, context))?.kind).toBe('succeeded')
    expect(elsewhere.total.requests).toBe(0)
  })

  it.each([
    ['https://api.bfl.ai/v1/get_result?id=1', true],
    ['https://api.us1.bfl.ai/v1/get_result?id=1', true],
    ['https://api.eu.bfl.ai:443/v1/get_result?id=1', true],
    ['http://api.bfl.ai/v1/get_result?id=1', false],
    ['https://api.bfl.ai:8443/v1/get_result?id=1', true],
    ['https://api.eu.bfl.ai:8443/v1/get_result?id=1', false],
    ['https://bfl.ai.evil.example/v1', false],
    ['https://evilbfl.ai/v1', false],
    ['https://evil.example/?https://api.bfl.ai', false],
    ['https://api.bfl.ai@evil.example/v1', false],
    ['https://user:pass@api.bfl.ai/v1', false],
    ['https://api.bfl.ai.', false],
    ['file:///etc/passwd', false],
    ['no address', false],
  ])('takes %s for the vendor’s: %s', (url, expected) => {
    const baseUrl = 'https://api.bfl.ai/v1'
    expect(isOfVendor(url, baseUrl)).toBe(expected)
    expect(choosePollUrl(baseUrl, 'a/b', url)).toBe(expected ? url : `${baseUrl}/get_result?id=a%2Fb`)
  })

  it.each<[string, Partial<ProviderRequest>, Record<string, unknown>]>([
    [
      'flux-2-pro',
      { seed: 7, outputFormat: 'png', parameters: { safety_tolerance: 2, steps: 9 } },
      { width: 1024, height: 1024, seed: 7, output_format: 'png', safety_tolerance: 2, steps: 9 },
    ],
    ['flux-kontext-max', { width: null, height: null, aspectRatio: '21:9' }, { aspect_ratio: '21:9' }],
    [
      'flux-pro-1.1-ultra',
      { width: null, height: null, aspectRatio: '16:9', parameters: { raw: true } },
      { aspect_ratio: '16:9', raw: true },
    ],
    ['flux-pro-1.1', { width: 1344, height: 768 }, { width: 1344, height: 768 }],
  ])('sends %s what it takes', async (upstreamModel, wanted, expected) => {
    const { outcome, log, fields } = await submit({ upstreamModel, ...wanted })
    expect(outcome.kind, JSON.stringify(outcome)).toBe('pending')
    expect(fields).toEqual({ model: upstreamModel, prompt: 'a small red boat', ...expected })
    expect(log?.headers).not.toHaveProperty('authorization')
  })

  it('sends pictures as bare base64 under the names of the model', async () => {
    const pictures = [await reference('a'), await reference('b'), await reference('c')]
    const { outcome, log, fields } = await submit({ references: pictures })
    expect(outcome.kind, JSON.stringify(outcome)).toBe('pending')
    expect(fields).toMatchObject({
      input_image: { sizeBytes: pictures[0]?.sizeBytes },
      input_image_2: { sizeBytes: pictures[1]?.sizeBytes },
      input_image_3: { sizeBytes: pictures[2]?.sizeBytes },
    })
    expect(log?.headers['content-length']).toBe(String(log?.body?.length))
    // Three given megapixels beside the one that is made.
    expect(outcome.kind === 'pending' && outcome.task.costUsdMicro).toBe(75_000)
    const older = await submit({ upstreamModel: 'flux-pro-1.1', references: pictures.slice(0, 1) })
    expect(older.fields).toMatchObject({ image_prompt: { sizeBytes: pictures[0]?.sizeBytes } })
    const fill = await submit({
      upstreamModel: 'flux-pro-1.0-fill',
      width: null,
      references: pictures.slice(0, 1),
      mask: await reference('mask'),
    })
    expect(fill.fields).toMatchObject({ image: { sizeBytes: expect.any(Number) }, mask: expect.anything() })
  })

  it('keeps what was left out until the task succeeds', async () => {
    const { outcome, context } = await submit({
      negativePrompt: 'people',
      outputFormat: 'webp',
      parameters: { size: 'x' },
    })
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    const told = await open().poll?.(JSON.parse(JSON.stringify(outcome.task)), context)
    const warnings = told?.kind === 'succeeded' ? told.warnings.join() : ''
    for (const word of ['negative prompt', 'webp', 'size']) expect(warnings).toContain(word)
  })

  it('sends nothing when a request cannot be made or a reference cannot be read', async () => {
    const picture = await reference('a')
    const before = upstream.total.requests
    const cases: [Partial<ProviderRequest>, string][] = [
      [{ count: 2 }, 'count'],
      [{ mask: picture, references: [picture] }, 'mask'],
      [{ references: Array(11).fill(picture) }, 'references'],
      [{ upstreamModel: 'flux-kontext-max', references: Array(5).fill(picture) }, 'references'],
      [{ upstreamModel: 'flux-pro-1.0-fill' }, 'references'],
    ]
    for (const [wanted, field] of cases) {
      expect((await submit(wanted)).outcome).toMatchObject({ failure: 'invalid_request', field })
    }
    const gone = { ...picture, read: () => Promise.reject(new Error('gone')) }
    await expect(submit({ references: [gone] })).rejects.toThrow('gone')
    expect(upstream.total.requests).toBe(before)
  })

  it('is turned away above the tasks that may be open, without a delay', async () => {
    const slow = { prompt: 'slow [[emulate: slow=60000]]' }
    const outcomes = [await submit(slow), await submit(slow), await submit({})]
    expect(outcomes.map(({ outcome }) => outcome.kind)).toEqual(['pending', 'pending', 'failed'])
    expect(outcomes[2]?.outcome).toMatchObject({ failure: 'rate_limited' })
    expect(outcomes[2]?.outcome).not.toHaveProperty('retryAfterMs')
  })

  it('changes no handle any more once the pace stays', () => {
    let task: UpstreamTask = { id: 'x', reads: 27, misses: 0, unusable: 0 }
    const kept: boolean[] = []
    for (const answer of [
      'Pending',
      'Pending',
      'Pending',
      'Pending',
      'Task not found',
      'Pending',
      'Pending',
    ]) {
      const told = readTask({ status: answer }, task)
      if (told.kind !== 'pending') throw new Error(JSON.stringify(told))
      kept.push(told.task === task)
      task = told.task
    }
    expect(kept).toEqual([false, false, false, true, false, false, true])
    expect(task).toEqual({ id: 'x', reads: 30, misses: 0, unusable: 0 })
  })

  it('asks less often the longer it takes, and tells the progress', () => {
    const delays = [0, 8, 9, 28, 29, 500].map(reads => {
      const told = readTask({ status: 'Pending', progress: 0.5 }, { id: 'x', reads })
      return told.kind === 'pending' ? [told.pollAfterMs, told.progress] : told
    })
    expect(delays).toEqual([
      [1000, 0.5],
      [1000, 0.5],
      [2000, 0.5],
      [2000, 0.5],
      [5000, 0.5],
      [5000, 0.5],
    ])
    expect(readTask({ status: 'Pending', progress: 40 }, { id: 'x' })).toMatchObject({ progress: 0.4 })
    expect(readTask({ status: 'Pending', progress: null }, { id: 'x' })).not.toHaveProperty('progress')
  })

  it.each([
    [
      422,
      '{"detail":[{"loc":["body","input_image_2"],"msg":"bad"}]}',
      { failure: 'invalid_request', field: 'references' },
    ],
    [400, '{"detail":"bad"}', { failure: 'invalid_request' }],
    [404, '<h1>Not found</h1>', { failure: 'misconfigured' }],
    [405, '', { failure: 'misconfigured' }],
    [302, '', { failure: 'malformed_response' }],
    [408, '', { failure: 'unknown_outcome' }],
  ])('reads %i %s', (status, text, expected) => {
    expect(classifyErrorAnswer({ status, text, headers: {} })).toMatchObject(expected)
  })

  it('lists no answer as proof of "not run": the vendor documents none', () => {
    expect(NOT_RUN).toEqual([])
  })
})
