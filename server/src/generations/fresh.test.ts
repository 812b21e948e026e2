// The text of a picture is held for a waiting caller, within its budget, and given back.
import { expect, test } from 'vitest'
import { createFreshImages } from './fresh.ts'

const generation = { id: 'g', dialect: 'getimages' as const }
const picture = (sizeBytes: number, fill: number) => Buffer.alloc(sizeBytes, fill)

/** Notes a picture's text in parts of an odd length. */
function note(fresh: ReturnType<typeof createFreshImages>, key: string, bytes: Buffer): void {
  const collector = fresh.collect(generation, key)
  const text = Buffer.from(bytes.toString('base64'), 'latin1')
  for (let at = 0; at < text.length; at += 49_153) collector?.add(text.subarray(at, at + 49_153))
}

test('hands a picture on whole, once, and only to who knows its size', () => {
  const fresh = createFreshImages(() => true)
  const bytes = picture(1_000_001, 0x5a)
  note(fresh, 'a', bytes)
  const text = fresh.take('a', bytes.length)
  expect(Buffer.from(Buffer.concat(text?.parts ?? []).toString('latin1'), 'base64').equals(bytes)).toBe(true)
  expect(fresh.take('a', bytes.length)).toBeNull()
  note(fresh, 'b', bytes)
  expect(fresh.take('b', bytes.length + 3)).toBeNull()
})

test('keeps pictures apart while memory goes from one to the next', () => {
  const fresh = createFreshImages(() => true)
  for (let round = 0; round < 200; round += 1) {
    const [one, other] = [picture(700_000 + round, round), picture(300_000, 255 - round)]
    note(fresh, 'one', one)
    note(fresh, 'other', other)
    for (const [key, bytes] of [['one', one] as const, ['other', other] as const]) {
      const text = fresh.take(key, bytes.length)
      expect(Buffer.concat(text?.parts ?? []).equals(Buffer.from(bytes.toString('base64')))).toBe(true)
      text?.release()
      // A second release must not give the memory to two pictures.
      text?.release()
    }
  }
})

test('holds no more than its budget and goes on when pictures have left', () => {
  const fresh = createFreshImages(() => true)
  const bytes = picture(12 * 1024 * 1024, 1)
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const key of keys) note(fresh, key, bytes)
  const taken = keys.map(key => fresh.take(key, bytes.length))
  expect(taken.map(text => text !== null)).toEqual([true, true, true, true, false, false])
  for (const text of taken) text?.release()
  note(fresh, 'g', bytes)
  expect(fresh.take('g', bytes.length)).not.toBeNull()
})

test('holds nothing for orders nobody waits for and answers that carry no picture', () => {
  expect(createFreshImages(() => false).collect(generation, 'a')).toBeNull()
  expect(createFreshImages(() => true).collect({ id: 'g', dialect: 'native' }, 'a')).toBeNull()
})
