// Orders that arrive at the same moment at three processes: credits are never spent twice, one key names one
// order, and what one process has done every other process shows at once.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey, listKeys, revokeKey } from '../../src/accounts/keys.ts'
import { raceCounts } from '../counts.ts'
import { eventually } from '../harness.ts'
import {
  type Answer,
  type Cluster,
  countBooks,
  countOpen,
  get,
  holdLastByte,
  idOf,
  insist,
  postGeneration,
  postImage,
  readBalance,
  startCluster,
  threeCredits,
  times,
} from './cluster.ts'

/** Rounds of hundreds of requests on two cores. */
const patienceMs = 600_000
const now = () => new Date()

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster.close())

const ended = (accountId: string) =>
  eventually('every order ended', async () => (await countOpen(cluster, accountId)) === 0)

const statuses = (answers: readonly { status: number }[]) => {
  const counted: Record<number, number> = {}
  for (const { status } of answers) counted[status] = (counted[status] ?? 0) + 1
  return counted
}

describe('credits', () => {
  test(
    'are never overspent by parallel orders at three processes',
    async () => {
      for (let round = 0; round < raceCounts.overspendRounds; round += 1) {
        const { accountId, apiKey } = await cluster.account({ credits: 100 })
        const prompt = cluster.prompt()
        const isQueued = round % 2 === 1
        const answers = await times(200, index =>
          insist(() =>
            isQueued
              ? postGeneration(cluster.node(index), apiKey, { prompt })
              : postImage(cluster.node(index), apiKey, { prompt }),
          ),
        )
        expect(statuses(answers)).toEqual(isQueued ? { 202: 33, 402: 167 } : { 200: 33, 400: 167 })
        await ended(accountId)
        expect(await readBalance(cluster.node(round), apiKey)).toBe(1)
        expect(await countBooks(cluster, accountId)).toEqual({ generations: 33, holds: 33, resolutions: 33 })
        expect(cluster.calls(prompt)).toBe(33)
      }
      expect(await cluster.violations()).toEqual([])
    },
    patienceMs,
  )

  test(
    'are not overspent when the last bytes of all requests arrive together',
    async () => {
      for (let round = 0; round < raceCounts.lastByteRounds; round += 1) {
        const { accountId, apiKey } = await cluster.account({ credits: 31 })
        const request = {
          path: '/api/v1/images/generate',
          body: { modelId: threeCredits, prompt: cluster.prompt() },
          headers: { prefer: 'respond-async' },
        }
        const held = await times(30, index => holdLastByte(cluster.node(index), apiKey, request))
        for (const each of held) each.release()
        const answers = await Promise.all(held.map(each => each.answer))
        expect(statuses(answers)).toEqual({ 202: 10, 400: 20 })
        await ended(accountId)
        expect(await readBalance(cluster.node(round), apiKey)).toBe(1)
      }
      expect(await cluster.violations()).toEqual([])
    },
    patienceMs,
  )

  test(
    'spent at one process are spent at every other by the time of the answer',
    async () => {
      const spends = raceCounts.readYourWrites
      const { accountId, apiKey } = await cluster.account({ credits: 3 * spends })
      const prefer = { prefer: 'respond-async' }
      for (let spend = 0; spend < spends; spend += 1) {
        const answer = await postImage(cluster.node(spend), apiKey, {
          prompt: cluster.prompt(),
          headers: prefer,
        })
        expect(answer.status).toBe(202)
        expect(await readBalance(cluster.node(spend + 1), apiKey)).toBe(3 * (spends - spend - 1))
        const shown = await get(cluster.node(spend + 2), apiKey, `/api/v1/generations/${idOf(answer)}`)
        expect(shown.status).toBe(200)
      }
      await ended(accountId)
      expect(await readBalance(cluster.node(0), apiKey)).toBe(0)
    },
    patienceMs,
  )
})

describe('one idempotency key', () => {
  for (const kind of ['synchronous', 'queued'] as const) {
    test(
      `makes one order of 100 parallel ${kind} ones`,
      async () => {
        for (let round = 0; round < raceCounts.oneKeyRounds; round += 1) {
          const { accountId, apiKey } = await cluster.account({ credits: 1_000 })
          // Who asks when the order has ended is shown its picture at once; here all 100 come before that.
          const prompt = cluster.prompt('slow=150')
          const resume = kind === 'queued' ? cluster.openai.pause() : () => {}
          const post = { prompt, headers: { 'idempotency-key': randomUUID() } }
          const answers = await times(100, index =>
            insist(() =>
              kind === 'queued'
                ? postGeneration(cluster.node(index), apiKey, post)
                : postImage(cluster.node(index), apiKey, post),
            ),
          )
          resume()
          expect(statuses(answers)).toEqual(kind === 'queued' ? { 202: 100 } : { 200: 100 })
          expect(new Set(answers.map(idOf)).size).toBe(1)
          expect(answers.filter(each => !each.headers.has('idempotent-replayed'))).toHaveLength(1)
          await ended(accountId)
          expect(await countBooks(cluster, accountId)).toEqual({ generations: 1, holds: 1, resolutions: 1 })
          expect(cluster.calls(prompt)).toBe(1)
          expect(await cluster.balance(accountId)).toBe(997)
        }
        expect(await cluster.violations()).toEqual([])
      },
      patienceMs,
    )
  }

  test('makes one order also when the last bytes arrive together and credits are scarce', async () => {
    for (let round = 0; round < raceCounts.lastByteRounds; round += 1) {
      const { accountId, apiKey } = await cluster.account({ credits: 3 })
      const request = {
        path: '/api/v1/images/generate',
        body: { modelId: threeCredits, prompt: cluster.prompt() },
        headers: { prefer: 'respond-async', 'idempotency-key': `round-${round}` },
      }
      const held = await times(30, index => holdLastByte(cluster.node(index), apiKey, request))
      for (const each of held) each.release()
      const answers = await Promise.all(held.map(each => each.answer))
      // A duplicate that comes after the end is shown the image itself.
      expect(answers.filter(each => each.status !== 202 && each.status !== 200)).toEqual([])
      await ended(accountId)
      expect(await countBooks(cluster, accountId)).toEqual({ generations: 1, holds: 1, resolutions: 1 })
    }
  })

  test('attaches duplicates to the order in progress, whatever they prefer', async () => {
    const { accountId, apiKey } = await cluster.account({ credits: 1_000 })
    const prompt = cluster.prompt()
    const resume = cluster.openai.pause()
    const post = { prompt, headers: { 'idempotency-key': 'sync' } }
    const queued = { prompt: `${prompt} queued`, headers: { 'idempotency-key': 'queued' } }
    const original = postImage(cluster.node(0), apiKey, post)
    const queuedOriginal = await postGeneration(cluster.node(0), apiKey, queued)
    await cluster.openai.waitUntil(() => cluster.calls(prompt) === 2)
    const prefer = { ...post.headers, prefer: 'wait=1' }
    const waiting = times(20, index => postImage(cluster.node(index), apiKey, post))
    const [impatient, others] = await Promise.all([
      times(20, index => postImage(cluster.node(index), apiKey, { ...post, headers: prefer })),
      times(20, index => postGeneration(cluster.node(index), apiKey, queued)),
    ])
    resume()
    const first = await original
    expect(statuses([first, ...(await waiting)])).toEqual({ 200: 21 })
    const { image } = first.body
    for (const answer of await waiting) expect(answer.body.image).toEqual(image)
    expect(statuses(impatient)).toEqual({ 202: 20 })
    for (const answer of impatient) {
      expect(answer.body).toEqual({ generationId: idOf(first), status: 'running' })
      expect(answer.headers.get('location')).toMatch(new RegExp(`/api/v1/generations/${idOf(first)}$`))
    }
    expect(statuses(others)).toEqual({ 202: 20 })
    expect(new Set(others.map(idOf))).toEqual(new Set([idOf(queuedOriginal)]))
    for (const answer of others) expect(answer.body.status).toBe('running')
    await ended(accountId)
    expect(cluster.calls(prompt)).toBe(2)
    expect(await countBooks(cluster, accountId)).toEqual({ generations: 2, holds: 2, resolutions: 2 })
  })

  test('belongs to the account: its keys share it, other accounts do not, rotation keeps it', async () => {
    const { accountId, apiKey } = await cluster.account({ credits: 100 })
    const stranger = await cluster.account({ credits: 100 })
    const another = (await makeKey(accountId)).apiKey
    const post = { prompt: cluster.prompt(), headers: { 'idempotency-key': 'shared' } }
    const [first, second, foreign] = await Promise.all([
      postImage(cluster.node(0), apiKey, post),
      postImage(cluster.node(1), another, post),
      postImage(cluster.node(2), stranger.apiKey, post),
    ])
    expect(idOf(second)).toBe(idOf(first))
    expect(idOf(foreign)).not.toBe(idOf(first))
    for (const { id } of await listKeys(cluster.database.db, accountId)) await revoke(id)
    const rotated = await makeKey(accountId)
    const replay = await postImage(cluster.node(0), rotated.apiKey, post)
    expect(idOf(replay)).toBe(idOf(first))
    expect(replay.headers.get('idempotent-replayed')).toBe('true')
    expect(await cluster.balance(accountId)).toBe(97)
    expect(await cluster.balance(stranger.accountId)).toBe(97)
  })
})

const makeKey = (accountId: string) =>
  cluster.database.db.transaction(tx => createKey({ tx, now }, { accountId, rate: 'off', inFlight: 'off' }))
const revoke = (keyId: string) => cluster.database.db.transaction(tx => revokeKey(tx, keyId, null))

test('a revoked key is refused at once by every process', async () => {
  const { accountId } = await cluster.account({ credits: 100 })
  for (let round = 0; round < 10; round += 1) {
    const { keyId, apiKey } = await makeKey(accountId)
    const before = await times(6, index => get(cluster.node(index), apiKey, '/api/v1/account'))
    expect(statuses(before)).toEqual({ 200: 6 })
    await revoke(keyId)
    const after = await times(12, index => get(cluster.node(index), apiKey, '/api/v1/account'))
    expect(statuses(after)).toEqual({ 401: 12 })
    expect((await postImage(cluster.node(round), apiKey, { prompt: 'x' })).status).toBe(401)
  }
})

describe('the price', () => {
  test('cannot be moved by anything in the request', async () => {
    const { accountId, apiKey } = await cluster.account({ credits: 1_000 })
    const prompt = cluster.prompt()
    const bodies: Record<string, unknown>[] = [
      { price: 0 },
      { credits: 0 },
      { unitPrice: 0 },
      ...[-1, 0, 1e9, 1.5, '4', null, [1], 11].map(n => ({ n })),
    ]
    const refused: Answer[] = [
      ...(await Promise.all(bodies.map(body => postGeneration(cluster.node(0), apiKey, { prompt, body })))),
      ...(await Promise.all(bodies.map(body => postImage(cluster.node(1), apiKey, { prompt, body })))),
    ]
    expect(statuses(refused)).toEqual({ 400: refused.length })
    expect(await countBooks(cluster, accountId)).toEqual({ generations: 0, holds: 0, resolutions: 0 })
    expect(await cluster.balance(accountId)).toBe(1_000)
  })
})
