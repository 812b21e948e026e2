// Files of forms on their way in: on disk, not in memory, and without a name, so that nothing stays behind whatever
// becomes of the process. What all requests keep at once is bounded, and what one account keeps.
import { createHash } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../errors.ts'
import { makeFolders } from '../folders.ts'
import { randomToken } from '../ids.ts'

export type SpooledFile = { sizeBytes: number; sha256: string; read(): Promise<Buffer> }

export type Spool = {
  /** For the files of one form; `owner` is its account, or any other name under which callers are counted. */
  open(owner: string): FormSpool
}

export type FormSpool = {
  /** Takes bytes in. Throws AppError `overloaded` when there is no disk space for more; the caller closes. */
  take(bytes: AsyncIterable<Buffer>): Promise<SpooledFile & { close(): Promise<void> }>
}

/** Two and a half forms of the largest kind, or a hundred of usual ones. */
const maxBytes = 2 * 1024 * 1024 * 1024
/** Of one account, so that no one can keep all others out. A form that is alone may be larger: it could never come. */
const maxBytesOfOne = 512 * 1024 * 1024

/** The limits are there for tests. */
export function createSpool(folder: string, limits = { maxBytes, maxBytesOfOne }): Spool {
  const held = new Map<string, number>()
  let total = 0
  return {
    open(owner) {
      let own = 0
      const hold = (bytes: number) => {
        const ofOwner = held.get(owner) ?? 0
        const isAlone = ofOwner === own
        const isTooMuch = !isAlone && ofOwner + bytes > limits.maxBytesOfOne
        if (isTooMuch || total + bytes > limits.maxBytes) {
          throw new AppError('overloaded', 'Too many pictures are arriving.', { retryAfterSeconds: 5 })
        }
        own += bytes
        total += bytes
        held.set(owner, ofOwner + bytes)
      }
      const giveBack = (bytes: number) => {
        own -= bytes
        total -= bytes
        const rest = (held.get(owner) ?? 0) - bytes
        if (rest > 0) held.set(owner, rest)
        else held.delete(owner)
      }
      return { take: bytes => spoolFile(folder, bytes, { hold, giveBack }) }
    },
  }
}

type Share = { hold(bytes: number): void; giveBack(bytes: number): void }

async function spoolFile(folder: string, bytes: AsyncIterable<Buffer>, { hold, giveBack }: Share) {
  const file = await openNameless(folder)
  const hash = createHash('sha256')
  let sizeBytes = 0
  const close = async () => {
    giveBack(sizeBytes)
    sizeBytes = 0
    await file.close()
  }
  try {
    for await (const chunk of bytes) {
      hold(chunk.length)
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
}

async function openNameless(folder: string): Promise<FileHandle> {
  await makeFolders(folder)
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
