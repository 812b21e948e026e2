// What has turned out about upstream models while the service runs, laid over what the data says. It becomes an end
// like one of the data, so that whoever asks what has retired meets one kind of end only.
import { dayOf, type ModelEntry, type Upstream, upstreamKey } from './entry.ts'

/** One that its upstream has said it does not have. */
export type GoneModel = {
  provider: string
  upstreamModel: string
  since: Date
  /** The upstream's words, without secrets and prompts. */
  said: string
  /** Whose order met it first. */
  generationId: string
}

/** What the upstream's own list says of one. */
export type ToldModel = {
  provider: string
  upstreamModel: string
  /** First day (UTC, YYYY-MM-DD) on which it is served no more; null = none was told. */
  shutdownOn: string | null
  /** What is served to whoever names no version, since when that is known, and what was before; null = not told. */
  version: string | null
  versionAt: Date | null
  versionBefore: string | null
}

export type ModelLife = { gone: readonly GoneModel[]; told: readonly ToldModel[] }

export const noLife: ModelLife = { gone: [], told: [] }

export type Stock = {
  entries: ReadonlyMap<string, ModelEntry>
  upstreams: ReadonlyMap<string, Upstream>
}

/** The same where nothing has turned out. Routes that were one object stay one. */
export function applyLife(stock: Stock, life: ModelLife, now: Date): Stock {
  const ends = listEnds(life, dayOf(now))
  if (ends.size === 0) return stock
  const ended = new Map<Upstream, Upstream>()
  const toEnded = (upstream: Upstream): Upstream => {
    const retiresAt = ends.get(upstreamKey(upstream.provider, upstream.model))
    if (retiresAt === undefined || retiresAt === upstream.retiresAt) return upstream
    const known = ended.get(upstream) ?? { ...upstream, retiresAt }
    ended.set(upstream, known)
    return known
  }
  return {
    entries: new Map(
      [...stock.entries].map(([id, entry]) => [id, { ...entry, routes: entry.routes.map(toEnded) }]),
    ),
    upstreams: new Map([...stock.upstreams].map(([key, upstream]) => [key, toEnded(upstream)])),
  }
}

/** A date that the upstream tells goes before that of the data; that it has no such model goes before both. */
function listEnds(life: ModelLife, today: string): Map<string, string> {
  const ends = new Map<string, string>()
  for (const { provider, upstreamModel, shutdownOn } of life.told)
    if (shutdownOn !== null) ends.set(upstreamKey(provider, upstreamModel), shutdownOn)
  for (const { provider, upstreamModel, since } of life.gone) {
    // The database's clock may be in the next day already.
    const day = dayOf(since)
    ends.set(upstreamKey(provider, upstreamModel), day < today ? day : today)
  }
  return ends
}

/** What has turned out about one of them; null = nothing. */
export function findLife(
  life: ModelLife,
  { provider, upstreamModel }: Pick<GoneModel, 'provider' | 'upstreamModel'>,
): { gone: GoneModel | null; told: ToldModel | null } {
  const isIt = (each: Pick<GoneModel, 'provider' | 'upstreamModel'>) =>
    each.provider === provider && each.upstreamModel === upstreamModel
  return { gone: life.gone.find(isIt) ?? null, told: life.told.find(isIt) ?? null }
}
