// The S3 driver. An object appears under its name whole or not at all, because a store shows nothing before the call
// that completes it; when that call has succeeded, the object is durable, and so is its name.
import { randomToken } from '../ids.ts'
import { assertFolder, assertObjectKey } from './keys.ts'
import { parseBucketAddress } from './s3-address.ts'
import { type Bucket, openBucket } from './s3-bucket.ts'
import { listFolder, removeUnfinished } from './s3-list.ts'
import { presignPut } from './s3-presign.ts'
import { findSize, readObject } from './s3-read.ts'
import { createWrites, type Writes, writeBuffer, writeChunks } from './s3-write.ts'
import { type PutOptions, type Storage, StorageError, type StoredObject } from './storage.ts'

export type S3StorageOptions = {
  /** `s3://bucket/prefix?…`, see s3-address.ts. Credentials come from the usual places of the SDK. */
  url: string
  now: () => Date
  /** Keys of one page of a list; fewer for tests. */
  pageKeys?: number
  /** Throws when the caller is inside a database transaction, which must never wait for the network. */
  assertNoTransaction?: (what: string) => void
}

/** The most that stores give at once. */
const MAX_PAGE_KEYS = 1_000
/** Removals in flight at once. */
const REMOVE_CONCURRENCY = 8
/** Whoever asks whether the bucket works does not wait for all the repetitions of a call. */
const CHECK_TIMEOUT_MS = 10_000

/** Storage in a bucket. Makes no call before it is used. Throws StorageError for an address that is none. */
export function createS3Storage({
  url,
  now,
  pageKeys = MAX_PAGE_KEYS,
  assertNoTransaction = () => undefined,
}: S3StorageOptions): Storage {
  const bucket = openBucket(parseBucketAddress(url))
  const writes = createWrites()
  /** Wrong keys and open transactions are refused before any call. */
  const guard = (what: string, keys: readonly string[]): void => {
    assertNoTransaction(`storage.${what}`)
    for (const key of keys) assertObjectKey(key)
  }
  return {
    async put(key, bytes, options) {
      guard('put', [key])
      return await putObject({ bucket, writes }, { ...options, key, bytes })
    },
    async read(key, range) {
      guard('read', [key])
      return await readObject(bucket, key, range)
    },
    async head(key) {
      guard('head', [key])
      const found = await findSize(bucket, key)
      return found && { sizeBytes: found.sizeBytes }
    },
    async remove(keys) {
      guard('remove', keys)
      await removeObjects(bucket, keys)
    },
    async list(folder, cursor) {
      guard('list', [])
      assertFolder(folder)
      return await listFolder(bucket, { folder, cursor, pageKeys })
    },
    async removeUnfinished(folder) {
      guard('removeUnfinished', [])
      assertFolder(folder)
      return await removeUnfinished(bucket, { folder, now: now() })
    },
    check: () =>
      checkBucket({ ...bucket, callOptions: { abortSignal: AbortSignal.timeout(CHECK_TIMEOUT_MS) } }),
    ...(bucket.address.mayPresign
      ? {
          async presignPut(key, limits) {
            guard('presignPut', [key])
            return await presignPut(bucket, key, limits)
          },
        }
      : {}),
  }
}

function putObject(
  { bucket, writes }: { bucket: Bucket; writes: Writes },
  { bytes, ...object }: PutOptions & { key: string; bytes: Buffer | AsyncIterable<Uint8Array> },
): Promise<StoredObject> {
  return Buffer.isBuffer(bytes)
    ? writeBuffer(bucket, object, bytes)
    : writeChunks({ bucket, writes }, object, bytes)
}

/** One by one: removing many in one call is what stores differ in most. */
async function removeObjects(bucket: Bucket, keys: string[]): Promise<void> {
  const waiting = [...keys]
  const removeNext = async (): Promise<void> => {
    const { sdk, client } = await bucket.open()
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      await client.send(new sdk.DeleteObjectCommand(bucket.at(key)), bucket.callOptions)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(REMOVE_CONCURRENCY, keys.length) }, removeNext))
  } catch (error) {
    throw bucket.fail(error)
  }
}

async function checkBucket(bucket: Bucket): Promise<{ ok: true } | { ok: false; message: string }> {
  const key = `check/probe-${randomToken(12)}`
  const written = Buffer.from(`a probe of ${key}`)
  const object = { key, mediaType: 'text/plain', maxBytes: written.length }
  const fail = (what: string) => ({
    ok: false as const,
    message: `storage bucket ${bucket.address.bucket}: ${what}`,
  })
  try {
    await writeBuffer(bucket, object, written)
    const found = await readObject(bucket, key)
    const chunks: Buffer[] = found === null ? [] : await found.stream.toArray()
    const { keys } = await listFolder(bucket, { folder: 'check/', cursor: null, pageKeys: MAX_PAGE_KEYS })
    await removeObjects(bucket, [key])
    if (!Buffer.concat(chunks).equals(written)) return fail('a probe did not read back as it was written')
    // Without the right to list, what is absent looks forbidden: then a lost image could not be told from a fault.
    if (await findSize(bucket, key)) return fail('a probe that was removed is still there')
    return keys.includes(key) ? { ok: true } : fail('a probe that was written is not listed')
  } catch (error) {
    if (error instanceof StorageError) return { ok: false, message: error.message }
    throw error
  }
}
