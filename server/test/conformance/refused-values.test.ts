// Wrong values, over every dialect: the refusal names the field and says what is allowed in its place.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRig, type Node, type Rig } from '../harness.ts'

let rig: Rig
let node: Node
let apiKey: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ GETIMG_REQUESTS_PER_MINUTE: '0' })
  apiKey = (await rig.account({ credits: 1_000 })).apiKey
})
afterAll(() => rig.close())

type Case = [wrong: Record<string, unknown>, field: string, allowed: string[]]
type Endpoint = { path: string; good: Record<string, unknown>; cases: Case[] }

const long = (length: number) => 'x'.repeat(length)

const endpoints: Endpoint[] = [
  {
    path: '/v2/images/generations',
    good: { model: 'gpt-image-2', prompt: 'a fox' },
    cases: [
      [{ output_format: 'gif' }, 'output_format', ['png', 'jpeg', 'webp']],
      [{ n: 2 }, 'n', ['model', 'aspect_ratio', 'images']],
      [{ constructor: 1 }, 'constructor', ['Unknown parameter: constructor', 'output_format']],
      [{ prompt: '' }, 'prompt', ['>=1 ']],
      [{ prompt: long(4_097) }, 'prompt', ['<=4096 ']],
      [{ model: 'gpt-image-9' }, 'model', ['gpt-image-2']],
      [{ aspect_ratio: '7:1' }, 'aspect_ratio', ['1:1', '16:9']],
      [{ resolution: '1k' }, 'resolution', ['1K', '2K']],
      [{ images: [{ url: 'aGk=' }] }, 'images[0].url', ['https', 'data:image/png;base64']],
      [{ images: [{ url: 'http://127.0.0.1/a.png' }] }, 'images[0].url', ['https', 'public']],
      [{ images: [{ url: 'https://a.example/b.png', role: 'mask' }] }, 'images[0].role', ['reference_image']],
      [{ images: [{ url: 'https://a.example/b.png', size: 1 }] }, 'images[0].size', ['url', 'role']],
      [{ images: Array(9).fill({ url: 'https://a.example/b.png' }) }, 'images', ['<=8 ']],
    ],
  },
  {
    path: '/gptimage2/api/v1/generate',
    good: { prompt: 'a fox' },
    cases: [
      [{ toString: 1 }, 'toString', ['quality']],
      [{ size: '512x512' }, 'size', ['1024x1024', '1024x1536', '1536x1024']],
      [{ quality: 'hd' }, 'quality', ['low', 'medium', 'high']],
      [{ n: 5 }, 'n', ['<=4']],
      [{ n: 0 }, 'n', ['>=1']],
      [{ type: 'upscale' }, 'type', ['text2img', 'edit']],
      [{ type: 'edit' }, 'inputImageKeys', ['Required']],
      [{ model: 'gpt-image-2' }, 'model', ['prompt', 'inputImageKeys']],
    ],
  },
  {
    path: '/gptimage2/api/v1/upload',
    good: { filename: 'fox.png', contentType: 'image/png', size: 100 },
    cases: [
      [{ contentType: 'image/gif' }, 'contentType', ['image/png', 'image/jpeg', 'image/webp']],
      [{ size: 10_000_001 }, 'size', ['<=10000000']],
      [{ filename: long(201) }, 'filename', ['<=200 ']],
      [{ name: 'fox' }, 'name', ['filename', 'contentType', 'size']],
    ],
  },
  {
    path: '/imgeo/api/v1/generate',
    good: { model: 'google/nano-banana', prompt: 'a fox' },
    cases: [
      [{ model: 'google/nano' }, 'model', ['google/nano-banana']],
      [{ aspect_ratio: '7:1' }, 'aspect_ratio', ['1:1', '9:21']],
      [{ aspect_ratio: '9:21' }, 'aspect_ratio', ['1:1', '21:9']],
      [{ count: 5 }, 'count', ['at most 4']],
      [{ mode: 'edit' }, 'mode', ['text2img', 'img2img']],
      [{ mode: 'img2img', image: 'fox' }, 'image', ['https']],
      [{ seed: 1 }, 'seed', ['negative_prompt', 'count']],
    ],
  },
  {
    path: '/api/v1/images/generate',
    good: { modelId: 'openai:gpt-image-2', prompt: 'a fox' },
    cases: [
      [{ modelId: 'gpt-image-2' }, 'model', ['openai:gpt-image-2', 'google:gemini-2.5-flash-image']],
      [{ aspectRatio: '21:9' }, 'aspectRatio', ['1:1', '3:2']],
      [{ thinkingLevel: 'some' }, 'thinkingLevel', ['default', 'deep']],
      [{ style: long(501) }, 'style', ['<=500 ']],
      [{ n: 1 }, 'n', ['prompt', 'modelId', 'style']],
    ],
  },
  {
    path: '/api/v1/generations',
    good: { model: 'gpt-image-2', prompt: 'a fox' },
    cases: [
      [{ model: 'gpt-image-9' }, 'model', ['openai:gpt-image-2']],
      [{ n: 99 }, 'n', ['<=10']],
      [{ size: 'big' }, 'size', ['1024x1024']],
      [{ size: '100x100' }, 'size', ['1024x1024']],
      [{ quality: 'best' }, 'quality', ['low', 'medium', 'high']],
      [{ outputFormat: 'gif' }, 'outputFormat', ['png', 'jpeg', 'webp']],
      [{ count: 2 }, 'count', ['outputFormat', 'n']],
    ],
  },
  {
    path: '/v1/images/generations',
    good: { model: 'gpt-image-2', prompt: 'a fox' },
    cases: [
      [{ model: 'gpt-image-9' }, 'model', ['gpt-image-2']],
      [{ n: 11 }, 'n', ['<=10']],
      [{ size: 'big' }, 'size', ['auto', '1024x1024']],
      [{ background: 'blue' }, 'background', ['auto', 'transparent', 'opaque']],
      [{ output_compression: 101 }, 'output_compression', ['<=100']],
    ],
  },
  {
    path: '/api/v1/webhooks',
    good: { url: 'https://a.example/hook' },
    cases: [
      [{ url: 'http://a.example/hook' }, 'url', ['https']],
      [{ events: ['generation.done'] }, 'events.0', ['generation.succeeded', 'generation.failed']],
      [{ secret: 'x' }, 'secret', ['url', 'events', 'label']],
    ],
  },
]

const cases = endpoints.flatMap(({ path, good, cases }) =>
  cases.map(([wrong, field, allowed]) => ({ path, field, allowed, body: { ...good, ...wrong } })),
)

test.each(cases)('$path says what $field may be: $allowed', async ({ path, field, allowed, body }) => {
  const answer = await fetch(node.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const isMissing = path.startsWith('/v1/') && field === 'model'
  expect(answer.status).toBe(isMissing ? 404 : 400)
  const { error } = (await answer.json()) as { error: string | { message: string; param?: string } }
  const text = typeof error === 'string' ? error : JSON.stringify(error)
  for (const word of [field, ...allowed]) expect(text).toContain(word)
})

test('a list says which parameters there are and what they may be', async () => {
  const read = async (query: string) => {
    const answer = await fetch(`${node.url}/api/v1/generations?${query}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    return `${answer.status} ${((await answer.json()) as { error: string }).error}`
  }
  expect(await read('page=2')).toMatch(/^400 .*page.*allowed: .*limit.*cursor/)
  expect(await read('limit=0')).toBe('400 limit must be 1 to 100.')
  expect(await read('status=done')).toMatch(/^400 status: .*queued.*succeeded/)
})
