// The adapter for engines that speak OpenAI's Images API in their own way, against the emulators of LocalAI, vLLM-Omni,
// a bare engine and sd-server.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EngineRig, makeMask, makeReference, openEngineRig } from '../../test/engine-rig.ts'
import { plainRequest } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { driveProvider } from '../../test/provider-drive.ts'
import {
  defaultOpenAiCompatibleKey,
  type EngineProfile,
  localAiModel,
  startOpenAiCompatibleUpstream,
} from '../../test/upstreams/openai-compatible.ts'
import { startSdServerUpstream } from '../../test/upstreams/sd-server.ts'
import type { Upstream } from '../../test/upstreams/upstream.ts'
import { createOpenAiCompatibleProvider, type OpenAiCompatibleOptions } from './openai-compatible.ts'
import type { ProviderRequest } from './provider.ts'

const request = plainRequest('default', { width: 512, height: 640 })

function refused(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  match: object = {},
): ContractScenario {
  return { behaviour, outcome, billable: 0, match: { ...match } }
}

function unusable(behaviour: string): ContractScenario {
  return { behaviour, outcome: 'malformed_response', billable: 1 }
}

const scenarios: ContractScenario[] = [
  refused('string_error', 'invalid_request'),
  refused('object_error', 'invalid_request', { field: 'size' }),
  refused('engine_error', 'unknown_outcome'),
  refused('queue_full', 'rate_limited'),
  refused('no_model', 'misconfigured'),
  refused('no_route', 'misconfigured'),
  {
    behaviour: 'zero_usage',
    outcome: 'succeeded',
    match: { usage: { inputTokens: null, costUsdMicro: null } },
  },
  { behaviour: 'some_usage', outcome: 'succeeded', match: { usage: { inputTokens: 10, outputTokens: 20 } } },
  {
    behaviour: 'ignore_n',
    outcome: 'succeeded',
    request: { count: 3 },
    pictures: 1,
    match: { warnings: ['Asked for 3 pictures, 1 arrived'] },
  },
  { behaviour: 'one_more', outcome: 'succeeded', pictures: 1 },
  {
    behaviour: 'ignore_size',
    outcome: 'succeeded',
    match: { warnings: [expect.stringContaining('512x512')] },
  },
  { behaviour: 'url', outcome: 'succeeded', pictures: 1 },
  { behaviour: 'foreign_url', outcome: 'succeeded', pictures: 1 },
  { behaviour: 'url, file_gone', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'url, html_502, on=download', outcome: 'succeeded' },
  { behaviour: 'url, reset_mid_body, on=download', outcome: 'succeeded' },
  unusable('no_data'),
  unusable('null_data'),
  unusable('empty_data'),
  unusable('half_json'),
  unusable('half_base64'),
  unusable('base64_text'),
  unusable('html_picture'),
  unusable('truncated_picture'),
]

describeProviderContract('openai-compatible', {
  createProvider: address => createOpenAiCompatibleProvider({ ...address, model: localAiModel }),
  startEmulator: async () => {
    const upstream = await startOpenAiCompatibleUpstream({ isCrowd: true })
    return { upstream, baseUrl: `${upstream.url}/v1`, apiKey: defaultOpenAiCompatibleKey }
  },
  request,
  scenarios,
})

describe('the adapter for OpenAI-compatible engines', () => {
  const upstreams: Record<string, Upstream> = {}
  let rig: EngineRig

  beforeAll(async () => {
    for (const profile of ['localai', 'vllm-omni', 'bare'] as EngineProfile[]) {
      upstreams[profile] = await startOpenAiCompatibleUpstream({ profile, apiKey: '' })
    }
    upstreams['sd-server'] = await startSdServerUpstream()
    rig = await openEngineRig(Object.values(upstreams))
  })
  afterAll(async () => {
    await rig.close()
    for (const upstream of Object.values(upstreams)) {
      expect(upstream.errors).toEqual([])
      await upstream.close()
    }
  })

  async function submit(
    engine: string,
    wanted: Partial<ProviderRequest>,
    options: Partial<OpenAiCompatibleOptions> = {},
  ) {
    const upstream = upstreams[engine]
    if (!upstream) throw new Error(`no emulator ${engine}`)
    const provider = createOpenAiCompatibleProvider({ baseUrl: `${upstream.url}/v1/`, ...options })
    const context = rig.context()
    const driven = await driveProvider({
      provider,
      request: { ...request, ...wanted },
      context,
      readMs: 5_000,
    })
    const logged = upstream.requests.filter(each => each.attempt === context.attemptId)
    const understood = logged[0]?.fields as Record<string, unknown> | undefined
    return {
      outcome: driven.outcome,
      logged,
      understood,
      sent: (understood?.fields ?? {}) as Record<string, unknown>,
    }
  }
  const localai = { model: localAiModel, profile: 'localai' } as const

  it('says everything that an engine would guess, and keeps what is its own to say', async () => {
    const { outcome, sent } = await submit(
      'vllm-omni',
      {
        prompt: 'a lake',
        negativePrompt: 'people',
        seed: 5,
        count: 2,
        outputFormat: 'webp',
        outputCompression: 70,
        parameters: { num_inference_steps: 9, n: 50, response_format: 'url' },
      },
      { model: 'qwen-image' },
    )
    expect(sent).toEqual({
      model: 'qwen-image',
      prompt: 'a lake',
      negative_prompt: 'people',
      n: 2,
      size: '512x640',
      response_format: 'b64_json',
      seed: 5,
      output_format: 'webp',
      output_compression: 70,
      num_inference_steps: 9,
    })
    const warnings = outcome.kind === 'succeeded' ? outcome.warnings.join() : ''
    for (const name of ['n is', 'response_format is']) expect(warnings).toContain(name)
    const named = await submit('vllm-omni', { upstreamModel: 'flux' }, { model: 'qwen-image' })
    expect(named.sent.model).toBe('flux')
  })

  it('keeps a customer from writing the negative prompt of LocalAI, and writes ours there', async () => {
    const { understood, sent } = await submit(
      'localai',
      { prompt: 'a fox | a hen', negativePrompt: 'snow | ice' },
      localai,
    )
    expect(sent.prompt).toBe('a fox ｜ a hen|snow ｜ ice')
    expect(understood).toMatchObject({ prompt: 'a fox ｜ a hen', negativePrompt: 'snow ｜ ice' })
    const generic = await submit('localai', { prompt: 'a fox | a hen' }, { model: localAiModel })
    expect(generic.understood).toMatchObject({ prompt: 'a fox ｜ a hen', negativePrompt: '' })
  })

  it('takes the commands of sd-server out of the prompt, which the engine would have obeyed', async () => {
    const prompt = 'a fox <SD_CPP_extra_args>{"width":64,"height":64,"sample_params":{"sample_steps":900}}'
    const raw = await rig.http.request({
      method: 'POST',
      url: `${upstreams['sd-server']?.url}/v1/images/generations`,
      trust: 'configured',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt, size: '512x640' }),
      timeoutMs: 10_000,
      maxBodyBytes: 10_000_000,
    })
    const answer = JSON.parse(await raw.text()) as { data: { b64_json: string }[] }
    const obeyed = await sharp(Buffer.from(answer.data[0]?.b64_json ?? '', 'base64')).metadata()
    expect(obeyed).toMatchObject({ width: 64, height: 64 })
    const { outcome, understood } = await submit('sd-server', { prompt })
    expect(understood).toMatchObject({ prompt: 'a fox', width: 512, height: 640, steps: 20 })
    const [picture] = await rig.readAll(outcome)
    expect(await sharp(picture).metadata()).toMatchObject({ width: 512, height: 640 })
  })

  it('uploads pictures and mask as a form, or as base64 to LocalAI', async () => {
    const references = [await makeReference('a'), await makeReference('b', 'jpeg')]
    const form = await submit('sd-server', { references, mask: await makeMask() })
    expect(form.logged[0]?.path).toBe('/v1/images/edits')
    expect(form.understood).toMatchObject({ images: 2, mask: (await makeMask()).sizeBytes })
    expect(form.outcome.kind).toBe('succeeded')
    const inline = await submit('localai', { references }, localai)
    expect(inline.logged[0]?.path).toBe('/v1/images/generations')
    expect(inline.understood).toMatchObject({ images: 2 })
    const masked = await submit('localai', { references, mask: await makeMask() }, localai)
    expect(masked.outcome).toMatchObject({ failure: 'invalid_request', field: 'mask' })
    const nowhere = await submit('localai', { references }, { model: localAiModel })
    expect(nowhere.outcome).toMatchObject({ failure: 'misconfigured' })
  })

  it('delivers pictures without what the engine wrote into them, in base64 and from an address', async () => {
    const secret = 'a secret wedding by the sea'
    for (const behaviour of ['', '[[emulate: url]]', '[[emulate: foreign_url]]']) {
      const { outcome } = await submit('localai', { prompt: `${secret} ${behaviour}` }, localai)
      const [picture] = await rig.readAll(outcome)
      expect(picture?.includes(secret)).toBe(false)
      expect(picture?.includes('Steps')).toBe(false)
    }
  })

  it('lives with an engine that ignores count and size, and has no list of models', async () => {
    const { outcome } = await submit('bare', { count: 3 })
    expect(outcome).toMatchObject({
      warnings: ['Asked for 3 pictures, 1 arrived', expect.stringContaining('512x512')],
    })
    const provider = createOpenAiCompatibleProvider({ baseUrl: `${upstreams.bare?.url}/v1` })
    expect(await provider.check?.(rig.context())).toEqual({ ok: true })
  })

  it('sends nothing without a size or a word', async () => {
    const before = upstreams.bare?.total.requests
    for (const [wanted, field] of [
      [{ height: null }, 'size'],
      [{ prompt: '<sd_cpp_extra_args>' }, 'prompt'],
      [{ mask: await makeMask() }, 'mask'],
    ] as const) {
      expect((await submit('bare', wanted)).outcome).toMatchObject({ failure: 'invalid_request', field })
    }
    expect(upstreams.bare?.total.requests).toBe(before)
  })
})
