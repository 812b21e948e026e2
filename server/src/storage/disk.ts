// The disk driver. An object appears under its name whole or not at all: it is written beside its place, brought
// to stable storage and renamed. Nothing here may write to an object's final name.
import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { isAbsent, toStorageError } from './disk-failure.ts'
import type { Folders } from './disk-folders.ts'
import { createFolders, newPartName, removeStaleParts, sweepStaleParts, syncFolder } from './disk-folders.ts'
import { listFolder } from './disk-list.ts'
import { createDirectWrites, createPart, type DirectWrites } from './disk-part.ts'
import { streamFile } from './disk-read.ts'
import { writeBuffer, writeChunks } from './disk-write.ts'
import { assertFolder, assertObjectKey } from './keys.ts'
import type { PutOptions, Storage, StoredObject } from './storage.ts'
import { StorageError } from './storage.ts'

export type DiskStorageOptions = {
  /** The storage folder; made when absent. */
  root: string
  /** Throws when the caller is inside a database transaction, which must never wait for a disk. */
  assertNoTransaction?: (what: string) => void
}

/** Unlinks in flight at once; leaves threads of the pool to puts and reads. */
const REMOVE_CONCURRENCY = 2

// A bare descriptor: each trip to the thread pool costs more than the system call it makes, and a FileHandle cannot
// be asked for its size without one. That is done in place here, because it never waits: opening loaded the size.
const openFd = promisify(fs.open)
const rename = promisify(fs.rename)
const stat = promisify(fs.stat)
const unlink = promisify(fs.unlink)

type Disk = {
  root: string
  folders: Folders
  direct: DirectWrites
  assertNoTransaction: (what: string) => void
}

/** Storage in a folder. Starts sweeping leftovers of dead processes in the background. */
export function createDiskStorage(options: DiskStorageOptions): Storage {
  const root = resolve(options.root)
  const disk: Disk = {
    root,
    folders: createFolders(root),
    direct: createDirectWrites(),
    assertNoTransaction: options.assertNoTransaction ?? (() => undefined),
  }
  void sweepStaleParts(root)
  return {
    put: (key, bytes, putOptions) => putObject(disk, { key, bytes, ...putOptions }),
    read: (key, range) => readObject(disk, key, range),
    head: key => headObject(disk, key),
    remove: keys => removeObjects(disk, keys),
    list: (folder, cursor) => {
      disk.assertNoTransaction('storage.list')
      return listFolder(root, { folder, cursor })
    },
    removeUnfinished: async folder => {
      disk.assertNoTransaction('storage.removeUnfinished')
      assertFolder(folder)
      return removeStaleParts(root, join(root, folder))
    },
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
  const direct = object.readSoon === false ? disk.direct : null
  const part = createPart({ folder: dirname(target), folders: disk.folders, direct })
  try {
    const { bytes, maxBytes } = object
    const writing = { write: (piece: Uint8Array) => part.write(piece).catch(fail), maxBytes }
    const stored = await (Buffer.isBuffer(bytes) ? writeBuffer(writing, bytes) : writeChunks(writing, bytes))
    await part.finish().catch(fail)
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
    await part.discard()
    throw error
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
