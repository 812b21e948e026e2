// Reads once a day what upstreams themselves say of the life of the models that routes name. An end that they tell is kept
// and holds like one of the data; another version is told to the operator, and nothing is switched.
import type { Queryable } from '../db/db.ts'
import type { Log } from '../log.ts'
import type { ListContext, ModelFacts, ModelList, Provider } from '../providers/provider.ts'
import type { Catalog } from './catalog.ts'
import type { ToldModel } from './life.ts'
import type { LifeMemory, Lives } from './life-store.ts'
import { sql } from './sql.ts'

export type ReadListsNeeds = {
  db: Queryable
  log: Log
  http: ListContext['http']
  catalog: Pick<Catalog, 'configuredRoutes'>
  providers: { get(name: string): Provider | undefined }
  life: LifeMemory
  lives: Pick<Lives, 'note'>
}

/** A list is a few kilobytes, and twenty models one after the other take seconds. */
const timeoutMs = 60_000
/** To be recognised by. */
const maxTroubleLength = 300

/** Those that are due, and whose turn no other node has taken. A node that stops waits for no upstream. */
export async function readModelLists(needs: ReadListsNeeds, stopping: AbortSignal): Promise<void> {
  const byProvider = new Map<string, string[]>()
  for (const { provider, upstreamModel } of needs.catalog.configuredRoutes())
    byProvider.set(provider, [...(byProvider.get(provider) ?? []), upstreamModel])
  for (const [name, upstreamModels] of byProvider) {
    const readModels = needs.providers.get(name)?.readModels
    if (!readModels || stopping.aborted) continue
    const taken = await needs.db.query(sql.takeList, [name])
    if (taken.length === 0) continue
    try {
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)])
      const context = { http: needs.http, timeoutMs, signal, headers: {} }
      const list = await readModels(upstreamModels, context)
      // That it was broken off says nothing of the upstream.
      if (!stopping.aborted) await keepRead(needs, name, list)
    } catch (error) {
      if (!stopping.aborted) await noteUnkept(needs, name, error)
    }
  }
}

/** Never throws: what ends one list must not keep those of other providers from being read. */
async function noteUnkept({ db, log }: ReadListsNeeds, provider: string, error: unknown): Promise<void> {
  log.error(
    { event: 'model_list.unkept', provider, err: error },
    'the list of models of an upstream was not kept',
  )
  try {
    await db.query(sql.noteTrouble, [
      provider,
      'what it says was not kept; `model_list.unkept` in the log says why',
    ])
  } catch (failure) {
    log.error(
      { event: 'model_list.unkept', provider, err: failure },
      'that a list was not kept was not noted',
    )
  }
}

async function keepRead(needs: ReadListsNeeds, provider: string, list: ModelList): Promise<void> {
  const { db, log } = needs
  if (!list.ok) {
    await db.query(sql.noteTrouble, [provider, list.message.slice(0, maxTroubleLength)])
    log.warn(
      { event: 'model_list.unread', provider, message: list.message },
      'the list of models of an upstream could not be read; it is asked again in an hour',
    )
    return
  }
  const before = needs.life.current().told.filter(each => each.provider === provider)
  const rows = list.models.map(({ upstreamModel, shutdownOn, version }) => {
    return { upstream_model: upstreamModel, shutdown_on: shutdownOn, version }
  })
  await db.query(sql.keepList, [provider, JSON.stringify(rows)])
  for (const facts of list.models) tellNews(log, facts, { provider, before })
  needs.lives.note()
}

/** Once for each change: what was told before is not told again. */
function tellNews(
  log: Log,
  { upstreamModel, shutdownOn, version }: ModelFacts,
  { provider, before }: { provider: string; before: readonly ToldModel[] },
): void {
  const known = before.find(each => each.upstreamModel === upstreamModel)
  const named = { provider, upstream_model: upstreamModel }
  const overruledEnd = known?.overruledEnd ?? null
  const isNews = shutdownOn !== null && shutdownOn !== known?.shutdownOn && shutdownOn !== overruledEnd
  if (isNews && overruledEnd !== null)
    log.warn(
      { event: 'model.end_told', ...named, shutdownOn, overruledEnd },
      'an upstream says another end of a model than the one that was overruled: it counts, and from that day on it is retired here',
    )
  else if (isNews)
    log.warn(
      { event: 'model.end_told', ...named, shutdownOn },
      'an upstream says when it will serve a model no more; from that day on it is retired here',
    )
  if (version === null || known?.version === version) return
  const pinned = pinnedVersionOf(upstreamModel)
  if (pinned === null ? known?.version : pinned !== version)
    log.warn(
      { event: 'model.version_changed', ...named, version, versionBefore: pinned ?? known?.version },
      'an upstream serves another version of a model to whoever names none; nothing was switched',
    )
}

/** Of `owner/name:version`; null = the route names none. */
export function pinnedVersionOf(upstreamModel: string): string | null {
  return /:([0-9a-f]{64})$/.exec(upstreamModel)?.[1] ?? null
}

/** Lists that could not be read of late, and when they last could. */
export async function listUnreadLists(
  db: Queryable,
): Promise<{ provider: string; readAt: Date | null; trouble: string }[]> {
  const rows = await db.query<{ provider: string; read_at: Date | null; trouble: string }>(sql.unread)
  return rows.map(({ provider, read_at, trouble }) => ({ provider, readAt: read_at, trouble }))
}
