// Holds the fal emulator against the vendor's own client: what that client cannot read, the emulator gets wrong. The
// client's hosts are fixed; its documented request middleware leads it here.
import { ApiError, createFalClient, ValidationError } from '@fal-ai/client'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import sizes from '../../src/models/defaults/sizes.json' with { type: 'json' }
import catalogue from '../../src/models/defaults/upstreams-fal.json' with { type: 'json' }
import { falModels, findPixels } from './fal/models.ts'
import { defaultFalKey, type FalUpstream, startFalUpstream } from './fal.ts'
import { makePicture } from './pictures.ts'

let upstream: FalUpstream
const lite = 'bytedance/seedream/v5/lite/text-to-image'
const flux = 'fal-ai/flux/dev'

beforeAll(async () => {
  upstream = await startFalUpstream()
})
afterAll(async () => {
  expect([...upstream.errors, ...upstream.files.upstream.errors]).toEqual([])
  await upstream.close()
})

function createClient(credentials = defaultFalKey) {
  return createFalClient({
    credentials,
    retry: { maxRetries: 0 },
    async requestMiddleware(request) {
      return { ...request, url: request.url.replace('https://queue.fal.run', upstream.url) }
    },
  })
}

type Input = Record<string, unknown>
type Output = { images: { url: string; width: number; height: number; content_type: string }[] } & Input

async function draw(prompt: string, input: Input = {}, model = flux): Promise<Output> {
  const result = await createClient().subscribe(model, { input: { prompt, ...input }, pollInterval: 5 })
  return result.data as Output
}

async function readError(call: Promise<unknown>): Promise<ApiError<Input>> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ApiError)) throw new Error(`no error of the API: ${String(error)}`)
  return error as ApiError<Input>
}

async function download(url: string | undefined): Promise<Buffer> {
  return Buffer.from(await (await fetch(url ?? '')).arrayBuffer())
}

describe('the emulator of fal, read by the official client', () => {
  it('draws the asked sizes and numbers, by pixels and by presets', async () => {
    const wide = await draw('a boat', { image_size: { width: 2560, height: 1440 }, num_images: 2 }, lite)
    expect(wide.images.map(({ width, height }) => [width, height])).toEqual([
      [2560, 1440],
      [2560, 1440],
    ])
    expect(wide.has_nsfw_concepts).toEqual([false, false])
    const [first] = (await draw('a boat', { image_size: 'landscape_16_9', output_format: 'jpeg' })).images
    const bytes = await download(first?.url)
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 1024, height: 576, format: 'jpeg' })
    expect(first?.content_type).toBe('image/jpeg')
  })

  it('draws differently for another prompt and another seed, and alike for the same', async () => {
    const bytes = async (prompt: string, seed: number) => {
      const { images } = await draw(prompt, { seed, image_size: 'square' })
      return (await download(images[0]?.url)).toString('base64')
    }
    const first = await bytes('a boat', 1)
    expect(await bytes('a boat', 1)).toBe(first)
    expect(await bytes('a boat', 2)).not.toBe(first)
    expect(await bytes('a house', 1)).not.toBe(first)
  })

  it('moves through the queue, at addresses of owner and alias alone', async () => {
    const seen: unknown[] = []
    await createClient().subscribe(lite, {
      input: { prompt: 'a boat [[emulate: queue=3, steps=1]]' },
      pollInterval: 5,
      onQueueUpdate: update =>
        void seen.push([update.status, 'queue_position' in update && update.queue_position]),
    })
    expect(seen).toEqual([
      ['IN_QUEUE', 2],
      ['IN_QUEUE', 1],
      ['IN_QUEUE', 0],
      ['IN_PROGRESS', false],
      ['COMPLETED', false],
    ])
    const receipt = await createClient().queue.submit(lite, { input: { prompt: 'a boat' } })
    expect(receipt).toMatchObject({ status: 'IN_QUEUE', gateway_request_id: receipt.request_id })
    expect(receipt.status_url).toBe(
      `${upstream.url}/bytedance/seedream/requests/${receipt.request_id}/status`,
    )
    expect(receipt.response_url).toBe(`${upstream.url}/bytedance/seedream/requests/${receipt.request_id}`)
    expect(receipt.cancel_url).toBe(`${receipt.response_url}/cancel`)
  })

  it('calls a refused job completed, and refuses at the result', async () => {
    const client = createClient()
    const { request_id: requestId } = await client.queue.submit(lite, {
      input: { prompt: 'a [[emulate: content]]' },
    })
    expect(await client.queue.status(lite, { requestId })).toMatchObject({ status: 'COMPLETED' })
    const error = await readError(client.queue.result(lite, { requestId }))
    expect(error).toBeInstanceOf(ValidationError)
    const [detail] = (error as unknown as ValidationError).fieldErrors
    expect(detail).toMatchObject({ loc: ['body', 'prompt'], type: 'content_policy_violation' })
    const text = await readError(draw('a [[emulate: content, detail=string]]'))
    expect(text.body.detail).toEqual(expect.any(String))
    const one = await readError(draw('a [[emulate: content=image, detail=object]]'))
    expect(one.body.detail).toMatchObject({ loc: ['body', 'image_urls'] })
  })

  it('blackens and flags the pictures that it will not show', async () => {
    const { images, has_nsfw_concepts: flags } = await draw('a [[emulate: nsfw=2]]', { num_images: 2 })
    expect(flags).toEqual([false, true])
    expect(images).toHaveLength(2)
  })

  it('names a timeout of the caller’s own', async () => {
    const own = await readError(draw('a [[emulate: timeout=user]]'))
    expect([own.status, own.isUserTimeout]).toEqual([504, true])
  })

  it.each<[string, string, Input]>([
    ['a picture too small for the model', lite, { image_size: { width: 1024, height: 1024 } }],
    ['one too large', lite, { image_size: { width: 8192, height: 4096 } }],
    ['a preset that there is none of', flux, { image_size: 'cinema' }],
    ['a field the model lacks', lite, { seed: 7 }],
    ['too many pictures', lite, { num_images: 7 }],
    ['an edit without pictures', 'bytedance/seedream/v5/lite/edit', {}],
    [
      'pictures that are none',
      'bytedance/seedream/v5/lite/edit',
      { image_urls: ['data:image/png;base64,AAAA'] },
    ],
  ])('answers 422 to %s and bills nothing', async (_name, model, input) => {
    const billedBefore = upstream.total.billable
    const error = await readError(
      createClient().queue.submit(model, { input: { prompt: 'a boat', ...input } }),
    )
    expect(error.status).toBe(422)
    expect(upstream.total.billable).toBe(billedBefore)
  })

  it('edits pictures given by address or as data URLs', async () => {
    const png = await makePicture({ width: 8, height: 8, format: 'png', seed: 'in' })
    const urls = ['https://a.example/1.png', `data:image/png;base64,${png.toString('base64')}`]
    const edit = (image_urls: string[]) => draw('bluer', { image_urls }, 'bytedance/seedream/v5/lite/edit')
    const [one, two] = await Promise.all(urls.map(async url => download((await edit([url])).images[0]?.url)))
    expect(one !== undefined && two !== undefined && one.equals(two)).toBe(false)
  })

  it('refuses a wrong key, an empty purse, an unknown model, and haste, each in its way', async () => {
    const submit = (prompt: string, model = lite, key = defaultFalKey) =>
      readError(createClient(key).queue.submit(model, { input: { prompt } }))
    expect((await submit('a boat', lite, 'id:wrong')).status).toBe(401)
    const quota = await submit('a [[emulate: quota]]')
    expect([quota.status, quota.body.detail]).toEqual([403, expect.stringContaining('Exhausted balance')])
    expect((await submit('a boat', 'nobody/knows/this')).status).toBe(404)
  })

  it('cancels what still waits', async () => {
    const client = createClient()
    const { request_id: requestId } = await client.queue.submit(lite, {
      input: { prompt: 'a [[emulate: queue=9]]' },
    })
    await client.queue.cancel(lite, { requestId })
    expect((await readError(client.queue.result(lite, { requestId }))).status).toBe(499)
    const again = await readError(client.queue.cancel(lite, { requestId }))
    expect([again.status, again.body.status]).toEqual([400, 'ALREADY_COMPLETED'])
  })

  it('knows every model that the catalogue sends to it, in every size', () => {
    for (const { model, shape } of Object.values(catalogue.upstreams)) {
      const known = falModels.find(({ path }) => path === model)
      if (known === undefined) throw new Error(`no model ${model}`)
      for (const resolution of shape.resolutions as ('2K' | '4K')[]) {
        for (const ratio of shape.ratios as '1:1'[]) {
          const [width, height] = sizes.sizeTables.darkroom[resolution][ratio].split('x').map(Number)
          expect(findPixels(known, { width, height })).toEqual({ width, height })
        }
      }
    }
  })
})
