// The operator's check: the shipped catalogue passes it, and each thing it is meant to find is found.
import { describe, expect, it } from 'vitest'
import { getEntry, openCatalog, shippedEntries } from '../../test/shipped-catalog.ts'
import { quotePrice } from '../credits/pricing.ts'
import { checkCatalog } from './check.ts'
import { listCombinations } from './combinations.ts'
import type { ModelEntry } from './entry.ts'

function check(
  entries: readonly ModelEntry[],
  setting: { at?: string; providers?: string[]; usd?: number } = {},
) {
  const at = new Date(setting.at ?? '2026-11-21T12:00:00Z')
  const standing = {
    configuredProviders: new Set(setting.providers ?? ['openai', 'google']),
    sandbox: false,
  }
  return checkCatalog(entries, {
    standing: () => standing,
    creditPriceUsd: setting.usd ?? 0.01,
    quotePrice,
    now: () => at,
  })
}

const messages = (findings: { message: string }[]) => findings.map(finding => finding.message).join('\n')

describe('models check', () => {
  it('finds no combination without a price in the shipped catalogue, today and after every known retirement', () => {
    for (const at of ['2026-11-21T12:00:00Z', '2026-12-01T00:00:00Z', '2027-06-01T00:00:00Z']) {
      const report = check(shippedEntries, { at })
      expect(report.problems).toEqual([])
      expect(report.models).toBe(shippedEntries.length)
      expect(report.combinations).toBeGreaterThan(2000)
    }
  })

  it('reports a combination without a price', () => {
    const entry = getEntry('google:gemini-3-pro-image-preview')
    const prices = { ...entry.prices, getimages: [] }
    const report = check([{ ...entry, prices }])
    expect(messages(report.problems)).toContain('getimages: no price for 21:9 1K thinking deep')
  })

  it('warns of a retirement within 60 days, and not before', () => {
    const entry = getEntry('openai:gpt-image-1.5')
    expect(messages(check([entry], { at: '2026-10-02T00:00:00Z' }).warnings)).toContain(
      'gpt-image-1.5 retires on 2026-12-01, in 60 days; successor gpt-image-2.5-flare',
    )
    expect(messages(check([entry], { at: '2026-10-01T23:59:59Z' }).warnings)).not.toContain('retires')
  })

  it('warns of a model whose every upstream id is retired', () => {
    const entry = getEntry('gpt-image-1')
    const report = check([{ ...entry, routes: entry.routes.slice(0, 1) }])
    expect(messages(report.warnings)).toContain('no live route')
  })

  it('warns of prices below the expected cost, and not once the credit is worth enough', () => {
    const entry = getEntry('gpt-image-2')
    expect(messages(check([entry]).warnings)).toContain('worst 2048x2048 high: 12 credits against 0.4282 USD')
    expect(messages(check([entry], { usd: 0.05 }).warnings)).toBe('')
  })

  it('tells which key a model waits for', () => {
    expect(check([getEntry('z-image-turbo')]).notOffered).toEqual([
      { model: 'z-image-turbo', message: 'not offered: needs a key for getimg' },
    ])
  })

  it('looks at the very combinations that callers can resolve in the sandbox', () => {
    const sandbox = openCatalog({ sandbox: true })
    let resolved = 0
    for (const entry of shippedEntries) {
      for (const dialect of [...entry.dialects, 'native'] as const) {
        for (const options of listCombinations(entry, dialect)) {
          expect(sandbox.resolve(dialect, entry.id, options).options).toEqual(options)
          resolved += 1
        }
      }
    }
    expect(resolved).toBe(check(shippedEntries).combinations)
  })
})
