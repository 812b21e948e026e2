// Removes pictures that are no result: those of attempts whose process was killed, and whatever a removal left. Walks
// through the folders of storage, one page of names a step, and lets the database say what each name is. Nothing is
// removed on any other word: an order that is open, young, or not known there keeps all of its objects.
import { isId } from '../ids.ts'
import type { Log } from '../log.ts'
import { type GenerationKey, readGenerationKey, shardCount, shardFolder } from '../storage/keys.ts'
import { type Storage, StorageError } from '../storage/storage.ts'
import type { Metrics } from '../telemetry.ts'
import { fileSql } from './file-sql.ts'
import type { StoredImage } from './generation.ts'
import { noteRound, type Round, type RoundNeeds, takeRound } from './rounds.ts'

export type LeftoverNeeds = RoundNeeds & {
  storage: Pick<Storage, 'list' | 'remove' | 'removeUnfinished'>
  log: Pick<Log, 'info' | 'warn'>
  metrics: Pick<Metrics, 'leftovers'>
}

/** After its end an order's objects are left alone for so long: more than the longest deadline and any stalled write. */
const settledMs = 25 * 60 * 60 * 1_000
/** All folders once a day. */
const folderPauseMs = Math.floor((24 * 60 * 60 * 1_000) / shardCount)
/** Between pages of a folder that has many: a large installation needs no longer than a small one. */
const pagePauseMs = 5_000
/** A page takes seconds; a process that takes longer has died. */
const holdMs = 10 * 60 * 1_000
/** Ids in one question to the database. */
const idsPerQuery = 500

/** One step, if one is due: a page of a folder. */
export async function sweepLeftovers(needs: LeftoverNeeds): Promise<void> {
  const round = await takeRound(needs, 'leftovers', holdMs)
  if (!round) return
  const { shard, cursor } = readPosition(round)
  const folder = shardFolder(shard)
  const goOn = (next: string | null, step: { checked: number; faults: number }) =>
    noteRound(
      needs,
      { name: 'leftovers', position: writePosition(shard, next) },
      { ...step, pauseMs: next === null ? folderPauseMs : pagePauseMs },
    )
  try {
    if (cursor === null) await needs.storage.removeUnfinished(folder)
    const page = await needs.storage.list(folder, cursor)
    const swept = await sweepPage(needs, page.keys)
    report(needs, folder, swept)
    await goOn(page.next, { checked: page.keys.length, faults: swept.removed })
  } catch (error) {
    // One folder that cannot be read must not keep the walk from all others.
    if (error instanceof StorageError) await goOn(null, { checked: 0, faults: 0 })
    throw error
  }
}

/** `<shard>` is done, or `<shard>:<cursor>` is where its next page begins; behind the last folder empty. */
function writePosition(shard: number, next: string | null): string {
  if (next !== null) return `${shard}:${next}`
  return shard === shardCount - 1 ? '' : `${shard}`
}

function readPosition({ position }: Pick<Round, 'position'>): { shard: number; cursor: string | null } {
  const [, done = '', cursor] = /^(\d+)(?::(.+))?$/s.exec(position) ?? []
  if (done === '') return { shard: 0, cursor: null }
  const shard = Number(done)
  return cursor === undefined ? { shard: (shard + 1) % shardCount, cursor: null } : { shard, cursor }
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
