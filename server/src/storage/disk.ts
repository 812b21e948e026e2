// The disk driver. An object appears under its name whole or not at all: it is written beside its place, brought
// to stable storage and renamed. Nothing here may write to an object's final name.
import * as fs from 'node:fs'
import { rename, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { isAbsent, toStorageError } from './disk-failure.ts'
import type { Folders } from './disk-folders.ts'
import { createFolders, newPartName, sweepStaleParts, syncFolder } from './disk-folders.ts'
import { streamFile } from './disk-read.ts'
import { writeBuffer, writeChunks } from './disk-write.ts'
import { assertObjectKey } from './keys.ts'
import type { Storage, StoredObject } from './storage.ts'
import { StorageError } from './storage.ts'

export type DiskStorageOptions = {
  /** The storage folder; made when absent. */
  root: string
  /** Throws when the caller is inside a database transaction, which must never wait for a disk. */
  assertNoTransaction?: (what: string) => void
}

/** Unlinks in flight at once; leaves threads of the pool to puts and reads. */
const REMOVE_CONCURRENCY = 2

// Bare descriptors: each trip to the thread pool costs more than the system call it makes, and a FileHandle can
// neither be asked for its size nor be closed without one. Both are done in place here, because they never wait:
// the size was loaded by opening, and nothing is left to write when a file is closed.
const openFd = promisify(fs.open)
const writeFd = promisify(fs.write)
const syncFdData = promisify(fs.fdatasync)

type Disk = { root: string; folders: Folders; assertNoTransaction: (what: string) => void }
type PutOptions = Parameters<Storage['put']>[2]

/** Storage in a folder. Starts sweeping leftovers of dead processes in the background. */
export function createDiskStorage(options: DiskStorageOptions): Storage {
  const root = resolve(options.root)
  const disk: Disk = {
    root,
    folders: createFolders(root),
    assertNoTransaction: options.assertNoTransaction ?? (() => undefined),
  }
  void sweepStaleParts(root)
  return {
    put: (key, bytes, putOptions) => putObject(disk, { key, bytes, ...putOptions }),
    read: (key, range) => readObject(disk, key, range),
    head: key => headObject(disk, key),
    remove: keys => removeObjects(disk, keys),
    check: () => checkDisk(disk),
  }
}

function pathOf(disk: Disk, key: string): string {
  assertObjectKey(key)
  return join(disk.root, key)
}

async function putObject(
  disk: Disk,
  object: PutOptions & { key: string; bytes: Buffer | AsyncIterable<Uint8Array> },
): Promise<StoredObject> {
  disk.assertNoTransaction('storage.put')
  const target = pathOf(disk, object.key)
  const fail = (error: unknown): never => {
    throw toStorageError(error, disk.root)
  }
  const part = await openPart(disk, dirname(target)).catch(fail)
  try {
    const stored = await writePart(part.fd, object, fail)
    await rename(part.path, target).catch(fail)
    if (object.commitName) {
      await syncFolder(dirname(target)).catch(async error => {
        // A name that may vanish must not be taken for a commitment by whoever reads it now.
        await unlink(target).catch(() => undefined)
        fail(error)
      })
    }
    return stored
  } catch (error) {
    await unlink(part.path).catch(() => undefined)
    throw error
  }
}

async function writePart(
  fd: number,
  object: { bytes: Buffer | AsyncIterable<Uint8Array>; maxBytes: number },
  fail: (error: unknown) => never,
): Promise<StoredObject> {
  const target = {
    // write() may stop short, for example on the last free block; the next call then names the reason.
    async write(bytes: Uint8Array): Promise<void> {
      let done = 0
      while (done < bytes.length) {
        const { bytesWritten } = await writeFd(fd, bytes, done, bytes.length - done).catch(fail)
        done += bytesWritten
      }
    },
    maxBytes: object.maxBytes,
  }
  try {
    const { bytes } = object
    const stored = await (Buffer.isBuffer(bytes) ? writeBuffer(target, bytes) : writeChunks(target, bytes))
    // Data and length; the times need not be on the disk, and leaving them out is cheaper.
    await syncFdData(fd).catch(fail)
    return stored
  } finally {
    fs.closeSync(fd)
  }
}

async function openPart(disk: Disk, folder: string): Promise<{ fd: number; path: string }> {
  const path = join(folder, newPartName())
  await disk.folders.ensure(folder)
  try {
    return { fd: await openFd(path, 'wx', 0o640), path }
  } catch (error) {
    if (!isAbsent(error)) throw error
    // Somebody removed the folder since it was made.
    disk.folders.forget(folder)
    await disk.folders.ensure(folder)
    return { fd: await openFd(path, 'wx', 0o640), path }
  }
}

async function readObject(
  disk: Disk,
  key: string,
  range: { start: number; end: number } | undefined,
): Promise<{ stream: Readable; sizeBytes: number } | null> {
  disk.assertNoTransaction('storage.read')
  const path = pathOf(disk, key)
  let fd: number | null = null
  try {
    fd = await openFd(path, 'r')
    const stats = fs.fstatSync(fd)
    // A folder can be opened, too.
    if (!stats.isFile()) {
      fs.closeSync(fd)
      return null
    }
    const { start, end } = range ?? { start: 0, end: stats.size - 1 }
    if (range !== undefined && !(start >= 0 && start <= end && start < stats.size)) {
      throw new RangeError(`bytes ${start}-${end} lie outside an object of ${stats.size} bytes`)
    }
    const stream = streamFile(fd, { start, end: Math.min(end, stats.size - 1), root: disk.root })
    return { stream, sizeBytes: stats.size }
  } catch (error) {
    if (fd !== null) fs.closeSync(fd)
    if (isAbsent(error)) return null
    throw error instanceof RangeError ? error : toStorageError(error, disk.root)
  }
}

async function headObject(disk: Disk, key: string): Promise<{ sizeBytes: number } | null> {
  disk.assertNoTransaction('storage.head')
  const path = pathOf(disk, key)
  try {
    const stats = await stat(path)
    return stats.isFile() ? { sizeBytes: stats.size } : null
  } catch (error) {
    if (isAbsent(error)) return null
    throw toStorageError(error, disk.root)
  }
}

async function removeObjects(disk: Disk, keys: string[]): Promise<void> {
  disk.assertNoTransaction('storage.remove')
  const waiting = keys.map(key => pathOf(disk, key))
  const removeNext = async (): Promise<void> => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      await unlink(path).catch(error => {
        if (!isAbsent(error)) throw toStorageError(error, disk.root)
      })
    }
  }
  await Promise.all(Array.from({ length: REMOVE_CONCURRENCY }, removeNext))
}

async function checkDisk(disk: Disk): Promise<{ ok: true } | { ok: false; message: string }> {
  const key = `check/${newPartName().slice(1)}`
  const written = Buffer.from(`a probe of ${key}`)
  const options = { key, bytes: written, mediaType: 'text/plain', maxBytes: written.length, commitName: true }
  try {
    await putObject(disk, options)
    const found = await readObject(disk, key, undefined)
    const chunks: Buffer[] = found === null ? [] : await found.stream.toArray()
    await removeObjects(disk, [key])
    if (Buffer.concat(chunks).equals(written)) return { ok: true }
    return { ok: false, message: `storage folder ${disk.root}: a probe did not read back as it was written` }
  } catch (error) {
    if (error instanceof StorageError) return { ok: false, message: error.message }
    throw error
  }
}
