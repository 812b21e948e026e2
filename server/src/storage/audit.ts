// Compares what the database says was delivered with what storage holds, for `doctor`. Whoever calls it leaves out
// images whose deletion or purge is recorded; every other loss is reported.
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'
import type { ObjectProblem, ObjectRecord, VerifyOptions } from './verify-objects.ts'
import { findObjectProblem } from './verify-objects.ts'

/** An image on record; `imageId` is only handed back. */
export type RecordedImage = ObjectRecord & { imageId: string }
export type AuditProblem = {
  imageId: string
  key: string
  problem: ObjectProblem | 'unreadable'
  message?: string
}

export type AuditReport = {
  checkedImages: number
  /** Bytes on record of the images checked. */
  checkedBytes: number
  problemCount: number
  /** The first of them. */
  problems: AuditProblem[]
}

/** Enough to see a pattern; the count tells the rest. */
const MAX_LISTED_PROBLEMS = 100
/** Reads in flight: keeps a disk busy without taking it from customers. */
const AUDIT_CONCURRENCY = 4

/** Checks every image given. An object that cannot be read is a problem of its own and does not end the audit. */
export async function auditImages(
  storage: Storage,
  images: AsyncIterable<RecordedImage>,
  options: VerifyOptions = {},
): Promise<AuditReport> {
  const report: AuditReport = { checkedImages: 0, checkedBytes: 0, problemCount: 0, problems: [] }
  const source = images[Symbol.asyncIterator]()
  // One pull at a time, because a source need not stand several; the checks overlap.
  let pulling: Promise<unknown> = Promise.resolve()
  const pull = (): Promise<IteratorResult<RecordedImage>> => {
    const next = pulling.then(() => source.next())
    pulling = next
    return next
  }
  const checkNext = async (): Promise<void> => {
    for (let next = await pull(); !next.done; next = await pull()) {
      const image = next.value
      const found = await findAuditProblem(storage, image, options)
      report.checkedImages++
      report.checkedBytes += image.sizeBytes
      if (found === null) continue
      report.problemCount++
      if (report.problems.length < MAX_LISTED_PROBLEMS) report.problems.push(found)
    }
  }
  try {
    await Promise.all(Array.from({ length: AUDIT_CONCURRENCY }, checkNext))
  } finally {
    await source.return?.()
  }
  return report
}

async function findAuditProblem(
  storage: Storage,
  image: RecordedImage,
  options: VerifyOptions,
): Promise<AuditProblem | null> {
  const { imageId, key } = image
  try {
    const problem = await findObjectProblem(storage, image, options)
    return problem === null ? null : { imageId, key, problem }
  } catch (error) {
    // A key that no driver would have made, or bytes that the disk no longer gives.
    if (!(error instanceof StorageError || error instanceof TypeError)) throw error
    return { imageId, key, problem: 'unreadable', message: error.message }
  }
}
