// Options that only some models offer, `moderation` and input fidelity: said to the upstream as they were asked for, or
// refused by name with what is allowed, in the native API and OpenAI's; never dropped in silence.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { createNativeClient, generations, type NativeClient } from './native-client.ts'
import { makeInput } from './openai-client.ts'

let rig: Rig
let node: Node
let client: NativeClient
let folder: string
let picture: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  folder = mkdtempSync(join(tmpdir(), 'darkroom-options-'))
  const catalog = join(folder, 'catalog.json')
  // Whatever the day is, the model that takes both levels is there.
  writeFileSync(
    catalog,
    JSON.stringify({ upstreams: { 'openai/gpt-image-1.5': { retiresAt: null, successor: null } } }),
  )
  node = await rig.startNode({ DARKROOM_CATALOG: catalog })
  client = await createNativeClient(node)
  picture = `data:image/png;base64,${(await makeInput({})).toString('base64')}`
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
  rmSync(folder, { recursive: true, force: true })
})

const lastBody = () => rig.openai.requests.at(-1)?.body?.toString('latin1') ?? ''

test('what a model offers reaches its upstream, at the price that was quoted', async () => {
  const credits = 500
  const { apiKey, accountId } = await rig.account({ credits })
  let left = credits
  const order = async (asked: object) => {
    const body = { prompt: 'a fox', quality: 'low', ...asked }
    const quoted = await client.call(apiKey, `POST ${generations}/quote`, { body })
    expect(quoted.status, JSON.stringify(quoted.body)).toBe(200)
    const headers = { prefer: 'wait=60' }
    const made = await client.call(apiKey, `POST ${generations}`, { body, headers })
    expect([made.status, made.body.status]).toEqual([200, 'succeeded'])
    expect(made.body.warnings).toEqual([])
    left -= Number(quoted.body.costCredits)
    expect(await rig.balance(accountId)).toBe(left)
  }
  await order({ model: 'gpt-image-2', moderation: 'low' })
  expect(JSON.parse(lastBody())).toMatchObject({ moderation: 'low' })
  await order({ model: 'gpt-image-2', moderation: 'auto' })
  expect(JSON.parse(lastBody())).not.toHaveProperty('moderation')
  await order({ model: 'gpt-image-1.5', images: [{ url: picture }], inputFidelity: 'high' })
  expect(lastBody()).toMatch(/name="input_fidelity"\r\n\r\nhigh\r\n/)
})

test('what a model lacks is refused by name with what is allowed, in both APIs, and nothing is held', async () => {
  const { apiKey, accountId } = await rig.account({ credits: 50 })
  const asked = rig.openai.requests.length + rig.google.requests.length
  const images = [{ url: picture }]
  const cases = [
    [{ model: 'google:gemini-2.5-flash-image', moderation: 'low' }, 'moderation', 'allowed: auto.'],
    [{ model: 'gpt-image-2', moderation: 'low', images }, 'moderation', 'allowed: auto.'],
    [{ model: 'gpt-image-2', inputFidelity: 'low', images }, 'inputFidelity', 'allowed: high.'],
    [
      { model: 'google:gemini-2.5-flash-image', inputFidelity: 'low', images },
      'inputFidelity',
      'takes no inputFidelity.',
    ],
    [{ model: 'gpt-image-1-mini', inputFidelity: 'high', images }, 'inputFidelity', ''],
    [{ model: 'gpt-image-1.5', inputFidelity: 'high' }, 'inputFidelity', 'needs a picture'],
    [{ model: 'gpt-image-1.5', inputFidelity: 'best', images }, 'inputFidelity', 'high'],
  ] as const
  for (const [body, path, text] of cases) {
    for (const target of [generations, `${generations}/quote`]) {
      const { status, body: refusal } = await client.call(apiKey, `POST ${target}`, {
        body: { prompt: 'a fox', ...body },
      })
      expect([status, refusal.issues?.[0]?.path], JSON.stringify(refusal)).toEqual([400, path])
      expect(refusal.issues?.[0]?.message).toContain(text)
    }
  }
  const openAi: [string, Record<string, unknown>, string, string][] = [
    ['generations', { model: 'google:gemini-2.5-flash-image', moderation: 'low' }, 'moderation', 'auto'],
    ['edits', { model: 'gpt-image-2', moderation: 'low' }, 'moderation', 'auto'],
    [
      'edits',
      { model: 'google:gemini-2.5-flash-image', input_fidelity: 'high' },
      'input_fidelity',
      'no input_fidelity',
    ],
  ]
  for (const [path, body, param, text] of openAi) {
    const pictures = path === 'edits' ? { images: [{ image_url: picture }] } : {}
    const { status, body: refusal } = await callOpenAi(apiKey, path, { prompt: 'x', ...pictures, ...body })
    const { error } = refusal as { error: { param: string; message: string } }
    expect([status, error.param], JSON.stringify(refusal)).toEqual([400, param])
    expect(error.message).toContain(text)
  }
  expect(rig.openai.requests.length + rig.google.requests.length).toBe(asked)
  expect(await rig.balance(accountId)).toBe(50)
})

test('an edit in OpenAI’s API may name the fidelity that is there anyway: low with any model, high where it is always so', async () => {
  const { apiKey } = await rig.account({ credits: 500 })
  const images = [{ image_url: picture }]
  for (const [model, input_fidelity] of [
    ['gpt-image-2', 'low'],
    ['google:gemini-2.5-flash-image', 'low'],
    ['gpt-image-2', 'high'],
    ['gpt-image-1', 'high'],
  ] as const) {
    const { status, body } = await callOpenAi(apiKey, 'edits', { model, prompt: 'x', images, input_fidelity })
    expect(status, `${model} ${JSON.stringify(body)}`.slice(0, 300)).toBe(200)
    if (model !== 'google:gemini-2.5-flash-image') expect(lastBody()).not.toContain('input_fidelity')
  }
})

test('whoever lets options be adapted is told what was left out, by a quote as well', async () => {
  const { apiKey } = await rig.account({ credits: 50 })
  const body = {
    ...{ model: 'google:gemini-2.5-flash-image', prompt: 'a fox', moderation: 'low' },
    ...{ inputFidelity: 'high', images: [{ url: picture }], onUnsupported: 'adapt' },
  }
  const warnings = [
    'The moderation level low is not offered and was left out.',
    'The input fidelity high is not offered and was left out.',
  ]
  const quoted = await client.call(apiKey, `POST ${generations}/quote`, { body })
  expect([quoted.status, quoted.body.warnings]).toEqual([200, warnings])
  const made = await client.call(apiKey, `POST ${generations}`, { body, headers: { prefer: 'wait=60' } })
  expect([made.body.status, made.body.warnings]).toEqual(['succeeded', warnings])
})

test('the catalogue says what each model offers of both, and an order may ask for exactly that', async () => {
  const { apiKey } = await rig.account({ credits: 0 })
  const { body } = await client.call(apiKey, 'GET /api/v1/catalog')
  const models = body.models as {
    id: string
    edits: boolean
    moderation: string[]
    inputFidelity: string[]
  }[]
  const shown = (id: string) => {
    const { moderation, inputFidelity } = models.find(each => each.id === id) ?? {}
    return { moderation, inputFidelity }
  }
  expect(shown('gpt-image-1.5')).toEqual({ moderation: ['auto', 'low'], inputFidelity: ['high', 'low'] })
  expect(shown('gpt-image-2')).toEqual({ moderation: ['auto', 'low'], inputFidelity: ['high'] })
  expect(shown('google:gemini-2.5-flash-image')).toEqual({ moderation: ['auto'], inputFidelity: [] })
  const quote = async (asked: object) =>
    (await client.call(apiKey, `POST ${generations}/quote`, { body: { prompt: 'x', ...asked } })).status
  for (const { id: model, edits, moderation, inputFidelity } of models) {
    for (const level of ['auto', 'low']) {
      const expected = moderation.includes(level) ? 200 : 400
      expect(await quote({ model, moderation: level }), `${model} ${level}`).toBe(expected)
    }
    for (const level of edits ? ['high', 'low'] : []) {
      const expected = inputFidelity.includes(level) ? 200 : 400
      const asked = { model, inputFidelity: level, images: [{ url: picture }] }
      expect(await quote(asked), `${model} ${level}`).toBe(expected)
    }
  }
})

test('a generation shows what was ordered, with which key, the tokens it took and when its files end', async () => {
  const { apiKey, accountId } = await rig.account({ credits: 500 })
  const [key] = await rig.database.db.query<{ id: string }>(
    {
      name: 'test_newest_key',
      text: 'SELECT id FROM api_key WHERE account_id = $1 ORDER BY id DESC LIMIT 1',
    },
    [accountId],
  )
  const asked = { style: 'ink', outputFormat: 'webp', outputCompression: 70, moderation: 'low' }
  const made = await client.call(apiKey, `POST ${generations}`, {
    body: { model: 'gpt-image-2', prompt: 'a fox', size: '1536x1024', n: 2, ...asked },
    headers: { prefer: 'wait=60' },
  })
  expect(made.body).toMatchObject({ key: key?.id, n: 2, filesExpireAt: null })
  expect(made.body.options).toEqual({ ...asked, size: '1536x1024', quality: 'medium' })
  expect(made.body.usage).toMatchObject({
    inputTokens: expect.any(Number),
    outputTokens: expect.any(Number),
  })
  const getimg = await fetch(`${node.url}/v2/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-image-2', prompt: 'a fox' }),
  })
  const { data } = (await getimg.json()) as { data: { deletes_at: string }[] }
  const { body } = await client.call(apiKey, `GET ${generations}?dialect=getimg`)
  const [shown] = body.generations as { filesExpireAt: string; n: number; options: object }[]
  expect(shown).toMatchObject({ n: 1, options: { aspectRatio: '1:1' } })
  expect(Date.parse(shown?.filesExpireAt ?? '')).toBe(Date.parse(data[0]?.deletes_at ?? ''))
})

async function callOpenAi(apiKey: string, path: string, body: object) {
  const answer = await fetch(`${node.url}/v1/images/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
