// Addresses of pictures that came with an order: which are given out, and which are taken for ours.
import { expect, it } from 'vitest'
import { createInputLinks, type InputRef } from './input-links.ts'

const start = Date.parse('2026-11-28T10:00:00.500Z')
const input: InputRef = { generationId: '01931234-0000-7000-8000-000000000001', index: 1 }
let nowMs = start

function open(secrets = ['first secret'], origin = 'https://pictures.example.com') {
  nowMs = start
  return createInputLinks({ secrets, origin: () => origin, now: () => new Date(nowMs) })
}

function queryOf(url: string | null): { exp: string; sig: string } {
  const { searchParams } = new URL(url ?? '')
  return { exp: searchParams.get('exp') ?? '', sig: searchParams.get('sig') ?? '' }
}

it('gives an address out only where it is https', () => {
  expect(open().urlOf(input, 60_000)).toMatch(
    /^https:\/\/pictures\.example\.com\/files\/01931234-[0-9a-f-]+\/input-1\?exp=\d+&sig=[0-9a-f]{64}$/,
  )
  expect(open(['s'], 'http://127.0.0.1:8080').urlOf(input, 60_000)).toBeNull()
})

it('opens up to its end and no longer', () => {
  const links = open()
  const query = queryOf(links.urlOf(input, 60_000))
  expect(links.verify(input, query)).toBe(true)
  nowMs = start + 60_000
  expect(links.verify(input, query)).toBe(true)
  nowMs = start + 61_000
  expect(links.verify(input, query)).toBe(false)
})

it('opens one picture of one order, under the secrets that are known', () => {
  const query = queryOf(open(['old secret']).urlOf(input, 60_000))
  expect(open(['new secret', 'old secret']).verify(input, query)).toBe(true)
  expect(open(['new secret']).verify(input, query)).toBe(false)
  const links = open(['old secret'])
  expect(links.verify({ ...input, index: 0 }, query)).toBe(false)
  expect(links.verify({ ...input, generationId: input.generationId.replace(/1$/, '2') }, query)).toBe(false)
  expect(links.verify(input, { ...query, exp: String(Number(query.exp) + 1) })).toBe(false)
  expect(links.verify(input, { ...query, exp: `0${query.exp}` })).toBe(false)
  expect(links.verify(input, { ...query, sig: query.sig.slice(2) })).toBe(false)
  expect(links.verify(input, { exp: '', sig: '' })).toBe(false)
})
