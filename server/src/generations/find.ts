// Rows by id and by idempotency key: what is asked at once goes in one statement, which makes polls and repeats cheap.
// The account is part of every look-up, so that each is told of its own account's generations only.
import { gatherOn } from '../db/gather.ts'
import { type GenerationRow, sql } from './sql.ts'

const nameOf = (accountId: string, key: string) => `${accountId} ${key}`

/** `id` in lower case, as the database writes it. */
export const findRowById = gatherOn<{ id: string; accountId: string }, GenerationRow | null>(
  async (db, wanted) => {
    const values = [wanted.map(({ id }) => id), wanted.map(({ accountId }) => accountId)]
    const rows = await db.query<GenerationRow>(sql.findByIds, values)
    const found = new Map(rows.map(row => [nameOf(row.account_id, row.id), row]))
    return wanted.map(({ id, accountId }) => found.get(nameOf(accountId, id)) ?? null)
  },
)

export const findRowByKey = gatherOn<{ accountId: string; key: string }, GenerationRow | null>(
  async (db, wanted) => {
    const values = [wanted.map(({ accountId }) => accountId), wanted.map(({ key }) => key)]
    const rows = await db.query<GenerationRow & { idem_key: string }>(sql.findByKeys, values)
    const found = new Map(rows.map(row => [nameOf(row.account_id, row.idem_key), row]))
    return wanted.map(({ accountId, key }) => found.get(nameOf(accountId, key)) ?? null)
  },
)
