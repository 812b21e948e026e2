// The sdapi adapter against the emulators of A1111 and Forge: the shared contract, the traps of the interface, and
// what it sends.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cpuMsOf } from '../../test/cpu-time.ts'
import { type EngineRig, makeMask, makeReference, openEngineRig } from '../../test/engine-rig.ts'
import { plainRequest, type TestContextOptions } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { defaultSdapiKey, startSdapiUpstream } from '../../test/upstreams/sdapi.ts'
import type { Upstream } from '../../test/upstreams/upstream.ts'
import { classifyErrorAnswer } from './engine-failures.ts'
import { stripEngineCommands } from './engine-prompt.ts'
import type { ProviderRequest } from './provider.ts'
import { createSdapiProvider } from './sdapi.ts'

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
  refused('oom', 'unknown_outcome'),
  refused('text_500', 'unknown_outcome'),
  refused('invalid_image', 'invalid_request', { field: 'references' }),
  refused('no_api', 'misconfigured'),
  refused('no_sampler', 'misconfigured'),
  refused('validation', 'invalid_request', { field: 'size' }),
  { behaviour: 'grid', outcome: 'succeeded', request: { count: 3 }, match: { warnings: [] } },
  {
    behaviour: 'samples_format=jpg',
    outcome: 'succeeded',
    match: { images: [{ image: { mediaType: 'image/jpeg' } }] },
  },
  {
    behaviour: 'samples_format=webp',
    outcome: 'succeeded',
    match: { images: [{ image: { mediaType: 'image/webp' } }] },
  },
  {
    behaviour: 'fewer=2',
    outcome: 'succeeded',
    request: { count: 3 },
    match: { warnings: ['Asked for 3 pictures, 2 arrived'] },
  },
  { behaviour: 'tiny_picture', outcome: 'succeeded', match: { warnings: [expect.stringContaining('1x1')] } },
  {
    behaviour: 'other_size',
    outcome: 'succeeded',
    match: { warnings: [expect.stringContaining('768x768')] },
  },
  unusable('no_images'),
  unusable('null_images'),
  unusable('half_json'),
  unusable('half_base64'),
  unusable('base64_text'),
  unusable('html_picture'),
  unusable('truncated_picture'),
]

describeProviderContract('sdapi', {
  createProvider: createSdapiProvider,
  startEmulator: async () => {
    const upstream = await startSdapiUpstream({ isCrowd: true })
    return { upstream, baseUrl: upstream.url, apiKey: defaultSdapiKey }
  },
  request,
  scenarios,
})

describe('the sdapi adapter', () => {
  let upstream: Upstream
  let rig: EngineRig

  beforeAll(async () => {
    upstream = await startSdapiUpstream()
    rig = await openEngineRig([upstream])
  })
  afterAll(async () => {
    expect(upstream.errors).toEqual([])
    await rig.close()
    await upstream.close()
  })

  async function submit(wanted: Partial<ProviderRequest>, more: Partial<TestContextOptions> = {}) {
    // A slash at the end is a common slip of the pen.
    const provider = createSdapiProvider({ baseUrl: `${upstream.url}/`, apiKey: defaultSdapiKey })
    const context = rig.context(more)
    const outcome = await provider.submit({ ...request, ...wanted }, context)
    const logged = upstream.requests.filter(each => each.attempt === context.attemptId)
    const fields = logged[0]?.fields as { fields: Record<string, unknown> } | undefined
    return { outcome, logged, sent: fields?.fields ?? {} }
  }

  it('sends what the interface takes and no settings, scripts or foreign parameters', async () => {
    const { outcome, sent } = await submit({
      prompt: 'a lake (at night:1.2) <lora:ink:0.6>',
      negativePrompt: 'people',
      seed: 7,
      count: 2,
      parameters: {
        steps: 12,
        cfg_scale: 5.5,
        sampler_name: 'Euler',
        mask_blur: 2,
        script_name: 'x',
        styles: 'y',
      },
    })
    expect(sent).toEqual({
      prompt: 'a lake (at night:1.2) <lora:ink:0.6>',
      negative_prompt: 'people',
      seed: 7,
      steps: 12,
      cfg_scale: 5.5,
      sampler_name: 'Euler',
      width: 512,
      height: 640,
      batch_size: 2,
      n_iter: 1,
      send_images: true,
      save_images: false,
      force_task_id: expect.stringMatching(/^darkroom\(/),
    })
    const warnings = outcome.kind === 'succeeded' ? outcome.warnings.join() : ''
    for (const name of ['script_name', 'styles']) expect(warnings).toContain(name)
  })

  it('draws the same picture for the same seed, and one more for each of a batch', async () => {
    const once = await rig.readAll((await submit({ seed: 41, prompt: 'seeds' })).outcome)
    const again = await rig.readAll((await submit({ seed: 40, count: 2, prompt: 'seeds' })).outcome)
    expect(again).toHaveLength(2)
    expect(again[1]).toEqual(once[0])
    expect(again[0]).not.toEqual(once[0])
  })

  it('delivers pictures without the prompt that the engine has written into them', async () => {
    const secret = 'a secret wedding by the sea'
    for (const format of ['png', 'jpg', 'webp']) {
      const prompt = `${secret} [[emulate: samples_format=${format}]]`
      const [picture] = await rig.readAll((await submit({ prompt, negativePrompt: 'rain' })).outcome)
      expect(picture?.includes(secret)).toBe(false)
      expect(picture?.includes('Negative prompt')).toBe(false)
      expect(await sharp(picture).metadata()).toMatchObject({ width: 512, height: 640 })
    }
  })

  it('keeps the pictures of a batch and not the sheet that shows them all', async () => {
    const { outcome } = await submit({ count: 3, prompt: 'sheet [[emulate: grid]]' })
    const pictures = await rig.readAll(outcome)
    expect(pictures).toHaveLength(3)
    for (const picture of pictures) expect(await sharp(picture).metadata()).toMatchObject({ width: 512 })
    const few = await submit({ count: 4, prompt: 'sheet of few [[emulate: grid, fewer=2]]' })
    expect(await rig.readAll(few.outcome)).toHaveLength(2)
  })

  it('edits one picture, with a mask that is white where the customer made it transparent', async () => {
    const { outcome, sent, logged } = await submit({
      prompt: 'edit',
      references: [await makeReference('base', 'webp')],
      mask: await makeMask(),
      parameters: { denoising_strength: 0.6, mask_blur: 0 },
    })
    expect(outcome.kind).toBe('succeeded')
    expect(logged[0]?.path).toBe('/sdapi/v1/img2img')
    expect(sent).toMatchObject({
      denoising_strength: 0.6,
      mask_blur: 0,
      inpainting_mask_invert: 0,
      resize_mode: 1,
    })
    const body = JSON.parse(logged[0]?.body?.toString() ?? '') as { mask: string; init_images: string[] }
    const mask = sharp(Buffer.from(body.mask, 'base64'))
    expect(await mask.metadata()).toMatchObject({ width: 64, height: 48, channels: 1 })
    const pixels = await mask.extractChannel(0).raw().toBuffer()
    expect([0, 31, 32, 63].map(x => pixels[x])).toEqual([255, 255, 0, 0])
    expect(body.init_images).toEqual([
      (await (await makeReference('base', 'webp')).read()).toString('base64'),
    ])
  })

  it('sends nothing for what the interface cannot do', async () => {
    const before = upstream.total.requests
    const two = [await makeReference('a'), await makeReference('b')]
    for (const [wanted, field] of [
      [{ references: two }, 'references'],
      [{ mask: await makeMask() }, 'mask'],
      [{ width: null }, 'size'],
      [{ prompt: '<sd_cpp_extra_args>{"steps":9}' }, 'prompt'],
    ] as const) {
      expect((await submit(wanted)).outcome).toMatchObject({ failure: 'invalid_request', field })
    }
    expect(upstream.total.requests).toBe(before)
  })

  it('asks for a checkpoint by name and says when another one has drawn', async () => {
    const named = await submit({ upstreamModel: 'sd_xl_base_1.0', prompt: 'xl' })
    expect(named.sent.override_settings).toEqual({ sd_model_checkpoint: 'sd_xl_base_1.0' })
    expect(named.outcome).toMatchObject({ kind: 'succeeded', warnings: [] })
    const other = await submit({ upstreamModel: 'sd_xl_base_1.0', prompt: 'xl [[emulate: other_model]]' })
    expect(other.outcome).toMatchObject({
      warnings: [expect.stringContaining('v1-5-pruned-emaonly has drawn')],
    })
  })

  it('shows previews of its own job and of nobody else, and never interrupts', async () => {
    // Somebody else's job is under way first: its progress is what the engine tells.
    const foreign = rig.http.request({
      method: 'POST',
      url: `${upstream.url}/sdapi/v1/txt2img`,
      trust: 'configured',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(defaultSdapiKey).toString('base64')}`,
      },
      body: JSON.stringify({ prompt: 'neighbour [[emulate: slow=1600]]', force_task_id: 'neighbour' }),
      timeoutMs: 20_000,
      maxBodyBytes: 10_000_000,
    })
    await upstream.waitUntil(() =>
      upstream.requests.some(each => each.prompt?.startsWith('neighbour') === true),
    )
    const seen: { atForeign: boolean; index: number }[] = []
    let isForeignDone = false
    void foreign.then(() => {
      isForeignDone = true
    })
    const { outcome, logged } = await submit(
      { partialImages: 2, prompt: 'mine [[emulate: slow=2600]]' },
      { onPartialImage: (_, index) => void seen.push({ index, atForeign: !isForeignDone }) },
    )
    expect(outcome.kind).toBe('succeeded')
    const polls = logged.filter(each => each.path === '/sdapi/v1/progress')
    expect(polls.length).toBeGreaterThan(seen.length)
    expect(seen.map(each => each.index)).toEqual([0, 1])
    expect(seen.every(each => !each.atForeign)).toBe(true)
    expect(upstream.requests.filter(each => /interrupt|skip$/.test(each.path))).toEqual([])
  })

  it('leaves the job of a caller who has gone alone, for an interrupt would end a neighbour', async () => {
    const provider = createSdapiProvider({ baseUrl: upstream.url, apiKey: defaultSdapiKey })
    expect(provider.cancel).toBeUndefined()
    const { outcome, logged } = await submit({ prompt: 'gone [[emulate: slow=400]]' }, { deadlineMs: 150 })
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'unknown_outcome' })
    expect(logged.map(each => each.path)).toEqual(['/sdapi/v1/txt2img'])
  })
})

describe('commands inside a prompt', () => {
  it.each([
    ['a cat<sd_cpp_extra_args>{"width":4096}</sd_cpp_extra_args> asleep', 'a cat  asleep'],
    ['a cat <SD_CPP_EXTRA_ARGS>{"steps":999}</Sd_Cpp_Extra_Args>', 'a cat'],
    ['a cat <sd_cpp_extra_args>{"steps":999', 'a cat'],
    ['a cat</sd_cpp_extra_args>', 'a cat'],
    [
      '<sd_cpp_<sd_cpp_extra_args>x</sd_cpp_extra_args>extra_args>{"steps":9} cat',
      '<sd_cpp_ extra_args>{"steps":9} cat',
    ],
    ['<sd_cpp_extra_args>{}</sd_cpp_extra_args>', ''],
    ['a <lora:ink:0.6> cat | dog', 'a <lora:ink:0.6> cat | dog'],
  ])('are taken out of %s', (prompt, stripped) => {
    expect(stripEngineCommands(prompt)).toBe(stripped)
    expect(stripped).not.toMatch(/sd_cpp_extra_args/i)
  })

  it('are found in time that grows with the prompt and no faster', async () => {
    const spentMs = await cpuMsOf(() => {
      stripEngineCommands('<sd_cpp_extra_args'.repeat(100_000))
      stripEngineCommands('<sd_cpp_extra_args>'.repeat(100_000))
    })
    expect(spentMs).toBeLessThan(1_000)
  })
})

describe('errors of engines behind the interface', () => {
  it.each([
    [401, '{"detail":"Incorrect username or password"}', 'misconfigured'],
    [404, '{"detail":"Not Found"}', 'misconfigured'],
    [404, '{"detail":"Sampler not found"}', 'misconfigured'],
    [404, '{"detail":"Init image not found"}', 'invalid_request'],
    [400, '{"error":"prompt required"}', 'invalid_request'],
    [422, '{"detail":[{"loc":["body","batch_size"],"msg":"too many"}]}', 'invalid_request'],
    [429, '{"error":"job queue is full"}', 'rate_limited'],
    [500, '{"error":"generate_image returned no results"}', 'unknown_outcome'],
    [500, '{"error":"server_error","message":"parse error"}', 'unknown_outcome'],
    [
      500,
      '{"error":"OutOfMemoryError","detail":"","body":"","errors":"CUDA out of memory"}',
      'unknown_outcome',
    ],
    [503, '{"error":"busy"}', 'unknown_outcome'],
    [308, '', 'malformed_response'],
  ])('%i %s -> %s', (status, text, failure) => {
    expect(classifyErrorAnswer('sdapi', { status, headers: {}, text })).toMatchObject({ failure })
  })
})
