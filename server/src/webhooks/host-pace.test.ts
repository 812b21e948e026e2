// What one host is sent in a second by all who name it, and what many hosts cost each other.
import { expect, test } from 'vitest'
import { createHostPace } from './host-pace.ts'

test('one host has so many turns a second, whichever of its addresses is named', () => {
  const pace = createHostPace(() => 0, 100)
  const waits = Array.from({ length: 250 }, (_, n) => pace.takeTurn(`https://victim.example/${n}?a=${n}`))
  expect(waits[0]).toBe(0)
  // No second has more than a hundred of them.
  for (const [at, wait] of waits.entries()) {
    const inSecond = waits.filter(each => each >= wait && each < wait + 1_000).length
    expect(inSecond, `from turn ${at}`).toBeLessThanOrEqual(100)
  }
  expect(pace.takeTurn('https://another.example/')).toBe(0)
})

test('a host that was left alone is waited for no more', () => {
  let at = 0
  const pace = createHostPace(() => at, 100)
  for (let n = 0; n < 50; n += 1) pace.takeTurn('https://victim.example/')
  at = 500
  expect(pace.takeTurn('https://victim.example/')).toBe(0)
  expect(pace.takeTurn('https://victim.example/')).toBeCloseTo(10)
})

test('many hosts cost none of them its turn', () => {
  const pace = createHostPace(() => 0, 100)
  // More than are remembered for nothing.
  const hosts = Array.from({ length: 1_500 }, (_, at) => `https://h${at}.example/`)
  expect(hosts.map(host => pace.takeTurn(host))).toEqual(hosts.map(() => 0))
  expect(hosts.map(host => Math.round(pace.takeTurn(host)))).toEqual(hosts.map(() => 10))
})
