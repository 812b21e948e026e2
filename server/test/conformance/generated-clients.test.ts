// Clients generated from the documents of getimg, gptimage2, imgeo and the native API: each is typed, is the one that
// the served document makes, and is used; what it is answered is held against that document.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import createClient from 'openapi-fetch'
import openapiTS, { astToString } from 'openapi-typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import type { paths as GetimgPaths } from './getimg.gen.ts'
import type { paths as Gptimage2Paths } from './gptimage2.gen.ts'
import type { paths as ImgeoPaths } from './imgeo.gen.ts'
import type { paths as NativePaths } from './native.gen.ts'

const dialects = ['getimg', 'gptimage2', 'imgeo', 'native'] as const
type Dialect = (typeof dialects)[number]
type Document = Parameters<typeof openapiTS>[0] & object

let rig: Rig
let node: Node
const documents = new Map<Dialect, Document>()
const ajv = new Ajv2020({ strict: false })

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  ajvFormats.default(ajv)
  for (const dialect of dialects) {
    const document = (await (await fetch(`${node.url}/openapi/${dialect}.json`)).json()) as Document
    documents.set(dialect, document)
    ajv.addSchema(document, dialect)
  }
})
afterAll(async () => {
  expect(await rig.violations()).toEqual([])
  await rig.close()
})

test.each(dialects)('the kept client of %s is the one that the served document makes', async dialect => {
  const head = `// Made by openapi-typescript from /openapi/${dialect}.json; UPDATE_GENERATED=1 makes it anew.\n`
  const ast = await openapiTS(documents.get(dialect) as Document, { defaultNonNullable: false })
  const file = fileURLToPath(new URL(`./${dialect}.gen.ts`, import.meta.url))
  // The comments are longer than the types, and stand in the document.
  const made = head + astToString(ast).replace(/^ *\/\*\*[\s\S]*?\*\/\n/gm, '')
  if (process.env.UPDATE_GENERATED === '1') writeFileSync(file, made)
  expect(readFileSync(file, 'utf8')).toBe(made)
})

/** A client's answer against the component of that name; answers the value. */
function check<Value>(component: `${Dialect}#${string}`, value: Value | undefined): Value {
  const [dialect, name] = component.split('#')
  const validate = ajv.compile({ $ref: `${dialect}#/components/schemas/${name}` })
  expect(validate(value), JSON.stringify([validate.errors, value])).toBe(true)
  return value as Value
}

async function open<Paths extends object>(
  key: NonNullable<Parameters<Rig['account']>[0]['key']> = {},
  credits = 1_000,
) {
  const { apiKey } = await rig.account({ credits, plan: 'pro', key })
  return createClient<Paths>({ baseUrl: node.url, headers: { authorization: `Bearer ${apiKey}` } })
}

test('getimg’s generates, and reads models and money', async () => {
  const client = await open<GetimgPaths>()
  const body = { model: 'gpt-image-2', prompt: 'a red fox' }
  const made = await client.POST('/v2/images/generations', { body })
  check('getimg#GetimgImageResponse', made.data)
  const { data } = await client.GET('/v2/models/{model}', { params: { path: { model: 'gpt-image-2' } } })
  expect(check('getimg#GetimgModel', data)?.id).toBe('gpt-image-2')
  check('getimg#GetimgBalance', (await client.GET('/v2/billing/balance')).data)
  const refused = await client.POST('/v2/images/generations', { body: { ...body, model: 'none' } })
  expect(refused.response.status).toBe(400)
  check('getimg#GetimgError', refused.error)
})

test('gptimage2’s orders, polls until the end, and announces an upload', async () => {
  const client = await open<Gptimage2Paths>({ style: 'gptimage2' })
  const order = { type: 'text2img', prompt: 'a red fox', size: '1024x1024', quality: 'low' } as const
  const placed = check(
    'gptimage2#Gptimage2Accepted',
    (await client.POST('/api/v1/generate', { body: order })).data,
  )
  const path = { id: placed?.generationId ?? '' }
  await eventually('it has ended', async () => {
    const { data } = await client.GET('/api/v1/generations/{id}', { params: { path } })
    return check('gptimage2#Gptimage2Generation', data)?.status === 'succeeded'
  })
  const upload = { filename: 'a.png', contentType: 'image/png', size: 100 } as const
  check('gptimage2#Gptimage2UploadTicket', (await client.POST('/api/v1/upload', { body: upload })).data)
  const refused = await client.POST('/api/v1/generate', { body: { ...order, prompt: '' } })
  expect(refused.response.status).toBe(400)
  check('gptimage2#Gptimage2Error', refused.error)
})

test('imgeo’s generates, and reads models and the balance', async () => {
  const client = await open<ImgeoPaths>({ style: 'imgeo' })
  const body = { model: 'google/nano-banana', prompt: 'a red fox' } as const
  check('imgeo#ImgeoGenerateResponse', (await client.POST('/api/v1/generate', { body })).data)
  const { data: models } = await client.GET('/api/v1/models')
  expect(models).toBeTruthy()
  check('imgeo#ImgeoBalance', (await client.GET('/api/v1/balance')).data)
  const refused = await client.POST('/api/v1/generate', { body: { ...body, prompt: '' } })
  expect(refused.response.status).toBe(400)
  check('imgeo#ImgeoError', refused.error)
})

test('the native one prices, orders, reads, lists and deletes', async () => {
  const client = await open<NativePaths>()
  const { data: catalog } = await client.GET('/api/v1/catalog')
  const [model] = check('native#ModelCatalog', catalog)?.models ?? []
  const body = { model: model?.id ?? '', prompt: 'a red fox', tags: ['fox'] }
  const quote = check('native#Quote', (await client.POST('/api/v1/generations/quote', { body })).data)
  const made = await client.POST('/api/v1/generations', {
    body,
    params: { header: { Prefer: 'wait=30', 'Idempotency-Key': 'fox-1' } },
  })
  const generation = check('native#Generation', made.data)
  expect(generation?.costCredits).toBe(quote?.costCredits)
  const listed = await client.GET('/api/v1/generations', { params: { query: { tag: 'fox' } } })
  expect(check('native#GenerationList', listed.data)?.generations).toHaveLength(1)
  const path = { id: generation?.id ?? '' }
  check('native#Generation', (await client.GET('/api/v1/generations/{id}', { params: { path } })).data)
  const gone = await client.DELETE('/api/v1/generations/{id}', { params: { path } })
  expect(gone.response.status).toBe(204)
  const missing = await client.GET('/api/v1/generations/{id}', { params: { path } })
  expect(missing.response.status).toBe(404)
  check('native#NativeError', missing.error)
})
