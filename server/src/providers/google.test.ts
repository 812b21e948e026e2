// Guards the Gemini adapter against its emulator over real sockets and a real storage folder: the contract of all
// providers first, then what only this vendor does.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestContext, plainRequest } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { findPixels, googleModels, retiredGoogleModels } from '../../test/upstreams/google/models.ts'
import { defaultGoogleKey, startGoogleUpstream } from '../../test/upstreams/google.ts'
import { makePicture } from '../../test/upstreams/pictures.ts'
import { startUpstream, type Upstream } from '../../test/upstreams/upstream.ts'
import { createOutbound } from '../outbound.ts'
import { createDiskStorage } from '../storage/disk.ts'
import type { Storage } from '../storage/storage.ts'
import { createGoogleProvider } from './google.ts'
import type { CallContext, ProviderOutcome, ProviderRequest } from './provider.ts'

const model = 'gemini-3.1-flash-image'
const request = plainRequest(model, { aspectRatio: '16:9', resolution: '1K', seed: 7 })

const usageOfRefusal = {
  inputTokens: expect.any(Number),
  outputTokens: 240,
  upstreamRequestId: expect.any(String),
}

const refusals: ContractScenario[] = [
  { behaviour: 'block=SAFETY', outcome: 'content_rejected', match: { stage: 'input' } },
  { behaviour: 'block_empty=PROHIBITED_CONTENT', outcome: 'content_rejected', match: { stage: 'input' } },
  {
    behaviour: 'finish=IMAGE_PROHIBITED_CONTENT',
    outcome: 'content_rejected',
    billable: 1,
    match: { stage: 'output', categories: ['sexually_explicit'], usage: usageOfRefusal },
  },
  { behaviour: 'finish=IMAGE_SAFETY', outcome: 'content_rejected', match: { stage: 'output' } },
  { behaviour: 'finish=NO_IMAGE', outcome: 'content_rejected', match: { stage: 'unknown' } },
  { behaviour: 'text_only', outcome: 'content_rejected', match: { stage: 'unknown' } },
  { behaviour: 'finish=LANGUAGE', outcome: 'invalid_request', match: { field: 'prompt' } },
  { behaviour: 'finish=MAX_TOKENS', outcome: 'malformed_response', match: { usage: usageOfRefusal } },
  { behaviour: 'only_thoughts, drafts=2', outcome: 'malformed_response' },
]

const malformed: ContractScenario[] = [
  'no_candidates',
  'null_arrays',
  'null_parts',
  'null_base64',
  'empty_base64',
  'half_base64',
  'base64_text',
  'html_picture',
  'svg_picture',
  'truncated_picture',
  'half_json',
  'finals=33',
].map(behaviour => ({ behaviour, outcome: 'malformed_response' as const, billable: 1 }))

const errors: ContractScenario[] = [
  { behaviour: 'rate_limit', outcome: 'rate_limited', match: { retryAfterMs: 34_000 } },
  { behaviour: 'rate_limit, delay=600.5s', outcome: 'rate_limited', match: { retryAfterMs: 600_500 } },
  { behaviour: 'rate_limit=header', outcome: 'rate_limited', match: { retryAfterMs: 34_000 } },
  { behaviour: 'rate_limit=both', outcome: 'rate_limited', match: { retryAfterMs: 34_000 } },
  { behaviour: 'rate_limit=none', outcome: 'rate_limited' },
  { behaviour: 'rate_limit=bare', outcome: 'rate_limited' },
  { behaviour: 'quota', outcome: 'quota_exhausted' },
  { behaviour: 'quota, delay=65205s', outcome: 'quota_exhausted' },
  { behaviour: 'wrong_key', outcome: 'misconfigured', billable: 0 },
  { behaviour: 'suspended', outcome: 'misconfigured', billable: 0 },
  { behaviour: 'forbidden', outcome: 'misconfigured', billable: 0 },
  { behaviour: 'precondition', outcome: 'misconfigured', billable: 0 },
  { behaviour: 'unimplemented', outcome: 'misconfigured', billable: 0 },
  { behaviour: 'retired', outcome: 'model_retired', billable: 0, match: { gone: true } },
  { behaviour: 'new_users', outcome: 'model_retired', billable: 0, match: { gone: true } },
  { behaviour: 'invalid', outcome: 'invalid_request', billable: 0 },
  { behaviour: 'out_of_range', outcome: 'invalid_request', billable: 0 },
  { behaviour: 'overloaded', outcome: 'unavailable', billable: 0, match: { overloaded: true } },
  // The same words from the vendor, once before and once after work that it bills: never "not run".
  { behaviour: 'html_503', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'html_503, when=after', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'error_500', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'error_500, when=after', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'deadline_504, when=after', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'aborted_409, when=after', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'cancelled_499, when=after', outcome: 'unknown_outcome', billable: 1 },
]

const successes: ContractScenario[] = [
  { behaviour: 'extra_fields', outcome: 'succeeded' },
  {
    behaviour: 'no_usage',
    outcome: 'succeeded',
    match: { usage: { inputTokens: null, outputTokens: null } },
  },
  { behaviour: 'signature=2000000', outcome: 'succeeded' },
  { behaviour: 'broken_draft, drafts=2', outcome: 'succeeded' },
  { behaviour: 'text, thought_first, drafts=3', outcome: 'succeeded' },
  { behaviour: 'image_finish=MAX_TOKENS', outcome: 'succeeded' },
  { behaviour: 'png', outcome: 'succeeded', match: { images: [{ image: { mediaType: 'image/png' } }] } },
  // What the bytes say counts, not what was declared.
  {
    behaviour: 'wrong_type',
    outcome: 'succeeded',
    match: { images: [{ image: { mediaType: 'image/png' } }] },
  },
  {
    behaviour: 'other_size',
    outcome: 'succeeded',
    match: { images: [{ image: { width: 512, height: 512 } }] },
  },
]

describeProviderContract('google', {
  createProvider: createGoogleProvider,
  async startEmulator() {
    const upstream = await startGoogleUpstream()
    return { upstream, baseUrl: `${upstream.url}/v1beta`, apiKey: defaultGoogleKey }
  },
  request,
  scenarios: [...successes, ...refusals, ...malformed, ...errors],
})

describe('the google provider', () => {
  let upstream: Upstream
  let storage: Storage
  let folder: string
  let http: ReturnType<typeof createOutbound>
  let attempts = 0

  beforeAll(async () => {
    upstream = await startGoogleUpstream()
    folder = await mkdtemp(join(tmpdir(), 'google-'))
    storage = createDiskStorage({ root: folder })
    http = createOutbound({ allow: [], configuredOrigins: [upstream.url] })
  })
  afterAll(async () => {
    await http.close()
    await upstream.close()
    await rm(folder, { recursive: true, force: true })
    expect(upstream.errors).toEqual([])
  })

  type Wish = Partial<ProviderRequest> & { behaviour?: string }

  async function submit({ behaviour, ...wish }: Wish, lent: Partial<CallContext> = {}) {
    attempts += 1
    const attempt = `own-${attempts}`
    if (behaviour !== undefined) upstream.script({ attempt, behaviour })
    const provider = createGoogleProvider({ apiKey: defaultGoogleKey, baseUrl: `${upstream.url}/v1beta/` })
    const context = { ...openTestContext({ http, storage, attempt }), ...lent }
    const outcome = await provider.submit({ ...request, ...wish }, context)
    return { outcome, attempt, log: upstream.requests.find(entry => entry.attempt === attempt) }
  }

  function readImage(outcome: ProviderOutcome) {
    const image = outcome.kind === 'succeeded' ? outcome.images[0] : undefined
    if (image?.kind !== 'received') throw new Error(`no picture: ${JSON.stringify(outcome)}`)
    return image.image
  }

  async function readBytes(key: string): Promise<Buffer> {
    const found = await storage.read(key)
    if (found === null) throw new Error(`nothing under ${key}`)
    const chunks: Buffer[] = []
    for await (const chunk of found.stream) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }

  it('keeps exactly the picture that the upstream drew, byte for byte', async () => {
    const { outcome, log } = await submit({})
    const image = readImage(outcome)
    const pixels = { width: 1376, height: 768 }
    expect(image).toMatchObject({ ...pixels, mediaType: 'image/jpeg' })
    const seed = `${model}:${request.prompt}:7:final:0`
    const drawn = await makePicture({ ...pixels, format: 'jpeg', seed })
    expect((await readBytes(image.storageKey)).equals(drawn)).toBe(true)
    expect(outcome).toMatchObject({
      warnings: [],
      usage: { inputTokens: 4, outputTokens: 1120, inputTextTokens: 4, inputImageTokens: null },
    })
    expect(log?.headers['x-goog-api-key']).toBe(defaultGoogleKey)
    expect(log?.path).toBe(`/v1beta/models/${model}:generateContent`)
  })

  it('tells what a spoilt picture, a refusal and thinking used, and by which name the bill has them', async () => {
    const named = expect.stringMatching(/^\w{22}$/)
    const spoilt = await submit({ prompt: 'spoilt [[emulate: half_base64]]' })
    expect(spoilt.outcome).toMatchObject({
      failure: 'malformed_response',
      usage: { outputTokens: 1120, outputImageTokens: 1120, upstreamRequestId: named },
    })
    const refused = await submit({ prompt: 'refused [[emulate: finish=IMAGE_SAFETY]]' })
    expect(refused.outcome).toMatchObject({
      failure: 'content_rejected',
      usage: { outputTokens: 240, thinkingTokens: 240, outputImageTokens: null, upstreamRequestId: named },
    })
    const thought = await submit({ prompt: 'thought [[emulate: drafts=1]]' })
    expect(thought.outcome).toMatchObject({
      kind: 'succeeded',
      usage: { outputTokens: 1360, thinkingTokens: 240, outputImageTokens: 1120 },
    })
  })

  it('never writes the key into an address', async () => {
    const urls: string[] = []
    const watching: CallContext['http'] = {
      request(call) {
        urls.push(call.url)
        return http.request(call)
      },
    }
    await submit({}, { http: watching })
    const provider = createGoogleProvider({ apiKey: defaultGoogleKey, baseUrl: `${upstream.url}/v1beta` })
    await provider.check?.({ ...openTestContext({ http: watching, storage, attempt: 'check' }) })
    expect(urls).toHaveLength(2)
    for (const url of urls) expect(url).not.toContain(defaultGoogleKey)
  })

  it.each(['drafts=3', 'drafts=3, thought_first', 'drafts=2, text, broken_draft', 'drafts=1, finals=3'])(
    'reports the last picture that is no draft: %s',
    async behaviour => {
      const { outcome } = await submit({ behaviour })
      const last = behaviour.includes('finals=3') ? 2 : 0
      const seed = `${model}:${request.prompt}:7:final:${last}`
      const drawn = await makePicture({ width: 1376, height: 768, format: 'jpeg', seed })
      expect((await readBytes(readImage(outcome).storageKey)).equals(drawn)).toBe(true)
    },
  )

  it('sends every model what it takes and gets the pixels of the ratio', async () => {
    for (const known of googleModels) {
      const takesHigh = known.thinking.includes('HIGH')
      const { outcome, log } = await submit({
        upstreamModel: known.id,
        aspectRatio: '3:4',
        behaviour: 'drafts=0',
        ...(takesHigh ? { thinkingLevel: 'deep', parameters: { thinkingDeep: 'HIGH' } } : {}),
      })
      expect(readImage(outcome)).toMatchObject(findPixels(known, '3:4', '1K'))
      expect(log?.fields).toMatchObject({ thinking: takesHigh ? 'HIGH' : null, wantsText: false })
    }
  })

  it('sends references as they are, and counts what they cost', async () => {
    const pictures = await Promise.all(
      [300_000, 196_608, 5_000].map(sizeBytes =>
        makePicture({ width: 64, height: 64, format: 'webp', seed: `${sizeBytes}`, sizeBytes }),
      ),
    )
    const references = pictures.map(bytes => ({
      mediaType: 'image/webp',
      sizeBytes: bytes.length,
      width: 64,
      height: 64,
      read: async () => bytes,
    }))
    const { outcome, log } = await submit({ references })
    expect(log?.fields).toMatchObject({ referenceBytes: [300_000, 196_608, 5_000] })
    expect(outcome).toMatchObject({ usage: { inputImageTokens: 3 * 560 } })
    expect(log?.headers['content-length']).toMatch(/^\d+$/)
  })

  it('names the field when the upstream does', async () => {
    const { outcome } = await submit({ upstreamModel: 'gemini-nano-banana-2.1', resolution: '512' })
    expect(outcome).toMatchObject({ failure: 'invalid_request', field: 'resolution' })
    const ratio = await submit({ aspectRatio: '9:21' })
    expect(ratio.outcome).toMatchObject({ failure: 'invalid_request', field: 'aspectRatio' })
    expect(upstream.counters(ratio.attempt)).toMatchObject({ requests: 1, billable: 0 })
  })

  it('invents no delay, and believes none on a daily quota', async () => {
    for (const behaviour of ['rate_limit=none', 'rate_limit=bare', 'quota', 'quota, delay=65205s']) {
      const { outcome } = await submit({ behaviour })
      expect(outcome.kind).toBe('failed')
      expect(outcome).not.toHaveProperty('retryAfterMs')
    }
  })

  it('refuses before sending what the upstream cannot do', async () => {
    const { outcome, attempt } = await submit({ count: 2 })
    expect(outcome).toMatchObject({ failure: 'invalid_request', field: 'count' })
    expect(upstream.counters(attempt).requests).toBe(0)
  })

  it('tells a retired model from a wrong address', async () => {
    for (const upstreamModel of retiredGoogleModels) {
      expect((await submit({ upstreamModel })).outcome).toMatchObject({ failure: 'model_retired' })
    }
    const wrong = createGoogleProvider({ apiKey: defaultGoogleKey, baseUrl: `${upstream.url}/v1bet` })
    const outcome = await wrong.submit(request, openTestContext({ http, storage, attempt: 'wrong address' }))
    expect(outcome).toMatchObject({ failure: 'misconfigured' })
  })

  it('leaves no picture behind of an answer that breaks inside it', async () => {
    const before = await countObjects(folder)
    const { outcome } = await submit({ behaviour: 'drafts=0, reset_mid_body' })
    expect(outcome).toMatchObject({ failure: 'unknown_outcome' })
    expect(await countObjects(folder)).toBe(before)
  })

  it('reads a cut without a stated length as unknown, since it looks like an end', async () => {
    const cutting = await startUpstream({
      name: 'cutting',
      handle: async ({ response }) => {
        response.shouldKeepAlive = false
        response.useChunkedEncodingByDefault = false
        response.removeHeader('transfer-encoding')
        response.writeHead(200, { 'content-type': 'application/json', connection: 'close' })
        response.write('{"candidates":[{"content":{"parts":[')
        response.end()
      },
    })
    const own = createOutbound({ allow: [], configuredOrigins: [cutting.url] })
    const provider = createGoogleProvider({ apiKey: defaultGoogleKey, baseUrl: `${cutting.url}/v1beta` })
    const outcome = await provider.submit(request, openTestContext({ http: own, storage, attempt: 'cut' }))
    expect(outcome).toMatchObject({ failure: 'unknown_outcome' })
    await own.close()
    await cutting.close()
  })

  it('stores and reports nothing of a candidate nobody asked for', async () => {
    const draw = (seed: string) => makePicture({ width: 32, height: 32, format: 'png', seed })
    const [wanted, other] = await Promise.all([draw('wanted'), draw('other')])
    const candidates = [wanted, other].map((picture, index) => {
      const inlineData = { mimeType: 'image/png', data: picture.toString('base64') }
      return { content: { role: 'model', parts: [{ inlineData }] }, finishReason: 'STOP', index }
    })
    const generous = await startUpstream({
      name: 'generous',
      handle: async ({ response }) => void response.end(JSON.stringify({ candidates })),
    })
    const own = createOutbound({ allow: [], configuredOrigins: [generous.url] })
    const provider = createGoogleProvider({ apiKey: defaultGoogleKey, baseUrl: generous.url })
    const before = await countObjects(folder)
    const outcome = await provider.submit(request, openTestContext({ http: own, storage, attempt: 'two' }))
    expect((await readBytes(readImage(outcome).storageKey)).equals(wanted)).toBe(true)
    expect(await countObjects(folder)).toBe(before + 1)
    await own.close()
    await generous.close()
  })

  it('lets go of the upstream at once when our own storage fails in the middle of a picture', async () => {
    const stalling = await startUpstream({
      name: 'stalling',
      async handle({ response, closed }) {
        response.write('{"candidates":[{"content":{"parts":[{"inlineData":{"data":"iVBORw0KGgo')
        await closed
      },
    })
    const own = createOutbound({ allow: [], configuredOrigins: [stalling.url] })
    const provider = createGoogleProvider({ apiKey: defaultGoogleKey, baseUrl: stalling.url })
    const full = new Error('disk full')
    const receiveImage: CallContext['receiveImage'] = bytes => {
      // A read is under way that the upstream never answers.
      bytes[Symbol.asyncIterator]()
        .next()
        .catch(() => undefined)
      return Promise.reject(full)
    }
    const context = openTestContext({ http: own, storage, attempt: 'stalled', receiveImage })
    await expect(provider.submit(request, context)).rejects.toBe(full)
    await stalling.waitUntil(() => stalling.requests[0]?.end === 'cut')
    await own.close()
    await stalling.close()
  })

  it('is content with an address only when it answers like Gemini', async () => {
    const portal = await startUpstream({
      name: 'portal',
      handle: async ({ response }) => void response.end('<html>Please sign in</html>'),
    })
    const own = createOutbound({ allow: [], configuredOrigins: [portal.url] })
    const provider = createGoogleProvider({ apiKey: defaultGoogleKey, baseUrl: portal.url })
    const result = await provider.check?.(openTestContext({ http: own, storage, attempt: 'portal' }))
    expect(result).toMatchObject({ ok: false })
    await own.close()
    await portal.close()
  })

  it('keeps the pictures of a hundred calls at once apart', async () => {
    const prompts = Array.from({ length: 100 }, (_, index) => `boat number ${index}`)
    const outcomes = await Promise.all(
      prompts.map(prompt => submit({ prompt, aspectRatio: '1:1', resolution: '512', behaviour: 'drafts=1' })),
    )
    const hashes = outcomes.map(({ outcome }) => readImage(outcome).sha256)
    expect(new Set(hashes).size).toBe(prompts.length)
    const last = outcomes.at(-1)
    if (last === undefined) throw new Error('nothing came')
    const bytes = await readBytes(readImage(last.outcome).storageKey)
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 512, height: 512, format: 'jpeg' })
  })
})

async function countObjects(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).length
}
