// Chooses the storage driver by the address in the configuration. Never repeats an address in an error: one with
// credentials in it would end up in a log.
import { fileURLToPath } from 'node:url'
import type { DiskStorageOptions } from './disk.ts'
import { createDiskStorage } from './disk.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage.ts'

const SUPPORTED = 'supported is a folder, as file:/var/lib/darkroom/files or file:data/files'

/**
 * Opens `file:/absolute/folder`, `file:///absolute/folder`, or `file:folder`, which is relative to the working
 * directory. Throws StorageError for every other address.
 */
export function openStorage(url: string, options: Omit<DiskStorageOptions, 'root'> = {}): Storage {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 's3') {
    throw new StorageError(`storage in an S3 bucket is not supported by this version; ${SUPPORTED}`)
  }
  if (scheme !== 'file') throw new StorageError(`the storage address is not understood; ${SUPPORTED}`)
  return createDiskStorage({ ...options, root: parseFolder(url) })
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
