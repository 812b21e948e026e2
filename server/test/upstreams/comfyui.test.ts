// The emulated ComfyUI does what the engine is known for: names that are not deduplicated, histories that say nothing of
// running and of unknown work, interrupts that hit whatever runs, previews by a websocket that may break off.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { startComfyUiUpstream } from './comfyui.ts'
import type { Upstream } from './upstream.ts'

const sampler = { steps: 20, cfg: 7, sampler_name: 'euler', scheduler: 'normal', denoise: 1 }

function graphOf(prompt: string, size = 64) {
  return {
    '3': {
      class_type: 'KSampler',
      inputs: {
        ...{ ...sampler, seed: 1, model: ['4', 0] },
        ...{ positive: ['6', 0], negative: ['6', 0], latent_image: ['5', 0] },
      },
    },
    '4': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'v1-5-pruned-emaonly.safetensors' } },
    '5': { class_type: 'EmptyLatentImage', inputs: { width: size, height: 64, batch_size: 1 } },
    '6': { class_type: 'CLIPTextEncode', inputs: { text: prompt, clip: ['4', 1] } },
    '8': { class_type: 'VAEDecode', inputs: { samples: ['3', 0], vae: ['4', 2] } },
    '9': { class_type: 'SaveImage', inputs: { images: ['8', 0], filename_prefix: 'x' } },
  }
}

describe('the emulated ComfyUI', () => {
  let upstream: Upstream
  beforeAll(async () => {
    upstream = await startComfyUiUpstream()
  })
  afterAll(async () => {
    expect(upstream.errors).toEqual([])
    await upstream.close()
  })

  const get = async (path: string) =>
    (await fetch(`${upstream.url}${path}`)).json() as Promise<Record<string, unknown>>
  const post = (path: string, body: unknown) =>
    fetch(`${upstream.url}${path}`, { method: 'POST', body: JSON.stringify(body) })
  const untilEnded = (id: string) =>
    vi.waitFor(async () => {
      const history = await get(`/history/${id}`)
      expect(history).toHaveProperty([id])
      return history[id] as Record<string, unknown>
    }, 60_000)

  it('honours a name and draws twice when it is given twice', async () => {
    const before = upstream.total.billable
    for (const prompt of ['one', 'two']) {
      const answer = await post('/prompt', { prompt: graphOf(prompt), prompt_id: 'mine' })
      expect(await answer.json()).toMatchObject({ prompt_id: 'mine', node_errors: {} })
    }
    await untilEnded('mine')
    expect(upstream.total.billable - before).toBe(2)
  })

  it('says the same of running and of unknown work, and forgets all in a restart', async () => {
    await post('/prompt', { prompt: graphOf('long [[emulate: slow=5000, restart=2]]'), prompt_id: 'long' })
    expect(await get('/history/long')).toEqual({})
    expect(await get('/history/nobody')).toEqual({})
    expect(await get('/queue')).toMatchObject({ queue_running: [[expect.any(Number), 'long', {}, {}, []]] })
    await get('/history/long')
    expect(await get('/queue')).toEqual({ queue_running: [], queue_pending: [] })
    expect(await get('/history/mine')).toEqual({})
  })

  it('interrupts the neighbour when no name is given, and only the named work otherwise', async () => {
    await post('/prompt', { prompt: graphOf('neighbour [[emulate: slow=5000]]'), prompt_id: 'neighbour' })
    await post('/interrupt', { prompt_id: 'somebody else' })
    expect(await get('/history/neighbour')).toEqual({})
    await post('/interrupt', {})
    expect(await untilEnded('neighbour')).toMatchObject({ status: { status_str: 'error' } })
  })

  it('checks every node before it queues anything', async () => {
    const before = upstream.total.billable
    const wide = await post('/prompt', { prompt: graphOf('x', 100_000) })
    expect(wide.status).toBe(400)
    expect(await wide.json()).toMatchObject({
      error: { type: 'prompt_outputs_failed_validation' },
      node_errors: {
        '5': { errors: [{ type: 'value_bigger_than_max', extra_info: { input_name: 'width' } }] },
      },
    })
    const { '9': _, ...unsaved } = graphOf('x')
    expect(await (await post('/prompt', { prompt: unsaved })).json()).toMatchObject({
      error: { type: 'prompt_no_outputs' },
    })
    expect(await (await post('/prompt', {})).json()).toMatchObject({ error: { type: 'no_prompt' } })
    expect(upstream.total.billable).toBe(before)
  })

  it.each([
    ['slow=50', 'executing'],
    ['slow=50, ws_drop', 'closed'],
  ])('sends progress and previews to the client that ordered: %s', async (behaviour, ending) => {
    const client = new WebSocket(`${upstream.url.replace('http', 'ws')}/ws?clientId=me`)
    const heard: string[] = []
    client.on('message', (data: Buffer, isBinary: boolean) => {
      heard.push(isBinary ? `preview ${data.readUInt32BE(0)}` : String(JSON.parse(data.toString()).type))
    })
    client.on('close', () => void heard.push('closed'))
    await new Promise(resolve => client.once('open', resolve))
    await post('/prompt', { prompt: graphOf(`seen [[emulate: ${behaviour}]]`), client_id: 'me' })
    await vi.waitFor(() => expect(heard).toContain(ending), 60_000)
    expect(heard.slice(0, 4)).toEqual(['status', 'execution_start', 'progress', 'preview 1'])
    client.terminate()
  })
})
