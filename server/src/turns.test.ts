// Who is served when many want their pictures decoded at once.
import { expect, test } from 'vitest'
import { AppError } from './errors.ts'
import { createTurns } from './turns.ts'

const forever = new AbortController().signal

const nextTurn = () => new Promise(resolve => setImmediate(resolve))

/** One place for all; the work of each call ends when it is told to. */
function open({ atOnce = 1, waiting = 5, ofAccount = { atOnce: 1, waiting: 2 } } = {}) {
  const turns = createTurns({ atOnce, waiting, ofAccount, refusal: 'Too much waits.' })
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const call = (accountId: string, name: string, signal = forever) =>
    turns
      .run({ accountId, signal }, () => {
        begun.push(name)
        return new Promise<string>(resolve => ends.set(name, () => resolve('done')))
      })
      .catch(error => (error instanceof AppError ? error.code : String(error)))
  const end = async (name: string) => {
    await nextTurn()
    ends.get(name)?.()
    await nextTurn()
  }
  return { begun, call, end }
}

test('accounts take turns, however many one of them sends and however early', async () => {
  const { begun, call, end } = open()
  const calls = [call('a', 'a1'), call('a', 'a2'), call('a', 'a3'), call('b', 'b1'), call('b', 'b2')]
  for (const name of ['a1', 'b1', 'a2', 'b2', 'a3']) await end(name)
  expect(begun).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
  expect(await Promise.all(calls)).toEqual(calls.map(() => 'done'))
})

test('an account has one place and few chairs, and what it may not have is left for others', async () => {
  const { begun, call, end } = open({ atOnce: 2 })
  const calls = [call('a', 'a1'), call('a', 'a2'), call('a', 'a3')]
  expect(await call('a', 'a4')).toBe('overloaded')
  calls.push(call('b', 'b1'))
  await nextTurn()
  expect(begun).toEqual(['a1', 'b1'])
  await end('b1')
  expect(begun).toEqual(['a1', 'b1'])
  for (const name of ['a1', 'a2', 'a3']) await end(name)
  expect(await Promise.all(calls)).toEqual(calls.map(() => 'done'))
})

test('all chairs taken: whoever comes next is sent away, and may come again later', async () => {
  const { call, end } = open({ waiting: 2 })
  const calls = [call('a', 'a1'), call('b', 'b1'), call('c', 'c1')]
  expect(await call('d', 'd1')).toBe('overloaded')
  await end('a1')
  calls.push(call('d', 'd2'))
  for (const name of ['b1', 'c1', 'd2']) await end(name)
  expect(await Promise.all(calls)).toEqual(calls.map(() => 'done'))
})

test('who waits no longer gives its chair back, and is never begun', async () => {
  const { begun, call, end } = open({ waiting: 1 })
  const first = call('a', 'a1')
  const ending = new AbortController()
  const second = call('b', 'b1', ending.signal)
  ending.abort()
  expect([await second, await call('b', 'b2', ending.signal)]).toEqual(['overloaded', 'overloaded'])
  const third = call('c', 'c1')
  for (const name of ['a1', 'c1']) await end(name)
  expect(await Promise.all([first, third])).toEqual(['done', 'done'])
  expect(begun).toEqual(['a1', 'c1'])
})
