// What the bridge asks of a package and of the wire: what is sent, and the rules that hold whatever a package does.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import { defaultLumaKey, type LumaUpstream, startLumaUpstream } from '../../test/upstreams/luma.ts'
import { defaultXaiKey, startXaiUpstream, type XaiUpstream } from '../../test/upstreams/xai.ts'
import { loadCatalogEntries } from '../models/load.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import { createAiSdkProvider } from './ai-sdk.ts'
import type { ProviderRequest, ReferenceImage } from './provider.ts'

const here = dirname(fileURLToPath(import.meta.url))
const odd = pathToFileURL(join(here, '../../test/packages/odd.ts')).href

let xai: XaiUpstream
let luma: LumaUpstream
let storage: Storage
let folder = ''
let http: ReturnType<typeof createOutbound>
let runs = 0

beforeAll(async () => {
  xai = await startXaiUpstream()
  luma = await startLumaUpstream()
  folder = await mkdtemp(join(tmpdir(), 'ai-sdk-rules-'))
  storage = createDiskStorage({ root: folder })
  http = createOutbound({ allow: [], configuredOrigins: [xai.url, luma.url] })
})

afterAll(async () => {
  await http.close()
  expect([...xai.errors, ...luma.errors]).toEqual([])
  await Promise.all([xai.close(), luma.close(), rm(folder, { recursive: true, force: true })])
})

async function run(packageName: string, more: Partial<ProviderRequest> = {}, behaviour = '') {
  runs += 1
  const attempt = `rules-${runs}`
  const isLuma = packageName === '@ai-sdk/luma'
  const upstream = isLuma ? luma : xai
  if (behaviour !== '') upstream.script({ attempt, behaviour })
  const provider = createAiSdkProvider({
    name: 'tail',
    package: packageName,
    apiKey: isLuma ? defaultLumaKey : defaultXaiKey,
    baseUrl: isLuma ? luma.url : `${xai.url}/v1`,
  })
  const context = openTestContext({ http, storage, attempt })
  const outcome = await provider.submit(plainRequest('grok-imagine-image', more), context)
  const requests = upstream.requests.filter(each => each.attempt === attempt)
  return { outcome, attempt, requests, counters: upstream.counters(attempt), provider, context }
}

async function makeReference(): Promise<ReferenceImage> {
  const blue = { width: 64, height: 48, channels: 3 as const, background: '#0000ff' }
  const bytes = await sharp({ create: blue }).png().toBuffer()
  return { mediaType: 'image/png', sizeBytes: bytes.length, width: 64, height: 48, read: async () => bytes }
}

describe('what is sent', () => {
  it('is the order in the words of the package, with the parameters of the route', async () => {
    const { outcome, requests } = await run('@ai-sdk/xai', {
      aspectRatio: '16:9',
      count: 2,
      quality: 'high',
      resolution: '2k',
      parameters: { user: 'darkroom' },
    })
    expect(outcome).toMatchObject({ kind: 'succeeded', warnings: [] })
    expect(JSON.parse(String(requests[0]?.body))).toEqual({
      model: 'grok-imagine-image',
      prompt: 'a small red boat',
      n: 2,
      response_format: 'b64_json',
      aspect_ratio: '16:9',
      quality: 'high',
      resolution: '2k',
      user: 'darkroom',
    })
  })

  it('holds reference pictures as they are', async () => {
    const reference = await makeReference()
    const { requests } = await run('@ai-sdk/xai', { references: [reference] })
    const sent = JSON.parse(String(requests[0]?.body)) as { image: { url: string } }
    expect(requests[0]?.path).toBe('/v1/images/edits')
    expect(sent.image.url).toBe(`data:image/png;base64,${(await reference.read()).toString('base64')}`)
  })

  it('is told where a package ignores an option', async () => {
    const { outcome } = await run('@ai-sdk/xai', { seed: 7 })
    expect(outcome).toMatchObject({ kind: 'succeeded', warnings: ['The package warned: unsupported, seed'] })
  })

  it.each([
    ['count', { count: 4 }],
    ['outputCompression', { outputCompression: 50 }],
    ['moderation', { moderation: 'low' }],
    ['inputFidelity', { inputFidelity: 'high' }],
    ['background', { background: 'transparent' }],
    ['thinkingLevel', { thinkingLevel: 'deep' }],
  ] as const)('is nothing when the SDK has no word for %s', async (field, more) => {
    const { outcome, requests } = await run('@ai-sdk/xai', more)
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'invalid_request', field })
    expect(requests).toEqual([])
  })
})

describe('whatever a package does', () => {
  it.each(['repeats', 'sends-two'])('one create passes and no second one: %s', async upstreamModel => {
    const behaviour = upstreamModel === 'repeats' ? 'error_500, when=after' : 'slow=100'
    const { outcome, attempt } = await run(odd, { upstreamModel }, behaviour)
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'unknown_outcome' })
    // The package may be done before its create has arrived.
    await xai.waitUntil(() => xai.counters(attempt).billable > 0)
    await xai.waitUntil(() => xai.counters(attempt).inFlight === 0)
    expect(xai.counters(attempt)).toMatchObject({ requests: 1, billable: 1 })
  })

  it.each([
    ['rewrites-and-repeats', ''],
    ['rewrites-and-repeats', 'error_500, when=after'],
    ['rewrites-first', ''],
    ['rewrites-later', ''],
    ['rewrites-elsewhere', ''],
  ])('a second order in other words is not sent either: %s %s', async (upstreamModel, behaviour) => {
    const { outcome, attempt } = await run(odd, { upstreamModel }, behaviour)
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'unknown_outcome' })
    expect(xai.counters(attempt)).toMatchObject({ requests: 1, billable: 1 })
  })

  it('the key goes nowhere that an answer could name', async () => {
    const { outcome } = await run(odd, { upstreamModel: 'shows-the-key' })
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'unknown_outcome' })
    expect(JSON.stringify(outcome)).toContain('wanted to send the key')
  })

  it('pictures that it made itself are received like others', async () => {
    const picture = (await (await makeReference()).read()).toString('base64')
    const { outcome } = await run(odd, { upstreamModel: 'makes-bytes', parameters: { picture } })
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      images: [{ kind: 'received', image: { mediaType: 'image/png', width: 64, height: 48 } }],
    })
  })

  it('words that it returns for a picture are refused', async () => {
    const { outcome } = await run(odd, { upstreamModel: 'makes-words' })
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'malformed_response' })
  })

  it('one that never sends ends at the deadline, and proves that nothing ran', async () => {
    const { provider, context } = await run(odd, { upstreamModel: 'plain' })
    const late = { ...context, signal: AbortSignal.timeout(50) }
    const request = plainRequest('never-sends')
    expect(await provider.submit(request, late)).toMatchObject({ failure: 'unavailable' })
  })

  it.each([
    ['@ai-sdk/togetherai', '/v1/images/generations', 'succeeded'],
    ['@ai-sdk/openai-compatible', '/v1/images/generations', 'succeeded'],
    // The emulator of another vendor knows no such address, but a create was sent, and one only.
    ['@ai-sdk/deepinfra', '/v1/inference/grok-imagine-image', 'misconfigured'],
  ])('others of the same house send one create: %s', async (packageName, path, outcome) => {
    const { outcome: seen, requests } = await run(packageName)
    expect(seen.kind === 'failed' ? seen.failure : seen.kind).toBe(outcome)
    expect(requests.map(each => `${each.method} ${each.path}`)).toEqual([`POST ${path}`])
  })

  it('usage and warnings are kept', async () => {
    const { outcome } = await run(odd, { upstreamModel: 'plain' })
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      usage: { inputTokens: 12, outputTokens: 34 },
      warnings: ['The package warned: unsupported, seed'],
    })
  })

  it.each([
    ['refuses-masks', 'invalid_request'],
    ['from-the-future', 'misconfigured'],
  ])('what it refuses before sending is no fault of the upstream: %s', async (upstreamModel, failure) => {
    const { outcome, requests } = await run(odd, { upstreamModel })
    expect(outcome).toMatchObject({ kind: 'failed', failure })
    expect(requests).toEqual([])
  })

  it('one that is not installed is named with what to do', async () => {
    const { outcome, provider, context } = await run('@ai-sdk/not-installed')
    const message = expect.stringContaining('npm install @ai-sdk/not-installed')
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'misconfigured', message })
    expect(await provider.check?.(context)).toEqual({ ok: false, message })
  })
})

describe('a package that polls inside one call', () => {
  it('holds nothing between two polls, and keeps no word of the prompt', async () => {
    const prompt = 'a very particular red boat'
    const order = { upstreamModel: 'photon-1', prompt, aspectRatio: '1:1' }
    const { outcome, provider, context, counters } = await run('@ai-sdk/luma', order, 'slow=400')
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    expect(counters).toMatchObject({ requests: 1, billable: 1 })
    expect(JSON.stringify(outcome.task)).not.toContain('particular')
    const task = JSON.parse(JSON.stringify(outcome.task))
    // The package sleeps half a second before it asks again; by then the work is done.
    expect(await provider.poll?.(task, context)).toEqual({ kind: 'pending', task, pollAfterMs: 1000 })
    expect(counters).toMatchObject({ requests: 2, billable: 1 })
    expect(await provider.poll?.(task, context)).toMatchObject({
      kind: 'succeeded',
      images: [{ kind: 'url', url: expect.stringContaining(luma.files.url) }],
    })
    expect(counters).toMatchObject({ requests: 3, billable: 1 })
  })

  it('knows a task that is none of its own', async () => {
    const { provider, context } = await run('@ai-sdk/luma', { upstreamModel: 'photon-1' })
    expect(await provider.poll?.({ id: 'x' }, context)).toMatchObject({ failure: 'unknown_outcome' })
  })
})

it('the catalogue file that the page shows is one', async () => {
  const page = await readFile(join(here, '../../../docs/providers/ai-sdk.md'), 'utf8')
  const overrideFile = join(folder, 'catalogue.json')
  const [, example = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? []
  await writeFile(overrideFile, example)
  expect(loadCatalogEntries({ overrideFile }).map(({ id }) => id)).toContain('luma:photon-1')
})
