// Holds the Replicate emulator against the vendor's own client: what that client cannot read, the emulator gets wrong.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import Replicate, { type Prediction, validateWebhook } from 'replicate'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makePicture } from './pictures.ts'
import { emulatedModels, retiredModels } from './replicate/models.ts'
import { defaultReplicateKey, type ReplicateUpstream, startReplicateUpstream } from './replicate.ts'

const schnell = 'black-forest-labs/flux-schnell'
const sdxlVersion = '7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc'

let upstream: ReplicateUpstream
let client: Replicate

beforeAll(async () => {
  upstream = await startReplicateUpstream({ secondMs: 20 })
  client = createClient(defaultReplicateKey)
})
afterAll(async () => {
  expect([...upstream.errors, ...upstream.files.upstream.errors]).toEqual([])
  await upstream.close()
})

function createClient(auth: string, address = upstream): Replicate {
  return new Replicate({ auth, baseUrl: `${address.url}/v1`, useFileOutput: false })
}

function create(prompt: string, more: Record<string, unknown> = {}): Promise<Prediction> {
  return client.predictions.create({ model: schnell, input: { prompt }, ...more })
}

async function readPicture(url: unknown) {
  const answer = await fetch(String(url))
  const bytes = Buffer.from(await answer.arrayBuffer())
  expect(answer.status).toBe(200)
  const { format, width, height } = await sharp(bytes).metadata()
  await sharp(bytes).stats()
  return { format, width, height }
}

async function untilStatus(id: string, status: string): Promise<Prediction> {
  for (;;) {
    const prediction = await client.predictions.get(id)
    if (prediction.status === status) return prediction
    if (prediction.completed_at) throw new Error(JSON.stringify(prediction))
  }
}

async function statusOf(call: Promise<unknown>): Promise<{ status: number; message: string }> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Error) || !('response' in error)) throw new Error(`Not refused: ${String(error)}`)
  return { status: (error.response as Response).status, message: error.message }
}

describe('the emulator of Replicate, read by the official client', () => {
  it('runs a model, waiting in the create or polling, with real pictures of the documented sizes', async () => {
    const input = { prompt: 'a boat', aspect_ratio: '21:9', num_outputs: 2, output_format: 'png' }
    const blocked = await client.run(schnell, { input })
    expect(blocked).toHaveLength(2)
    for (const url of blocked as unknown as string[]) {
      expect(await readPicture(url)).toEqual({ format: 'png', width: 1536, height: 640 })
    }
    const seen: string[] = []
    const polled = await client.run(
      'google/nano-banana-pro',
      {
        input: { prompt: 'a boat [[emulate: slow=90]]', resolution: '1K' },
        wait: { mode: 'poll', interval: 5 },
      },
      prediction => void seen.push(prediction.status),
    )
    expect([...new Set(seen)]).toEqual(['starting', 'processing', 'succeeded'])
    expect(await readPicture(polled)).toEqual({ format: 'jpeg', width: 1024, height: 1024 })
  })

  it('runs community models by version alone', async () => {
    const input = { prompt: 'a boat', width: 512, height: 768 }
    const output = await client.run(`stability-ai/sdxl:${sdxlVersion}`, { input })
    expect(await readPicture((output as unknown as string[])[0])).toEqual({
      format: 'png',
      width: 512,
      height: 768,
    })
    const byName = client.predictions.create({ model: 'stability-ai/sdxl', input })
    expect(await statusOf(byName)).toMatchObject({ status: 404 })
    const wrong = client.predictions.create({ version: 'f'.repeat(64), input })
    expect(await statusOf(wrong)).toMatchObject({
      status: 422,
      message: expect.stringContaining('Invalid version'),
    })
  })

  it.each(
    emulatedModels.map(({ name, version, isOfficial, output }) => ({ name, version, isOfficial, output })),
  )('makes a picture with $name, as a $output', async ({ name, version, isOfficial, output }) => {
    const target = isOfficial ? { model: name } : { version }
    const made = await client.predictions.create({ ...target, input: { prompt: `by ${name}` }, wait: true })
    expect(made).toMatchObject({ status: 'succeeded', model: name, error: null })
    expect(Array.isArray(made.output)).toBe(output === 'array')
    await readPicture(Array.isArray(made.output) ? made.output[0] : made.output)
    const described = await client.models.get(...(name.split('/') as [string, string]))
    expect(described.latest_version?.id).toBe(version)
    expect(
      await client.models.versions.get(...(name.split('/') as [string, string]), version),
    ).toHaveProperty('openapi_schema.components.schemas.Input.properties.prompt')
  })

  it.each(Object.keys(retiredModels))('knows no %s any more', async name => {
    const ordered = client.predictions.create({ model: name, input: { prompt: 'a boat' } })
    expect(await statusOf(ordered)).toMatchObject({ status: 404 })
  })

  it('draws the same for the same seed, something else for another prompt', async () => {
    const draw = async (prompt: string, seed: number) => {
      const [url] = (await client.run(schnell, { input: { prompt, seed } })) as unknown as string[]
      return Buffer.from(await (await fetch(String(url))).arrayBuffer())
    }
    const first = await draw('a boat', 1)
    expect((await draw('a boat', 1)).equals(first)).toBe(true)
    expect((await draw('a boat', 2)).equals(first)).toBe(false)
    expect((await draw('a house', 1)).equals(first)).toBe(false)
  })

  it('gives up waiting and hands out an unfinished prediction', async () => {
    // A second is 20 ms here.
    const made = await create('slow [[emulate: slow=300, early_output]]', { wait: 3 })
    expect(made.status).toBe('starting')
    expect(made.output).toBeNull()
    const early = await untilStatus(made.id, 'processing')
    expect(early.output).toHaveLength(1)
    const done = await untilStatus(made.id, 'succeeded')
    expect(done.output).toEqual(early.output)
    expect(done.metrics?.predict_time).toBeCloseTo(0.3)
    expect(done.logs).toContain('Using seed:')
  })

  it('cancels at our word, by itself after Cancel-After, and at the word of others', async () => {
    const made = await create('[[emulate: slow=60000]]')
    expect((await client.predictions.cancel(made.id)).status).toBe('canceled')
    expect((await client.predictions.get(made.id)).status).toBe('canceled')
    const headers = { authorization: `Bearer ${defaultReplicateKey}`, 'content-type': 'application/json' }
    const order = (cancelAfter: string) =>
      fetch(`${upstream.url}/v1/models/${schnell}/predictions`, {
        method: 'POST',
        headers: { ...headers, 'cancel-after': cancelAfter },
        body: JSON.stringify({ input: { prompt: '[[emulate: slow=60000]]' } }),
      })
    expect((await order('4s')).status).toBe(422)
    await untilStatus(((await (await order('5s')).json()) as Prediction).id, 'canceled')
    for (const status of ['canceled', 'aborted']) {
      await untilStatus((await create(`[[emulate: slow=40, ${status}]]`)).id, status)
    }
  })

  it('lists predictions by pages of a hundred', async () => {
    const crowded = await startReplicateUpstream()
    const lister = createClient(defaultReplicateKey, crowded)
    for (let made = 0; made < 103; made += 1) {
      await lister.predictions.create({ model: schnell, input: { prompt: `${made}` } })
    }
    const pages: number[] = []
    for await (const page of lister.paginate(lister.predictions.list)) pages.push(page.length)
    expect(pages).toEqual([100, 3])
    await crowded.close()
  })

  it('takes files and knows them by their address', async () => {
    const bytes = await makePicture({ width: 64, height: 64, format: 'png', seed: 'file' })
    const file = await client.files.create(bytes)
    const input = { prompt: 'edit', input_image: file.urls.get }
    const model = 'black-forest-labs/flux-kontext-max'
    expect(await client.predictions.create({ model, input, wait: true })).toMatchObject({
      status: 'succeeded',
    })
    const lost = { ...input, input_image: file.urls.get.replace(/.$/, '_') }
    expect(await statusOf(client.predictions.create({ model, input: lost }))).toMatchObject({ status: 422 })
    // The client uploads by itself what it is given as bytes.
    const given = { prompt: 'edit', input_image: bytes }
    expect(await client.predictions.create({ model, input: given, wait: true })).toMatchObject({
      status: 'succeeded',
    })
    expect(await client.accounts.current()).toMatchObject({ type: 'user' })
  })

  it.each([
    [schnell, { prompt: 'x', output_format: 'gif' }, 'enum', 'output_format'],
    [schnell, { aspect_ratio: '1:1' }, 'required', 'prompt'],
    [schnell, { prompt: 'x', num_outputs: 5 }, 'number_lte', 'num_outputs'],
    [schnell, { prompt: 'x', steps: 5 }, 'additional_property_not_allowed', 'steps'],
    [schnell, { prompt: 1 }, 'invalid_type', 'prompt'],
    ['black-forest-labs/flux-pro', { prompt: 'x', width: 1000 }, 'multiple_of', 'width'],
    ['bytedance/seedream-4.5', { prompt: 'x', size: '1K' }, 'enum', 'size'],
    ['black-forest-labs/flux-kontext-max', { prompt: 'x', output_format: 'webp' }, 'enum', 'output_format'],
    [
      'black-forest-labs/flux-kontext-max',
      { prompt: 'x', input_image: 'https://a.example/a.png', safety_tolerance: 5 },
      'number_lte',
      'safety_tolerance',
    ],
    ['google/nano-banana', { prompt: 'x', image_input: 'https://a.example' }, 'invalid_type', 'image_input'],
  ])('refuses inputs as the schema of %s says: %j', async (model, input, type, field) => {
    const { status, message } = await statusOf(
      client.predictions.create({ model: model as typeof schnell, input }),
    )
    expect(status).toBe(422)
    expect(message).toContain('Input validation failed')
    expect(message).toContain(`"type":"${type}","field":"input.${field}"`)
  })

  it('ignores unknown inputs where the model does', async () => {
    const input = { prompt: 'x', who_knows: 1 }
    const made = await client.predictions.create({ model: 'prunaai/flux-fast', input, wait: true })
    expect(made.status).toBe('succeeded')
  })

  it.each([
    ['wrong_key', 401, 'valid authentication token'],
    ['quota', 402, 'insufficient credit'],
    ['retired', 404, 'could not be found'],
    ['rate_limit', 429, 'resets in ~7s'],
    ['rate_limit=low_credit', 429, 'less than $5.0 in credit'],
    ['overloaded', 503, '"detail"'],
  ])('is refused as the vendor refuses: %s -> %i', async (behaviour, status, words) => {
    const billed = upstream.total.billable
    expect(await statusOf(create(`${behaviour} [[emulate: ${behaviour}]]`))).toEqual({
      status,
      message: expect.stringContaining(words),
    })
    expect(upstream.total.billable).toBe(billed)
  })

  it('knows one key', async () => {
    expect(await statusOf(createClient('r8_wrong').accounts.current())).toMatchObject({ status: 401 })
  })

  it('is tried again by the client after a 429', async () => {
    const made = await create('patience [[emulate: rate_limit, first=2]]', { wait: true })
    expect(made.status).toBe('succeeded')
  })

  it.each([
    ['nsfw', 'All generated images contained NSFW content'],
    ['sensitive', '(E005)'],
    ['interrupted, wrapped', 'Async prediction failed: ModelError: Prediction interrupted'],
  ])('fails with a plain sentence: %s', async (behaviour, sentence) => {
    const input = { prompt: `x [[emulate: ${behaviour}]]` }
    await expect(client.run(schnell, { input })).rejects.toThrow(sentence)
  })

  it('drops unsafe pictures one by one and says so in the log', async () => {
    const input = { prompt: 'four [[emulate: fewer=3]]', num_outputs: 4 }
    const made = await client.predictions.create({ model: schnell, input, wait: true })
    expect(made.output).toHaveLength(3)
    expect(made.logs).toContain('NSFW content detected in image 2')
  })

  it('forgets outputs and inputs after an hour', async () => {
    const forgetful = await startReplicateUpstream({ removesAfterMs: 0 })
    const reader = createClient(defaultReplicateKey, forgetful)
    const made = await reader.predictions.create({ model: schnell, input: { prompt: 'x' } })
    const later = await reader.predictions.get(made.id)
    expect(later).toMatchObject({
      status: 'succeeded',
      output: null,
      data_removed: true,
      input: {},
      logs: '',
    })
    await forgetful.close()
  })
})

describe('the file host of the emulator', () => {
  const publish = (directives: Record<string, string> = {}) =>
    upstream.files.publish({
      name: 'out-0.png',
      mediaType: 'image/png',
      make: () => makePicture({ width: 64, height: 64, format: 'png', seed: 'file host' }),
      directives: new Map(Object.entries(directives)),
    })

  it('is another origin, counts what it sent, and forgets', async () => {
    const url = publish()
    expect(new URL(url).origin).not.toBe(upstream.url)
    const before = upstream.files.downloads
    expect(await readPicture(url)).toMatchObject({ format: 'png', width: 64 })
    expect(upstream.files.downloads).toBe(before + 1)
    upstream.files.expire(url)
    expect((await fetch(url)).status).toBe(404)
    expect((await fetch(publish({ file_expires: '0' }))).status).toBe(404)
    expect((await fetch(`${url.slice(0, -12)}x/out-0.png`)).status).toBe(404)
    expect(upstream.files.downloads).toBe(before + 1)
  })

  it('wants a key, sends elsewhere and lies about its bytes when asked to', async () => {
    const locked = publish({ file_needs_key: '' })
    expect((await fetch(locked)).status).toBe(401)
    const headers = { authorization: `Bearer ${defaultReplicateKey}` }
    expect((await fetch(locked, { headers })).status).toBe(200)
    const sent = await fetch(publish({ file_redirect: '' }), { redirect: 'manual' })
    expect(sent.headers.get('location')).toMatch(/^http:\/\/169\.254\./)
    expect((await fetch(publish({ file_other_type: '' }))).headers.get('content-type')).toBe('image/jpeg')
    const page = await fetch(publish({ file_page: '' }))
    expect(await page.text()).toMatch(/^<!doctype html>/)
  })

  it('breaks off the first download only', async () => {
    const url = publish({ reset_mid_body: '', on: 'download' })
    await expect(fetch(url).then(answer => answer.arrayBuffer())).rejects.toThrow()
    expect(await readPicture(url)).toMatchObject({ format: 'png' })
  })
})

describe('the webhooks of the emulator, checked by the official client', () => {
  type Call = { headers: Record<string, string>; body: string }

  async function listen(answers: number[] = []) {
    const calls: Call[] = []
    const server = createServer(async (incoming: IncomingMessage, answer) => {
      const parts: Buffer[] = []
      for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part)
      const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
      calls.push({ headers: Object.fromEntries(headers), body: Buffer.concat(parts).toString('utf8') })
      answer.statusCode = answers.shift() ?? 204
      answer.end()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return {
      calls,
      url: `http://127.0.0.1:${port}/hook`,
      close: () => new Promise<void>(resolve => server.close(() => resolve())),
      untilCalls: async (count: number) => {
        await expect.poll(() => calls.length, { timeout: 5_000 }).toBe(count)
      },
    }
  }

  async function isValid({ headers, body }: Call): Promise<boolean> {
    const { key } = await client.webhooks.default.secret.get()
    return validateWebhook({
      id: headers['webhook-id'] ?? '',
      timestamp: headers['webhook-timestamp'] ?? '',
      signature: headers['webhook-signature'] ?? '',
      body,
      secret: key,
    })
  }

  const read = (call: Call | undefined) => JSON.parse(call?.body ?? '{}') as Prediction

  it('are signed and tell start, output and end', async () => {
    const receiver = await listen()
    const made = await create('hooked [[emulate: slow=40]]', { webhook: receiver.url })
    await receiver.untilCalls(3)
    expect(receiver.calls.map(call => read(call).status)).toEqual(['starting', 'processing', 'succeeded'])
    expect(receiver.calls.every(call => read(call).id === made.id)).toBe(true)
    for (const call of receiver.calls) expect(await isValid(call)).toBe(true)
    await receiver.close()
  })

  it('come again with the same id until they are taken', async () => {
    const receiver = await listen([500, 503])
    await create('again', { webhook: receiver.url, webhook_events_filter: ['completed'] })
    await receiver.untilCalls(3)
    expect(new Set(receiver.calls.map(call => call.headers['webhook-id'])).size).toBe(1)
    await receiver.close()
  })

  it('come twice, out of order, wrongly signed, old or huge when asked to', async () => {
    const order = async (way: string, events: string[]) => {
      const receiver = await listen()
      const filter = { webhook: receiver.url, webhook_events_filter: events }
      await create(`${way} [[emulate: webhook=${way}]]`, filter)
      await receiver.untilCalls(way === 'twice' || way === 'reordered' ? 2 : 1)
      await receiver.close()
      return receiver.calls
    }
    const [first, second] = await order('twice', ['completed'])
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    const reordered = await order('reordered', ['output', 'completed'])
    expect(reordered.map(call => read(call).status)).toEqual(['succeeded', 'processing'])
    const [wrong] = await order('wrong', ['completed'])
    expect(wrong && (await isValid(wrong))).toBe(false)
    const [old] = await order('old', ['completed'])
    expect(old && (await isValid(old))).toBe(true)
    const [fresh] = await order('', ['completed'])
    const [oldAt, freshAt] = [old, fresh].map(call => Number(call?.headers['webhook-timestamp']))
    expect(Number(freshAt) - Number(oldAt)).toBeGreaterThan(3_500)
    const [huge] = await order('huge', ['completed'])
    expect(huge?.body.length).toBeGreaterThan(2_000_000)
  })
})
