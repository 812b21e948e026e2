// Remembers which outcomes were heard, in batches and without delaying anybody: a lost mark only means that a retry
// joins its original, which is the safe side.
import type { Db } from '../db/db.ts'
import { sql } from './sql.ts'

export type AnsweredMarks = { mark(generationId: string): void; flush(): Promise<void> }

/**
 * The last byte has left, and may be lost on the way all the same. An SDK that heard nothing asks again about a second
 * later; until then nobody can tell that it did.
 */
const doubtMs = 3_000

export function createAnsweredMarks(db: Db): AnsweredMarks {
  let pending: { id: string; at: number }[] = []
  return {
    mark(id) {
      pending.push({ id, at: performance.now() })
    },
    async flush() {
      const doubtfulFrom = performance.now() - doubtMs
      const isHeard = ({ at }: { at: number }) => at <= doubtfulFrom
      const batch = pending.filter(isHeard)
      if (batch.length === 0) return
      pending = pending.filter(each => !isHeard(each))
      await db.query(sql.markAnswered, [batch.map(({ id }) => id)])
    },
  }
}
