// The emulated sd-server: its native jobs as the engine keeps and loses them, and the A1111 surface as our adapter uses it.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSdapiProvider } from '../../src/providers/sdapi.ts'
import { type EngineRig, openEngineRig } from '../engine-rig.ts'
import { plainRequest } from '../provider-context.ts'
import { startSdServerUpstream } from './sd-server.ts'
import type { Upstream } from './upstream.ts'

const patienceMs = 60_000

describe('the emulated sd-server', () => {
  let upstream: Upstream
  let rig: EngineRig
  beforeAll(async () => {
    upstream = await startSdServerUpstream()
    rig = await openEngineRig([upstream])
  })
  afterAll(async () => {
    expect(upstream.errors).toEqual([])
    await rig.close()
    await upstream.close()
  })

  const post = (path: string, body: unknown = {}) =>
    fetch(`${upstream.url}${path}`, { method: 'POST', body: JSON.stringify(body) })
  async function order(prompt: string, more: object = {}): Promise<string> {
    const answer = await post('/sdcpp/v1/img_gen', { prompt, width: 64, height: 96, ...more })
    expect(answer.status).toBe(202)
    const job = (await answer.json()) as { id: string; poll_url: string }
    expect(job.poll_url).toBe(`/sdcpp/v1/jobs/${job.id}`)
    return job.poll_url
  }
  const read = async (path: string) => {
    const answer = await fetch(`${upstream.url}${path}`)
    return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) }
  }

  it('draws jobs one after the other, and can cancel those that wait only', { timeout: 30_000 }, async () => {
    const [first, second, third] = [
      await order('a [[emulate: slow=2500]]'),
      await order('b'),
      await order('c'),
    ]
    expect(await read(first)).toMatchObject({ error: null, result: null })
    expect(await read(third)).toMatchObject({ status: 'queued', queue_position: 2 })
    await vi.waitFor(async () => expect((await post(`${first}/cancel`)).status).toBe(409), patienceMs)
    expect((await post(`${second}/cancel`)).status).toBe(200)
    await vi.waitFor(
      async () => expect(JSON.stringify(await read(third))).toContain('"completed"'),
      patienceMs,
    )
    expect(await read(third)).toMatchObject({ result: { images: [{ index: 0 }] } })
  })

  it('forgets jobs in a restart and some time after their end, and takes no more than its queue holds', async () => {
    const lost = await order('x [[emulate: restart]]')
    expect(await read(lost)).toEqual({ status: 404, error: 'job not found' })
    const old = await order('y [[emulate: expires=0]]')
    await vi.waitFor(
      async () => expect(await read(old)).toEqual({ status: 410, error: 'job expired' }),
      patienceMs,
    )
    const full = await post('/sdcpp/v1/img_gen', { prompt: 'z [[emulate: queue_full]]' })
    expect([full.status, await full.json()]).toEqual([429, { error: 'job queue is full' }])
  })

  it('writes settings into its pictures unless it is told not to', async () => {
    for (const [embeds, expected] of [
      [true, true],
      [false, false],
    ] as const) {
      const job = await order('a secret', { embed_image_metadata: embeds, seed: 3 })
      await vi.waitFor(
        async () => expect(JSON.stringify(await read(job))).toContain('"completed"'),
        patienceMs,
      )
      const { result } = (await read(job)) as unknown as { result: { images: { b64_json: string }[] } }
      const picture = Buffer.from(result.images[0]?.b64_json ?? '', 'base64')
      expect(await sharp(picture).metadata()).toMatchObject({ width: 64, height: 96 })
      expect(picture.includes('a secret')).toBe(expected)
    }
  })

  it('gets the words of a customer without the commands in them, by the A1111 surface too', async () => {
    const prompt = 'a fox <sd_cpp_extra_args>{"width":64,"steps":900}</sd_cpp_extra_args>'
    const obeyed = await post('/sdapi/v1/txt2img', { prompt, width: 512, height: 640 })
    const { images } = (await obeyed.json()) as { images: string[] }
    expect(await sharp(Buffer.from(images[0] ?? '', 'base64')).metadata()).toMatchObject({ width: 64 })
    const context = rig.context()
    const provider = createSdapiProvider({ baseUrl: upstream.url })
    const request = plainRequest('default', { prompt, width: 512, height: 640 })
    const [picture] = await rig.readAll(await provider.submit(request, context))
    expect(await sharp(picture).metadata()).toMatchObject({ width: 512, height: 640 })
    const logged = upstream.requests.find(each => each.attempt === context.attemptId)
    expect(logged?.fields).toMatchObject({ prompt: 'a fox', steps: 50 })
  })
})
