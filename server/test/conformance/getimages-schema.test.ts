// Get Images' document: what a running server serves is what was published, and everything of it is in the whole.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import { get, type PublishedDocument, postGenerate, published, publishedUrl } from './getimages-contract.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig()
  node = await rig.startNode()
})
afterAll(() => rig.close())

type ServedDocument = PublishedDocument & {
  openapi: string
  info: { title: string; version: string; description: string }
  servers: { url: string }[]
}

/** What says nothing of what is sent: an example beside a schema, and whose document it is. */
function withoutNotes<Value>(value: Value): Value {
  const notes = ['example', 'license', 'contact']
  return JSON.parse(JSON.stringify(value, (key, each) => (notes.includes(key) ? undefined : each))) as Value
}

async function fetchDocument(path: string): Promise<ServedDocument> {
  const answer = await fetch(node.url + path)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  return (await answer.json()) as ServedDocument
}

describe('the published document', () => {
  for (const path of ['/openapi/getimages.json', '/getimages/openapi.json']) {
    test(`is served unchanged at ${path}, apart from the server's own address and examples`, async () => {
      const served = await fetchDocument(path)
      expect(withoutNotes({ ...served, servers: null })).toEqual({ ...published, servers: null })
      expect(served.servers).toEqual([{ url: node.url }])
    })
  }

  test('is contained in the document of the whole service, word for word', async () => {
    const whole = await fetchDocument('/openapi.json')
    expect(whole.openapi).toBe('3.1.0')
    for (const [path, item] of Object.entries(published.paths)) {
      expect(withoutNotes(whole.paths[path])).toEqual(item)
    }
    expect(whole.components.schemas).toMatchObject(published.components.schemas)
    for (const [name, schema] of Object.entries(published.components.schemas)) {
      expect(whole.components.schemas[name], name).toEqual(schema)
    }
    expect(whole.components.securitySchemes).toMatchObject(published.components.securitySchemes)
    expect(whole.security).toEqual(published.security)
    expect(whole.tags).toEqual(expect.arrayContaining(published.tags as unknown[]))
    const ids = Object.values(whole.paths).flatMap(item =>
      Object.values(item).map(each => operationIdOf(each)),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('has the five operations and thirteen components of the contract', () => {
    const ids = Object.values(published.paths).flatMap(item =>
      Object.values(item).map(each => operationIdOf(each)),
    )
    expect(ids.sort()).toEqual(['generateImage', 'getAccount', 'getImage', 'listImages', 'listUsage'])
    expect(Object.keys(published.components.schemas)).toHaveLength(13)
  })

  test('is what the generated client was made of', async () => {
    const made = astToString(await openapiTS(publishedUrl, { defaultNonNullable: false }))
    const kept = readFileSync(fileURLToPath(new URL('./getimages.gen.ts', import.meta.url)), 'utf8')
    expect(kept.split('\n').slice(1).join('\n')).toBe(made)
  })
})

function operationIdOf(operation: unknown): unknown {
  return (operation as { operationId?: unknown }).operationId
}

test('below its mount only its own paths exist', async () => {
  const ask = (path: string) => fetch(node.url + path).then(async each => [each.status, await each.json()])
  expect(await ask('/getimages/api/v1/account')).toEqual([401, { error: { message: expect.any(String) } }])
  expect(await ask('/getimages/api/v1/generations/x')).toEqual([
    404,
    { error: { message: expect.any(String) } },
  ])
  expect(await ask('/getimages/v1/models')).toEqual([404, { error: { message: expect.any(String) } }])
})

/** A server that answers everything so, with the headers that every answer must have. */
async function serveAnswer(status: number, body: unknown) {
  const headers = {
    'content-type': 'application/json',
    'x-request-id': 'a-request',
    'x-content-type-options': 'nosniff',
  }
  const server = createServer((_, response) => response.writeHead(status, headers).end(JSON.stringify(body)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

test('the judge of all these suites refuses what the document does not say', async () => {
  const { apiKey } = await rig.account({ credits: 100 })
  const order = { body: { prompt: 'a judge', modelId: 'openai:gpt-image-1.5' } }
  const made = (await postGenerate(node.url, apiKey, order)).body as { image: object; credits: object }
  const { required } = published.components.schemas.ImageMetadata as { required: string[] }
  /** What the judge finds fault with; empty when it lets the answer pass. */
  const judged = async (status: number, body: unknown, path?: string): Promise<string> => {
    const server = await serveAnswer(status, body)
    try {
      await (path ? get(server.url, apiKey, path) : postGenerate(server.url, apiKey, order))
      return ''
    } catch (error) {
      return JSON.stringify((error as { actual?: unknown }).actual)
    } finally {
      server.close()
    }
  }
  expect(await judged(200, made)).toBe('')
  const refused: [string, number, unknown, RegExp][] = [
    ['a part is missing', 200, { image: made.image }, /required property 'credits'/],
    ...[...required, 'b64_json'].map((name): [string, number, unknown, RegExp] => [
      `no ${name}`,
      200,
      { ...made, image: { ...made.image, [name]: undefined } },
      new RegExp(`required property '${name}'`),
    ]),
    [
      'another type',
      200,
      { ...made, credits: { ...made.credits, charged: '3' } },
      /must be integer|must be number/,
    ],
    ['an undeclared status', 403, { error: { message: 'no' } }, /status 403 is not in the contract/],
    ['a status added by rule with another body', 503, { message: 'no' }, /required property 'error'/],
    ['an error without its message', 400, { error: {} }, /required property 'message'/],
  ]
  for (const [what, status, body, says] of refused) expect(await judged(status, body), what).toMatch(says)
  expect(await judged(200, {}, '/api/v1/nothing')).toMatch(/status 200 for no operation/)
})
