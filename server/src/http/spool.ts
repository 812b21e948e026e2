// Files of forms on their way in: on disk, not in memory, and without a name, so that nothing stays behind whatever
// becomes of the process. What all requests keep at once is bounded.
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../errors.ts'
import { randomToken } from '../ids.ts'

export type SpooledFile = { sizeBytes: number; sha256: string; read(): Promise<Buffer> }

export type Spool = {
  /** Takes bytes in. Throws AppError `overloaded` when the disk space for all is taken; the caller closes. */
  take(bytes: AsyncIterable<Buffer>): Promise<SpooledFile & { close(): Promise<void> }>
}

/** Two and a half forms of the largest kind, or a hundred of usual ones. */
const budgetBytes = 2 * 1024 * 1024 * 1024

export function createSpool(folder: string): Spool {
  let keptBytes = 0
  return {
    async take(bytes) {
      const file = await openNameless(folder)
      const hash = createHash('sha256')
      let sizeBytes = 0
      const close = async () => {
        keptBytes -= sizeBytes
        sizeBytes = 0
        await file.close()
      }
      try {
        for await (const chunk of bytes) {
          if (keptBytes + chunk.length > budgetBytes) {
            throw new AppError('overloaded', 'Too many pictures are arriving.', { retryAfterSeconds: 5 })
          }
          keptBytes += chunk.length
          sizeBytes += chunk.length
          hash.update(chunk)
          await file.writeFile(chunk)
        }
      } catch (error) {
        await close()
        throw error
      }
      const length = sizeBytes
      return { sizeBytes: length, sha256: hash.digest('hex'), read: () => readAll(file, length), close }
    },
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, randomToken(16))
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
  } catch (error) {
    await file.close()
    throw error
  }
  return file
}

async function readAll(file: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, at)
    if (bytesRead === 0) throw new Error('a spooled file is shorter than it was')
    at += bytesRead
  }
  return bytes
}
