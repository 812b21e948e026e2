// Several engines of one kind serve alike: what routes to the first may be served by every other one.
import type { ModelEntry, Upstream } from './entry.ts'

/** Which providers serve whatever another one serves, by that one's name. */
export type Twins = ReadonlyMap<string, readonly string[]>

/** Behind each route to a provider with twins come the same routes to these. Rows that the data has stay as they are. */
export function addTwins(entries: readonly ModelEntry[], twins: Twins): ModelEntry[] {
  if (twins.size === 0) return [...entries]
  return entries.map(entry => {
    const groups = entry.routes.map(route => withTwins(route, entry, twins))
    // A twin is drawn by lot as often as the first.
    const weights = groups.flatMap((group, index) => group.map(() => entry.weights[index] ?? 1))
    return { ...entry, routes: groups.flat(), weights }
  })
}

function withTwins(route: Upstream, { routes }: ModelEntry, twins: Twins): Upstream[] {
  const isListed = (provider: string) =>
    routes.some(each => each.provider === provider && each.model === route.model)
  const others = (twins.get(route.provider) ?? []).filter(provider => !isListed(provider))
  return [route, ...others.map(provider => ({ ...route, provider }))]
}
