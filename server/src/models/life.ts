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
  /** The told end that the operator said is wrong: it counts for nothing as long as it is the one told. Null = none. */
  overruledEnd: string | null
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

/** A date that the upstream tells goes before that of the data unless it is overruled; that it has no such model goes before both. */
function listEnds(life: ModelLife, today: string): Map<string, string> {
  const ends = new Map<string, string>()
  for (const told of life.told)
    if (told.shutdownOn !== null && !isOverruled(told))
      ends.set(upstreamKey(told.provider, told.upstreamModel), told.shutdownOn)
  for (const { provider, upstreamModel, since } of life.gone) {
    // The database's clock may be in the next day already.
    const day = dayOf(since)
    ends.set(upstreamKey(provider, upstreamModel), day < today ? day : today)
  }
  return ends
}

type ToldEnd = Pick<ToldModel, 'shutdownOn' | 'overruledEnd'>

function isOverruled({ shutdownOn, overruledEnd }: ToldEnd): boolean {
  return shutdownOn !== null && shutdownOn === overruledEnd
}

/** The day that is told and counts for nothing, `YYYY-MM-DD`; null where none is overruled. */
export function findOverruledEnd(told: ToldEnd | null): string | null {
  return told && isOverruled(told) ? told.shutdownOn : null
}

/** In the same words for the lists, `doctor` and the operator's page; null where none is overruled. */
export function describeOverruledEnd(told: ToldEnd | null): string | null {
  const day = findOverruledEnd(told)
  return day && `told to end on ${day}, overruled`
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
