// Removes pictures that are no result: those of attempts whose process was killed, and whatever a removal left. Walks
// through the folders of storage, one page of names a step, and lets the database say what each name is. Nothing is
// removed on any other word: an order that is open, young, or not known there keeps all of its objects.
import { isId } from '../ids.ts'
import type { Log } from '../log.ts'
import { type GenerationKey, readGenerationKey, shardCount, shardFolder } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import type { Metrics } from '../telemetry.ts'
import { fileSql } from './file-sql.ts'
import { stepWalk } from './folder-walk.ts'
import type { StoredImage } from './generation.ts'
import type { RoundNeeds } from './rounds.ts'

export type LeftoverNeeds = RoundNeeds & {
  storage: Pick<Storage, 'list' | 'remove' | 'removeUnfinished'>
  log: Pick<Log, 'info' | 'warn'>
  metrics: Pick<Metrics, 'leftovers'>
}

/** After its end an order's objects are left alone for so long: more than the longest deadline and any stalled write. */
const settledMs = 25 * 60 * 60 * 1_000
/** Ids in one question to the database. */
const idsPerQuery = 500

/** One step, if one is due: a page of a folder. */
export function sweepLeftovers(needs: LeftoverNeeds): Promise<void> {
  return stepWalk(needs, {
    name: 'leftovers',
    folderCount: shardCount,
    folderAt: shardFolder,
    async sweepPage({ folder, keys }) {
      const swept = await sweepPage(needs, keys)
      report(needs, folder, swept)
      return swept.removed
    },
  })
}

type Swept = { removed: number; unknown: number; example: string | null }

async function sweepPage(needs: LeftoverNeeds, keys: string[]): Promise<Swept> {
  const named = keys.flatMap(key => {
    const read = readGenerationKey(key)
    return read && isId(read.generationId) ? [{ key, read }] : []
  })
  const ids = [...new Set(named.map(({ read }) => read.generationId))]
  const rows = await findRows(needs, ids)
  const unknown = named.filter(({ read }) => !rows.has(read.generationId))
  const leftovers = named.filter(({ read }) => isLeftover(read, rows.get(read.generationId)))
  if (leftovers.length > 0) await needs.storage.remove(leftovers.map(({ key }) => key))
  return { removed: leftovers.length, unknown: unknown.length, example: unknown[0]?.key ?? null }
}

type KeptRow = { id: string; settled: boolean | null; images: StoredImage[] | null }

async function findRows(needs: LeftoverNeeds, ids: string[]): Promise<Map<string, KeptRow>> {
  const rows = new Map<string, KeptRow>()
  for (let at = 0; at < ids.length; at += idsPerQuery) {
    const values = [ids.slice(at, at + idsPerQuery), settledMs]
    for (const row of await needs.db.query<KeptRow>(fileSql.keptObjects, values)) rows.set(row.id, row)
  }
  return rows
}

function isLeftover(named: GenerationKey, row: KeptRow | undefined): boolean {
  if (!row?.settled) return false
  if (!row.images) return true
  // The copies of an image in other formats stay with it.
  return named.kind === 'output' && !row.images.some(image => image.key === named.original)
}

function report({ log, metrics }: LeftoverNeeds, folder: string, swept: Swept): void {
  const { removed, unknown, example } = swept
  metrics.leftovers.inc(removed)
  if (removed > 0) {
    log.info(
      { event: 'leftovers.removed', folder, count: removed },
      'pictures that are no result were removed',
    )
  }
  if (unknown > 0) {
    log.warn(
      { event: 'objects.unknown', folder, count: unknown, example },
      'storage holds objects of orders that this database does not know; they are left alone',
    )
  }
}
