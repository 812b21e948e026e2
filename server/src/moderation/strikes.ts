// Strikes: refusals by our own checks, counted for each account until an operator clears them.
import type { Db } from '../db/db.ts'
import { sql } from './sql.ts'

export type Stage = 'input' | 'output'

export type StrikeRow = {
  accountId: string
  strikes: number
  lastStage: Stage
  lastCategories: string[]
  lastAt: Date
}

/** How many it has now. */
export async function addStrike(
  db: Db,
  accountId: string,
  { stage, categories }: { stage: Stage; categories: string[] },
): Promise<number> {
  const [row] = await db.query<{ strikes: number }>(sql.add, [accountId, stage, categories])
  return row?.strikes ?? 0
}

export async function listStruck(db: Db, atLeast: number): Promise<string[]> {
  const rows = await db.query<{ account_id: string }>(sql.struck, [atLeast])
  return rows.map(({ account_id }) => account_id)
}

/** The accounts with the most, first. */
export async function listStrikes(db: Db, limit: number): Promise<StrikeRow[]> {
  return db.query<StrikeRow>(sql.list, [limit])
}

/** How many were cleared; serving processes know within a second or two. */
export async function clearStrikes(db: Db, accountId: string): Promise<number> {
  const [row] = await db.query<{ strikes: number }>(sql.clear, [accountId])
  return row?.strikes ?? 0
}
