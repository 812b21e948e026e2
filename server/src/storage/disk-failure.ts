// Turns what the file system says into a StorageError whose text tells the operator what to do.
import { StorageError } from './storage.ts'

const advice: Record<string, string> = {
  ENOSPC: 'the disk is full; free space or move the storage folder to a larger disk',
  EDQUOT: 'the disk quota is used up; raise it or free space',
  EFBIG: 'a file-size limit was reached; raise the limit (ulimit -f) or choose another file system',
  EACCES: 'permission denied; give the user who runs the server read and write access to this folder',
  EPERM: 'permission denied; give the user who runs the server read and write access to this folder',
  EROFS: 'the file system is mounted read-only; mount it writable or choose another folder',
  EIO: 'the disk reports an input/output error; check the disk and restore from a backup if it fails',
  EMFILE: 'too many open files; raise the limit (ulimit -n)',
  ENFILE: 'the system has too many open files; raise fs.file-max',
  ENOTDIR: 'a file stands where a folder is needed; choose another folder',
  EEXIST: 'a file stands where a folder is needed; choose another folder',
  EISDIR: 'a folder stands where a file is needed; remove it or choose another folder',
  ENOENT: 'the folder went away while it was in use; check that its disk is mounted',
  ESTALE: 'the network file system lost the file; check the mount',
}

/** The `code` of a system error, or null when it is another error. */
export function findSystemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

/** True when the error says that there is no such object. */
export function isAbsent(error: unknown): boolean {
  const code = findSystemCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Wraps an error of the file system; one that is wrapped already passes unchanged. */
export function toStorageError(error: unknown, root: string): StorageError {
  if (error instanceof StorageError) return error
  const code = findSystemCode(error)
  const known = code === null ? undefined : advice[code]
  const text = known ?? (error instanceof Error ? error.message : String(error))
  return new StorageError(`storage folder ${root}: ${text}${code === null ? '' : ` (${code})`}`, {
    cause: error,
  })
}
