// I-5: when two requests count as the same.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson, fingerprintOf } from './fingerprint.ts'

const request = { method: 'POST', route: '/api/v1/generations', accountId: 'a' }
const sameAs = (one: unknown, other: unknown) =>
  fingerprintOf({ ...request, body: one }).equals(fingerprintOf({ ...request, body: other }))

const bodies = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), {
  minKeys: 1,
  maxKeys: 8,
  noNullPrototype: true,
})

/** The same value with the keys of every object the other way round, as another client might write it. */
function turn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turn)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).reverse()
  return JSON.parse(
    `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(turn(each))}`)}}`,
  )
}

test('the order of keys and white space make no difference, 200 of 200', () => {
  fc.assert(
    fc.property(bodies, fc.nat(4), (body, indent) => {
      expect(sameAs(body, JSON.parse(JSON.stringify(turn(body), null, indent)))).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('one field more, less or changed, null for nothing, and the order of a list do, 500 of 500', () => {
  const change = fc.tuple(bodies, fc.nat(), fc.constantFrom('drop', 'null', 'add', 'change', 'wrap'))
  fc.assert(
    fc.property(change, ([body, nth, kind]) => {
      const names = Object.keys(body)
      const name = names[nth % names.length] ?? ''
      const { [name]: value, ...rest } = body
      const changed: Record<string, unknown> = {
        drop: rest,
        null: { ...body, [`${names.join('')}?`]: null },
        add: { ...body, [`${names.join('')}+`]: value },
        change: { ...body, [name]: typeof value === 'string' ? `${value}.` : [value, 'x'] },
        wrap: { ...body, [name]: [value] },
      }[kind]
      expect(sameAs(body, changed)).toBe(false)
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uniqueArray(fc.jsonValue(), { minLength: 2, maxLength: 6 }), list => {
      const turned = [...list].reverse()
      expect(sameAs({ list }, { list: turned })).toBe(canonicalJson(list) === canonicalJson(turned))
    }),
    { numRuns: 100 },
  )
})

test('method, route and account are part of it', () => {
  const body = { prompt: 'a boat' }
  const other = [{ method: 'PUT' }, { route: '/api/v1/images/generate' }, { accountId: 'b' }]
  const prints = [{}, ...other].map(each => fingerprintOf({ ...request, body, ...each }).toString('hex'))
  expect(new Set(prints).size).toBe(4)
})
