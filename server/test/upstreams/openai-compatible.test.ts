// The official OpenAI client reads the emulators of LocalAI and sd-server as it would read the engines.
import OpenAI, { toFile } from 'openai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  defaultOpenAiCompatibleKey,
  localAiModel,
  startOpenAiCompatibleUpstream,
} from './openai-compatible.ts'
import { makePicture } from './pictures.ts'
import { startSdServerUpstream } from './sd-server.ts'
import type { Upstream } from './upstream.ts'

describe('engines that speak the Images API, read by the official client', () => {
  let localAi: Upstream
  let sdServer: Upstream
  beforeAll(async () => {
    localAi = await startOpenAiCompatibleUpstream()
    sdServer = await startSdServerUpstream()
  })
  afterAll(async () => {
    for (const upstream of [localAi, sdServer]) {
      expect(upstream.errors).toEqual([])
      await upstream.close()
    }
  })
  const open = (upstream: Upstream) =>
    new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: defaultOpenAiCompatibleKey, maxRetries: 0 })

  it('LocalAI answers with an address unless base64 is asked for, splits the prompt and counts nothing', async () => {
    const byUrl = await open(localAi).images.generate({ model: localAiModel, prompt: 'a|b', size: '512x512' })
    const url = byUrl.data?.[0]?.url ?? ''
    expect(url.startsWith(`${localAi.url}/generated-images/`)).toBe(true)
    const file = Buffer.from(await (await fetch(url)).arrayBuffer())
    expect(await sharp(file).metadata()).toMatchObject({ format: 'png', width: 512, height: 512 })
    expect(file.includes('Negative prompt: b')).toBe(true)
    expect(byUrl.usage).toMatchObject({ total_tokens: 0 })
    const inline = await open(localAi).images.generate({
      model: localAiModel,
      prompt: 'a',
      size: '512' as '512x512',
      response_format: 'b64_json',
    })
    const picture = Buffer.from(inline.data?.[0]?.b64_json ?? '', 'base64')
    expect(await sharp(picture).metadata()).toMatchObject({ width: 512, height: 512 })
  })

  it('refuses a wrong key, an order without a model, and edits', async () => {
    const stranger = new OpenAI({ baseURL: `${localAi.url}/v1`, apiKey: 'wrong', maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401 })
    await expect(open(localAi).images.generate({ prompt: 'a' })).rejects.toMatchObject({ status: 500 })
    const image = await toFile(await makePicture({ width: 8, height: 8, format: 'png', seed: 'x' }), 'x.png')
    await expect(open(localAi).images.edit({ prompt: 'a', image })).rejects.toMatchObject({ status: 404 })
  })

  it('sd-server lists its one model, edits, and takes what it cannot read for 512', async () => {
    const models = await open(sdServer).models.list()
    expect(models.data.map(model => model.id)).toEqual(['sd-cpp-local'])
    const image = await toFile(
      await makePicture({ width: 8, height: 8, format: 'png', seed: 'x' }),
      'x.png',
      {
        type: 'image/png',
      },
    )
    const edited = await open(sdServer).images.edit({ prompt: 'a', image, size: 'auto' })
    const picture = Buffer.from(edited.data?.[0]?.b64_json ?? '', 'base64')
    expect(await sharp(picture).metadata()).toMatchObject({ width: 512, height: 512 })
    await expect(open(sdServer).images.generate({ prompt: '' })).rejects.toMatchObject({
      status: 400,
      error: 'prompt required',
    })
  })

  it('sd-server counts one order at a time, on every surface', async () => {
    const draw = (path: string) =>
      fetch(`${sdServer.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ prompt: 'slow [[emulate: slow=150]]', width: 64, height: 64, size: '64x64' }),
      })
    const startedMs = performance.now()
    await Promise.all([draw('/v1/images/generations'), draw('/sdapi/v1/txt2img')])
    expect(performance.now() - startedMs).toBeGreaterThan(290)
  })
})
