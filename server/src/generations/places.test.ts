// The places of a process: how many there are, and when the last one is free.
import { expect, test } from 'vitest'
import type { Generation } from './generation.ts'
import { createPlaces, restsOfPlace } from './places.ts'

/** Only these two are read. */
function generation(id: string): Generation {
  return { id, epoch: 1 } as Generation
}

/** Promise.withResolvers is not in Node 20. */
function withResolvers(): { promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>(given => {
    resolve = given
  })
  return { promise, resolve }
}

/** Whether the promise has resolved by now, later turns of the event loop left aside. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false
  promise.then(() => {
    done = true
  })
  await new Promise(resolve => setImmediate(resolve))
  return done
}

test('a drain waits for work that runs', async () => {
  const places = createPlaces(2, () => undefined)
  const work = withResolvers()
  places.hold(generation('a'), () => work.promise)
  const drained = places.drain()
  expect(await isDone(drained)).toBe(false)
  work.resolve()
  expect(await isDone(drained)).toBe(true)
})

test('a drain waits for work that a claim under way brings after it began', async () => {
  const places = createPlaces(2, () => undefined)
  const leave = places.reserve(1)
  const drained = places.drain()
  expect(await isDone(drained)).toBe(false)
  const work = withResolvers()
  places.hold(generation('a'), () => work.promise)
  leave()
  expect(await isDone(drained)).toBe(false)
  work.resolve()
  expect(await isDone(drained)).toBe(true)
})

test('a drain of an idle process ends at once, and nothing finds room after it', async () => {
  const places = createPlaces(2, () => undefined)
  expect(places.room()).toBe(2)
  expect(await isDone(places.drain())).toBe(true)
  expect(places.room()).toBe(0)
})

test('work at rest takes no place until there is very much of it, and then as many as it is beyond', () => {
  const places = createPlaces(3, () => undefined)
  const rest = (id: string, isPolled = false) => {
    places.hold(generation(id), () => new Promise(() => undefined))
    return places.rest(id, isPolled)
  }
  for (const at of Array(3 * restsOfPlace).keys()) rest(`order ${at}`)
  expect(places.room()).toBe(3)
  const end = rest('one more')
  rest('and another')
  expect(places.room()).toBe(1)
  // These are bounded by whoever began them.
  rest('polled', true)
  expect(places.room()).toBe(1)
  end()
  // It works again: in a place of its own.
  expect(places.room()).toBe(1)
})
