// Keeps a checked picture.
import type { Storage } from '../storage/storage.ts'
import type { CheckedInput } from './check-input.ts'
import type { StoredInput } from './input.ts'

export async function storePicture(
  storage: Storage,
  key: string,
  { bytes, mediaType, width, height }: CheckedInput,
): Promise<StoredInput> {
  // The name is committed at once: no manifest follows for pictures that come in.
  const { sizeBytes } = await storage.put(key, bytes, { mediaType, maxBytes: bytes.length, commitName: true })
  return { key, mediaType, sizeBytes, width, height }
}
