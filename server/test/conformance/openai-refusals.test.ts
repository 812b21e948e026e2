// What OpenAI's Images API refuses, and how the official client reads it: the class, the members, and one call only
// where another would be of no use.
import OpenAI, { toFile } from 'openai'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KeyInput } from '../../src/accounts/keys.ts'
import { createRig, type Node, type Rig } from '../harness.ts'
import { makeInput, openClient } from './openai-client.ts'
import { sendRaw } from './raw-request.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ OPENAI_DIALECT_RATE: '3/1min' })
})
afterAll(() => rig.close())

async function open(credits = 1_000, key: Partial<KeyInput> = {}) {
  const { apiKey, accountId } = await rig.account({ credits, key })
  const spent = async () => credits - (await rig.balance(accountId))
  return { apiKey, accountId, spent, ...openClient(node.url, apiKey) }
}

const fox = { model: 'gpt-image-2', prompt: 'a fox', quality: 'low' } as const

type Post = { body: unknown; path?: string; headers?: Record<string, string> }
type Answer = { status: number; headers: Headers; error: Record<string, unknown> }

async function post(
  apiKey: string,
  { body, path = '/v1/images/generations', headers = {} }: Post,
): Promise<Answer> {
  const answer = await fetch(node.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const { error } = (await answer.json()) as { error: Record<string, unknown> }
  return { status: answer.status, headers: answer.headers, error }
}

describe('classes of the official client', () => {
  test('a wrong key', async () => {
    const { client, sent } = openClient(node.url, 'sk_wrong')
    const error = await client.images.generate(fox).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
    expect(error).toMatchObject({
      status: 401,
      code: 'invalid_api_key',
      type: 'invalid_request_error',
      param: null,
    })
    expect(sent).toHaveLength(1)
  })

  test('a key without the scope', async () => {
    const { client } = await open(10, { scopes: ['read'] })
    const error = await client.images.generate(fox).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(error).toMatchObject({ code: 'insufficient_permissions' })
  })

  test('an unknown model', async () => {
    const { client, sent } = await open()
    const error = await client.images
      .generate({ ...fox, model: 'gpt-image-9' })
      .catch((each: unknown) => each)
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect(error).toMatchObject({ code: 'model_not_found', param: 'model' })
    expect(sent).toHaveLength(1)
  })

  test('too few credits: once, because money does not come by waiting', async () => {
    const { client, sent, spent } = await open(0)
    const error = await client.images.generate(fox).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota' })
    expect(sent).toHaveLength(1)
    expect(await spent()).toBe(0)
  })

  test('too many requests: with how long to wait', async () => {
    const { apiKey } = await open(1_000, { rate: { requests: 1, windowS: 3_600 } })
    expect(
      (await fetch(`${node.url}/v1/models`, { headers: { authorization: `Bearer ${apiKey}` } })).status,
    ).toBe(200)
    const refused = await post(apiKey, { body: fox })
    expect(refused).toMatchObject({ status: 429, error: { code: 'rate_limit_exceeded', param: null } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60)
    // Longer than clients obey: they would come back at once.
    expect(refused.headers.get('x-should-retry')).toBe('false')
    const { client, sent } = openClient(node.url, apiKey)
    await expect(client.images.generate(fox)).rejects.toBeInstanceOf(OpenAI.RateLimitError)
    expect(sent).toHaveLength(1)
  })

  test('the rate of the operator for keys that have none', async () => {
    const { accountId } = await rig.account({ credits: 10 })
    const { createKey } = await import('../../src/accounts/keys.ts')
    const { apiKey } = await rig.database.db.transaction(tx =>
      createKey({ tx, now: () => new Date() }, { accountId }),
    )
    const statuses: number[] = []
    for (let at = 0; at < 4; at += 1) {
      const answer = await fetch(`${node.url}/openai/v1/models`, {
        headers: { authorization: `Bearer ${apiKey}` },
      })
      statuses.push(answer.status)
    }
    expect(statuses).toEqual([200, 200, 200, 429])
  })

  test('the rate of a key counts what is marked as a repeat and cannot be read', async () => {
    const { apiKey } = await open(1_000, { rate: { requests: 2, windowS: 60 } })
    const headers = { 'x-stainless-retry-count': '1' }
    const statuses: number[] = []
    for (const path of ['/v1/images/generations', '/v1/images/edits', '/v1/images/generations'])
      statuses.push((await post(apiKey, { body: { n: 0 }, path, headers })).status)
    expect(statuses).toEqual([400, 400, 429])
  })

  for (const [name, behaviour] of [
    ['before anything was made', 'moderation_input'],
    ['after it was made', 'moderation_output'],
  ]) {
    test(`a refusal by a safety system ${name}`, async () => {
      const { client, sent, spent } = await open()
      const prompt = `a fox [[emulate: ${behaviour}]]`
      const error = await client.images.generate({ ...fox, prompt }).catch((each: unknown) => each)
      expect(error).toBeInstanceOf(OpenAI.BadRequestError)
      expect(error).toMatchObject({
        code: 'moderation_blocked',
        type: 'image_generation_user_error',
        param: null,
      })
      expect(sent).toHaveLength(1)
      expect(await spent()).toBe(0)
    })
  }

  test('a failed generation: paid back and never sent again', async () => {
    const { client, sent, spent } = await open()
    const prompt = 'a fox [[emulate: error_500]]'
    const error = await client.images.generate({ ...fox, prompt }).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 500, type: 'server_error', code: expect.any(String) })
    expect(sent).toHaveLength(1)
    expect(await spent()).toBe(0)
  })

  test('an idempotency key that named another order', async () => {
    const { apiKey, spent } = await open()
    const { client } = openClient(node.url, apiKey, { headers: { 'Idempotency-Key': 'order-1' } })
    const first = await client.images.generate(fox).withResponse()
    const price = await spent()
    const again = await client.images.generate(fox).withResponse()
    expect(again.response.headers.get('idempotent-replayed')).toBe('true')
    expect(again.data.data).toEqual(first.data.data)
    const error = await client.images.generate({ ...fox, prompt: 'another' }).catch((each: unknown) => each)
    expect(error).toBeInstanceOf(OpenAI.UnprocessableEntityError)
    expect(error).toMatchObject({ code: 'idempotency_key_reused' })
    expect(await spent()).toBe(price)
  })

  test('the same files under the same key are the same order; another picture is another', async () => {
    const { apiKey, spent } = await open()
    const { client } = openClient(node.url, apiKey, { headers: { 'Idempotency-Key': 'edit-1' } })
    const edit = async (colour: string) =>
      client.images.edit({ ...fox, image: await toFile(await makeInput({ colour }), 'a.png') }).withResponse()
    await edit('#112233')
    const price = await spent()
    expect((await edit('#112233')).response.headers.get('idempotent-replayed')).toBe('true')
    await expect(edit('#332211')).rejects.toBeInstanceOf(OpenAI.UnprocessableEntityError)
    expect(await spent()).toBe(price)
  })
})

describe('fields', () => {
  test('are refused by name when they are wrong', async () => {
    const { apiKey, spent } = await open()
    const cases: [Record<string, unknown>, string, string][] = [
      [{ prompt: undefined }, 'prompt', 'missing_required_parameter'],
      [{ prompt: '   ' }, 'prompt', 'invalid_value'],
      [{ prompt: 'x'.repeat(32_001) }, 'prompt', 'invalid_value'],
      [{ prompt: 7 }, 'prompt', 'invalid_type'],
      [{ n: 0 }, 'n', 'invalid_value'],
      [{ n: 11 }, 'n', 'invalid_value'],
      [{ n: '2' }, 'n', 'invalid_type'],
      [{ size: 'big' }, 'size', 'invalid_value'],
      [{ size: '1024x1023' }, 'size', 'invalid_value'],
      [{ size: '4096x4096' }, 'size', 'invalid_value'],
      [{ quality: 'best' }, 'quality', 'invalid_value'],
      [{ background: 'transparent' }, 'background', 'invalid_value'],
      [{ output_format: 'gif' }, 'output_format', 'invalid_value'],
      [{ output_compression: 50 }, 'output_compression', 'invalid_value'],
      [{ output_compression: 101, output_format: 'jpeg' }, 'output_compression', 'invalid_value'],
      [{ response_format: 'binary' }, 'response_format', 'invalid_value'],
      [{ partial_images: 2 }, 'partial_images', 'invalid_value'],
      [{ partial_images: 4, stream: true }, 'partial_images', 'invalid_value'],
      [{ stream: 'yes' }, 'stream', 'invalid_type'],
      [{ stream: true, response_format: 'url' }, 'response_format', 'invalid_value'],
      [{ frame_count: 4 }, 'frame_count', 'unknown_parameter'],
      [{ count: 2 }, 'count', 'unknown_parameter'],
      [{ model: 'google:gemini-2.5-flash-image', n: 5, quality: 'auto' }, 'n', 'invalid_value'],
    ]
    for (const [change, param, code] of cases) {
      const { status, error } = await post(apiKey, { body: { ...fox, ...change } })
      expect([status, Object.keys(error), error], JSON.stringify(change).slice(0, 80)).toEqual([
        400,
        ['message', 'type', 'param', 'code'],
        {
          message: expect.stringMatching(new RegExp(`(?:^|[ '])${param}(?:[ ':;.,]|$)`)),
          type: 'invalid_request_error',
          param,
          code,
        },
      ])
    }
    expect(await spent()).toBe(0)
  })

  test('of an edit are refused by name as well', async () => {
    const { apiKey, spent } = await open()
    const picture = `data:image/png;base64,${(await makeInput({})).toString('base64')}`
    const cases: [Record<string, unknown>, string][] = [
      [{}, 'images'],
      [{ images: [] }, 'images'],
      [{ images: Array(17).fill({ image_url: picture }) }, 'images'],
      [{ images: [{ file_id: 'file-1' }] }, 'images[0].file_id'],
      [{ images: [{ image_url: picture, file_id: 'file-1' }] }, 'images[0]'],
      [{ images: [{ image_url: 'ftp://somewhere' }] }, 'images[0].image_url'],
      [{ images: [{ image_url: 'https://127.0.0.1/a.png' }] }, 'images[0].image_url'],
      [{ images: [{ image_url: picture }], mask: { file_id: 'file-1' } }, 'mask.file_id'],
      [{ images: [{ image_url: picture }], mask: { image_url: picture } }, 'mask.image_url'],
      [{ images: [{ image_url: picture }], input_fidelity: 'best' }, 'input_fidelity'],
    ]
    for (const [body, param] of cases) {
      const { status, error } = await post(apiKey, { body: { ...fox, ...body }, path: '/v1/images/edits' })
      expect([status, error.param], JSON.stringify(body).slice(0, 80)).toEqual([400, param])
    }
    expect(await spent()).toBe(0)
  })

  test('of a form are refused by name as well', async () => {
    const { apiKey, spent } = await open()
    const picture = new File([new Uint8Array(await makeInput({}))], 'a.png')
    const small = new File(
      [new Uint8Array(await makeInput({ width: 64, height: 64, transparent: true }))],
      'm.png',
    )
    const big = new File([new Uint8Array(4_000_001)], 'm.png')
    const opaque = new File([new Uint8Array(await makeInput({}))], 'm.png')
    const noAlpha = new File(
      [
        new Uint8Array(
          await sharp(await makeInput({}))
            .removeAlpha()
            .png()
            .toBuffer(),
        ),
      ],
      'm.png',
    )
    const cases: [string, [string, string | File][], string | null][] = [
      ...Object.entries({ opaque, noAlpha }).map(([name, mask]): (typeof cases)[number] => [
        `a mask that is transparent nowhere: ${name}`,
        [
          ['image', picture],
          ['mask', mask],
          ['prompt', 'x'],
        ],
        'mask',
      ]),
      ['no picture', [['prompt', 'x']], 'image'],
      ['no prompt', [['image', picture]], 'prompt'],
      [
        'a number that is none',
        [
          ['image', picture],
          ['prompt', 'x'],
          ['n', 'two'],
        ],
        'n',
      ],
      [
        'too many',
        [
          ['image', picture],
          ['prompt', 'x'],
          ['n', '11'],
        ],
        'n',
      ],
      [
        'a field twice',
        [
          ['image', picture],
          ['prompt', 'x'],
          ['prompt', 'y'],
        ],
        'prompt',
      ],
      [
        'an unknown field',
        [
          ['image', picture],
          ['prompt', 'x'],
          ['seed', '1'],
        ],
        'seed',
      ],
      ['17 pictures', [['prompt', 'x'], ...Array(17).fill(['image[]', picture])], 'image'],
      ['18 files', [['prompt', 'x'], ...Array(18).fill(['image[]', picture])], 'image[]'],
      [
        'text for a picture',
        [
          ['image', new File(['words'], 'a.png')],
          ['prompt', 'x'],
        ],
        'image',
      ],
      [
        'a mask of another size',
        [
          ['image', picture],
          ['mask', small],
          ['prompt', 'x'],
        ],
        'mask',
      ],
      [
        'a mask above 4 MB',
        [
          ['image', picture],
          ['mask', big],
          ['prompt', 'x'],
        ],
        'mask',
      ],
      [
        'two masks',
        [
          ['image', picture],
          ['mask', small],
          ['mask', small],
          ['prompt', 'x'],
        ],
        'mask',
      ],
    ]
    for (const [name, parts, param] of cases) {
      const form = new FormData()
      for (const [field, value] of parts) form.append(field, value)
      form.append('model', 'gpt-image-2')
      const answer = await fetch(`${node.url}/v1/images/edits`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}` },
        body: form,
      })
      const { error } = (await answer.json()) as { error: { param: string | null } }
      expect([answer.status, error.param], name).toEqual([400, param])
    }
    expect(await spent()).toBe(0)
  })

  test('that are empty in a form count as not sent, and numbers and switches are read from text', async () => {
    const { apiKey } = await open()
    const form = new FormData()
    form.append('image[]', new File([new Uint8Array(await makeInput({}))], 'blob', { type: 'text/plain' }))
    for (const [name, value] of Object.entries({
      prompt: 'x',
      n: '2',
      size: '',
      stream: 'False',
      partial_images: '0',
      quality: 'low',
    })) {
      form.append(name, value)
    }
    const answer = await fetch(`${node.url}/v1/images/edits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: form,
    })
    expect(answer.status).toBe(200)
    expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(2)
  })
})

describe('the frame', () => {
  test('answers in this shape on its own paths and below its mount', async () => {
    const { apiKey } = await open()
    const auth = ['authorization', `Bearer ${apiKey}`]
    const json = [...auth, 'content-type', 'application/json']
    const cases: [Parameters<typeof sendRaw>[1], number][] = [
      [{ path: '/v1/nothing', headers: auth }, 404],
      [{ path: '/openai/api/v1/account', headers: auth }, 404],
      [{ path: '/openai/v2/models', headers: auth }, 404],
      [{ path: '/v1/images/generations', headers: auth }, 405],
      [{ path: '/openai/v1/images/edits', method: 'DELETE', headers: auth }, 405],
      [{ path: '/v1/models', method: 'POST', headers: json, body: '{}' }, 405],
      [{ path: '/v1/images/generations', method: 'POST', headers: json, body: '' }, 400],
      [{ path: '/v1/images/generations', method: 'POST', headers: json, body: '{"prompt"' }, 400],
      [
        {
          path: '/v1/images/generations',
          method: 'POST',
          headers: json,
          body: '{"prompt":"a","prompt":"b"}',
        },
        400,
      ],
      [
        {
          path: '/v1/images/generations',
          method: 'POST',
          headers: [...auth, 'content-type', 'text/plain'],
          body: 'x',
        },
        415,
      ],
      [
        {
          path: '/v1/images/edits',
          method: 'POST',
          headers: [...auth, 'content-type', 'text/plain'],
          body: 'x',
        },
        415,
      ],
      [
        {
          path: '/v1/images/generations',
          method: 'POST',
          headers: json,
          body: `{"prompt":"${'x'.repeat(600_000)}"}`,
        },
        413,
      ],
      [
        {
          path: '/v1/images/edits',
          method: 'POST',
          headers: [...auth, 'content-type', 'multipart/form-data'],
          body: 'x',
        },
        400,
      ],
      [
        {
          path: '/v1/images/edits',
          method: 'POST',
          headers: [...auth, 'content-type', 'multipart/form-data; boundary=b'],
          body: '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nhalf',
        },
        400,
      ],
      [
        {
          path: '/v1/images/edits',
          method: 'POST',
          headers: [...auth, 'content-type', 'multipart/form-data; boundary=b'],
          body: 'no form at all',
        },
        400,
      ],
    ]
    for (const [raw, status] of cases) {
      const answer = await sendRaw(node.url, raw)
      const name = `${raw.method ?? 'GET'} ${raw.path} ${String(raw.body).slice(0, 30)}`
      expect(answer.status, name).toBe(status)
      const { error } = JSON.parse(answer.text) as { error: Record<string, unknown> }
      expect(Object.keys(error), name).toEqual(['message', 'type', 'param', 'code'])
      expect(error.type, name).toBe('invalid_request_error')
      if (status === 405) expect(answer.headers.allow, name).toMatch(/^(?:GET|POST)$/)
    }
  })

  test('adapts what the model does not offer for a lenient caller, and says what', async () => {
    const { apiKey } = await open()
    const body = { ...fox, size: '1000x1000' }
    expect((await post(apiKey, { body })).error).toMatchObject({ param: 'size' })
    const headers = { prefer: 'handling=lenient' }
    const bent = await post(apiKey, { body, headers })
    expect([bent.status, bent.headers.get('preference-applied')]).toEqual([200, 'handling=lenient'])
    expect(bent.headers.get('x-darkroom-warnings')).toMatch(
      /^The size 1000x1000 is not offered; \d+x\d+ was used\.$/,
    )
  })

  test('accepts where Prefer asks for it, and says where to read the result', async () => {
    const { apiKey } = await open()
    const answer = await fetch(`${node.url}/v1/images/generations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        prefer: 'respond-async',
      },
      body: JSON.stringify(fox),
    })
    const body = (await answer.json()) as { generationId: string; status: string }
    expect(answer.status).toBe(202)
    expect(answer.headers.get('location')).toBe(`${node.url}/api/v1/generations/${body.generationId}`)
    expect(answer.headers.get('preference-applied')).toBe('respond-async')
    expect(answer.headers.get('x-should-retry')).toBe('false')
  })
})
