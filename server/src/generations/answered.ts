// Remembers which outcomes were fully sent, in batches and without delaying anybody: a lost mark only means that
// a retry joins its original, which is the safe side.
import type { Db } from '../db/db.ts'
import { sql } from './sql.ts'

export type AnsweredMarks = { mark(generationId: string): void; flush(): Promise<void> }

export function createAnsweredMarks(db: Db): AnsweredMarks {
  let pending: string[] = []
  return {
    mark(generationId) {
      pending.push(generationId)
    },
    async flush() {
      if (pending.length === 0) return
      const batch = pending
      pending = []
      await db.query(sql.markAnswered, [batch])
    },
  }
}
