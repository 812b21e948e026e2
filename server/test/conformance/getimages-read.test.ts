// Reading through Get Images: lists, pages, one image, account and usage; and that nobody sees another's.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'
import {
  creditsOf,
  detailsOf,
  get,
  type ImageMetadata,
  imageOf,
  judge,
  postGenerate,
  type Schemas,
  type Transaction,
} from './getimages-contract.ts'

let rig: Rig
let node: Node
let apiKey: string
let accountId: string
/** Newest first. */
const made: ImageMetadata[] = []
const startCredits = 1_000

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
  const account = await rig.account({ credits: startCredits })
  apiKey = account.apiKey
  accountId = account.accountId
  // A mixed history: successes of several models, a refusal, a failure, an order that never fitted, an invalid one.
  const orders = [
    { prompt: 'one', modelId: 'openai:gpt-image-2' },
    { prompt: 'two [[emulate: html_500]]', modelId: 'openai:gpt-image-2' },
    {
      prompt: 'three',
      modelId: 'google:gemini-3-pro-image-preview',
      thinkingLevel: 'deep',
      aspectRatio: '21:9',
    },
    { prompt: 'four [[emulate: moderation_input]]', modelId: 'openai:gpt-image-1.5' },
    { prompt: 'five', modelId: 'google:gemini-2.5-flash-image', style: 'ink' },
    { prompt: 'six', modelId: 'unheard-of' },
    { prompt: 'seven', modelId: 'openai:gpt-image-1.5' },
  ]
  for (const body of orders) {
    const answer = await postGenerate(node.url, apiKey, { body })
    if (answer.status !== 200) continue
    const { b64_json: _bytes, ...metadata } = imageOf(answer)
    made.unshift(metadata)
    expect(creditsOf(answer).remaining).toBe(await rig.balance(accountId))
  }
  expect(made).toHaveLength(4)
})
afterAll(() => rig.close())

const read = (path: string) => get(node.url, apiKey, path)

async function listImages(query = ''): Promise<Schemas['ListImagesResponse']> {
  return (await read(`/api/v1/images${query}`)).body as Schemas['ListImagesResponse']
}

async function listUsage(query = ''): Promise<Schemas['ListUsageResponse']> {
  return (await read(`/api/v1/usage${query}`)).body as Schemas['ListUsageResponse']
}

describe('the list of images', () => {
  test('shows the successful ones, newest first, with the cost of their day and no bytes', async () => {
    expect(await listImages()).toEqual({ images: made, total: 4, limit: 20, offset: 0 })
    expect(made.map(each => each.creditCost)).toEqual([3, 3, 18, 5])
    expect(made[2]).toMatchObject({ aspectRatio: '21:9', thinkingLevel: 'deep', style: null })
  })

  test('pages without gap or repeat, each page knowing the total', async () => {
    const pages = []
    for (let offset = 0; offset < 5; offset += 1) pages.push(await listImages(`?limit=1&offset=${offset}`))
    expect(pages.flatMap(page => page.images)).toEqual(made)
    expect(pages.map(page => [page.total, page.limit])).toEqual(Array(5).fill([4, 1]))
  })

  test('clamps integers out of range and echoes what it used', async () => {
    const cases: [string, number, number][] = [
      ['?limit=500', 100, 0],
      ['?limit=0', 1, 0],
      ['?limit=-3', 1, 0],
      ['?offset=-5', 20, 0],
      ['?limit=101&offset=2', 100, 2],
      ['?limit=1000000000', 100, 0],
      ['?offset=1000000000000', 20, 1_000_000_000_000],
    ]
    for (const [query, limit, offset] of cases) {
      expect(await listImages(query), query).toMatchObject({ limit, offset, total: 4 })
      expect(await listUsage(query), query).toMatchObject({ limit, offset })
    }
    expect((await listImages('?offset=99999999999999999999')).images).toEqual([])
  })

  test('clamps to the bounds that the document tells', async () => {
    type Parameter = { name: string; schema: { minimum: number; maximum?: number; default: number } }
    const answer = await fetch(`${node.url}/openapi/getimages.json`)
    const { paths } = (await answer.json()) as { paths: Record<string, { get: { parameters: Parameter[] } }> }
    for (const path of ['/api/v1/images', '/api/v1/usage']) {
      const parameters = paths[path]?.get.parameters ?? []
      expect(parameters.map(({ name }) => name)).toEqual(['limit', 'offset'])
      for (const { name, schema } of parameters) {
        const echo = async (query = '') =>
          ((await read(path + query)).body as unknown as Record<string, number>)[name]
        const { minimum, maximum = Number.MAX_SAFE_INTEGER } = schema
        const used = [await echo(), await echo(`?${name}=-9`), await echo(`?${name}=${'9'.repeat(20)}`)]
        expect(used, `${path} ${name}`).toEqual([schema.default, minimum, maximum])
      }
    }
  })

  test('refuses what is no integer, naming the parameter', async () => {
    for (const path of ['/api/v1/images', '/api/v1/usage']) {
      for (const value of ['abc', '1.5', '', '%20', '1e2', '0x10', 'NaN', 'Infinity', '%EF%BC%91', 'null']) {
        for (const name of ['limit', 'offset']) {
          const answer = await read(`${path}?${name}=${value}`)
          expect(answer.status, `${name}=${value}`).toBe(400)
          expect(detailsOf(answer)).toEqual([`${name}: invalid_type`])
        }
      }
    }
  })

  test('ignores parameters it does not know', async () => {
    expect((await listImages('?page=2&accountId=x&limit=2')).images).toEqual(made.slice(0, 2))
  })
})

describe('one image', () => {
  test('comes with its bytes; format=metadata leaves them out; any other format is ignored', async () => {
    const [first] = made
    const path = `/api/v1/images/${first?.id}`
    const whole = imageOf(await read(path))
    expect(whole).toEqual({ ...first, b64_json: expect.any(String) })
    expect(imageOf(await read(`${path}?format=metadata`))).toEqual(first)
    for (const format of ['', 'bytes', 'METADATA', 'metadata%20']) {
      expect(imageOf(await read(`${path}?format=${format}`))).toEqual(whole)
    }
  })

  test('another account gets what an unknown id gets: the same status, body and headers', async () => {
    const stranger = await rig.account({ credits: 0 })
    const ids = [
      made[0]?.id ?? '',
      '01890000-0000-7000-8000-000000000000',
      'no-uuid',
      '..%2f..%2fetc',
      '%00',
      '1',
    ]
    const answers = []
    for (const id of ids) {
      for (const query of ['', '?format=metadata']) {
        const answer = await get(node.url, stranger.apiKey, `/api/v1/images/${id}${query}`)
        const { 'x-request-id': _id, date: _date, ...headers } = answer.headers
        answers.push({ status: answer.status, text: answer.text, headers })
      }
    }
    expect(answers[0]?.status).toBe(404)
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect((await get(node.url, stranger.apiKey, '/api/v1/images')).body).toMatchObject({
      images: [],
      total: 0,
    })
    expect((await get(node.url, stranger.apiKey, '/api/v1/usage')).body).toMatchObject({
      transactions: [],
      total: 0,
    })
  })

  test('a generation of another surface is not shown here', async () => {
    const answer = await fetch(`${node.url}/api/v1/generations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        prefer: 'wait=20',
      },
      body: JSON.stringify({ model: 'openai:gpt-image-2', prompt: 'native' }),
    })
    const { id, status } = (await answer.json()) as { id: string; status: string }
    expect(status).toBe('succeeded')
    expect((await read(`/api/v1/images/${id}`)).status).toBe(404)
    expect((await listImages()).total).toBe(4)
  })
})

describe('account and usage', () => {
  test('the account tells who and how much', async () => {
    const { body } = await read('/api/v1/account')
    expect(body).toEqual({
      userId: expect.any(String),
      email: expect.stringMatching(/@example\.com$/),
      creditBalance: await rig.balance(accountId),
    })
  })

  test('the rows of all surfaces sum to the balance at any page size, newest first', async () => {
    const { total } = await listUsage()
    for (const limit of [3, 100]) {
      const rows: Transaction[] = []
      for (let offset = 0; offset < total; offset += limit) {
        rows.push(...(await listUsage(`?limit=${limit}&offset=${offset}`)).transactions)
      }
      expect(rows).toHaveLength(total)
      expect(new Set(rows.map(row => row.id)).size).toBe(total)
      expect(rows.reduce((sum, row) => sum + row.amount, 0)).toBe(await rig.balance(accountId))
      const times = rows.map(row => row.createdAt)
      expect(times).toEqual([...times].sort().reverse())
      for (const { type, amount } of rows) expect(amount < 0).toBe(type === 'deduction')
      expect(rows.at(-1)).toMatchObject({ type: 'addition', amount: startCredits })
    }
  })

  test('each image has one deduction of its cost; each order without an image has it back', async () => {
    const { transactions } = await listUsage('?limit=100')
    for (const image of made) {
      const own = transactions.filter(row => row.referenceId === image.id)
      expect(own.map(row => [row.type, row.amount])).toEqual([['deduction', -(image.creditCost ?? 0)]])
    }
    const refunds = transactions.filter(row => row.type === 'refund')
    expect(refunds).toHaveLength(2)
    for (const refund of refunds) {
      const own = transactions.filter(row => row.referenceId === refund.referenceId)
      expect(own.reduce((sum, row) => sum + row.amount, 0)).toBe(0)
      expect((await read(`/api/v1/images/${refund.referenceId}`)).status).toBe(404)
    }
  })
})

describe('methods', () => {
  const paths: [string, string][] = [
    ['/api/v1/images/generate', 'POST'],
    ['/api/v1/images', 'GET'],
    ['/api/v1/images/01890000-0000-7000-8000-000000000000', 'GET'],
    ['/api/v1/account', 'GET'],
    ['/api/v1/usage', 'GET'],
  ]
  for (const [path, allowed] of paths) {
    test(`${path} allows ${allowed}; anything else is 405 with Allow, whatever the override header says`, async () => {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'].filter(
        m => m !== allowed,
      )) {
        const headers = ['authorization', `Bearer ${apiKey}`, 'x-http-method-override', allowed]
        const answer = await judge(node.url, { method, path, headers })
        expect(answer.status, method).toBe(405)
        expect(answer.headers.allow).toContain(allowed)
        expect(answer.headers['access-control-allow-origin']).toBeUndefined()
      }
    })
  }

  test('HEAD has the status and headers of GET and no body', async () => {
    const headers = ['authorization', `Bearer ${apiKey}`]
    for (const path of ['/api/v1/account', '/api/v1/images', `/api/v1/images/${made[0]?.id}`]) {
      const [head, got] = [await judge(node.url, { method: 'HEAD', path, headers }), await read(path)]
      expect([head.status, head.text]).toEqual([200, ''])
      expect(head.headers['content-type']).toBe(got.headers['content-type'])
    }
    const generate = await judge(node.url, { method: 'HEAD', path: '/api/v1/images/generate', headers })
    expect([generate.status, generate.text]).toEqual([405, ''])
  })
})
