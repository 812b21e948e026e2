// The end of a generation: one database call moves state, money, slots and event together. Zero rows mean that
// somebody else finished it; then nothing happened here and the result is dropped.
import { findWallet } from '../credits/ledger.ts'
import type { Db, Statement } from '../db/db.ts'
import { fp } from '../failpoints.ts'
import type { Usage } from '../providers/provider.ts'
import type { Generation, GenerationState, Reason, StoredImage, StoredUsage } from './generation.ts'
import type { GenerationEvents } from './observe.ts'
import type { OwnWork } from './own-keys.ts'
import type { PartRecord } from './parts.ts'
import { persist } from './persist.ts'
import { toStorableText } from './redaction.ts'
import type { SettledBus } from './settled.ts'
import { type AttemptRow, findRow, type GenerationRow, sql } from './sql.ts'

export type FinishNeeds = {
  db: Db
  settled: SettledBus
  events: GenerationEvents
  processName: string
  /** Of an order under its account's own keys. */
  own?: OwnWork
}

type SettleRow = { available: number; completed_at: Date }

export type Success = {
  /** Who made it. */
  provider: string
  images: StoredImage[]
  manifestSha256: string
  warnings: string[]
  /** Expected cost of parts whose outcome is unknown, micro-USD. */
  lossUsdMicro: number
  /** What T5 would have recorded, where it was not made before. */
  record?: DeliveryRecord
}

export type DeliveryRecord = {
  n: number
  /** By the number of the part, micro-USD; null leaves what is recorded of it. */
  costsUsdMicro: (number | null)[]
  usage: Usage | null
  /** Likewise, what the upstream said of each. */
  usages?: (StoredUsage | null)[]
}

/** T6, T12; T5 with it when there is a record. True when this call settled it. */
export async function settleSucceeded(
  needs: FinishNeeds,
  generation: Generation,
  success: Success,
): Promise<boolean> {
  if (__FAILPOINTS__) await fp('T6.before')
  const row = await settle(needs, generation, {
    wanted: 'succeeded',
    call: sql.settleSucceeded,
    values: [
      generation.id,
      generation.epoch,
      JSON.stringify(success.images),
      success.images.length,
      Buffer.from(success.manifestSha256, 'hex'),
      success.warnings.length > 0 ? JSON.stringify(success.warnings) : null,
      success.lossUsdMicro,
      needs.processName,
      success.record?.n ?? null,
      success.record?.costsUsdMicro ?? null,
      success.record?.usage ? JSON.stringify(success.record.usage) : null,
      success.record?.usages ? JSON.stringify(success.record.usages) : null,
    ],
  })
  if (__FAILPOINTS__) await fp('T6.after')
  if (!row) return false
  const delivered = Math.min(success.images.length, generation.count)
  const { images, warnings, provider } = success
  const captured = generation.unitPrice * delivered
  announce(needs, row, {
    provider,
    generation: { ...generation, state: 'succeeded', images, warnings, captured },
  })
  return true
}

export type Release = {
  /** States it may leave; the current ones of the caller's branch. */
  from: GenerationState[]
  state: 'failed' | 'blocked' | 'canceled'
  reason: Reason
  attemptState: 'failed' | 'unknown' | 'not_run'
  failure: string | null
  /** For the operator. */
  message: string | null
  lossUsdMicro: number
  /** Who was asked last; left out where the caller does not know. */
  provider?: string
  /** What became of each call, where it is known; those left out get `attemptState`. */
  parts?: PartRecord[]
  /** Null: whatever epoch it has; only for rows without a worker. */
  epoch: number | null
}

/** T7, T8, T13–T16. True when this call settled it. */
export async function settleReleased(
  needs: FinishNeeds,
  generation: Generation,
  given: Release,
): Promise<boolean> {
  const release = { ...given, reason: reasonOf(needs, generation, given) }
  const message = release.message ? toStorableText(release.message, maxMessageLength) : null
  // A call that has no words of its own gets those of the order.
  const parts = release.parts?.map(part => ({ message, ...part }))
  if (__FAILPOINTS__) await fp('T7.before')
  const row = await settle(needs, generation, {
    wanted: release.state,
    call: sql.settleReleased,
    values: [
      generation.id,
      release.epoch,
      release.from,
      release.state,
      release.reason,
      release.attemptState,
      release.failure,
      message,
      release.lossUsdMicro,
      needs.processName,
      parts ? JSON.stringify(parts) : null,
    ],
  })
  if (__FAILPOINTS__) await fp('T7.after')
  if (!row) return false
  const { state, reason } = release
  // For a label alone: it must not hold up a settlement, nor undo one.
  const provider = given.provider ?? (await findProvider(needs.db, generation).catch(() => null))
  announce(needs, row, { provider, generation: { ...generation, state, reason } })
  return true
}

/** Who was asked last; null = nobody. */
async function findProvider(db: Db, { id, attempts }: Generation): Promise<string | null> {
  if (attempts === 0) return null
  const rows = await db.query<AttemptRow>(sql.attempts, [id])
  return rows.at(-1)?.provider ?? null
}

/** A key that is refused or gone is the customer's own, and said to be. */
function reasonOf(
  { own }: FinishNeeds,
  { ownProviders }: Pick<Generation, 'ownProviders'>,
  { reason, failure }: Release,
): Reason {
  if (ownProviders === null || reason !== 'upstream_unavailable') return reason
  if (failure === 'misconfigured' || failure === 'quota_exhausted') return 'provider_key_refused'
  return failure === null && own?.hasKeys === false ? 'provider_key_missing' : reason
}

/**
 * Calls the settling function until the database answers. When a repeat finds nothing to do, the first call may
 * have been committed unheard: then the row is in the wanted state under our epoch, and it was us.
 */
async function settle(
  needs: FinishNeeds,
  generation: Generation,
  { wanted, call, values }: { wanted: GenerationState; call: Statement; values: unknown[] },
): Promise<SettleRow | null> {
  let tries = 0
  const row = await persist(() => {
    tries += 1
    return findRow<SettleRow>(needs.db, call, values)
  })
  if (row || tries === 1) return row
  const now = await findRow<GenerationRow>(needs.db, sql.findAny, [generation.id])
  if (now?.state !== wanted || now.epoch !== generation.epoch || !now.completed_at) return null
  const wallet = await findWallet(needs.db, generation.accountId)
  return { available: wallet?.available ?? 0, completed_at: now.completed_at }
}

/** An upstream's text is kept for the operator, but not a whole page of HTML. */
const maxMessageLength = 2_000

function announce(
  needs: FinishNeeds,
  row: SettleRow,
  { generation, provider }: { generation: Generation; provider: string | null },
): void {
  const settled = { ...generation, completedAt: row.completed_at }
  needs.events.generationSettled(settled, provider)
  needs.settled.announce(generation.id, { generation: settled, available: row.available })
}
