// Where objects of a generation lie.
import { expect, test } from 'vitest'
import {
  assertObjectKey,
  derivedObjectKey,
  generationObjectKey,
  isObjectOfGeneration,
  keysOfOutput,
  manifestKey,
  readGenerationKey,
} from './keys.ts'
import { linkFormats } from './links.ts'

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

test('copies in other formats lie beside their output, are no result, and lead back to it', () => {
  const output = generationObjectKey(id, 3, 7)
  const copies = linkFormats.map(format => derivedObjectKey(output, format))
  expect(new Set([output, ...copies]).size).toBe(linkFormats.length + 1)
  expect(keysOfOutput(output)).toEqual([output, ...copies])
  for (const key of keysOfOutput(output)) {
    expect(() => assertObjectKey(key)).not.toThrow()
    expect(readGenerationKey(key)).toEqual({ generationId: id, kind: 'output', original: output })
  }
  // A manifest that names a copy is broken: only what the model made is paid for.
  for (const copy of copies) expect(isObjectOfGeneration(copy, id)).toBe(false)
})

test('a key tells whose it is, also when the id itself looks like numbers', () => {
  const numeric = '01980000-7000-7000-8000-000000000012'
  expect(readGenerationKey(manifestKey(numeric))).toEqual({ generationId: numeric, kind: 'manifest' })
  const output = generationObjectKey(numeric, 1, 0)
  expect(readGenerationKey(derivedObjectKey(output, 'thumb'))).toEqual({
    generationId: numeric,
    kind: 'output',
    original: output,
  })
})

test('what no driver of ours wrote names nothing', () => {
  const output = generationObjectKey(id, 1, 0)
  const foreign = [
    '',
    'check/x',
    `g/00/${id}-1-0`,
    `g/ab/${id}`,
    `${output}.svg`,
    `${output}.png.png`,
    `x${output}`,
  ]
  for (const key of [...foreign, `g/ab/-1-0`, 'g/ab/.json']) expect(readGenerationKey(key), key).toBeNull()
})
