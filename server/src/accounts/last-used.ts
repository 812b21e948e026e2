// When a key was last used, cheaply: uses are noted in memory and written together, at most once a minute for each
// key. A crash loses at most the last minute of this display value and nothing else.
import type { Db } from '../db/db.ts'
import type { Log } from '../log.ts'
import * as sql from './sql.ts'

/** A key's stored value is at most this old while the key is in use, and is written no more often than this. */
export const LAST_USED_INTERVAL_MS = 60_000
/** How often the notes are looked through; the look costs nothing while no key is due. */
const LOOK_INTERVAL_MS = 1_000

/** Process-local note of one key: milliseconds of the monotonic clock. */
type Note = { usedAtMs: number; writtenAtMs: number | null; pending: boolean }

export type LastUsed = {
  /** Notes a use; never waits and never fails. */
  note(keyId: string): void
  /** Writes what is noted now, also what is not due yet. */
  flush(): Promise<void>
  /** Flushes and stops the timer. */
  stop(): Promise<void>
}

export type LastUsedNeeds = {
  db: Db
  log: Log
  /** Milliseconds that only grow, as `performance.now()`. */
  elapsedMs: () => number
}

function takeDue(notes: Map<string, Note>, nowMs: number, everything: boolean): [string[], number[]] {
  const ids: string[] = []
  const agesSeconds: number[] = []
  for (const [id, note] of notes) {
    const rested = note.writtenAtMs === null || nowMs - note.writtenAtMs >= LAST_USED_INTERVAL_MS
    if (note.pending && (rested || everything)) {
      ids.push(id)
      agesSeconds.push((nowMs - note.usedAtMs) / 1000)
      note.pending = false
      note.writtenAtMs = nowMs
    } else if (rested) {
      notes.delete(id)
    }
  }
  return [ids, agesSeconds]
}

/** Starts the batch. A failed write is logged and its values are written with the next use of the key. */
export function startLastUsed(needs: LastUsedNeeds): LastUsed {
  const notes = new Map<string, Note>()
  let writing: Promise<void> = Promise.resolve()

  const write = async (everything: boolean): Promise<void> => {
    const [ids, ages] = takeDue(notes, needs.elapsedMs(), everything)
    if (ids.length === 0) return
    const minimumSeconds = everything ? 0 : LAST_USED_INTERVAL_MS / 1000
    await needs.db.query(sql.touchKeys, [ids, ages, minimumSeconds]).catch((err: unknown) => {
      needs.log.warn({ err, keys: ids.length }, 'key.last_used_not_written')
    })
  }
  const flush = (everything: boolean): Promise<void> => {
    writing = writing.then(() => write(everything))
    return writing
  }
  const timer = setInterval(() => void flush(false), LOOK_INTERVAL_MS)
  timer.unref()

  return {
    note(keyId) {
      const note = notes.get(keyId)
      const usedAtMs = needs.elapsedMs()
      if (note === undefined) notes.set(keyId, { usedAtMs, writtenAtMs: null, pending: true })
      else Object.assign(note, { usedAtMs, pending: true })
    },
    flush: () => flush(true),
    async stop() {
      clearInterval(timer)
      await flush(true)
    },
  }
}
