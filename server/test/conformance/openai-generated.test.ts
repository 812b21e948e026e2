// A client generated from the document that the service itself serves: what the types promise is what comes.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import createClient from 'openapi-fetch'
import openapiTS, { astToString } from 'openapi-typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import type { components, paths } from './openai.gen.ts'
import { lookAt, makeInput } from './openai-client.ts'

let rig: Rig
let node: Node
let document: Parameters<typeof openapiTS>[0] & object
let ajv: Ajv2020

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  document = (await (await fetch(`${node.url}/openai/openapi.json`)).json()) as typeof document
  ajv = new Ajv2020({ strict: false })
  ajvFormats.default(ajv)
  ajv.addSchema(document, 'openai')
})
afterAll(() => rig.close())

async function open(credits = 1_000) {
  const { apiKey } = await rig.account({ credits })
  return createClient<paths>({ baseUrl: node.url, headers: { authorization: `Bearer ${apiKey}` } })
}

type Answer = { data?: object | undefined; error?: object | undefined }
type Images = components['schemas']['OpenAiImagesResponse']

/** The answer of a call that neither streams nor prefers to go on without waiting. */
function imagesOf({ data, error }: Answer): Images {
  if (!data || !('data' in data)) throw new Error(JSON.stringify(error ?? data))
  check('OpenAiImagesResponse', data)
  return data as Images
}

/** Against the component of that name. */
function check(component: string, value: unknown): void {
  const validate = ajv.compile({ $ref: `openai#/components/schemas/${component}` })
  expect(validate(value), JSON.stringify(validate.errors)).toBe(true)
}

test('the kept client is the one that the served document makes', async () => {
  const head = '// Made by openapi-typescript from /openapi/openai.json; UPDATE_GENERATED=1 makes it anew.\n'
  const made = head + astToString(await openapiTS(document, { defaultNonNullable: false }))
  const file = fileURLToPath(new URL('./openai.gen.ts', import.meta.url))
  if (process.env.UPDATE_GENERATED === '1') writeFileSync(file, made)
  expect(readFileSync(file, 'utf8')).toBe(made)
})

test('it generates, by base64 and by address', async () => {
  const client = await open()
  const body = { model: 'gpt-image-2', prompt: 'a red fox', quality: 'low', n: 2 } as const
  const made = imagesOf(await client.POST('/v1/images/generations', { body }))
  expect(made.data).toHaveLength(2)
  expect(await lookAt(made.data[0]?.b64_json)).toEqual({ format: 'png', size: made.size })
  const linked = { ...body, response_format: 'url' } as const
  const { data } = imagesOf(await client.POST('/v1/images/generations', { body: linked }))
  expect((await fetch(data[0]?.url ?? '')).status).toBe(200)
})

test('it edits, by JSON and by form', async () => {
  const client = await open()
  const picture = await makeInput({})
  const url = `data:image/png;base64,${picture.toString('base64')}`
  const body = { model: 'gpt-image-2', prompt: 'at night', images: [{ image_url: url }] }
  imagesOf(await client.POST('/v1/images/edits', { body }))
  const form = await client.POST('/v1/images/edits', {
    body: { model: 'gpt-image-2', prompt: 'at night', 'image[]': [] as string[] },
    bodySerializer() {
      const parts = new FormData()
      parts.append('model', 'gpt-image-2')
      parts.append('prompt', 'at night')
      parts.append('image[]', new Blob([new Uint8Array(picture)]), 'blob')
      return parts
    },
  })
  imagesOf(form)
})

test('it lists models and reads one', async () => {
  const client = await open()
  const list = await client.GET('/v1/models')
  check('OpenAiModelList', list.data)
  const id = 'google/nano-banana'
  const one = await client.GET('/v1/models/{id}', { params: { path: { id } } })
  check('OpenAiModel', one.data)
  expect(one.data?.id).toBe(id)
})

test('it reads refusals as what they are', async () => {
  const client = await open(0)
  const answers = [
    await client.POST('/v1/images/generations', { body: { prompt: 'a fox' } }),
    await client.POST('/v1/images/generations', { body: { prompt: '' } }),
    await client.POST('/v1/images/generations', { body: { prompt: 'a fox', model: 'none' } }),
    await client.POST('/v1/images/edits', { body: { prompt: 'a fox', images: [] } }),
    await client.GET('/v1/models/{id}', { params: { path: { id: 'none' } } }),
  ]
  expect(answers.map(({ response }) => response.status)).toEqual([429, 400, 404, 400, 404])
  for (const { error } of answers) check('OpenAiError', error)
})
