// The providers as they stand at this moment. Keys come and go while the service runs; whoever holds a provider keeps
// the key it was made with, so a call under way is not disturbed.
import { fingerprintOf, markTasks } from './made-with.ts'
import type { Provider } from './provider.ts'
import { createBuiltIn, type EngineSettings, type KeyedAdapter, listKeyedAdapters } from './registry.ts'

export type ProviderSource = {
  /** The one with the operator's key; undefined where there is none. */
  get(name: string): Provider | undefined
  /** Whether it may be sent new work. */
  has(name: string): boolean
  /** The names of all that can be used, sorted. The same array until they change. */
  names(): readonly string[]
  /** Whether accounts may bring a key for it: an engine that asks for none would draw for the fee of any. */
  takesOwnKeys(name: string): boolean
  /** Made with somebody else's key, and for tasks of his `earlier` ones with these; null where no adapter takes one. */
  withKey(name: string, apiKey: string, earlier?: readonly string[]): Provider | null
}

export type KeyedProviders = ProviderSource & {
  /**
   * The operator's keys of the database, by provider. They go before those of the environment. `replaced` are those
   * before them, for nothing but tasks that were made with one.
   */
  setKeys(keys: ReadonlyMap<string, string>, replaced?: ReadonlyMap<string, readonly string[]>): void
  /**
   * Keys, by provider and fingerprint, whose tasks no key that is known here shows. Each is told once, by the second call
   * after its task was met: the keys that were set before the first may have been read before that key was stored.
   */
  takeOrphans(): { provider: string; fingerprint: string }[]
  /** Those that are sent nothing new, though work of theirs that is under way goes on. */
  setStopped(providers: ReadonlySet<string>): void
  /** Every key in use, for what cuts them out of foreign texts. The same array until they change. */
  keys(): readonly string[]
}

export function createProviderSource(settings: EngineSettings): KeyedProviders {
  const adapters = new Map(listKeyedAdapters(settings).map(each => [each.name, each]))
  const builtIn = createBuiltIn()
  const made = new Map<string, { apiKey: string; provider: Provider }>()
  let current = new Map<string, Provider>()
  let names: readonly string[] = []
  let stopped: ReadonlySet<string> = new Set()
  let inUse: readonly string[] = []
  const makers = createMakers(adapters)
  let keyed: ReadonlySet<string> = new Set()

  function providerOf({ name, isEngine, create }: KeyedAdapter, apiKey: string): Provider {
    const last = made.get(name)
    if (last?.apiKey === apiKey) return last.provider
    const plain = create(apiKey)
    const provider = isEngine
      ? plain
      : markTasks(plain, fingerprintOf(apiKey), {
          find: fingerprint => makers.find(name, fingerprint),
          earlier: () => makers.list(name),
          onOrphan: fingerprint => makers.noteOrphan(name, fingerprint),
        })
    made.set(name, { apiKey, provider })
    return provider
  }

  function setKeys(
    keys: ReadonlyMap<string, string>,
    replaced: ReadonlyMap<string, readonly string[]> = new Map(),
  ): void {
    const next = new Map(builtIn.map(each => [each.name, each]))
    const used: string[] = []
    const earlier = new Map<string, string[]>()
    const inForce: [string, string][] = []
    for (const adapter of adapters.values()) {
      const { name, configured } = adapter
      const apiKey = keys.get(name) ?? configured
      const before = replaced.get(name) ?? []
      earlier.set(name, configured === null ? [...before] : [...before, configured])
      used.push(...before)
      if (apiKey !== null || adapter.isEngine) next.set(name, providerOf(adapter, apiKey ?? ''))
      if (apiKey === null) continue
      used.push(apiKey)
      inForce.push([name, apiKey])
    }
    makers.setKeys(earlier, inForce)
    keyed = new Set(inForce.map(([name]) => name))
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
    takeOrphans: makers.takeOrphans,
    setStopped(providers) {
      stopped = providers
    },
    takesOwnKeys: name => adapters.get(name)?.isEngine === false || keyed.has(name),
    withKey: (name, apiKey, earlier = []) => createForeign(adapters.get(name), { apiKey, earlier }),
  }
}

function createForeign(
  adapter: KeyedAdapter | undefined,
  { apiKey, earlier }: { apiKey: string; earlier: readonly string[] },
): Provider | null {
  if (!adapter) return null
  const provider = adapter.create(apiKey)
  if (adapter.isEngine) return provider
  const find = (fingerprint: string) => {
    const key = earlier.find(each => fingerprintOf(each) === fingerprint)
    return key === undefined ? null : adapter.create(key)
  }
  // Whose key it is knows what became of it: there is nobody to alarm.
  const ring = { find, earlier: () => [], onOrphan: () => {} }
  return markTasks(provider, fingerprintOf(apiKey), ring)
}

/** Providers with keys that gave way to others, for the tasks that were made with them; and tasks that none shows. */
function createMakers(adapters: ReadonlyMap<string, KeyedAdapter>) {
  const nameOf = (provider: string, fingerprint: string) => `${provider} ${fingerprint}`
  let known = new Map<string, string>()
  let current = new Set<string>()
  const made = new Map<string, Provider | null>()
  let orphans = new Map<string, { provider: string; fingerprint: string }>()
  let earlierOrphans = orphans
  const told = new Set<string>()
  function find(provider: string, fingerprint: string): Provider | null {
    const name = nameOf(provider, fingerprint)
    const apiKey = known.get(name)
    if (apiKey === undefined) return null
    const maker = made.get(name) ?? adapters.get(provider)?.create(apiKey) ?? null
    made.set(name, maker)
    return maker
  }
  return {
    find,
    /** The newest first, without the one in force. */
    list(provider: string) {
      const prefix = nameOf(provider, '')
      const names = [...known.keys()].filter(name => name.startsWith(prefix) && !current.has(name))
      return names.reverse().flatMap(name => {
        const fingerprint = name.slice(prefix.length)
        const maker = find(provider, fingerprint)
        return maker ? [{ fingerprint, provider: maker }] : []
      })
    },
    setKeys(keys: ReadonlyMap<string, readonly string[]>, inForce: readonly [string, string][]): void {
      current = new Set(inForce.map(([provider, key]) => nameOf(provider, fingerprintOf(key))))
      const named = [...keys].flatMap(([provider, each]) =>
        each.map((key): [string, string] => [nameOf(provider, fingerprintOf(key)), key]),
      )
      known = new Map(named)
    },
    noteOrphan(provider: string, fingerprint: string): void {
      orphans.set(nameOf(provider, fingerprint), { provider, fingerprint })
    },
    takeOrphans() {
      const isKnown = (name: string) => known.has(name) || current.has(name)
      const news = [...earlierOrphans].filter(([name]) => !told.has(name) && !isKnown(name))
      earlierOrphans = orphans
      orphans = new Map()
      for (const [name] of news) told.add(name)
      return news.map(([, orphan]) => orphan)
    },
  }
}
