// What the tests of catalogue and pricing share: the shipped entries, and a catalogue on a fixed day.
import { quotePrice } from '../src/credits/pricing.ts'
import { AppError } from '../src/errors.ts'
import type { Catalog, ModelList } from '../src/models/catalog.ts'
import { createCatalog } from '../src/models/create-catalog.ts'
import type { ModelEntry } from '../src/models/entry.ts'
import type { ModelLife } from '../src/models/life.ts'
import { loadCatalogEntries } from '../src/models/load.ts'
import { type GenerationOptions, noOptions } from '../src/models/options.ts'

export const shippedEntries: ModelEntry[] = loadCatalogEntries()

export type CatalogSetting = {
  at?: string
  providers?: string[]
  sandbox?: boolean
  withoutBuiltIn?: boolean
  entries?: ModelEntry[]
  creditPriceUsd?: number
  life?: ModelLife
}

export function openCatalog(setting: CatalogSetting = {}): Catalog & ModelList {
  const at = new Date(setting.at ?? '2026-11-21T12:00:00.000Z')
  const standing = {
    configuredProviders: new Set(setting.providers ?? ['openai', 'google']),
    sandbox: setting.sandbox ?? false,
    withoutBuiltIn: setting.withoutBuiltIn ?? false,
    ...(setting.life ? { life: setting.life } : {}),
  }
  return createCatalog({
    entries: setting.entries ?? shippedEntries,
    standing: () => standing,
    creditPriceUsd: setting.creditPriceUsd ?? 0.01,
    quotePrice,
    now: () => at,
  })
}

export function ask(options: Partial<GenerationOptions> = {}): GenerationOptions {
  return { ...noOptions, ...options }
}

export function getEntry(id: string): ModelEntry {
  const entry = shippedEntries.find(each => each.id === id)
  if (!entry) throw new Error(`no entry ${id}`)
  return entry
}

/** The AppError that the call throws; anything else fails the test. */
export function catchRefusal(call: () => unknown): AppError {
  try {
    call()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('the call was accepted')
}
