// From what the catalogue offers at this moment. The same object until providers come or go: whoever remembers what it
// worked out from one compares the two.
import type { Standing } from './catalog.ts'

/** `listNames` answers with the same array until it changes. */
export function rememberStanding(
  listNames: () => readonly string[],
  decide: () => Omit<Standing, 'configuredProviders'>,
): () => Standing {
  let names: readonly string[] | null = null
  let standing: Standing = { configuredProviders: new Set(), sandbox: false }
  return () => {
    if (names === listNames()) return standing
    names = listNames()
    standing = { configuredProviders: new Set(names), ...decide() }
    return standing
  }
}
