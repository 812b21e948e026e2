// Remembers which answers were sent in full, in batches and without delaying anybody: a lost mark only means that a
// retry joins its original, which is the safe side. An answer counts as heard some time later: join.ts.
import type { Db } from '../db/db.ts'
import { sql } from './sql.ts'

export type AnsweredMarks = { mark(generationId: string): void; flush(): Promise<void> }

export function createAnsweredMarks(db: Db): AnsweredMarks {
  let pending = new Set<string>()
  return {
    mark(id) {
      pending.add(id)
    },
    async flush() {
      if (pending.size === 0) return
      const batch = [...pending]
      pending = new Set()
      await db.query(sql.markAnswered, [batch])
    },
  }
}
