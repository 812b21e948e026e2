// The mark by which an installation says in storage that it keeps pictures there. Another one that shares the storage
// finds it and removes nothing; so it must lie there before the first picture comes in.
import type { Queryable } from '../db/db.ts'
import type { Log } from '../log.ts'
import { installationFolder, readIntakeKey } from '../storage/keys.ts'
import type { Storage } from '../storage/storage.ts'
import { type WatchedStorage, watchStorage } from '../storage/watch.ts'
import type { Metrics } from '../telemetry.ts'
import { fileSql } from './file-sql.ts'
import { findRow } from './sql.ts'

export type MarkedStorage = WatchedStorage & {
  /** Leaves the mark, unless this process has done so. Rejects when storage cannot be written. */
  leaveMark(): Promise<void>
}

/** Storage that is away must not keep a node from starting: the first picture leaves the mark then. */
const startPatienceMs = 5_000

/** Where the mark of this database's installation lies. */
export async function findMark(db: Queryable): Promise<string> {
  const row = await findRow<{ id: string }>(db, fileSql.installation, [])
  if (!row) throw new Error('the database does not say which installation it is')
  return installationFolder + row.id
}

export async function putMark(storage: Pick<Storage, 'put'>, mark: string): Promise<void> {
  const bytes = Buffer.from('This installation keeps its pictures here.\n')
  await storage.put(mark, bytes, { mediaType: 'text/plain', maxBytes: bytes.length, commitName: true })
}

/** Storage as the nodes of an installation use it: watched, and marked as theirs. */
export async function openOwnStorage(needs: {
  db: Queryable
  storage: Storage
  log: Pick<Log, 'error' | 'info'>
  metrics: Pick<Metrics, 'missingObjects'>
}): Promise<MarkedStorage> {
  const { db, log, metrics } = needs
  const watched = watchStorage(needs.storage, { log, noteMissing: () => metrics.missingObjects.inc() })
  return markStorage(watched, await findMark(db))
}

/** The same storage, which takes no picture that comes in before the mark lies there. */
export function markStorage(storage: WatchedStorage, mark: string): MarkedStorage {
  let leaving: Promise<void> | null = null
  function leaveMark(): Promise<void> {
    leaving ??= putMark(storage, mark).catch(error => {
      leaving = null
      throw error
    })
    return leaving
  }
  const { presignPut } = storage
  return {
    ...storage,
    leaveMark,
    async put(key, bytes, options) {
      if (readIntakeKey(key)) await leaveMark()
      return await storage.put(key, bytes, options)
    },
    ...(presignPut && {
      async presignPut(key, limits) {
        await leaveMark()
        return await presignPut(key, limits)
      },
    }),
  }
}

/** At the start of a node, before it takes callers. */
export async function leaveMarkAtStart(needs: {
  storage: Pick<MarkedStorage, 'leaveMark'>
  log: Pick<Log, 'warn'>
}): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const tooLate = () => reject(new Error(`no answer within ${startPatienceMs / 1_000} s`))
    timer = setTimeout(tooLate, startPatienceMs)
  })
  await Promise.race([needs.storage.leaveMark(), late])
    .catch(error => {
      const event = { event: 'storage.unmarked', err: error }
      needs.log.warn(event, 'STORAGE_URL cannot be written: no picture comes in before it can')
    })
    .finally(() => clearTimeout(timer))
}
