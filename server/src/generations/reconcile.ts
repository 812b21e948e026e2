// The only mover of a generation whose outcome is unknown. In order: what is already in storage counts (T12);
// an upstream's handle is polled on (T10); an upstream with idempotent creates is asked again under the same key
// (T11); otherwise the customer gets the hold back and the operator bears the expected cost (T13).
import { fp } from '../failpoints.ts'
import type { UpstreamTask } from '../providers/provider.ts'
import { findManifest, verifyManifest } from '../storage/manifest.ts'
import { collectImages, type DeliverNeeds, type ExpectedImage, storeAndSettle } from './deliver.ts'
import { settleReleased, settleSucceeded } from './finish.ts'
import type { Generation, StoredImage } from './generation.ts'
import { type AttemptRow, findRow, sql } from './sql.ts'

export type ReconcileNeeds = DeliverNeeds & { leaseMs: number; wakeAfter(delayMs: number): void }

/** T11 found its row in `dispatching` again: the caller must send the same create under the same key. */
export type SendAgain = { generation: Generation; provider: string; upstreamModel: string }

/** The generation must be in `reconciling` under an epoch this process claimed. */
export async function reconcile(needs: ReconcileNeeds, generation: Generation): Promise<SendAgain | null> {
  if (__FAILPOINTS__) await fp('reconcile.before')
  const attempts = await needs.db.query<AttemptRow>(sql.attempts, [generation.id])
  const last = attempts.filter(attempt => attempt.n === generation.attempts)
  const lossUsdMicro = last
    .filter(
      attempt => attempt.state === 'unknown' || attempt.state === 'intent' || attempt.state === 'accepted',
    )
    .reduce((sum, attempt) => sum + attempt.expected_cost_usd_micro, 0)
  if (await settleFromStorage(needs, generation, lossUsdMicro)) return null
  const attempt = last[0]
  if (attempt && (await pollOn(needs, generation, attempt))) return null
  const again = attempt ? await sendAgain(needs, generation, attempt) : null
  if (again) return again
  await settleReleased(needs, generation, {
    from: ['reconciling'],
    state: 'failed',
    reason: 'unknown_outcome',
    attemptState: 'unknown',
    failure: 'unknown_outcome',
    message: null,
    // Bytes were bought and lost when the attempt is done but nothing readable is in storage.
    lossUsdMicro: lossUsdMicro || last.reduce((sum, each) => sum + each.expected_cost_usd_micro, 0),
    epoch: generation.epoch,
  })
  return null
}

/** T12. */
async function settleFromStorage(
  needs: ReconcileNeeds,
  generation: Generation,
  lossUsdMicro: number,
): Promise<boolean> {
  const found = await findManifest(needs.storage, generation.id)
  if (found?.kind === 'found') {
    const verified = await verifyManifest(needs.storage, found.manifest, { hashes: true })
    if (verified.ok) {
      const { images } = found.manifest
      const success = { images, manifestSha256: found.sha256, warnings: generation.warnings, lossUsdMicro }
      await settleSucceeded(needs, generation, success)
      return true
    }
  }
  const expected = generation.images as ExpectedImage[]
  if (expected.length === 0) return false
  const n = generation.attempts
  const stored = await collectImages(needs, { generation, n }, expected)
  const checks = await Promise.all(stored.map(image => isReadable(needs, generation, image)))
  const images = stored.filter((_, index) => checks[index]).map((image, index) => ({ ...image, index }))
  if (images.length === 0) return false
  await storeAndSettle(needs, { generation, n, images, warnings: generation.warnings, lossUsdMicro })
  return true
}

async function isReadable(
  needs: ReconcileNeeds,
  generation: Generation,
  image: StoredImage,
): Promise<boolean> {
  const manifest = {
    version: 1 as const,
    generationId: generation.id,
    attempt: generation.attempts,
    images: [image],
  }
  return (await verifyManifest(needs.storage, manifest, { hashes: true })).ok
}

/** T10. */
async function pollOn(needs: ReconcileNeeds, generation: Generation, attempt: AttemptRow): Promise<boolean> {
  const task = attempt.upstream_task as UpstreamTask | null
  const inTime = generation.deadline.getTime() > needs.now().getTime()
  if (!task || !inTime || !needs.providers.get(attempt.provider)?.poll) return false
  const values = [generation.id, generation.epoch, attempt.n, attempt.part, null, 0]
  const row = await findRow<{ done: boolean }>(needs.db, sql.awaitTask, values)
  needs.wakeAfter(0)
  return row?.done ?? true
}

/** T11. */
async function sendAgain(
  needs: ReconcileNeeds,
  generation: Generation,
  attempt: AttemptRow,
): Promise<SendAgain | null> {
  if (!attempt.upstream_key || !needs.providers.get(attempt.provider)?.idempotentCreates) return null
  const values = [generation.id, generation.epoch, needs.processName, needs.leaseMs]
  const row = await findRow<{ epoch: number | null }>(needs.db, sql.redispatch, values)
  if (!row?.epoch) return null
  const again = { ...generation, state: 'dispatching' as const, epoch: row.epoch }
  return { generation: again, provider: attempt.provider, upstreamModel: attempt.upstream_model }
}
