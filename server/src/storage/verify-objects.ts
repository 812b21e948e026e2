// Answers whether recorded objects are still what was recorded. Reads only; repairs nothing.
import { createHash } from 'node:crypto'
import type { Storage } from './storage.ts'

/** What is on record about one object. `sha256` is 64 lower-case hex digits. */
export type ObjectRecord = { key: string; sizeBytes: number; sha256: string }
export type ObjectProblem = 'missing' | 'wrong-size' | 'wrong-hash'

export type VerifyOptions = {
  /** Read every byte and compare hashes; otherwise only presence and size are checked. */
  hashes?: boolean
}

/** Null when the object is as recorded. Throws StorageError when storage does not answer. */
export async function findObjectProblem(
  storage: Pick<Storage, 'head' | 'read'>,
  record: ObjectRecord,
  options: VerifyOptions = {},
): Promise<ObjectProblem | null> {
  if (options.hashes !== true) {
    const head = await storage.head(record.key)
    if (head === null) return 'missing'
    return head.sizeBytes === record.sizeBytes ? null : 'wrong-size'
  }
  const found = await storage.read(record.key)
  if (found === null) return 'missing'
  if (found.sizeBytes !== record.sizeBytes) {
    found.stream.destroy()
    return 'wrong-size'
  }
  const hash = createHash('sha256')
  for await (const chunk of found.stream) hash.update(chunk)
  return hash.digest('hex') === record.sha256 ? null : 'wrong-hash'
}
