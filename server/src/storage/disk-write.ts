// Writes an object's bytes in few, large writes and hashes them on the way. Never keeps a chunk of the source
// past the pull of the next one: a source may use its buffer again.
import { createHash } from 'node:crypto'
import { beginsAtPage } from '../page-memory.ts'
import type { StoredObject } from './storage.ts'
import { ObjectTooLarge } from './storage.ts'

/** One write in about five for a usual picture; each write costs a trip to the thread pool. */
const STAGE_BYTES = 256 * 1024
/** From this size on a chunk is written as it is; copying it would cost more than the write it saves. */
const WHOLE_BYTES = 128 * 1024
/** Stages kept for the next object, so that a busy server does not map and clear fresh memory for each. */
const MAX_IDLE_STAGES = 16

const idleStages: Buffer[] = []

export type WriteTarget = {
  /** Writes all the bytes; they may be changed once it has resolved. */
  write(bytes: Uint8Array): Promise<void>
  maxBytes: number
}

/** Writes an object that is in memory. Throws ObjectTooLarge before anything is written. */
export async function writeBuffer(target: WriteTarget, bytes: Buffer): Promise<StoredObject> {
  if (bytes.length > target.maxBytes) throw tooLarge(target.maxBytes)
  const hash = createHash('sha256')
  // The write runs on another thread while this one hashes.
  const writing = target.write(bytes)
  hash.update(bytes)
  await writing
  return { sizeBytes: bytes.length, sha256: hash.digest('hex') }
}

/** Writes an object as it arrives. Errors of the source pass through unchanged. */
export async function writeChunks(
  target: WriteTarget,
  source: AsyncIterable<Uint8Array>,
): Promise<StoredObject> {
  const hash = createHash('sha256')
  let stage: Buffer | null = null
  let stagedBytes = 0
  let sizeBytes = 0
  const writeHashed = async (bytes: Uint8Array): Promise<void> => {
    const writing = target.write(bytes)
    hash.update(bytes)
    await writing
  }
  const flush = async (): Promise<void> => {
    if (stage === null || stagedBytes === 0) return
    const staged = stage.subarray(0, stagedBytes)
    stagedBytes = 0
    await writeHashed(staged)
  }
  try {
    for await (const chunk of source) {
      sizeBytes += chunk.length
      if (sizeBytes > target.maxBytes) throw tooLarge(target.maxBytes)
      if (chunk.length >= WHOLE_BYTES || (stagedBytes === 0 && beginsAtPage(chunk))) {
        await flush()
        await writeHashed(chunk)
        continue
      }
      stage ??= idleStages.pop() ?? Buffer.allocUnsafeSlow(STAGE_BYTES)
      const fitting = chunk.subarray(0, STAGE_BYTES - stagedBytes)
      stage.set(fitting, stagedBytes)
      stagedBytes += fitting.length
      if (stagedBytes < STAGE_BYTES) continue
      await flush()
      const rest = chunk.subarray(fitting.length)
      stage.set(rest)
      stagedBytes = rest.length
    }
    await flush()
  } finally {
    // Every write was awaited above, so nobody reads the stage any more.
    if (stage && idleStages.length < MAX_IDLE_STAGES) idleStages.push(stage)
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

function tooLarge(maxBytes: number): ObjectTooLarge {
  return new ObjectTooLarge(`the object is larger than ${maxBytes} bytes`)
}
