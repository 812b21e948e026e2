// The only mover of a generation whose outcome is unknown. In order: what is already in storage counts (T12);
// an upstream's handle is polled on (T10); an upstream with idempotent creates is asked again under the same key
// (T11); otherwise the customer gets the hold back and the operator bears the expected cost (T13).
import { fp } from '../failpoints.ts'
import { findManifest, type Manifest, verifyManifest } from '../storage/manifest.ts'
import { StorageError } from '../storage/storage.ts'
import { type DeliverNeeds, storeAndSettle } from './deliver.ts'
import { combineParts } from './dispatch.ts'
import { type DeliveryRecord, settleReleased, settleSucceeded } from './finish.ts'
import { backoffMs, type Generation, type Reason, type StoredImage } from './generation.ts'
import { costOfDelivered, costsOfAttempt, lossOfMissing, lossOfParts } from './loss.ts'
import { collectImages, type ExpectedImage, toExpected } from './outputs.ts'
import { isOpenPart, routeOf, taskOf, tasksOf, toOpenRecords, toPartOutcome } from './parts.ts'
import { pollSql } from './poll-sql.ts'
import { type AttemptRow, findRow, sql } from './sql.ts'
import { timeLeftMs } from './time-left.ts'
import { tellLost, tellUnheard } from './unheard.ts'

export type ReconcileNeeds = DeliverNeeds & {
  leaseMs: number
  /** Wakes the runner after a requeue. */
  wakeAfter(delayMs: number): void
  /** Looks for polls that are due then. */
  pollAfter(delayMs: number): void
  /** This process goes on with the generation under a new epoch, whose lease it keeps renewing. */
  claimMoved(generationId: string, epoch: number): void
}

/** Before a task is polled on whose last read told nothing: an upstream that lost it is not hammered. */
const pollAgainMs = 2_000
/** How long a task that the upstream denies is asked for: it may be found when a machine of the upstream is back. */
const lostTaskMs = 60_000

/** T11 found its row in `dispatching` again: the caller must send the same create under the same key. */
export type SendAgain = { generation: Generation; provider: string; upstreamModel: string }

/**
 * The generation must be in `reconciling` under an epoch this process claimed. `lossUsdMicro` is the cost of what
 * was lost where this process has heard it itself; rows left by a dead one tell what was expected.
 */
export async function reconcile(
  needs: ReconcileNeeds,
  generation: Generation,
  lossUsdMicro?: number,
): Promise<SendAgain | null> {
  const attempts = await needs.db.query<AttemptRow>(sql.attempts, [generation.id])
  const last = attempts.filter(attempt => attempt.n === generation.attempts)
  const costs = costsOfAttempt(last)
  const fromStorage = await settleFromStorage(needs, generation, { ...costs, attempt: last })
  if (fromStorage === 'settled') return null
  const attempt = last[0]
  if (attempt && (await pollOn(needs, generation, last))) return null
  if (attempt && (await settleFromParts(needs, generation, last))) return null
  const again = attempt ? await sendAgain(needs, generation, attempt) : null
  if (again) return again
  const released = await settleReleased(needs, generation, {
    from: ['reconciling'],
    state: 'failed',
    reason: fromStorage === 'unreachable' ? 'storage_failed' : reasonOf(needs, last),
    attemptState: 'unknown',
    failure: 'unknown_outcome',
    message: null,
    // Bytes were bought and lost when the attempt is done but nothing readable is in storage.
    lossUsdMicro: lossUsdMicro ?? costs.lossUsdMicro + costs.boughtUsdMicro,
    ...(attempt ? { provider: attempt.provider } : {}),
    epoch: generation.epoch,
  })
  if (released) tellLost(needs, generation, { attempts: last, ageMs: lostTaskMs })
  return null
}

/** A task that is known and cannot be asked for: the account's own key that it was made with was removed. */
function reasonOf({ own, providers }: ReconcileNeeds, parts: AttemptRow[]): Reason {
  const isGone = (provider: string) => !providers.get(provider) && !own?.unreadable.has(provider)
  const isKeyGone = own && parts.some(each => taskOf(each) && isGone(each.provider))
  return isKeyGone ? 'provider_key_missing' : 'unknown_outcome'
}

function isInTime({ timeLeft }: Generation): boolean {
  return timeLeftMs(timeLeft) > 0
}

/** What is known of the last attempt. */
type Known = ReturnType<typeof costsOfAttempt> & { attempt: AttemptRow[] }

/** T12. Storage that does not answer is asked again, by whoever claims the row next, until the deadline. */
async function settleFromStorage(
  needs: ReconcileNeeds,
  generation: Generation,
  known: Known,
): Promise<'settled' | 'nothing' | 'unreachable'> {
  try {
    return (await findStored(needs, generation, known)) ? 'settled' : 'nothing'
  } catch (error) {
    if (!(error instanceof StorageError) || isInTime(generation)) throw error
    return 'unreachable'
  }
}

async function findStored(needs: ReconcileNeeds, generation: Generation, known: Known): Promise<boolean> {
  const found = await findManifest(needs.storage, generation.id)
  if (found?.kind === 'found') {
    const verified = await verifyManifest(needs.storage, found.manifest, { hashes: true })
    if (verified.ok) {
      const { images } = found.manifest
      // A complete result leaves nothing unknown, even when there is no record that it came.
      const unknownUsdMicro = images.length < generation.count ? known.lossUsdMicro : 0
      const missingUsdMicro = lossOfMissing({ ...known, bought: generation.images.length }, images.length)
      const lossUsdMicro = unknownUsdMicro + missingUsdMicro
      const success = { images, manifestSha256: found.sha256, warnings: generation.warnings, lossUsdMicro }
      const record = findRecord(generation, found.manifest, known.attempt)
      const { provider } = routeOf(known.attempt)
      const more = { provider, ...(record ? { record } : {}) }
      const settled = await settleSucceeded(needs, generation, { ...success, ...more })
      const isWhole = images.length >= generation.count
      if (settled && isWhole) tellUnheard(needs, generation, { attempts: known.attempt, kind: 'succeeded' })
      return true
    }
  }
  // Past the deadline only what is stored counts: a download could outlast every lease.
  const expected = (generation.images as ExpectedImage[]).filter(
    image => 'key' in image || isInTime(generation),
  )
  if (expected.length === 0) return false
  const n = generation.attempts
  const work = { generation, n, ...routeOf(known.attempt), tasks: tasksOf(known.attempt), received: [] }
  const { images: stored } = await collectImages(needs, work, expected)
  const checks = await Promise.all(stored.map(image => isReadable(needs, generation, image)))
  const images = stored.filter((_, index) => checks[index]).map((image, index) => ({ ...image, index }))
  if (images.length === 0) return false
  const { warnings } = generation
  const collect = async () => images
  await storeAndSettle(needs, {
    generation,
    n,
    collect,
    warnings,
    bought: generation.images.length,
    ...routeOf(known.attempt),
    ...known,
    late: toOpenRecords(known.attempt),
  })
  return true
}

/** T5 was never made, as is usual, or was lost: a complete result proves that every part was delivered and paid. */
function findRecord(
  generation: Generation,
  manifest: Manifest,
  attempt: AttemptRow[],
): DeliveryRecord | null {
  const isRecorded = generation.images.length > 0
  if (isRecorded || manifest.images.length < generation.count) return null
  if (manifest.attempt !== generation.attempts) return null
  const costsUsdMicro: DeliveryRecord['costsUsdMicro'] = attempt.map(() => null)
  for (const each of attempt.filter(isOpenPart)) {
    costsUsdMicro[each.part] = each.cost_usd_micro ?? each.expected_cost_usd_micro
  }
  return { n: manifest.attempt, costsUsdMicro, usage: null }
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

/** T10, for all parts of which a handle is known. */
async function pollOn(needs: ReconcileNeeds, generation: Generation, parts: AttemptRow[]): Promise<boolean> {
  const canBeRead = parts.some(each => taskOf(each) && needs.providers.get(each.provider)?.poll)
  if (!canBeRead || !isInTime(generation)) return false
  const values = [generation.id, generation.epoch, generation.attempts, pollAgainMs, lostTaskMs]
  if (__FAILPOINTS__) await fp('T10.before')
  const row = await findRow<{ done: boolean }>(needs.db, pollSql.resume, values)
  if (__FAILPOINTS__) await fp('T10.after')
  if (row?.done) needs.pollAfter(pollAgainMs)
  return row?.done === true
}

/** T12 for an order of which some parts brought pictures before the others were lost: what came is sold. */
async function settleFromParts(
  needs: ReconcileNeeds,
  generation: Generation,
  attempts: AttemptRow[],
): Promise<boolean> {
  const [first] = attempts
  const parts = attempts.map(toPartOutcome)
  const combined = combineParts(parts)
  if (!first || generation.images.length > 0 || combined.kind !== 'delivered') return false
  const { n, expected_cost_usd_micro: shareUsdMicro } = first
  const all = toExpected(parts)
  const expected = all.filter(image => 'key' in image || isInTime(generation))
  const work = { generation, n, ...routeOf(attempts), tasks: tasksOf(attempts), received: [] }
  const { images } = await collectImages(needs, work, expected)
  if (images.length === 0) return false
  const { usage } = combined
  const sold = await storeAndSettle(needs, {
    generation: { ...generation, usage },
    n,
    ...routeOf(attempts),
    collect: async () => images,
    warnings: [...generation.warnings, ...combined.warnings],
    bought: all.length,
    lossUsdMicro: lossOfParts(parts, shareUsdMicro),
    boughtUsdMicro: costOfDelivered(parts, shareUsdMicro),
    record: { n, usage, costsUsdMicro: parts.map(() => null) },
    late: toOpenRecords(attempts),
  })
  if (sold) tellLost(needs, generation, { attempts, ageMs: lostTaskMs })
  return true
}

/** T11. */
async function sendAgain(
  needs: ReconcileNeeds,
  generation: Generation,
  attempt: AttemptRow,
): Promise<SendAgain | null> {
  if (!attempt.upstream_key || !needs.providers.get(attempt.provider)?.idempotentCreates) return null
  // Before the row moves: without the route there is nothing to send, and the cost of the first try is still known.
  const isRouted = needs.catalog
    .routes(generation.model, generation.options)
    .some(route => route.provider === attempt.provider && route.upstreamModel === attempt.upstream_model)
  if (!isRouted) return null
  // An upstream that keeps losing its answers is asked ever more slowly; where that is too late, the hold ends now. The
  // wait begins anew with every process that claims the row, so nothing may depend on one that lives through it.
  const pauseMs = backoffMs(generation.attempts, needs.random())
  if (pauseMs >= timeLeftMs(generation.timeLeft)) return null
  await pause(pauseMs)
  if (__FAILPOINTS__) await fp('T11.before')
  const values = [generation.id, generation.epoch, needs.processName, needs.leaseMs]
  const row = await findRow<{ epoch: number | null }>(needs.db, sql.redispatch, values)
  if (__FAILPOINTS__) await fp('T11.after')
  if (!row?.epoch) return null
  needs.claimMoved(generation.id, row.epoch)
  const again = { ...generation, state: 'dispatching' as const, epoch: row.epoch }
  return { generation: again, provider: attempt.provider, upstreamModel: attempt.upstream_model }
}

function pause(durationMs: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, durationMs))
}
