// One cheap look at the wallet and the slots before anything is fetched, decoded or judged for an order: who cannot pay
// must not have that work done for nothing. It decides nothing that stays; T1 does, under its locks.
import type { Db } from '../db/db.ts'
import type { AppError } from '../errors.ts'
import type { Moderation } from '../moderation/moderation.ts'
import type { InputRequests } from '../uploads/input.ts'
import { refusal } from './refusal.ts'
import { findRow, sql } from './sql.ts'

type Order = {
  accountId: string
  inputs: InputRequests | null
  slots: { scope: string; cap: number }[]
}

/** What T1 would refuse the order with now, in the same order. Null: nothing, or nothing would be done before T1. */
export async function findUnaffordable(
  { db, moderation }: { db: Db; moderation: Pick<Moderation, 'checksInput'> },
  { accountId, inputs, slots }: Order,
  price: number,
): Promise<AppError | null> {
  if (!inputs && !moderation.checksInput) return null
  type Row = { available: number; debt: number; full: number }
  const values = [accountId, slots.map(slot => slot.scope), slots.map(slot => slot.cap)]
  const row = await findRow<Row>(db, sql.affords, values)
  if (!row) return refusal.noAccount()
  if (row.full > 0) return refusal.tooManyInFlight()
  return price > 0 && (row.available < price || row.debt > 0) ? refusal.tooFewCredits(price) : null
}
