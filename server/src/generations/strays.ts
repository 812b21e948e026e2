// Removes pictures that came in and that no row names: of orders refused by a process that died, of uploads whose row is
// gone. Unlike a result, such a picture may be young and without a row because its order is just being taken. So it is
// noted, and removed only if it is still nobody's a day later, by the database's clock.
import type { Queryable } from '../db/db.ts'
import { isId } from '../ids.ts'
import type { Log } from '../log.ts'
import { installationFolder, intakeFolder, intakeFolderCount, readIntakeKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import type { Metrics } from '../telemetry.ts'
import type { StoredInputs } from '../uploads/input.ts'
import { findStrayUploads } from '../uploads/strays.ts'
import { fileSql } from './file-sql.ts'
import { type FolderPage, stepWalk, type WalkNeeds } from './folder-walk.ts'
import { findMark, putMark } from './installation.ts'
import { mayTell } from './rounds.ts'
import { findRow } from './sql.ts'

export type StrayNeeds = WalkNeeds & {
  storage: Pick<Storage, 'list' | 'put' | 'remove' | 'removeUnfinished'>
  log: Pick<Log, 'info' | 'warn'>
  metrics: Pick<Metrics, 'leftovers'>
}

/** More than any order takes to come in, run and end, and than an upload's picture waits for its row. */
const strayMs = 25 * 60 * 60 * 1_000
/** Keys in one question to the database. */
const keysPerQuery = 500

/** So few are what killed processes leave; they are strays even where nothing else has come in. */
const fewStrays = 10

/** One step, if one is due: a page of a folder. */
export function sweepStrays(needs: StrayNeeds): Promise<void> {
  return stepWalk(needs, {
    name: 'strays',
    folderCount: intakeFolderCount,
    folderAt: intakeFolder,
    sweepPage: page => sweepPage(needs, page),
  })
}

async function sweepPage(needs: StrayNeeds, page: FolderPage): Promise<number> {
  const { folder, keys, isFirst } = page
  if (keys.length === 0) {
    if (isFirst) await needs.db.query(fileSql.forgetFolder, [folder])
    return 0
  }
  if (!(await isOurs(needs))) return 0
  const ripe = await look(needs, page)
  if (ripe.length === 0 || (await isDoubtful(needs))) return 0
  let count = 0
  for (const some of inQueries(ripe)) {
    // Asked once more, right before: the last word is the rows'.
    const removable = await findStrays(needs, some)
    await needs.storage.remove(removable)
    await needs.db.query(fileSql.forgetStrays, [removable])
    count += removable.length
  }
  if (count === 0) return 0
  needs.metrics.leftovers.inc(count)
  needs.log.info({ event: 'strays.removed', folder, count }, 'pictures that came in for nobody were removed')
  return count
}

/** Leaves our mark. False beside the mark of another installation, whose uploads and orders this database cannot know. */
async function isOurs({ db, storage, log }: StrayNeeds): Promise<boolean> {
  const mark = await findMark(db)
  const { keys, next } = await storage.list(installationFolder, null)
  if (!keys.includes(mark)) await putMark(storage, mark)
  const [other, ...more] = keys.filter(key => key !== mark)
  if (other === undefined && next === null) return true
  if (await mayTell(db, 'strays', 'storage.shared')) {
    const nameOf = (key = '') => key.slice(installationFolder.length)
    log.warn(
      { event: 'storage.shared', installation: nameOf(mark), other: nameOf(other), count: 1 + more.length },
      'another installation keeps pictures in this storage; those that no row names are left alone',
    )
  }
  return false
}

/** Notes what no row names, and answers what has been noted long enough. */
async function look({ db }: StrayNeeds, { folder, keys, isFirst }: FolderPage): Promise<string[]> {
  const intake = keys.filter(key => readIntakeKey(key))
  const ripe: string[] = []
  let nameless = 0
  for (const some of inQueries(intake)) {
    const strays = await findStrays({ db }, some)
    nameless += strays.length
    const isStrayKey = new Set(strays)
    // What has got a row is no stray any more: should it lose that, its day begins anew.
    await db.query(fileSql.forgetStrays, [some.filter(key => !isStrayKey.has(key))])
    if (strays.length === 0) continue
    const seen = await db.query<{ key: string; ripe: boolean }>(fileSql.sightStrays, [strays, strayMs])
    ripe.push(...seen.filter(each => each.ripe).map(({ key }) => key))
  }
  await db.query(fileSql.noteFolder, [folder, intake.length, nameless, isFirst])
  return ripe
}

/**
 * Where most of all that came in has no row, rows are missing and not pictures too many: an older backup of the database,
 * or the storage of an installation that has left no mark.
 */
async function isDoubtful({ db, log }: StrayNeeds): Promise<boolean> {
  const { objects, nameless } = (await findRow<{ objects: number; nameless: number }>(
    db,
    fileSql.intake,
    [],
  )) ?? { objects: 0, nameless: 0 }
  if (nameless <= fewStrays || 2 * nameless <= objects) return false
  if (await mayTell(db, 'strays', 'strays.doubted')) {
    log.warn(
      { event: 'strays.doubted', objects, nameless },
      'most pictures that came in have no row in this database; none is removed',
    )
  }
  return true
}

function inQueries(keys: string[]): string[][] {
  const count = Math.ceil(keys.length / keysPerQuery)
  return Array.from({ length: count }, (_, at) => keys.slice(at * keysPerQuery, (at + 1) * keysPerQuery))
}

/** Throws away notes that nobody will read again. */
export async function forgetSpent(db: Queryable): Promise<void> {
  await db.query(fileSql.forgetOldStrays)
  await db.query(fileSql.forgetTasks)
}

/** Of these objects those that no row names. */
async function findStrays(needs: Pick<StrayNeeds, 'db'>, keys: string[]): Promise<string[]> {
  const inputs: { key: string; generationId: string }[] = []
  const uploads: { key: string; uploadKey: string }[] = []
  for (const key of keys) {
    const read = readIntakeKey(key)
    if (read === null) continue
    if ('uploadKey' in read) uploads.push({ key, uploadKey: read.uploadKey })
    else if (isId(read.generationId)) inputs.push({ key, generationId: read.generationId.toLowerCase() })
  }
  return [...(await findStrayInputs(needs, inputs)), ...(await findStrayUploads(needs.db, uploads))]
}

type InputsRow = { id: string; inputs: StoredInputs | null; settled: boolean | null }

async function findStrayInputs(
  { db }: Pick<StrayNeeds, 'db'>,
  objects: { key: string; generationId: string }[],
): Promise<string[]> {
  const ids = [...new Set(objects.map(({ generationId }) => generationId))]
  if (ids.length === 0) return []
  const found = await db.query<InputsRow>(fileSql.keptInputs, [ids, strayMs])
  const rows = new Map(found.map(row => [row.id, row]))
  return objects.filter(object => isStray(object.key, rows.get(object.generationId))).map(({ key }) => key)
}

/** An order that is open or has just ended keeps whatever lies under its name. */
function isStray(key: string, row: InputsRow | undefined): boolean {
  if (!row) return true
  if (row.settled !== true) return false
  const { references = [], mask = null } = row.inputs ?? {}
  return ![...references, ...(mask ? [mask] : [])].some(picture => picture.key === key)
}
