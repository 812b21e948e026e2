// From "the upstream is done" to "the customer has paid": T5, outputs fetched where they are URLs, the manifest
// last, T6. What is stored whole already goes straight to the manifest, and T6 makes T5 with it. A crash between any
// two steps is healed by the reconciler from what is in storage.
import { fp } from '../failpoints.ts'
import { JudgeDown } from '../moderation/moderation.ts'
import type { UpstreamImage, UpstreamTask, Usage } from '../providers/provider.ts'
import { ImageRejected } from '../providers/provider.ts'
import { manifestKey } from '../storage/keys.ts'
import { writeManifest } from '../storage/manifest.ts'
import { StorageError } from '../storage/storage.ts'
import { costOfOutcome } from './call-cost.ts'
import type { PartOutcome } from './dispatch.ts'
import { type DeliveryRecord, type FinishNeeds, settleReleased, settleSucceeded } from './finish.ts'
import { type Generation, isTerminal, type Reason, type StoredImage } from './generation.ts'
import { ContentBlocked, type JudgeNeeds, judgeImages, withheldWarning } from './judged.ts'
import { costOfDelivered, lossOfMissing, lossOfParts } from './loss.ts'
import { type CollectNeeds, collectImages, type ExpectedImage, toExpected } from './outputs.ts'
import { type PartRecord, toEndedRecord, toPartRecord, toStoredUsage } from './parts.ts'
import { persist } from './persist.ts'
import { findRow, type GenerationRow, sql } from './sql.ts'
import { timeLeftMs } from './time-left.ts'

export type DeliverNeeds = CollectNeeds & FinishNeeds & JudgeNeeds

export type Delivery = {
  generation: Generation
  n: number
  provider: string
  upstreamModel: string
  images: UpstreamImage[]
  usage: Usage
  warnings: string[]
  parts: PartOutcome[]
  /** The expected cost of one part, micro-USD. */
  shareUsdMicro: number
  /** Takes the keys of pictures that are fetched now. */
  received: string[]
  /** The handles of parts that were polled. */
  tasks?: ReadonlyMap<number, UpstreamTask>
  /** How long ago the call was made, or its task accepted. */
  ageMs: number
}

/** The upstream made pictures and has none of them any more. */
class OutputsGone extends Error {
  override name = 'OutputsGone'
}

/** The images that were sold; null when this call settled no success. */
export async function deliver(needs: DeliverNeeds, delivery: Delivery): Promise<StoredImage[] | null> {
  const { generation, n, parts, shareUsdMicro } = delivery
  const expected = toExpected(parts)
  const isWhole = isStoredWhole(needs, delivery)
  if (!isWhole && !(await recordDelivery(needs, delivery, expected))) {
    await giveUp(needs, generation, { n, step: 'T5', parts: toT5Records(delivery) })
    return null
  }
  return storeAndSettle(needs, {
    ...delivery,
    // Whoever waits in this process is told without reading the row.
    generation: { ...generation, usage: delivery.usage },
    collect: () => collectAll(needs, delivery, expected),
    bought: expected.length,
    lossUsdMicro: lossOfParts(parts, shareUsdMicro),
    boughtUsdMicro: costOfDelivered(parts, shareUsdMicro),
    late: toT5Records(delivery),
    ...(isWhole
      ? {
          record: { n, usage: delivery.usage, ...listCosts(delivery) },
          recordFirst: () => recordDelivery(needs, delivery, expected),
        }
      : {}),
  })
}

async function collectAll(
  needs: DeliverNeeds,
  delivery: Delivery,
  expected: ExpectedImage[],
): Promise<StoredImage[]> {
  const tasks = new Map(delivery.tasks)
  for (const { part, outcome } of delivery.parts) {
    if (outcome.kind === 'succeeded' && outcome.task) tasks.set(part, outcome.task)
  }
  // Past the deadline only what is stored counts: a download could outlast every lease.
  const isLate = timeLeftMs(delivery.generation.timeLeft) <= 0
  const wanted = isLate ? expected.filter(image => 'key' in image) : expected
  const { images, gone } = await collectImages(needs, { ...delivery, tasks }, wanted)
  if (images.length === 0 && gone > 0) throw new OutputsGone('the outputs are gone at the upstream')
  return images
}

/**
 * Whether every part brought its pictures and all are in storage: then a manifest alone tells the whole outcome, and
 * a crash before the settlement loses no record. A create that may be repeated under its key keeps T5: two workers
 * of one generation must not both come to write its manifest. So does a result that is judged first: that takes a
 * while, and may leave pictures out.
 */
function isStoredWhole(needs: DeliverNeeds, { generation, provider, images, parts }: Delivery): boolean {
  return (
    !needs.moderation.checksOutput &&
    !needs.providers.get(provider)?.idempotentCreates &&
    images.length >= generation.count &&
    images.every(image => image.kind !== 'url') &&
    parts.every(({ outcome }) => outcome.kind === 'succeeded' && outcome.images.length > 0)
  )
}

/** By the number of the part. */
function listCosts({ parts, shareUsdMicro }: Delivery): Pick<DeliveryRecord, 'costsUsdMicro' | 'usages'> {
  const costsUsdMicro: number[] = []
  const usages: ReturnType<typeof toStoredUsage>[] = []
  for (const { part, outcome } of parts) {
    costsUsdMicro[part] = costOfOutcome(outcome, shareUsdMicro)
    usages[part] = outcome.kind === 'succeeded' ? toStoredUsage(outcome.usage) : null
  }
  return { costsUsdMicro, usages }
}

/** T5. False when the claim is lost. */
async function recordDelivery(
  needs: DeliverNeeds,
  delivery: Delivery,
  expected: ExpectedImage[],
): Promise<boolean> {
  const { generation, n } = delivery
  if (__FAILPOINTS__) await fp('T5.before')
  const values = [
    generation.id,
    generation.epoch,
    n,
    JSON.stringify(expected),
    JSON.stringify(delivery.usage),
    JSON.stringify(toT5Records(delivery)),
  ]
  const row = await persist(() => findRow<{ done: boolean }>(needs.db, sql.beginStoring, values))
  if (__FAILPOINTS__) await fp('T5.after')
  return row?.done === true
}

/** The manifest, then T6; storage that fails here costs the customer nothing. Also the reconciler's last step. */
export async function storeAndSettle(
  needs: DeliverNeeds,
  work: {
    generation: Generation
    n: number
    provider: string
    collect(): Promise<StoredImage[]>
    warnings: string[]
    lossUsdMicro: number
    /** How many images the upstream made, and what they cost the operator, micro-USD: lost with those not kept. */
    bought: number
    boughtUsdMicro: number
    /** Where T5 was not made: what it would have recorded, and T5 itself, for a release that keeps the costs. */
    record?: DeliveryRecord
    recordFirst?(): Promise<boolean>
    /** What became of each call: kept where the order is released, or somebody else has settled it. */
    late?: PartRecord[]
  },
): Promise<StoredImage[] | null> {
  const { generation, n } = work
  let collected: StoredImage[] = []
  try {
    collected = await work.collect()
    if (collected.length === 0) throw new ImageRejected('no output could be fetched')
    const { images, withheld } = await judgeImages(needs, generation, collected)
    const warnings = withheld.length > 0 ? [...work.warnings, withheldWarning] : work.warnings
    if (__FAILPOINTS__) await fp('manifest.before')
    const manifestSha256 = await writeManifest(needs.storage, {
      generationId: generation.id,
      attempt: n,
      images,
    })
    if (__FAILPOINTS__) await fp('manifest.after')
    const lossUsdMicro = work.lossUsdMicro + lossOfMissing(work, images.length)
    const success = { ...work, images, manifestSha256, warnings, lossUsdMicro }
    const done = await settleSucceeded(needs, generation, success)
    if (!done) await giveUp(needs, generation, { n, step: 'T6', parts: work.late })
    else if (withheld.length > 0) await dropImages(needs, generation, withheld)
    return done ? images : null
  } catch (error) {
    const end = endOf(error)
    if (!end || !(error instanceof Error)) throw error
    if (work.recordFirst && !(await work.recordFirst())) {
      await giveUp(needs, generation, { n, step: 'T5', parts: work.late })
      return null
    }
    const released = await settleReleased(needs, generation, {
      from: ['storing', 'reconciling'],
      ...end,
      attemptState: 'failed',
      failure: null,
      message: error.message,
      lossUsdMicro: work.lossUsdMicro + work.boughtUsdMicro,
      provider: work.provider,
      ...(work.late ? { parts: work.late } : {}),
      epoch: generation.epoch,
    })
    if (!released) await giveUp(needs, generation, { n, step: 'T7', parts: work.late })
    else if (end.state === 'blocked') await dropImages(needs, generation, collected)
  }
  return null
}

/** How a generation ends whose result cannot be delivered; null = not for us to end. */
function endOf(error: unknown): { state: 'failed' | 'blocked'; reason: Reason } | null {
  if (error instanceof StorageError) return { state: 'failed', reason: 'storage_failed' }
  if (error instanceof ImageRejected) return { state: 'failed', reason: 'malformed_result' }
  if (error instanceof OutputsGone) return { state: 'failed', reason: 'unknown_outcome' }
  if (error instanceof ContentBlocked) return { state: 'blocked', reason: 'content_rejected' }
  return error instanceof JudgeDown ? { state: 'failed', reason: 'moderation_unavailable' } : null
}

/** Refused pictures are not kept, also those that another process had stored. */
async function dropImages(needs: DeliverNeeds, generation: Generation, images: StoredImage[]): Promise<void> {
  const keys = images.map(({ key }) => key)
  await needs.storage.remove(keys).catch(error => needs.events.leftoversKept(generation, error))
}

/**
 * Removes pictures that were stored and are no result: drafts, surplus, everything of a failure. `sold` spares
 * asking the database. Best effort: what stays only takes space, and the settlement is behind us.
 */
export async function dropLeftovers(
  needs: DeliverNeeds,
  generation: Generation,
  { received, sold }: { received: readonly string[]; sold: readonly StoredImage[] | null },
): Promise<void> {
  if (received.length === 0) return
  try {
    const kept = sold ?? (await findResult(needs, generation.id))
    const unused = kept ? received.filter(key => !kept.some(image => image.key === key)) : []
    // A worker that lost its claim may have written it for pictures that nobody sells.
    if (kept?.length === 0) unused.push(manifestKey(generation.id))
    if (unused.length > 0) await needs.storage.remove(unused)
  } catch (error) {
    needs.events.leftoversKept(generation, error)
  }
}

/** The images of an ended generation; null while it is open, because what is stored may still complete it. */
async function findResult(needs: DeliverNeeds, id: string): Promise<StoredImage[] | null> {
  const row = await findRow<GenerationRow>(needs.db, sql.findAny, [id])
  if (!row || !isTerminal(row.state)) return null
  return row.state === 'succeeded' ? (row.images ?? []) : []
}

/** Somebody else settled it: the result is recorded as late and never captured. */
export async function giveUp(
  needs: DeliverNeeds,
  generation: Generation,
  { n, step, parts }: { n: number; step: string; parts?: PartRecord[] | undefined },
): Promise<void> {
  needs.events.raceLost(generation, step)
  await needs.db.query(sql.markLate, [generation.id, n, parts ? JSON.stringify(parts) : null])
}

/** What the parts brought is in `images` by now. */
function toT5Records({ parts, tasks, shareUsdMicro }: Delivery): PartRecord[] {
  return parts.map(part => {
    const toRecord = tasks?.has(part.part) ? toEndedRecord : toPartRecord
    const { result: _, ...record } = toRecord(part, shareUsdMicro)
    return record
  })
}
