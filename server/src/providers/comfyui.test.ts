// The ComfyUI adapter against its emulator, with the workflows of the documents: the shared contract, creates found
// again by the name we chose, the queue, cancelling one's own work and nobody else's.
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EngineRig, makeMask, makeReference, openEngineRig } from '../../test/engine-rig.ts'
import { plainRequest, type TestContextOptions } from '../../test/provider-context.ts'
import { type ContractScenario, describeProviderContract } from '../../test/provider-contract.ts'
import { driveProvider } from '../../test/provider-drive.ts'
import { defaultComfyUiKey, startComfyUiUpstream } from '../../test/upstreams/comfyui.ts'
import type { Upstream } from '../../test/upstreams/upstream.ts'
import { loadWorkflows } from './comfyui/load-workflows.ts'
import { choosePromptId } from './comfyui/request.ts'
import { createComfyUiProvider } from './comfyui.ts'
import type { ProviderRequest, UpstreamTask } from './provider.ts'

const workflows = loadWorkflows(fileURLToPath(new URL('../../../docs/providers/comfyui', import.meta.url)))
const request = plainRequest('default', { width: 512, height: 640 })

function refused(
  behaviour: string,
  outcome: ContractScenario['outcome'],
  match: object = {},
): ContractScenario {
  return { behaviour, outcome, billable: 0, match: { ...match } }
}

const scenarios: ContractScenario[] = [
  refused('missing_checkpoint', 'misconfigured', { message: expect.stringContaining('ckpt_name') }),
  refused('missing_node', 'misconfigured'),
  refused('too_big', 'invalid_request', { field: 'size' }),
  { behaviour: 'execution_error', outcome: 'upstream_failed', billable: 1 },
  { behaviour: 'oom', outcome: 'upstream_failed', match: { message: expect.stringContaining('KSampler') } },
  {
    behaviour: 'interrupted',
    outcome: 'upstream_failed',
    match: { message: expect.stringContaining('interrupted') },
  },
  { behaviour: 'restart, slow=60', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'restart=3, slow=2000', outcome: 'unknown_outcome', billable: 1 },
  // The answer to the create was lost and so was the work: nothing is known, and nothing is ordered again.
  { behaviour: 'reset_before_headers, restart, slow=60', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'ignores_id', outcome: 'succeeded' },
  { behaviour: 'ignores_id, reset_before_headers', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'no_images', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'temp_only', outcome: 'succeeded' },
  {
    behaviour: 'fewer=2',
    outcome: 'succeeded',
    request: { count: 3 },
    pictures: 2,
    match: { warnings: ['Asked for 3 pictures, 2 arrived'] },
  },
  { behaviour: 'file_gone', outcome: 'unknown_outcome', billable: 1 },
  {
    ...refused('', 'misconfigured', { message: expect.stringContaining('COMFYUI_WORKFLOWS') }),
    request: { upstreamModel: 'nowhere' },
    requests: 0,
  },
]

describeProviderContract('comfyui', {
  createProvider: address => createComfyUiProvider({ ...address, workflows }),
  startEmulator: async () => {
    const upstream = await startComfyUiUpstream({ apiKey: defaultComfyUiKey, cards: 100 })
    return { upstream, baseUrl: upstream.url, apiKey: defaultComfyUiKey }
  },
  request,
  scenarios,
  mode: 'poll',
  outputs: 'urls',
  recovers: true,
  isCreate: ({ method, path }) => method === 'POST' && path === '/prompt',
})

describe('the ComfyUI adapter', () => {
  let upstream: Upstream
  let rig: EngineRig

  beforeAll(async () => {
    upstream = await startComfyUiUpstream()
    rig = await openEngineRig([upstream])
  })
  afterAll(async () => {
    expect(upstream.errors).toEqual([])
    await rig.close()
    await upstream.close()
  })
  const open = () => createComfyUiProvider({ baseUrl: `${upstream.url}/`, workflows })

  async function draw(wanted: Partial<ProviderRequest>, more: Partial<TestContextOptions> = {}) {
    const context = rig.context(more)
    const driven = await driveProvider({
      provider: open(),
      request: { ...request, ...wanted },
      context,
      readMs: 5_000,
    })
    const logged = upstream.requests.filter(each => each.attempt === context.attemptId)
    const create = logged.find(each => each.path === '/prompt')
    const fields = create?.fields as { meaning: Record<string, unknown>; graph: unknown } | undefined
    return { ...driven, logged, create, meaning: fields?.meaning, attemptId: context.attemptId }
  }

  async function order(prompt: string): Promise<UpstreamTask> {
    const outcome = await open().submit({ ...request, prompt }, rig.context())
    if (outcome.kind !== 'pending') throw new Error(JSON.stringify(outcome))
    return outcome.task
  }

  it('fills the slots of the template and nothing else', async () => {
    const { meaning, create, outcome } = await draw({
      prompt: 'a lake <sd_cpp_extra_args>{"steps":1}</sd_cpp_extra_args>',
      negativePrompt: 'people',
      seed: 7,
      count: 2,
      parameters: { steps: 12 },
    })
    expect(meaning).toMatchObject({
      prompt: 'a lake',
      negativePrompt: 'people',
      seed: 7,
      steps: 12,
      width: 512,
      height: 640,
      count: 2,
    })
    const sent = JSON.parse(create?.body?.toString() ?? '') as { prompt: Record<string, unknown> }
    expect(sent.prompt['4']).toEqual(workflows.get('default')?.nodes['4'])
    expect(Object.keys(sent).sort()).toEqual(['client_id', 'prompt', 'prompt_id'])
    expect(await rig.readAll(outcome)).toHaveLength(2)
    expect(workflows.get('default')?.nodes['6']?.inputs.text).toBe('')
  })

  it('names the work before the create and keeps the prompt out of the task', async () => {
    const { create, task, attemptId, outcome } = await draw({ prompt: 'a secret boat' })
    const sent = JSON.parse(create?.body?.toString() ?? '') as { prompt_id: string }
    expect(sent.prompt_id).toBe(choosePromptId(attemptId))
    expect(sent.prompt_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(task).toMatchObject({ id: sent.prompt_id, workflow: 'default' })
    expect(outcome).toMatchObject({ usage: { upstreamRequestId: sent.prompt_id } })
    expect(JSON.stringify(task)).not.toContain('secret')
  })

  it('gives every order without a seed one of its own, for the engine draws nothing twice', async () => {
    const first = await draw({ prompt: 'no seed' })
    const second = await draw({ prompt: 'no seed' })
    expect(first.meaning?.seed).not.toBe(second.meaning?.seed)
  })

  it('delivers pictures without the workflow and the words that the engine wrote into them', async () => {
    const secret = 'a secret wedding by the sea'
    const [picture] = await rig.readAll((await draw({ prompt: secret })).outcome)
    expect(picture?.includes(secret)).toBe(false)
    expect(picture?.includes('KSampler')).toBe(false)
    expect(await sharp(picture).metadata()).toMatchObject({ format: 'png', width: 512, height: 640 })
  })

  it('uploads picture and mask under names of its own and draws from them', async () => {
    const wanted = { upstreamModel: 'inpaint', width: 64, height: 48, count: 1 }
    const references = [await makeReference('base', 'jpeg')]
    const edited = await draw({ ...wanted, references, mask: await makeMask() })
    const [picture] = await rig.readAll(edited.outcome)
    expect(await sharp(picture).metadata()).toMatchObject({ width: 64, height: 48 })
    const id = choosePromptId(edited.attemptId)
    expect(edited.meaning).toMatchObject({
      images: [`darkroom/${id}-1.jpg`],
      masks: [`darkroom/${id}-mask.png`],
    })
    const uploads = edited.logged.filter(each => each.path === '/upload/image').map(each => each.fields)
    expect(uploads).toMatchObject([{ sizeBytes: references[0]?.sizeBytes }, { channels: 1 }])
    const other = await draw({
      ...wanted,
      references: [await makeReference('other')],
      mask: await makeMask(),
    })
    expect(await rig.readAll(other.outcome)).not.toEqual([picture])
  })

  it('orders nothing when a picture is missing or is not taken', async () => {
    const bare = await draw({ upstreamModel: 'inpaint' })
    expect(bare.outcome).toMatchObject({ failure: 'invalid_request', field: 'references' })
    const unmasked = await draw({ upstreamModel: 'inpaint', references: [await makeReference('a')] })
    expect(unmasked.outcome).toMatchObject({ failure: 'invalid_request', field: 'mask' })
    const extra = await draw({ references: [await makeReference('a')] })
    expect(extra.outcome).toMatchObject({ failure: 'invalid_request', field: 'references' })
    const unknown = await draw({ parameters: { sharpness: 3 } })
    expect(unknown.outcome).toMatchObject({
      failure: 'misconfigured',
      message: expect.stringContaining('sharpness'),
    })
    upstream.script({ attempt: 'upload', behaviour: 'upload_refused' })
    const references = [await makeReference('a')]
    const refusedUpload = await draw(
      { upstreamModel: 'inpaint', references, mask: await makeMask() },
      { attempt: 'upload' },
    )
    expect(refusedUpload.outcome).toMatchObject({ failure: 'misconfigured' })
    for (const { create } of [bare, unmasked, extra, unknown, refusedUpload]) expect(create).toBeUndefined()
  })

  it('tells the place in the queue, and takes waiting work out of it', async () => {
    const tasks = [await order('first [[emulate: slow=5000]]'), await order('second'), await order('third')]
    const provider = open()
    const polls = await Promise.all(tasks.map(task => provider.poll?.(task, rig.context())))
    expect(polls.map(each => each?.kind)).toEqual(['pending', 'pending', 'pending'])
    expect(polls.map(each => (each?.kind === 'pending' ? each.queuePosition : -1))).toEqual([null, 1, 2])
    const [first, second, third] = tasks
    if (!first || !second || !third) throw new Error('three were ordered')
    expect(await provider.cancel?.(second, rig.context())).toEqual({ kind: 'canceled' })
    // The one that runs is another's: it goes on.
    expect(await provider.poll?.(first, rig.context())).toMatchObject({ kind: 'pending' })
    expect(await provider.poll?.(second, rig.context())).toMatchObject({ failure: 'unknown_outcome' })
    expect(await provider.cancel?.(first, rig.context())).toEqual({ kind: 'canceled' })
    expect(await provider.poll?.(first, rig.context())).toMatchObject({ failure: 'upstream_failed' })
    expect(await provider.cancel?.(first, rig.context())).toMatchObject({ kind: 'not_canceled' })
    const interrupts = upstream.requests.filter(each => each.path === '/interrupt')
    expect(interrupts.map(each => JSON.parse(each.body?.toString() ?? ''))).toEqual([{ prompt_id: first.id }])
    let last = await provider.poll?.(third, rig.context())
    while (last?.kind === 'pending') last = await provider.poll?.(third, rig.context())
    expect(last).toMatchObject({ kind: 'succeeded' })
    expect(await provider.cancel?.(third, rig.context())).toMatchObject({ kind: 'not_canceled' })
  })

  it('reads a task again after it has succeeded', async () => {
    const { task } = await draw({ prompt: 'again' })
    if (task === null) throw new Error('no task')
    const again = await open().poll?.(task, rig.context())
    expect(again).toMatchObject({ kind: 'succeeded', images: [{ kind: 'url' }] })
  })
})
