// Streamed answers of OpenAI's Images API, read by OpenAI's own client and as raw events.
import { APIError, toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig, read } from '../harness.ts'
import { lookAt, makeInput, openClient } from './openai-client.ts'

let rig: Rig
let node: Node

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode()
})
afterAll(() => rig.close())

async function open(credits = 1_000) {
  const { apiKey, accountId } = await rig.account({ credits })
  const spent = async () => credits - (await rig.balance(accountId))
  return { apiKey, accountId, spent, ...openClient(node.url, apiKey) }
}

async function collect<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of stream) events.push(event)
  return events
}

describe('a streamed generation', () => {
  test('sends unfinished pictures in order, then the finished one with its usage', async () => {
    const { client, spent } = await open()
    const stream = await client.images.generate({
      model: 'gpt-image-2',
      prompt: 'a red fox',
      quality: 'low',
      stream: true,
      partial_images: 2,
    })
    const events = await collect(stream)
    expect(events.map(each => each.type)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ])
    expect(events).toMatchObject([{ partial_image_index: 0 }, { partial_image_index: 1 }, {}])
    const last = events.at(-1)
    expect(last).toMatchObject({
      size: '1024x1024',
      quality: 'low',
      background: 'auto',
      output_format: 'png',
    })
    expect(await lookAt(last?.b64_json)).toEqual({ format: 'png', size: '1024x1024' })
    if (last?.type !== 'image_generation.completed') throw new Error('not completed')
    expect(last.usage.output_tokens).toBeGreaterThan(0)
    expect(last.created_at).toBeGreaterThan(1_700_000_000)
    for (const event of events) expect((await lookAt(event.b64_json)).format).toBe(event.output_format)
    expect(await spent()).toBeGreaterThan(0)
  })

  test('sends one completed event for each picture, and the tokens of the call once', async () => {
    const { client } = await open()
    const stream = await client.images.generate({
      model: 'google:gemini-2.5-flash-image',
      prompt: 'two hills',
      n: 2,
      stream: true,
      output_format: 'webp',
    })
    const events = await collect(stream)
    expect(events).toHaveLength(2)
    for (const event of events) {
      expect(event).toMatchObject({ type: 'image_generation.completed', output_format: 'webp' })
      expect(await lookAt(event.b64_json)).toMatchObject({ format: 'webp' })
    }
  })

  test('is named after the edit when it is one', async () => {
    const { client } = await open()
    const stream = await client.images.edit({
      model: 'gpt-image-2',
      prompt: 'at night',
      image: await toFile(await makeInput({}), 'a.png'),
      stream: true,
      partial_images: 1,
    })
    const events = await collect(stream)
    expect(events.map(each => each.type)).toEqual(['image_edit.partial_image', 'image_edit.completed'])
  })

  test('tells a failure after the start as an event that the client throws, and charges nothing', async () => {
    const { client, spent, sent } = await open()
    const stream = await client.images.generate({
      model: 'gpt-image-2',
      prompt: 'a fox [[emulate: moderation_output]]',
      stream: true,
      partial_images: 1,
    })
    const failure = await collect(stream).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(APIError)
    expect(failure).toMatchObject({ code: 'moderation_blocked', type: 'image_generation_user_error' })
    expect(sent).toHaveLength(1)
    expect(await spent()).toBe(0)
  })

  test('tells a failure before the start as an answer with its status', async () => {
    const { client } = await open(0)
    const call = client.images.generate({ model: 'gpt-image-2', prompt: 'a fox', stream: true })
    await expect(call).rejects.toMatchObject({ status: 429, code: 'insufficient_quota' })
  })

  test('goes on when its caller leaves: the work is kept and paid for', async () => {
    const { client, spent, apiKey } = await open()
    const { data: stream, response } = await client.images
      .generate({ model: 'gpt-image-2', prompt: 'left alone [[emulate: slow=600]]', stream: true })
      .withResponse()
    stream.controller.abort()
    await collect(stream).catch(() => undefined)
    const path = `/api/v1/generations/${response.headers.get('x-darkroom-generation-id')}`
    await eventually('the order has ended', async () => {
      return (await read(node, apiKey, path)).body.status === 'succeeded'
    })
    expect(await spent()).toBeGreaterThan(0)
  })

  test('names the order in its head and forbids repeats', async () => {
    const { apiKey } = await open()
    const answer = await fetch(`${node.url}/v1/images/generations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        prefer: 'respond-async',
      },
      body: JSON.stringify({ prompt: 'a fox', stream: true }),
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(answer.headers.get('x-darkroom-generation-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.headers.get('preference-applied')).toBeNull()
    const text = await answer.text()
    expect(text).toMatch(/^event: image_generation\.completed\ndata: \{"type":"image_generation\.completed",/)
    expect(text.endsWith('}\n\n')).toBe(true)
  })
})
