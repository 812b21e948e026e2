// Chooses the storage driver by the address in the configuration. Never repeats an address in an error: one with
// credentials in it would end up in a log.
import { fileURLToPath } from 'node:url'
import { boundCheck } from './bound-check.ts'
import { createDiskStorage } from './disk.ts'
import { createS3Storage } from './s3.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'

const SUPPORTED =
  'supported are a folder, as file:/var/lib/darkroom/files or file:data/files, and a bucket, as s3://bucket/prefix'

export type OpenStorageOptions = {
  /** Throws when the caller is inside a database transaction. */
  assertNoTransaction?: (what: string) => void
  /** For what must be older than a day to be removed. */
  now?: () => Date
}

/** Good to a day wherever nobody lends a clock. */
const processClock = () => new Date(performance.timeOrigin + performance.now())

/**
 * Opens `file:/absolute/folder`, `file:///absolute/folder`, `file:folder`, which is relative to the working
 * directory, or `s3://bucket/prefix?…`. Throws StorageError for every other address.
 */
export function openStorage(url: string, options: OpenStorageOptions = {}): Storage {
  const { now = processClock, ...guard } = options
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 's3') return boundCheck(createS3Storage({ ...guard, url, now }))
  if (scheme !== 'file') throw new StorageError(`the storage address is not understood; ${SUPPORTED}`)
  return boundCheck(createDiskStorage({ ...guard, root: parseFolder(url) }))
}

function parseFolder(url: string): string {
  const path = url.slice('file:'.length)
  if (path === '' || /[?#]/.test(path)) {
    throw new StorageError(`the storage address names no folder; ${SUPPORTED}`)
  }
  try {
    // The URL class would take a relative path for an absolute one.
    return path.startsWith('/') ? fileURLToPath(url) : decodeURIComponent(path)
  } catch (error) {
    throw new StorageError(`the storage address names no folder on this machine; ${SUPPORTED}`, {
      cause: error,
    })
  }
}
