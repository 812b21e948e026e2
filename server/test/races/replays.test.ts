// I-2, I-4, I-7, L-11: an order is shown again under its key as it is, however it ended and however long ago; a refusal
// leaves the key unused; and what is charged is what was delivered, to the image.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cancelGeneration } from '../../src/generations/cancel.ts'
import { createGenerationEvents } from '../../src/generations/observe.ts'
import { createSettledBus } from '../../src/generations/settled.ts'
import { createLog } from '../../src/log.ts'
import { createMetrics } from '../../src/telemetry.ts'
import { raceCounts } from '../counts.ts'
import { eventually } from '../harness.ts'
import { ask, grant } from '../money.ts'
import {
  type Answer,
  type Cluster,
  countBooks,
  countOpen,
  idOf,
  postGeneration,
  startCluster,
  times,
} from './cluster.ts'

const patienceMs = 600_000
const model = 'openai:gpt-image-2'
const price = 5
/** Long enough for what is to succeed, also on a busy machine. */
const deadlines = { GENERATION_DEADLINE_SYNC_S: '15', GENERATION_DEADLINE_ASYNC_S: '15' }
const wait = { prefer: 'wait=60' }
const log = createLog({ level: 'silent', logPrompts: false })

type Post = Parameters<typeof postGeneration>[2] & { headers: Record<string, string> }

const isReplay = ({ headers }: Answer) => headers.get('idempotent-replayed') === 'true'
const withKey = (key: string, post: Partial<Post> = {}): Post => ({
  model,
  prompt: key,
  ...post,
  headers: { ...wait, 'idempotency-key': key, ...post.headers },
})

describe('an order that has ended', () => {
  let cluster: Cluster
  let account: { accountId: string; apiKey: string }
  const kept: { key: string; post: Post; first: Answer; sha256: string | null }[] = []

  /** Directives by the end they lead to. */
  const ends = {
    succeeded: '',
    partly: 'fewer=1',
    blocked: 'moderation_input',
    failed: 'html_500',
    late: 'hang',
  }

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 0, env: deadlines })
    account = await cluster.account({ credits: 10_000 })
    // While this process is alone, nobody works: what is canceled is canceled before anybody can begin it.
    const door = await cluster.startNode({}, 'serve')
    const canceled = await times(raceCounts.replayedOrders, nth => orderAndCancel(door, `canceled-${nth}`))
    cluster.nodes.push(...(await Promise.all([1, 2].map(() => cluster.startNode()))))
    const others = await times(raceCounts.replayedOrders, nth =>
      Promise.all(
        Object.entries(ends).map(([end, directives]) =>
          withKey(`${end}-${nth}`, {
            prompt: cluster.prompt(directives),
            body: end === 'partly' ? { n: 3 } : {},
          }),
        ),
      ),
    )
    const posts = [...canceled, ...others.flat()]
    const firsts = await times(posts.length, nth =>
      postGeneration(cluster.node(nth), account.apiKey, posts[nth] ?? withKey('none')),
    )
    for (const [nth, first] of firsts.entries()) {
      const post = posts[nth] ?? withKey('none')
      kept.push({ key: post.headers['idempotency-key'] ?? '', post, first, sha256: null })
    }
    for (const each of kept) each.sha256 = await readPicture(each.first)
  }, patienceMs)
  afterAll(() => cluster.close())

  async function orderAndCancel(door: { url: string }, key: string): Promise<Post> {
    const post = withKey(key)
    const taken = await postGeneration(door, account.apiKey, {
      ...post,
      headers: { ...post.headers, prefer: 'respond-async' },
    })
    const needs = {
      db: cluster.database.db,
      settled: createSettledBus(),
      events: createGenerationEvents(log, createMetrics()),
      processName: 'a test',
    }
    // A cancel of a queued order asks no upstream.
    const result = await cancelGeneration(
      needs as unknown as Parameters<typeof cancelGeneration>[0],
      account.accountId,
      idOf(taken),
    )
    expect(result?.kind).toBe('canceled')
    return post
  }

  /** SHA-256 of the first picture behind an answer, as another process hands it out; null without one. */
  async function readPicture({ body }: Answer): Promise<string | null> {
    const [output] = body.outputs as { url: string }[]
    if (!output) return null
    const { pathname, search } = new URL(output.url)
    const picture = await fetch(`${cluster.node(1).url}${pathname}${search}`, {
      headers: { authorization: `Bearer ${account.apiKey}` },
    })
    expect(picture.status).toBe(200)
    return createHash('sha256')
      .update(Buffer.from(await picture.arrayBuffer()))
      .digest('hex')
  }

  /** What must never change; addresses of pictures may be signed afresh. */
  function outcomeOf({ status, body }: Answer) {
    const outputs = (body.outputs as Record<string, unknown>[]).map(({ url: _url, ...output }) => output)
    return { status, body: { ...body, outputs } }
  }

  test('ended as it was meant to', () => {
    const statusOf = (end: string) =>
      kept.filter(({ key }) => key.startsWith(end)).map(each => each.first.body)
    for (const [end, status, reason] of [
      ['succeeded', 'succeeded', null],
      ['partly', 'succeeded', null],
      ['blocked', 'blocked', 'content_rejected'],
      ['failed', 'failed', 'unknown_outcome'],
      ['late', 'failed', 'unknown_outcome'],
      ['canceled', 'canceled', 'canceled'],
    ] as const) {
      const bodies = statusOf(end)
      expect(bodies, end).toHaveLength(raceCounts.replayedOrders)
      for (const body of bodies) expect([body.status, body.reason], end).toEqual([status, reason])
    }
  })

  const ages: [string, number][] = [
    ['at once', 0],
    ['an hour later', 1],
    ['in the last minute of the day', 22 + 59 / 60],
    ['four days later still, since nothing purges orders', 96],
  ]
  for (const [name, hours] of ages) {
    test(`is shown again under its key ${name}`, async () => {
      await ask(
        cluster.database.ownerDb,
        'UPDATE clock_offset SET value = value + make_interval(secs => $1)',
        [hours * 3_600],
      )
      const before = {
        calls: cluster.openai.total.requests,
        books: await countBooks(cluster, account.accountId),
        balance: await cluster.balance(account.accountId),
      }
      for (const [nth, { key, post, first, sha256 }] of kept.entries()) {
        const again = await postGeneration(cluster.node(nth), account.apiKey, post)
        expect(isReplay(again), key).toBe(true)
        expect(outcomeOf(again), key).toEqual(outcomeOf(first))
        expect(await readPicture(again), key).toBe(sha256)
      }
      expect(cluster.openai.total.requests).toBe(before.calls)
      expect(await countBooks(cluster, account.accountId)).toEqual(before.books)
      expect(await cluster.balance(account.accountId)).toBe(before.balance)
      expect(await cluster.violations()).toEqual([])
    })
  }
})

describe('a key whose request was refused', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1, env: { WORKER_CONCURRENCY: '1', QUEUE_BOUND: '1' } })
  })
  afterAll(() => cluster.close())

  /** The refusal first, then its cause removed: the same key names an order of its own. */
  async function expectUnused(
    account: { accountId: string; apiKey: string },
    { key, first, second }: { key: string; first: Promise<Answer>; second: () => Promise<Answer> },
  ): Promise<number> {
    const refused = await first
    const taken = await second()
    expect([taken.status, taken.body.status, isReplay(taken)], key).toEqual([200, 'succeeded', false])
    expect(await countBooks(cluster, account.accountId)).toMatchObject({ generations: 1, holds: 1 })
    return refused.status
  }

  test('is unused, whatever the refusal', async () => {
    const node = cluster.node(0)
    const rich = () => cluster.account({ credits: 100 })
    const send = (apiKey: string, post: Post) => postGeneration(node, apiKey, post)
    const statuses: number[] = []

    const refusals: [string, Partial<Post>][] = [
      ['400', { body: { n: 0 } }],
      ['413', { body: { style: 'x'.repeat(26 * 1024 * 1024) } }],
    ]
    for (const [key, wrong] of refusals) {
      const account = await rich()
      const first = send(account.apiKey, withKey(key, wrong))
      const second = () => send(account.apiKey, withKey(key))
      statuses.push(await expectUnused(account, { key, first, second }))
    }
    const known = await rich()
    const unknown = send(`${known.apiKey.slice(0, -4)}0000`, withKey('401'))
    const second = () => send(known.apiKey, withKey('401'))
    statuses.push(await expectUnused(known, { key: '401', first: unknown, second }))

    const poor = await cluster.account({ credits: price - 1 })
    const unaffordable = send(poor.apiKey, withKey('402'))
    statuses.push(
      await expectUnused(poor, {
        key: '402',
        first: unaffordable,
        second: async () => {
          const gift = { amount: 10, reference: 'a gift' }
          await grant(cluster.database.db, poor.accountId, gift)
          return send(poor.apiKey, withKey('402'))
        },
      }),
    )

    const hasty = await cluster.account({ credits: 100, key: { rate: { requests: 1, windowS: 1 } } })
    const refusedForRate = async () => {
      let answer: Answer | null = null
      await eventually('a request is over the rate', async () => {
        answer = await send(hasty.apiKey, withKey('429', { body: { n: 0 } }))
        return answer.status === 429
      })
      return answer ?? Promise.reject(new Error('no answer'))
    }
    const onceTaken = async () => {
      let answer: Answer | null = null
      await eventually('the window is over', async () => {
        answer = await send(hasty.apiKey, withKey('429'))
        return answer.status !== 429
      })
      return answer ?? Promise.reject(new Error('no answer'))
    }
    statuses.push(await expectUnused(hasty, { key: '429', first: refusedForRate(), second: onceTaken }))

    const crowd = await rich()
    const late = await rich()
    const resume = cluster.openai.pause()
    await times(2, () => postGeneration(node, crowd.apiKey, { model, prompt: cluster.prompt() }))
    const shed = send(late.apiKey, withKey('503')).finally(resume)
    statuses.push(
      await expectUnused(late, {
        key: '503',
        first: shed,
        second: async () => {
          const isQuiet = async () => (await countOpen(cluster, crowd.accountId)) === 0
          await eventually('there is room again', isQuiet)
          return send(late.apiKey, withKey('503'))
        },
      }),
    )
    expect(statuses).toEqual([400, 413, 401, 402, 429, 503])
    expect(await cluster.violations()).toEqual([])
  })
})

describe('a key that names an order', () => {
  const word = fc.stringMatching(/^[a-z]{1,12}$/)
  const orders = fc.record({
    prompt: fc.stringMatching(/^[a-z]{1,8}( [a-z]{1,8}){0,5}$/),
    n: fc.integer({ min: 1, max: 3 }),
    style: word,
    tags: fc.uniqueArray(word, { minLength: 2, maxLength: 6 }),
    metadata: fc.dictionary(word, word, { minKeys: 2, maxKeys: 6, noNullPrototype: true }),
  })
  type Order = typeof orders extends fc.Arbitrary<infer Made> ? Made : never

  /** One field of it another, one less, one more, or the order of a list. */
  const changes: ((order: Order) => object)[] = [
    order => ({ ...order, prompt: `${order.prompt}s` }),
    order => ({ ...order, n: order.n + 1 }),
    ({ style: _, ...order }) => order,
    order => ({ ...order, quality: 'low' }),
    order => ({ ...order, tags: [...order.tags].reverse() }),
    order => ({ ...order, tags: order.tags.slice(1) }),
    order => ({ ...order, metadata: { ...order.metadata, more: 'of it' } }),
    order => ({ ...order, metadata: Object.fromEntries(Object.entries(order.metadata).slice(1)) }),
  ]

  const turn = <Value extends object>(value: Value) => Object.fromEntries(Object.entries(value).reverse())

  test(
    'is refused for any other body, which holds nothing, and shows it for the same one written otherwise',
    async () => {
      const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
      console.info(`other bodies: SEED=${seed}`)
      const cluster = await startCluster({ nodes: 1, latencyMs: 0 })
      try {
        const { accountId, apiKey } = await cluster.account({ credits: 100_000 })
        const send = async (key: string, text: string): Promise<Answer> => {
          const response = await fetch(`${cluster.node(0).url}/api/v1/generations`, {
            method: 'POST',
            headers: {
              authorization: `Bearer ${apiKey}`,
              'content-type': 'application/json',
              'idempotency-key': key,
              ...wait,
            },
            body: text,
          })
          const body = (await response.json()) as Record<string, unknown>
          return { status: response.status, headers: response.headers, body }
        }
        for (const [nth, order] of fc.sample(orders, { numRuns: raceCounts.mismatches, seed }).entries()) {
          const key = `pair-${nth}`
          const first = await send(key, JSON.stringify({ model, ...order }))
          expect([first.status, first.body.status], key).toEqual([200, 'succeeded'])
          const before = await countBooks(cluster, accountId)
          const balance = await cluster.balance(accountId)
          const calls = cluster.openai.total.requests
          const other = JSON.stringify({ model, ...changes[nth % changes.length]?.(order) })
          const refused = await send(key, other)
          expect([refused.status, refused.body.code], other).toEqual([422, 'idempotency_key_reused'])
          if (nth < raceCounts.rewritten) {
            const same = turn({ model, ...order, metadata: turn(order.metadata) })
            const shown = await send(key, JSON.stringify(same, null, (nth % 4) + 1))
            expect([shown.status, isReplay(shown), idOf(shown)], key).toEqual([200, true, idOf(first)])
          }
          expect(await countBooks(cluster, accountId), key).toEqual(before)
          expect([await cluster.balance(accountId), cluster.openai.total.requests]).toEqual([balance, calls])
        }
      } finally {
        await cluster.close()
      }
    },
    patienceMs,
  )
})

test(
  'an order of four is charged for the images that came, from none to four',
  async () => {
    const cluster = await startCluster({ nodes: 2 })
    try {
      const { accountId, apiKey } = await cluster.account({ credits: 100_000 })
      const orders = Array.from({ length: 5 * raceCounts.partialOrders }, (_, at) => at % 5)
      const answers = await times(orders.length, index => {
        const prompt = cluster.prompt(`fewer=${orders[index]}`)
        return postGeneration(cluster.node(index), apiKey, { model, prompt, headers: wait, body: { n: 4 } })
      })
      const charged = answers.map(({ body }) => [(body.outputs as unknown[]).length, body.costCredits])
      expect(charged).toEqual(orders.map(came => [came, came * price]))
      const spent = orders.reduce((sum, came) => sum + came * price, 0)
      expect(await cluster.balance(accountId)).toBe(100_000 - spent)
      const { length } = orders
      const books = { generations: length, holds: length, resolutions: length }
      expect(await countBooks(cluster, accountId)).toEqual(books)
      expect(await cluster.violations()).toEqual([])
    } finally {
      await cluster.close()
    }
  },
  patienceMs,
)
