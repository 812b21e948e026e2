// What the look at a JSON text finds, and that nothing in it makes the look slow or fail.
import { expect, test } from 'vitest'
import { findStructureFault } from './json-structure.ts'

const limits = { maxDepth: 4, maxValues: 10, maxKeyLength: 20 }
const look = (text: string) => findStructureFault(text, limits)

test('finds a key that stands twice, however it is spelled, and where', () => {
  expect(look('{"a":1,"b":{"c":[0,{"d":1,"\\u0064":2}]}}')).toEqual({ kind: 'repeated', path: 'b.c.1.d' })
  expect(look('{"a":1,"A":2,"b":"\\"a\\":1"}')).toBe(null)
  expect(look('[{"a":1},{"a":1}]')).toBe(null)
})

test('finds a key that would be left out without a word, however it is spelled', () => {
  expect(look('{"a":{"__proto__":1}}')).toEqual({ kind: 'unkeepable', path: 'a.__proto__' })
  expect(look('[{"\\u005f_proto__":1}]')).toEqual({ kind: 'unkeepable', path: '0.__proto__' })
  expect(look('{"a":"__proto__","proto":1,"__proto__":1}')).toBe(null)
})

test('counts values and levels, not what stands inside texts', () => {
  expect(look('[[[[1]]]]')).toBe(null)
  expect(look('[[[[[1]]]]]')).toEqual({ kind: 'too_deep' })
  expect(look('[1,2,3,4,5,6,7,8,9,10]')).toBe(null)
  expect(look('[1,2,3,4,5,6,7,8,9,10,11]')).toEqual({ kind: 'too_many_values' })
  expect(look('["[[[[[[", "a,b,c,d,e,f,g,h,i,j,k", "{\\"{{{{{{"]')).toBe(null)
  expect(look(`{"${'k'.repeat(30)}":1}`)).toEqual({ kind: 'key_too_long' })
})

test('a text of 24 MB is no trouble, whatever it is made of', () => {
  const size = 24 * 1024 * 1024
  for (const filling of ['A', '\\"', '\\\\', ' ', 'é']) {
    const text = `{"image":"${filling.repeat(size / filling.length)}","n":1,"n":2}`
    expect(look(text)).toEqual({ kind: 'repeated', path: 'n' })
  }
  expect(look(`["${'\\'.repeat(size)}`)).toBe(null)
  expect(look('"'.repeat(1_000_000))).toBe(null)
})

test('text that is no JSON ends the look as well', () => {
  for (const text of ['', '"', '{"a', '}}}]', '{"a\u0001b":1}', '{"\\x":1}', ',,,,'])
    expect([null, 'repeated', 'too_many_values']).toContain(look(text)?.kind ?? null)
})
