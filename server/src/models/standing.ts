// From what the catalogue offers at this moment. The same object until providers come or go, or a model is found to be
// gone: whoever remembers what it worked out from one compares the two.
import type { Standing } from './catalog.ts'
import type { ModelLife } from './life.ts'

/** Both `names` and `life` answer with the same object until it changes. */
export function rememberStanding(
  facts: { names: () => readonly string[]; life: () => ModelLife },
  decide: () => Omit<Standing, 'configuredProviders' | 'life'>,
): () => Standing {
  let names: readonly string[] | null = null
  let life: ModelLife | null = null
  let standing: Standing = { configuredProviders: new Set(), sandbox: false }
  return () => {
    if (names === facts.names() && life === facts.life()) return standing
    names = facts.names()
    life = facts.life()
    standing = { configuredProviders: new Set(names), ...decide(), life }
    return standing
  }
}
