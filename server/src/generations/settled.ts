// Who waits for which generation, in this process. A settlement made here is told directly; one made by another
// process arrives as a notification, and a poll once a second heals a lost one.
import type { Db } from '../db/db.ts'
import type { Generation } from './generation.ts'
import { sql } from './sql.ts'

/** A settled generation; `null` when another process settled it and the row must be read. */
export type Settled = { generation: Generation; available: number } | null
type Listener = (settled: Settled) => void

export type SettledBus = {
  /** Calls back once when the generation is settled. Returns how to stop listening. */
  subscribe(generationId: string, listener: Listener): () => void
  announce(generationId: string, settled: Settled): void
  /** Whether somebody waits for it in this process. */
  isWaitedFor(generationId: string): boolean
  /** Asks the database about everything waited for here that this process does not run itself. */
  poll(db: Db, runsHere: (generationId: string) => boolean): Promise<void>
}

export function createSettledBus(): SettledBus {
  const listeners = new Map<string, Set<Listener>>()
  function announce(generationId: string, settled: Settled): void {
    const waiting = listeners.get(generationId)
    if (!waiting) return
    listeners.delete(generationId)
    for (const listener of waiting) listener(settled)
  }
  return {
    subscribe(generationId, listener) {
      const waiting = listeners.get(generationId) ?? new Set()
      waiting.add(listener)
      listeners.set(generationId, waiting)
      return () => {
        waiting.delete(listener)
        if (waiting.size === 0 && listeners.get(generationId) === waiting) listeners.delete(generationId)
      }
    },
    announce,
    isWaitedFor: generationId => listeners.has(generationId),
    async poll(db, runsHere) {
      const ids = [...listeners.keys()].filter(id => !runsHere(id))
      if (ids.length === 0) return
      for (const row of await db.query<{ id: string }>(sql.settledAmong, [ids])) announce(row.id, null)
    },
  }
}
