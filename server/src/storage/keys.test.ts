// Where objects of a generation lie.
import { expect, test } from 'vitest'
import { assertObjectKey, generationObjectKey, isObjectOfGeneration, manifestKey } from './keys.ts'

const id = '0198c0de-7000-7abc-8def-0123456789ab'

test('all objects of a generation and its manifest lie in one folder', () => {
  expect(generationObjectKey(id, 1, 0)).toBe(`g/ab/${id}-1-0`)
  expect(generationObjectKey(id, 12, 9)).toBe(`g/ab/${id}-12-9`)
  expect(manifestKey(id)).toBe(`g/ab/${id}.json`)
  for (const key of [generationObjectKey(id, 1, 0), manifestKey(id)])
    expect(() => assertObjectKey(key)).not.toThrow()
})

test('ids and numbers that are none make no key', () => {
  for (const wrong of ['', 'ab', '../../abc', 'x/abc', 'no-hex-at-end', `${id}\n`]) {
    expect(() => manifestKey(wrong)).toThrow(TypeError)
    expect(() => generationObjectKey(wrong, 1, 0)).toThrow(TypeError)
  }
  for (const wrong of [-1, 0.5, Number.NaN]) {
    expect(() => generationObjectKey(id, wrong, 0)).toThrow(TypeError)
    expect(() => generationObjectKey(id, 1, wrong)).toThrow(TypeError)
  }
})

test('a generation knows its own objects from all others', () => {
  const other = '0198c0de-7000-7abc-8def-0123456779ab'
  expect(isObjectOfGeneration(generationObjectKey(id, 3, 7), id)).toBe(true)
  for (const key of [
    generationObjectKey(other, 3, 7),
    manifestKey(id),
    `${generationObjectKey(id, 1, 0)}/x`,
  ]) {
    expect(isObjectOfGeneration(key, id)).toBe(false)
  }
})
