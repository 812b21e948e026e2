// Folders and leftovers of the disk driver. A folder counts as made only once its own name is on stable storage,
// or a power cut could take away the images inside it.

import { randomUUID } from 'node:crypto'
import { closeSync, type Dirent, fsync, openSync } from 'node:fs'
import { mkdir, readdir, stat, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { makeFolders } from '../folders.ts'
import { findSystemCode } from './disk-failure.ts'

const syncFd = promisify(fsync)

/** Names of unfinished writes. Keys cannot begin with a dot, so no object is ever taken for one. */
const PART_PREFIX = '.put-'

/** Longer than any write can last: the longest deadline of a generation is ten minutes. */
const STALE_PART_MS = 24 * 60 * 60 * 1000

/** A fresh name for an unfinished write; the process id is for the operator's eyes only. */
export function newPartName(): string {
  return `${PART_PREFIX}${process.pid}-${randomUUID()}`
}

/** Brings the names inside a folder to stable storage. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder for syncing; NTFS journals names by itself.
  if (process.platform === 'win32') return
  // Opened and closed in place: the folder has just been written to, so nothing of it is waited for.
  const fd = openSync(folder, 'r')
  try {
    await syncFd(fd)
  } finally {
    closeSync(fd)
  }
}

export type Folders = {
  /** Makes the folder, with those above it up to the root, unless this process has done so before. */
  ensure(folder: string): Promise<void>
  /** Forgets that the folder was made; for when it turns out to be gone. */
  forget(folder: string): void
}

/** Remembers made folders for the life of the process; `root` must be an absolute path. */
export function createFolders(root: string): Folders {
  const made = new Map<string, Promise<void>>()

  async function make(folder: string): Promise<void> {
    if (folder === root) {
      const first = (await makeFolders(root, 0o750)) ?? root
      for (let above = dirname(root); above.length >= dirname(first).length; above = dirname(above)) {
        await syncFolder(above).catch(ignoreDenied)
        if (above === dirname(above)) break
      }
      return
    }
    await ensure(dirname(folder))
    await mkdir(folder, { mode: 0o750 }).catch(error => {
      if (findSystemCode(error) !== 'EEXIST') throw error
    })
    // Also when it existed: whoever made it may have died before syncing. A clean folder syncs for almost nothing.
    await syncFolder(dirname(folder))
  }

  function ensure(folder: string): Promise<void> {
    const known = made.get(folder)
    if (known !== undefined) return known
    const making = make(folder)
    made.set(folder, making)
    making.catch(() => made.delete(folder))
    return making
  }

  return {
    ensure,
    forget(folder) {
      for (let at = folder; made.delete(at); at = dirname(at));
    },
  }
}

/** The folder above the root is not ours and may be closed to us; its names are then the operator's care. */
function ignoreDenied(error: unknown): void {
  const code = findSystemCode(error)
  if (code !== 'EACCES' && code !== 'EPERM') throw error
}

/**
 * Removes what writes of dead processes left behind more than a day ago, anywhere below the root. Answers how
 * many were removed. Never rejects: leftovers only take space, and the next start tries again.
 */
export async function sweepStaleParts(root: string): Promise<number> {
  const parts: string[] = []
  await collectParts(root, parts)
  return removeStale(root, parts)
}

/** The same for one folder and not those in it. */
export async function removeStaleParts(root: string, folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const parts = names.filter(name => name.startsWith(PART_PREFIX)).map(name => join(folder, name))
  return removeStale(root, parts)
}

async function removeStale(root: string, parts: string[]): Promise<number> {
  if (parts.length === 0) return 0
  const nowMs = await readFileSystemClock(root)
  if (nowMs === null) return 0
  let removed = 0
  for (const part of parts) {
    const stats = await stat(part).catch(() => null)
    if (stats === null || nowMs - stats.mtimeMs < STALE_PART_MS) continue
    await unlink(part).then(
      () => removed++,
      () => undefined,
    )
  }
  return removed
}

async function collectParts(folder: string, parts: string[]): Promise<void> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await collectParts(path, parts)
    else if (entry.name.startsWith(PART_PREFIX)) parts.push(path)
  }
}

/** The clock that dates the parts, which on a network disk is not this machine's. Null when nothing can be written. */
async function readFileSystemClock(root: string): Promise<number | null> {
  const path = join(root, newPartName())
  try {
    await writeFile(path, '')
    return (await stat(path)).mtimeMs
  } catch {
    return null
  } finally {
    await unlink(path).catch(() => undefined)
  }
}
