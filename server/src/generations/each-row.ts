// Walks through long lists of the database by pages.
import type { Queryable } from '../db/db.ts'

/** Rows of one look of `eachRow`. */
const pageSize = 100

/**
 * Every row of a list that is read by time and id, page by page, passing each once whatever becomes of it: rows that
 * nothing can be done with must not keep those behind them waiting.
 */
export async function* eachRow<Row extends { id: string; at: string }>(
  db: Queryable,
  text: Parameters<Queryable['query']>[0],
): AsyncGenerator<Row> {
  let [at, id] = ['-infinity', '00000000-0000-0000-0000-000000000000']
  for (let isMore = true; isMore; ) {
    const rows = await db.query<Row>(text, [at, id, pageSize])
    yield* rows
    const last = rows.at(-1)
    isMore = rows.length === pageSize && last !== undefined
    if (last) [at, id] = [last.at, last.id]
  }
}
