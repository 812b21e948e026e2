// Which providers a key can be kept for, what the environment gives each, and by which variable.
import type { Config } from './config.ts'
import { engineKeySettings } from './read-engines.ts'
import { keyVariableOf } from './read-packages.ts'
import { keySettings } from './read-providers.ts'

type Configured = Pick<Config, 'providers' | 'engines' | 'packages'>

/** A provider that a key can be kept for. */
export type KeyPlace = {
  provider: string
  /** Works without a key too. */
  isEngine: boolean
  /** Of the environment; null = none. */
  apiKey: string | null
  /** The variable that gives it one. */
  variable: string
}

/** Sorted by name. */
export function listKeyPlaces({ providers, engines, packages }: Configured): KeyPlace[] {
  const variables: Readonly<Record<string, string>> = keySettings
  const places = [
    ...Object.entries(providers).map(([provider, { apiKey }]) => ({
      ...{ provider, isEngine: false, apiKey, variable: variables[provider] ?? '' },
    })),
    ...engines.map(({ name, kind, apiKey }) => ({
      ...{ provider: name, isEngine: true, apiKey: apiKey || null, variable: engineKeySettings[kind] },
    })),
    ...packages.map(({ name, apiKey }) => ({
      ...{ provider: name, isEngine: false, apiKey, variable: keyVariableOf(name) },
    })),
  ]
  return places.sort((one, other) => (one.provider < other.provider ? -1 : 1))
}

/** What the store of keys is told of them. */
export function describeKeyPlaces(config: Configured): {
  providers: string[]
  keylessEngines: string[]
} {
  const places = listKeyPlaces(config)
  const keyless = places.filter(({ isEngine, apiKey }) => isEngine && apiKey === null)
  return {
    providers: places.map(({ provider }) => provider),
    keylessEngines: keyless.map(({ provider }) => provider),
  }
}
