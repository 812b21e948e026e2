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
import { stepWalk, type WalkNeeds } from './folder-walk.ts'
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

/** One step, if one is due: a page of a folder. */
export function sweepStrays(needs: StrayNeeds): Promise<void> {
  return stepWalk(needs, {
    name: 'strays',
    folderCount: intakeFolderCount,
    folderAt: intakeFolder,
    async sweepPage(folder, keys) {
      if (keys.length === 0 || !(await isOurs(needs))) return 0
      let count = 0
      for (let at = 0; at < keys.length; at += keysPerQuery) {
        count += await sweepKeys(needs, keys.slice(at, at + keysPerQuery))
      }
      if (count === 0) return 0
      needs.metrics.leftovers.inc(count)
      needs.log.info(
        { event: 'strays.removed', folder, count },
        'pictures that came in for nobody were removed',
      )
      return count
    },
  })
}

/** Leaves our mark. False beside the mark of another installation, whose uploads and orders this database cannot know. */
async function isOurs({ db, storage, log }: StrayNeeds): Promise<boolean> {
  const id = (await findRow<{ id: string }>(db, fileSql.installation, []))?.id
  if (id === undefined) return false
  const mark = installationFolder + id
  const { keys, next } = await storage.list(installationFolder, null)
  if (!keys.includes(mark)) {
    const bytes = Buffer.from('This installation keeps its pictures here.\n')
    await storage.put(mark, bytes, { mediaType: 'text/plain', maxBytes: bytes.length, commitName: true })
  }
  const others = keys.filter(key => key !== mark)
  if (others.length === 0 && next === null) return true
  const event = { event: 'storage.shared', count: others.length, example: others[0] }
  log.warn(
    event,
    'another installation keeps pictures in this storage; those that no row names are left alone',
  )
  return false
}

/** Throws away notes that nobody will read again. */
export async function forgetSpent(db: Queryable): Promise<void> {
  await db.query(fileSql.forgetOldStrays)
  await db.query(fileSql.forgetTasks)
}

async function sweepKeys(needs: StrayNeeds, keys: string[]): Promise<number> {
  const strays = await findStrays(needs, keys)
  const isStrayKey = new Set(strays)
  // What has got a row is no stray any more: should it lose that, its day begins anew.
  await needs.db.query(fileSql.forgetStrays, [keys.filter(key => !isStrayKey.has(key))])
  if (strays.length === 0) return 0
  const seen = await needs.db.query<{ key: string; ripe: boolean }>(fileSql.sightStrays, [strays, strayMs])
  const ripe = seen.filter(each => each.ripe).map(({ key }) => key)
  if (ripe.length === 0) return 0
  // Asked once more, right before: the last word is the rows'.
  const removable = await findStrays(needs, ripe)
  await needs.storage.remove(removable)
  await needs.db.query(fileSql.forgetStrays, [removable])
  return removable.length
}

/** Of these objects those that no row names. */
async function findStrays(needs: StrayNeeds, keys: string[]): Promise<string[]> {
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
  { db }: StrayNeeds,
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
