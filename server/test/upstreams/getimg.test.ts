// Holds the getimg emulator against the stand-in of the vendor's own client, which no registry has: what that client
// cannot read, the emulator gets wrong. Beside it the getimg dialect, whose document describes the same contract.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGetimgClient, GetimgApiError } from '../conformance/getimg-client.ts'
import type { GetimgImage } from '../conformance/getimg-contract.ts'
import { getimgModels } from './getimg/models.ts'
import { defaultGetimgKey, startGetimgUpstream } from './getimg.ts'

let upstream: Awaited<ReturnType<typeof startGetimgUpstream>>
const pauses: number[] = []
const model = 'gemini-3-1-flash-lite-image'

beforeAll(async () => {
  upstream = await startGetimgUpstream()
})
afterAll(async () => {
  expect([...upstream.errors, ...upstream.files.upstream.errors]).toEqual([])
  await upstream.close()
})

function createClient(apiKey = defaultGetimgKey) {
  const pause = async (ms: number) => void pauses.push(ms)
  return createGetimgClient({ apiKey, baseURL: upstream.url, pause })
}

function generate(prompt: string, more: Record<string, unknown> = {}): Promise<GetimgImage> {
  return createClient().images.generate({ model, prompt, ...more })
}

async function readError(call: Promise<unknown>): Promise<GetimgApiError> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof GetimgApiError)) throw new Error(`no error of the API: ${String(error)}`)
  return error
}

async function download(url: string | undefined) {
  const answer = await fetch(url ?? '')
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) }
}

describe('the emulator of getimg, read by a client that follows its documents', () => {
  it('answers with the whole documented body and a picture of the stated size and type', async () => {
    for (const format of ['png', 'jpeg', 'webp']) {
      const result = await generate('a boat', { output_format: format, aspect_ratio: '16:9' })
      expect(result).toEqual({
        id: expect.stringMatching(/^req-[0-9A-Z]+$/),
        status: 'completed',
        model,
        data: [
          {
            url: expect.stringContaining('exp='),
            mime_type: `image/${format}`,
            width: 1360,
            height: 768,
            deletes_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          },
        ],
        usage: { billable_unit: 'image', quantity: 1, unit_price: 0.035, total_cost: 0.035 },
      })
      const { bytes } = await download(result.data[0]?.url)
      expect(await sharp(bytes).metadata()).toMatchObject({ format, width: 1360, height: 768 })
    }
  })

  it('takes the first ratio, the first resolution and jpeg where nothing is said', async () => {
    const result = await createClient().images.generate({ model: 'seedream-5-lite', prompt: 'a boat' })
    expect(result.data[0]).toMatchObject({ mime_type: 'image/jpeg', width: 2048, height: 2048 })
    expect(result.usage.total_cost).toBe(0.04)
  })

  it('draws differently for another prompt and another reference, and alike for the same', async () => {
    const draw = async (prompt: string, url?: string) => {
      const images = url === undefined ? {} : { images: [{ url, role: 'reference_image' }] }
      return (await download((await generate(prompt, images)).data[0]?.url)).bytes
    }
    const first = await draw('a boat')
    expect((await draw('a boat')).equals(first)).toBe(true)
    expect((await draw('a house')).equals(first)).toBe(false)
    expect((await draw('a boat', 'https://a.example/1.png')).equals(first)).toBe(false)
  })

  it('carries the rate headers on every answer to a create, and waits as told after a 429', async () => {
    const client = createClient()
    await client.images.generate({ model, prompt: 'a boat' })
    const headers = client.last()?.headers ?? {}
    expect(headers['x-ratelimit-limit']).toBe('20')
    expect(headers['x-ratelimit-remaining']).toBe('19')
    expect(Number(headers['x-ratelimit-reset'])).toBeGreaterThan(Date.now() / 1000 - 1)
    pauses.length = 0
    await generate('a boat [[emulate: rate_limit, delay=7, first=1]]')
    expect(pauses).toEqual([7000])
  })

  it.each<[string, Record<string, unknown>, string, string]>([
    ['an unknown model', { model: 'nobody-knows' }, 'invalid_parameter', 'model'],
    ['a missing prompt', { prompt: undefined }, 'parameter_missing', 'prompt'],
    ['a prompt too long', { prompt: 'x'.repeat(4097) }, 'invalid_parameter', 'prompt'],
    ['a ratio of another model', { aspect_ratio: '9:21' }, 'invalid_parameter', 'aspect_ratio'],
    ['a resolution in lower case', { resolution: '1k' }, 'invalid_parameter', 'resolution'],
    ['an unknown format', { output_format: 'avif' }, 'invalid_parameter', 'output_format'],
    ['a field it does not have', { seed: 7 }, 'invalid_parameter', 'seed'],
    ['bare base64', { images: [{ url: 'iVBORw0KGgo=' }] }, 'invalid_parameter', 'images[0].url'],
    ['a data URL', { images: [{ url: 'data:image/png;base64,iVBO' }] }, 'invalid_parameter', 'images[0].url'],
    ['plain http', { images: [{ url: 'http://a.example/1.png' }] }, 'invalid_parameter', 'images[0].url'],
    [
      'another role',
      { images: [{ url: 'https://a.example/1', role: 'mask' }] },
      'invalid_parameter',
      'images[0].role',
    ],
    [
      'too many references',
      { images: Array(5).fill({ url: 'https://a.example/1' }) },
      'invalid_parameter',
      'images',
    ],
  ])('answers 400 to %s and bills nothing', async (_name, fields, code, param) => {
    const billedBefore = upstream.total.billable
    const error = await readError(generate('a boat', fields))
    expect([error.status, error.error?.error?.code, error.error?.error?.param]).toEqual([400, code, param])
    expect(upstream.total.billable).toBe(billedBefore)
  })

  it('refuses with the documented statuses and codes, and with the members at the top when asked', async () => {
    const expected = [
      ['moderation', 422, 'content_policy_violation'],
      ['quota', 402, 'quota_exceeded'],
      ['retired', 404, 'not_found'],
    ] as const
    for (const [behaviour, status, code] of expected) {
      const error = await readError(generate(`a [[emulate: ${behaviour}]]`))
      expect([error.status, error.error?.error?.code]).toEqual([status, code])
    }
    const flat = await readError(generate('a [[emulate: quota, flat_error]]'))
    expect(flat.error).toMatchObject({ code: 'quota_exceeded', message: expect.any(String) })
    expect(flat.error).not.toHaveProperty('error')
    const wrong = await readError(createClient('sk_stranger').models.list())
    expect([wrong.status, wrong.error?.error?.code]).toEqual([401, 'invalid_api_key'])
  })

  it('lets a file end at deletes_at', async () => {
    const result = await generate('a boat [[emulate: ended]]')
    const [file] = result.data
    expect(Date.parse(file?.deletes_at ?? '')).toBeLessThan(Date.now())
    expect((await download(file?.url)).status).toBe(404)
  })

  it('lists its models as a bare array, and each alone', async () => {
    const client = createClient()
    const listed = (await client.models.list()) as { id: string; type: string }[]
    expect(listed.map(({ id }) => id)).toEqual(getimgModels.map(({ id }) => id))
    expect(await client.models.retrieve(model)).toEqual(listed.find(({ id }) => id === model))
    const videos = await fetch(`${upstream.url}/v2/models?type=video`, {
      headers: { authorization: `Bearer ${defaultGetimgKey}` },
    })
    expect(await videos.json()).toEqual([])
  })
})
