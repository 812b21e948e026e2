// One unfinished file of the disk driver. It is opened by its first write: whole pages at page borders may go past
// the page cache, which saves filling it with bytes that nobody reads soon; all else, and every rest, goes through.
import * as fs from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beginsAtPage, PAGE_BYTES } from '../page-memory.ts'
import { findSystemCode, isAbsent } from './disk-failure.ts'
import type { Folders } from './disk-folders.ts'
import { newPartName } from './disk-folders.ts'

// Bare descriptors: each trip to the thread pool costs more than the system call it makes. What never waits is done
// in place: opening again what was just made, and closing, because nothing is left to write then.
const openFd = promisify(fs.open)
const writeFd = promisify(fs.write)
const syncFdData = promisify(fs.fdatasync)

const { O_CREAT, O_EXCL, O_WRONLY } = fs.constants
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL
/** Linux alone is known to keep both ways of writing to one file consistent. */
const O_DIRECT = process.platform === 'linux' ? fs.constants.O_DIRECT : 0

/** Whether a storage folder takes writes past the page cache; found out by trying, then remembered. */
export type DirectWrites = { work: boolean }

export function createDirectWrites(): DirectWrites {
  return { work: O_DIRECT > 0 }
}

/** What a file system says that cannot write past the page cache, or not in blocks of this size. */
function isRefusal(error: unknown): boolean {
  const code = findSystemCode(error)
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP'
}

export type Part = {
  readonly path: string
  /** Writes all the bytes behind those before; they may be changed once it has resolved. */
  write(bytes: Uint8Array): Promise<void>
  /** Brings bytes and length to stable storage and closes the file. */
  finish(): Promise<void>
  /** Closes and removes what there is. */
  discard(): Promise<void>
}

export type PartNeeds = {
  folder: string
  folders: Folders
  /** Null: every byte goes through the page cache. */
  direct: DirectWrites | null
}

type OpenPart = PartNeeds & {
  path: string
  fd: number | null
  /** Whether `fd` writes past the page cache. */
  isDirect: boolean
  /** Where the next byte goes. */
  position: number
}

export function createPart(needs: PartNeeds): Part {
  const path = join(needs.folder, newPartName())
  const part: OpenPart = { ...needs, path, fd: null, isDirect: false, position: 0 }
  return {
    path,
    write: bytes => writeAll(part, bytes),
    async finish() {
      const fd = part.fd ?? (await openFor(part, Buffer.alloc(0)))
      // The times need not be on the disk, and leaving them out is cheaper.
      await syncFdData(fd)
      part.fd = null
      fs.closeSync(fd)
    },
    async discard() {
      if (part.fd !== null) fs.closeSync(part.fd)
      part.fd = null
      await unlink(path).catch(() => undefined)
    },
  }
}

async function writeAll(part: OpenPart, bytes: Uint8Array): Promise<void> {
  let fd = part.fd ?? (await openFor(part, bytes))
  let done = 0
  if (part.isDirect) {
    const whole = beginsAtPage(bytes) ? bytes.length - (bytes.length % PAGE_BYTES) : 0
    if (whole > 0) done = await writeDirectly(part, fd, bytes.subarray(0, whole))
    // A rest is smaller than a page or off its border, and so is all that follows it.
    if (done < bytes.length) fd = goThroughCache(part, fd)
  }
  // write() may stop short, for example on the last free block; the next call then names the reason.
  while (done < bytes.length) {
    const { bytesWritten } = await writeFd(fd, bytes, done, bytes.length - done, part.position)
    done += bytesWritten
    part.position += bytesWritten
  }
}

async function openFor(part: OpenPart, bytes: Uint8Array): Promise<number> {
  const { path, direct } = part
  if (direct?.work && isWholePages(bytes)) {
    try {
      part.fd = await openNew(part, NEW_FILE | O_DIRECT)
      part.isDirect = true
      return part.fd
    } catch (error) {
      if (!isRefusal(error)) throw error
      direct.work = false
      // Some file systems make the file before they refuse.
      await unlink(path).catch(() => undefined)
    }
  }
  part.fd = await openNew(part, NEW_FILE)
  return part.fd
}

async function openNew({ path, folder, folders }: OpenPart, flags: number): Promise<number> {
  await folders.ensure(folder)
  try {
    return await openFd(path, flags, 0o640)
  } catch (error) {
    if (!isAbsent(error)) throw error
    // Somebody removed the folder since it was made.
    folders.forget(folder)
    await folders.ensure(folder)
    return await openFd(path, flags, 0o640)
  }
}

/** Answers how many bytes were written: none when the file system refuses only now. */
async function writeDirectly(part: OpenPart, fd: number, bytes: Uint8Array): Promise<number> {
  try {
    const { bytesWritten } = await writeFd(fd, bytes, 0, bytes.length, part.position)
    part.position += bytesWritten
    return bytesWritten
  } catch (error) {
    if (!part.direct || !isRefusal(error)) throw error
    part.direct.work = false
    return 0
  }
}

function goThroughCache(part: OpenPart, directFd: number): number {
  part.fd = fs.openSync(part.path, O_WRONLY)
  part.isDirect = false
  fs.closeSync(directFd)
  return part.fd
}

/** Bytes that can begin a file past the page cache. */
function isWholePages(bytes: Uint8Array): boolean {
  return bytes.length >= PAGE_BYTES && beginsAtPage(bytes)
}
