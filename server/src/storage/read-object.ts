// Whole objects in memory, for those few that are known to be small enough: pictures a customer sent, and what is
// shown to a judge. Everything else is read as a stream.
import type { Storage } from './storage.ts'

/** The bytes of an object that must be there. */
export async function readObject(storage: Pick<Storage, 'read'>, key: string): Promise<Buffer> {
  const bytes = await findObject(storage, key)
  if (!bytes) throw new Error(`the object ${key} is gone`)
  return bytes
}

/** Null when there is none. */
export async function findObject(storage: Pick<Storage, 'read'>, key: string): Promise<Buffer | null> {
  const found = await storage.read(key)
  if (!found) return null
  const chunks: Buffer[] = []
  for await (const chunk of found.stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
