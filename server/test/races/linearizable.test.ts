// The balance behaves like one number on one machine: every history of concurrent orders, grants and reads at
// three processes can be explained by calls made one after the other.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { raceCounts } from '../counts.ts'
import { grant } from '../money.ts'
import { type Cluster, postGeneration, readBalance, startCluster, times } from './cluster.ts'
import { type Call, isLinearizable } from './linearizable.ts'

describe('the judge', () => {
  const call = (kind: Call['kind'], amount: number, [startMs, endMs]: [number, number]): Call => ({
    kind,
    amount,
    startMs,
    endMs,
  })
  test('accepts what a serial run could have answered', () => {
    const overlapping = [call('spend', 3, [0, 10]), call('read', 2, [1, 9]), call('refused', 3, [2, 12])]
    expect(isLinearizable(overlapping, 5)).toBe(true)
    expect(isLinearizable([call('spend', 3, [0, 10]), call('read', 5, [1, 9])], 5)).toBe(true)
    expect(isLinearizable([call('add', 1, [0, 1]), call('spend', 6, [0, 1])], 5)).toBe(true)
  })
  test('sees a stale read, an overspend, a wrong refusal and a lost grant', () => {
    expect(isLinearizable([call('spend', 3, [0, 1]), call('read', 5, [2, 3])], 5)).toBe(false)
    expect(isLinearizable([call('spend', 3, [0, 5]), call('spend', 3, [0, 5])], 5)).toBe(false)
    expect(isLinearizable([call('refused', 3, [0, 1]), call('spend', 3, [2, 3])], 5)).toBe(false)
    expect(isLinearizable([call('add', 1, [0, 1]), call('read', 5, [2, 3])], 5)).toBe(false)
    expect(isLinearizable([call('read', 2, [0, 1]), call('spend', 3, [2, 3])], 5)).toBe(false)
  })
})

describe('the balance', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.close())

  const clients = 4
  const callsOfEach = 3
  const price = 3

  async function timed(run: () => Promise<Pick<Call, 'kind' | 'amount'>>): Promise<Call> {
    const startMs = performance.now()
    const seen = await run()
    return { ...seen, startMs, endMs: performance.now() }
  }

  /** One history: each client makes its calls one after the other, at another process each time. */
  async function record(nth: number, opening: number): Promise<Call[]> {
    const { accountId, apiKey } = await cluster.account({ credits: opening })
    const histories = await times(clients, async client => {
      const calls: Call[] = []
      for (let step = 0; step < callsOfEach; step += 1) {
        const node = cluster.node(nth + client + step)
        const choice = (nth * 7 + client * 5 + step * 3) % 8
        calls.push(
          await timed(async () => {
            if (choice < 4) {
              const { status } = await postGeneration(node, apiKey, { prompt: cluster.prompt() })
              if (status !== 202 && status !== 402) throw new Error(`an order was answered ${status}`)
              return { kind: status === 202 ? 'spend' : 'refused', amount: price }
            }
            if (choice < 7) return { kind: 'read', amount: await readBalance(node, apiKey) }
            await grant(cluster.database.db, accountId, { amount: 2, reference: `${client}-${step}` })
            return { kind: 'add', amount: 2 }
          }),
        )
      }
      return calls
    })
    return histories.flat()
  }

  test('is linearizable over three processes', async () => {
    const kinds = new Set<string>()
    for (let nth = 0; nth < raceCounts.histories; nth += 1) {
      const opening = 4 + (nth % 7)
      const calls = await record(nth, opening)
      for (const { kind } of calls) kinds.add(kind)
      expect(isLinearizable(calls, opening), JSON.stringify({ opening, calls })).toBe(true)
    }
    expect(kinds).toEqual(new Set(['spend', 'refused', 'read', 'add']))
  }, 600_000)
})
