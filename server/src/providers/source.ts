// The providers as they stand at this moment. Keys come and go while the service runs; whoever holds a provider keeps
// the key it was made with, so a call under way is not disturbed.
import type { Provider } from './provider.ts'
import { createEngines, createHosted, type EngineSettings, hostedNames } from './registry.ts'

export type ProviderSource = {
  /** The one with the operator's key; undefined where there is none. */
  get(name: string): Provider | undefined
  /** Whether it may be sent new work. */
  has(name: string): boolean
  /** The names of all that can be used, sorted. The same array until they change. */
  names(): readonly string[]
  /** Made with somebody else's key; null where no adapter of that name takes one. */
  withKey(name: string, apiKey: string): Provider | null
}

export type KeyedProviders = ProviderSource & {
  /** The operator's keys of the database, by provider. They go before those of the environment. */
  setKeys(keys: ReadonlyMap<string, string>): void
  /** Those that are sent nothing new, though work of theirs that is under way goes on. */
  setStopped(providers: ReadonlySet<string>): void
  /** Every key in use, for what cuts them out of foreign texts. The same array until they change. */
  keys(): readonly string[]
}

export function createProviderSource(settings: EngineSettings): KeyedProviders {
  const engines = createEngines(settings)
  const made = new Map<string, { apiKey: string; provider: Provider }>()
  let current = new Map<string, Provider>()
  let names: readonly string[] = []
  let stopped: ReadonlySet<string> = new Set()
  let inUse: readonly string[] = []

  function hostedWith(name: string, apiKey: string): Provider | null {
    const known = made.get(name)
    if (known?.apiKey === apiKey) return known.provider
    const provider = createHosted(settings, name, apiKey)
    if (provider) made.set(name, { apiKey, provider })
    return provider
  }

  function setKeys(keys: ReadonlyMap<string, string>): void {
    const next = new Map(engines.map(engine => [engine.name, engine]))
    const used: string[] = []
    for (const name of hostedNames) {
      const apiKey = keys.get(name) ?? settings.providers[name].apiKey
      const provider = apiKey === null ? null : hostedWith(name, apiKey)
      if (provider) next.set(name, provider)
      if (apiKey !== null) used.push(apiKey)
    }
    current = next
    const now = [...next.keys()].sort()
    if (now.join() !== names.join()) names = now
    // Texts that come in after a change may still repeat the key before it.
    if (used.some(key => !inUse.includes(key))) inUse = [...new Set([...inUse, ...used])]
  }

  setKeys(new Map())
  return {
    get: name => current.get(name),
    has: name => current.has(name) && !stopped.has(name),
    names: () => names,
    keys: () => inUse,
    setKeys,
    setStopped(providers) {
      stopped = providers
    },
    withKey: (name, apiKey) => createHosted(settings, name, apiKey),
  }
}
