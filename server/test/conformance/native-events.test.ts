// The events of a generation: what a client sees from the order to the end, at the node that runs it, at another one,
// and after its node has died.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRig, eventually, type Node, type Rig } from '../harness.ts'
import { createNativeClient, generations, type NativeClient, type Shown } from './native-client.ts'

let rig: Rig
let node: Node
let client: NativeClient

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ WORKER_CONCURRENCY: '2' })
  client = await createNativeClient(node)
})
afterAll(() => rig.close())

const model = 'openai:gpt-image-2'

type Event = { name: string; id: string | null; data: Record<string, unknown> }
type Watch = { status: number; headers: Headers; events: Event[]; ended: Promise<void>; leave(): void }

async function watch(
  at: Node,
  apiKey: string,
  { id, headers = {} }: { id: string; headers?: Record<string, string> },
): Promise<Watch> {
  const leaving = new AbortController()
  const answer = await fetch(`${at.url}${generations}/${id}/events`, {
    headers: { authorization: `Bearer ${apiKey}`, ...headers },
    signal: leaving.signal,
  })
  const events: Event[] = []
  const read = async () => {
    let text = ''
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      events.push(...blocks.flatMap(parseEvent))
    }
  }
  const ended = read().catch(() => undefined)
  return { status: answer.status, headers: answer.headers, events, ended, leave: () => leaving.abort() }
}

function parseEvent(block: string): Event[] {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? null
  const data = field('data')
  return data === null ? [] : [{ name: field('event') ?? '', id: field('id'), data: JSON.parse(data) }]
}

async function order(apiKey: string, body: object): Promise<Shown> {
  const made = await client.call(apiKey, `POST ${generations}`, { body: { model, ...body } })
  expect(made.status).toBe(202)
  return made.body
}

/** Of an order that a process may have to queue for a moment first. */
async function watchAtWork(at: Node, apiKey: string, id: string): Promise<Watch> {
  const isRunning = async () =>
    (await client.call(apiKey, `GET ${generations}/${id}`)).body.status === 'running'
  await eventually('it is at work', isRunning)
  return await watch(at, apiKey, { id })
}

const isAtWork = (each: Watch) => namesOf(each).includes('running')

const namesOf = ({ events }: Watch) =>
  events.map(({ name, data }) => (name === 'status' ? data.status : name))

describe('the events of a generation', () => {
  test('are its states, its partial pictures in order, and its end as a read shows it', async () => {
    const { apiKey } = await rig.account({ credits: 100, key: { rate: null } })
    const resume = rig.openai.pause()
    const { id } = await order(apiKey, { prompt: 'a mill', partialImages: 2 })
    const seen = await watchAtWork(node, apiKey, id)
    const second = await watch(node, apiKey, { id })
    await eventually('both see it at work', () => isAtWork(seen) && isAtWork(second))
    resume()
    expect([seen.status, seen.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    expect(seen.headers.get('x-ratelimit-limit')).toBe('600')
    await seen.ended
    await second.ended
    expect(namesOf(seen)).toEqual(['running', 'partial', 'partial', 'end'])
    expect(second.events).toEqual(seen.events)
    for (const [index, { data }] of seen.events.slice(1, 3).entries()) {
      expect(data).toMatchObject({ index, part: 0, mediaType: 'image/png' })
      expect((await sharp(Buffer.from(String(data.image), 'base64')).metadata()).format).toBe('png')
    }
    const end = seen.events.at(-1)
    expect(end?.id).toBe('end')
    expect(end?.data).toEqual((await client.call(apiKey, `GET ${generations}/${id}`)).body)
    expect(end?.data).toMatchObject({ status: 'succeeded' })
  })

  test('begin in the queue, and show the built-in model at work', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const slow = { prompt: 'holds its place' }
    const resume = rig.openai.pause()
    await Promise.all([order(apiKey, slow), order(apiKey, slow)])
    const { id } = await order(apiKey, { model: 'darkroom:sketch', prompt: 'a castle', partialImages: 3 })
    const seen = await watch(node, apiKey, { id })
    await eventually('it waits', () => seen.events.length > 0)
    resume()
    await seen.ended
    expect(namesOf(seen)).toEqual(['queued', 'running', 'partial', 'partial', 'partial', 'end'])
    expect(seen.events.slice(2, 5).map(({ data }) => data.index)).toEqual([0, 1, 2])
  })

  test('hold no partial picture that was not ordered, and of an ended one only the end', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const resume = rig.openai.pause()
    const { id } = await order(apiKey, { prompt: 'plain' })
    const seen = await watchAtWork(node, apiKey, id)
    await eventually('it is at work', () => isAtWork(seen))
    resume()
    await seen.ended
    expect(namesOf(seen)).toEqual(['running', 'end'])
    const late = await watch(node, apiKey, { id })
    await late.ended
    expect(late.events).toEqual(seen.events.slice(1))
    // A browser that reconnects by itself names the last event it saw.
    expect((await watch(node, apiKey, { id, headers: { 'last-event-id': 'end' } })).status).toBe(204)
    const bad = await order(apiKey, {
      prompt: 'none [[emulate: moderation_output]]',
      partialImages: 1,
    })
    const blocked = await watch(node, apiKey, { id: bad.id })
    await blocked.ended
    expect(blocked.events.at(-1)).toMatchObject({ name: 'end', data: { status: 'blocked', outputs: [] } })
  })

  test('are seen at another node, without partial pictures, and go on there when the first has died', async () => {
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const first = await rig.startNode({ WORKER_CONCURRENCY: '4' })
    const body = { model, prompt: 'elsewhere', partialImages: 2 }
    const place = async (at: Node, sent: object) => {
      const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
      const made = await fetch(at.url + generations, { method: 'POST', headers, body: JSON.stringify(sent) })
      return ((await made.json()) as Shown).id
    }
    const resume = rig.openai.pause()
    const quick = await place(first, body)
    const here = await watchAtWork(first, apiKey, quick)
    const there = await watch(node, apiKey, { id: quick })
    await eventually('both see it at work', () => isAtWork(here) && isAtWork(there))
    resume()
    await Promise.all([here.ended, there.ended])
    expect(namesOf(here)).toEqual(['running', 'partial', 'partial', 'end'])
    expect(namesOf(there)).toEqual(['running', 'end'])
    const doomed = await place(first, { ...body, prompt: 'elsewhere [[emulate: slow=60000]]' })
    const cut = await watchAtWork(first, apiKey, doomed)
    await eventually('the first event', () => cut.events.length > 0)
    await first.kill()
    await cut.ended
    expect(namesOf(cut)).toEqual(['running'])
    const again = await watch(node, apiKey, { id: doomed })
    await again.ended
    expect(again.events.at(-1)).toMatchObject({
      name: 'end',
      data: { status: 'failed', reason: 'unknown_outcome' },
    })
    expect(await rig.balance(accountId)).toBe(100 - Number(here.events.at(-1)?.data.costCredits))
  })

  test('are bounded in number for a key; who leaves gives back the place and harms nothing', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const resume = rig.openai.pause()
    const { id } = await order(apiKey, { prompt: 'watched', partialImages: 1 })
    const crowd = await Promise.all(Array.from({ length: 20 }, () => watch(node, apiKey, { id })))
    expect(crowd.map(({ status }) => status)).toEqual(Array(20).fill(200))
    const over = await watch(node, apiKey, { id })
    expect([over.status, over.headers.get('retry-after')]).toEqual([429, '5'])
    const other = await rig.account({ credits: 0 })
    expect((await watch(node, other.apiKey, { id })).status).toBe(404)
    for (const each of crowd.slice(1)) each.leave()
    await eventually('there is room again', async () => {
      const next = await watch(node, apiKey, { id })
      next.leave()
      return next.status === 200
    })
    resume()
    await crowd[0]?.ended
    expect(crowd[0]?.events.at(-1)).toMatchObject({ name: 'end', data: { status: 'succeeded' } })
  })

  test('are refused as every read is', async () => {
    const { apiKey } = await rig.account({ credits: 0 })
    const maker = await rig.account({ credits: 0, key: { scopes: ['generate'] } })
    const of = (key: string, id: string) => client.call(key, `GET ${generations}/${id}/events`)
    const unknown = '01890000-0000-7000-8000-000000000000'
    expect((await of(apiKey, unknown)).status).toBe(404)
    expect((await of(apiKey, 'quote')).status).toBe(404)
    expect((await of('dr_none', unknown)).status).toBe(401)
    expect((await of(maker.apiKey, unknown)).status).toBe(403)
    const post = await fetch(`${node.url}${generations}/${unknown}/events`, { method: 'POST' })
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET'])
  })
})
