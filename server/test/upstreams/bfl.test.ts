// Holds the emulator of Black Forest Labs against what its vendor documents: three hosts, one key, and what is refused.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BflUpstream, defaultBflKey, startBflUpstream } from './bfl.ts'
import { makePicture } from './pictures.ts'

let upstream: BflUpstream
beforeAll(async () => {
  upstream = await startBflUpstream()
})
afterAll(async () => {
  expect([...upstream.errors, ...upstream.polls.errors, ...upstream.files.upstream.errors]).toEqual([])
  await upstream.close()
})

/** Of an answer nothing is known that the test does not look at. */
type Told = {
  status: number
  value: Record<string, never> & {
    detail: { loc: string[] }[]
    polling_url: string
    result: { sample: string }
  }
}

async function create(
  fields: unknown,
  model = 'flux-2-pro',
  headers: Record<string, string> = {},
): Promise<Told> {
  const answer = await fetch(`${upstream.url}/v1/${model}`, {
    method: 'POST',
    headers: { 'x-key': defaultBflKey, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(fields),
  })
  return { status: answer.status, value: (await answer.json()) as Told['value'] }
}

async function read(url: string, key = defaultBflKey): Promise<Told> {
  const answer = await fetch(url, { headers: { 'x-key': key } })
  return { status: answer.status, value: (await answer.json()) as Told['value'] }
}

async function makePrompted(prompt: string, seed = 1) {
  const { value } = await create({ prompt, seed, width: 512, height: 768, output_format: 'png' })
  const told = await read(value.polling_url)
  return Buffer.from(await (await fetch(told.value.result.sample)).arrayBuffer())
}

describe('the emulator of Black Forest Labs', () => {
  it('hands out a task, tells of it at another host, and has the picture at a third', async () => {
    const created = await create({ prompt: 'a fox', width: 2048, height: 1024, seed: 7 })
    expect(created).toMatchObject({ status: 200, value: { cost: 4.5, input_mp: 0, output_mp: 2 } })
    const { polling_url } = created.value
    expect(new URL(polling_url).origin).toBe(upstream.polls.url)
    const told = await read(polling_url)
    expect(told.value).toMatchObject({ status: 'Ready', result: { prompt: 'a fox', seed: 7 } })
    const picture = await fetch(told.value.result.sample)
    expect(await sharp(Buffer.from(await picture.arrayBuffer())).metadata()).toMatchObject({
      format: 'jpeg',
      width: 2048,
      height: 1024,
    })
    expect(upstream.files.expire(told.value.result.sample)).toBe(true)
    expect((await fetch((await read(polling_url)).value.result.sample)).status).toBe(404)
  })

  it('differs by prompt and seed', async () => {
    const pictures = [
      await makePrompted('a fox'),
      await makePrompted('a fox', 2),
      await makePrompted('a hen'),
      await makePrompted('a fox'),
    ]
    expect(new Set(pictures.map(picture => picture.toString('base64'))).size).toBe(3)
  })

  it('wants its own header at every host, and knows no foreign task', async () => {
    const bearer = { 'x-key': '', authorization: `Bearer ${defaultBflKey}` }
    expect((await create({ prompt: 'x' }, 'flux-2-pro', bearer)).status).toBe(403)
    expect((await read(`${upstream.polls.url}/v1/get_result?id=x`, 'other')).status).toBe(403)
    const foreign = await read(`${upstream.polls.url}/v1/get_result?id=x`)
    expect(foreign).toMatchObject({ status: 404, value: { status: 'Task not found' } })
  })

  it('bills what it accepts, and nothing that it refuses or cannot make', async () => {
    const billed = async (behaviour: string) => {
      const before = upstream.total.billable
      await create({ prompt: `x [[emulate: ${behaviour}]]` })
      return upstream.total.billable - before
    }
    expect([await billed('slow=5'), await billed('moderation_output'), await billed('failed')]).toEqual([
      1, 0, 0,
    ])
  })

  it.each<[string, string, unknown, number, string]>([
    ['an edge off its grid', 'flux-2-pro', { prompt: 'x', width: 1000 }, 422, 'width'],
    ['more than four megapixels', 'flux-2-pro', { prompt: 'x', width: 4096, height: 2048 }, 422, 'width'],
    [
      'a ratio where pixels are told',
      'flux-2-pro',
      { prompt: 'x', aspect_ratio: '1:1' },
      422,
      'aspect_ratio',
    ],
    ['a ratio too wide', 'flux-kontext-max', { prompt: 'x', aspect_ratio: '4:1' }, 422, 'aspect_ratio'],
    ['webp', 'flux-2-pro', { prompt: 'x', output_format: 'webp' }, 422, 'output_format'],
    ['a field nobody knows', 'flux-2-pro', { prompt: 'x', n: 2 }, 422, 'n'],
    ['no prompt', 'flux-2-pro', {}, 422, 'prompt'],
  ])('refuses %s', async (_what, model, fields, status, field) => {
    const { status: answered, value } = await create(fields, model)
    expect([answered, value.detail[0]?.loc]).toEqual([status, ['body', field]])
  })

  it('takes pictures as bare base64 and as no data URL', async () => {
    const picture = (await makePicture({ width: 32, height: 32, format: 'png', seed: 'a' })).toString(
      'base64',
    )
    expect((await create({ prompt: 'x', input_image: picture })).value).toMatchObject({
      input_mp: 1,
      cost: 4.5,
    })
    const dressed = await create({ prompt: 'x', input_image: `data:image/png;base64,${picture}` })
    expect([dressed.status, dressed.value.detail[0]?.loc]).toEqual([422, ['body', 'input_image']])
  })

  it('knows no retired model', async () => {
    expect(await create({ prompt: 'x' }, 'flux-pro-1.0-depth')).toEqual({
      status: 404,
      value: { detail: 'Not Found' },
    })
  })
})
