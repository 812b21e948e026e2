// Holds the Stability emulator against what its vendor documents: both ways of answering, and what is refused.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultStabilityKey, startStabilityUpstream } from './stability.ts'
import type { Upstream } from './upstream.ts'

let upstream: Upstream
beforeAll(async () => {
  upstream = await startStabilityUpstream()
})
afterAll(async () => {
  expect(upstream.errors).toEqual([])
  await upstream.close()
})

type Asked = { accept?: string; key?: string; endpoint?: string; file?: boolean; body?: string }

async function create(fields: Record<string, string>, asked: Asked = {}) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  if (asked.file !== false) form.set('none', new Blob([]), 'none')
  const answer = await fetch(`${upstream.url}/v2beta/stable-image/generate/${asked.endpoint ?? 'sd3'}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${asked.key ?? defaultStabilityKey}`,
      accept: asked.accept ?? 'image/*',
      ...(asked.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: asked.body ?? form,
  })
  return { answer, bytes: Buffer.from(await answer.arrayBuffer()) }
}

describe('the emulator of Stability', () => {
  it('answers with the bytes of a picture of the ratio and format, and says how it finished', async () => {
    const { answer, bytes } = await create({
      prompt: 'a fox',
      aspect_ratio: '21:9',
      output_format: 'jpeg',
      seed: '7',
    })
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/jpeg',
      'finish-reason': 'SUCCESS',
      seed: '7',
    })
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'jpeg', width: 1536, height: 640 })
  })

  it('answers with base64 to whoever accepts JSON, and differs by prompt and seed', async () => {
    const pictures = new Set<string>()
    for (const [prompt, seed] of [
      ['a fox', '1'],
      ['a fox', '2'],
      ['a hen', '1'],
    ] as const) {
      const { bytes } = await create({ prompt, seed }, { accept: 'application/json', endpoint: 'core' })
      const answer = JSON.parse(bytes.toString())
      expect(answer).toMatchObject({ finish_reason: 'SUCCESS', seed: Number(seed) })
      expect(await sharp(Buffer.from(answer.image, 'base64')).metadata()).toMatchObject({ format: 'png' })
      pictures.add(answer.image)
    }
    expect(pictures.size).toBe(3)
  })

  it('sends a whole but blurred picture where its filter struck', async () => {
    const { answer, bytes } = await create({ prompt: 'x [[emulate: filtered]]' })
    expect([answer.status, answer.headers.get('finish-reason')]).toEqual([200, 'CONTENT_FILTERED'])
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 1024, height: 1024 })
  })

  it.each<[string, Record<string, string>, Asked, number, string]>([
    ['another key', { prompt: 'x' }, { key: 'sk-other' }, 401, 'unauthorized'],
    ['JSON', { prompt: 'x' }, { body: '{"prompt":"x"}' }, 400, 'bad_request'],
    ['a form without a file', { prompt: 'x' }, { file: false }, 400, 'bad_request'],
    ['another accept', { prompt: 'x' }, { accept: '*/*' }, 400, 'bad_request'],
    ['a field nobody knows', { prompt: 'x', n: '2' }, {}, 400, 'bad_request'],
    ['a ratio it does not make', { prompt: 'x', aspect_ratio: '3:4' }, {}, 400, 'bad_request'],
    ['webp of sd3', { prompt: 'x', output_format: 'webp' }, {}, 400, 'bad_request'],
    ['a seed too large', { prompt: 'x', seed: '4294967295' }, {}, 400, 'bad_request'],
    ['another endpoint', { prompt: 'x' }, { endpoint: 'sd2' }, 404, 'not_found'],
  ])('refuses %s', async (_what, fields, asked, status, name) => {
    const before = upstream.total.billable
    const { answer, bytes } = await create(fields, asked)
    expect(answer.status).toBe(status)
    expect(JSON.parse(bytes.toString())).toMatchObject({ name, errors: [expect.any(String)] })
    expect(upstream.total.billable).toBe(before)
  })
})
