// The storage contract. Objects are written once, never changed, and read as streams.
import type { Readable } from 'node:stream'

/** `sha256` is 64 lower-case hex digits, counted over the bytes while they were written. */
export type StoredObject = { sizeBytes: number; sha256: string }

export type PutOptions = {
  mediaType: string
  maxBytes: number
  commitName: boolean
  /** False when nobody is expected to read the object soon: a driver may then spare its cache. True by default. */
  readSoon?: boolean
}

/** `next` is null on the last page. A page may be empty and yet not the last one. */
export type ObjectPage = { keys: string[]; next: string | null }

export type Storage = {
  /**
   * Writes one object as its bytes arrive. When it resolves the bytes are on stable storage; the name is too
   * when `commitName` is set (one directory sync serves all objects of a generation: the manifest's).
   * Rejects and leaves nothing behind when the source fails or maxBytes is exceeded. Overwrites.
   * An error of the source is rethrown as it is; too many bytes are ObjectTooLarge; trouble is StorageError.
   */
  put(key: string, bytes: Buffer | AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject>
  /**
   * The object's bytes, or null when there is none. `range` is inclusive byte positions; an end past the object
   * is cut to it, a start past it is a RangeError. `sizeBytes` is the whole object's, also for a range. Every
   * chunk but the last is a multiple of 3 bytes long. Read the stream to its end or destroy it.
   */
  read(
    key: string,
    range?: { start: number; end: number },
  ): Promise<{ stream: Readable; sizeBytes: number } | null>
  /** Size, or null when there is none. */
  head(key: string): Promise<{ sizeBytes: number } | null>
  /** Absent keys are no error. */
  remove(keys: string[]): Promise<void>
  /**
   * An address to which anybody may send exactly this object, for a while; only drivers whose store takes what is
   * sent there by itself have it. Where it is missing, the service takes uploads at an address of its own.
   */
  presignPut?(
    key: string,
    limits: { mediaType: string; sizeBytes: number; expiresInSeconds: number },
  ): Promise<string>
  /**
   * Keys directly in a folder, which is named as in a key and ends in `/`; a page at a time. `cursor` is null for the
   * first page, then what the page before said; it stays good for days. What is written or removed meanwhile may be
   * there or not, everything else is there once. A folder that is not there is empty.
   */
  list(folder: string, cursor: string | null): Promise<ObjectPage>
  /** Removes what writes that never ended left in a folder more than a day ago; answers how many. */
  removeUnfinished(folder: string): Promise<number>
  /** Writes, reads and removes a probe; for readiness and `doctor`. */
  check(): Promise<{ ok: true } | { ok: false; message: string }>
}

/** The source gave more than maxBytes. */
export class ObjectTooLarge extends Error {
  override name = 'ObjectTooLarge'
}

/** Storage refused or failed: disk full, permission, unreachable bucket. Never the fault of the bytes. */
export class StorageError extends Error {
  override name = 'StorageError'
}
