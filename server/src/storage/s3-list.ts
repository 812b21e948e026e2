// Lists one folder of the bucket in pages, and gives up uploads in parts that never ended.
import type { ListMultipartUploadsCommandOutput, MultipartUpload } from '@aws-sdk/client-s3'
import { assertObjectKey } from './keys.ts'
import type { Bucket } from './s3-bucket.ts'
import { isNoSuchUpload } from './s3-failure.ts'
import type { ObjectPage } from './storage.ts'

/** Longer than any write of ours takes. */
const STALE_UPLOAD_MS = 24 * 60 * 60 * 1_000

/**
 * Pages are in the order of names. `cursor` is the last name of the page before: what the store itself calls a cursor
 * ends with the day.
 */
export async function listFolder(
  bucket: Bucket,
  { folder, cursor, pageKeys }: { folder: string; cursor: string | null; pageKeys: number },
): Promise<ObjectPage> {
  const { bucket: name, prefix } = bucket.address
  const beginning = prefix + folder
  try {
    const { sdk, client } = await bucket.open()
    const command = new sdk.ListObjectsV2Command({
      Bucket: name,
      Prefix: beginning,
      MaxKeys: pageKeys,
      ...(cursor === null ? {} : { StartAfter: beginning + cursor }),
    })
    const answer = await client.send(command, bucket.callOptions)
    const names = (answer.Contents ?? []).flatMap(({ Key }) => (Key ? [Key.slice(beginning.length)] : []))
    return {
      keys: names.filter(isObjectName).map(each => folder + each),
      next: answer.IsTruncated ? (names.at(-1) ?? null) : null,
    }
  } catch (error) {
    throw bucket.fail(error)
  }
}

/** Not what lies deeper, and not what other programs left. */
function isObjectName(name: string): boolean {
  if (name.includes('/')) return false
  try {
    assertObjectKey(name)
    return true
  } catch {
    return false
  }
}

/** Gives up uploads in parts that began more than a day ago; answers how many. */
export async function removeUnfinished(
  bucket: Bucket,
  { folder, now }: { folder: string; now: Date },
): Promise<number> {
  let removed = 0
  try {
    const { sdk, client } = await bucket.open()
    for await (const { Key, UploadId, Initiated } of listUploads(bucket, folder)) {
      const isStale = Initiated && now.getTime() - Initiated.getTime() >= STALE_UPLOAD_MS
      if (!Key || !UploadId || !isStale) continue
      try {
        const upload = { Bucket: bucket.address.bucket, Key, UploadId }
        await client.send(new sdk.AbortMultipartUploadCommand(upload))
        removed += 1
      } catch (error) {
        // Somebody else was faster.
        if (!isNoSuchUpload(error)) throw error
      }
    }
    return removed
  } catch (error) {
    throw bucket.fail(error)
  }
}

async function* listUploads(bucket: Bucket, folder: string): AsyncGenerator<MultipartUpload> {
  const { bucket: name, prefix } = bucket.address
  const { sdk, client } = await bucket.open()
  const where = { Bucket: name, Prefix: prefix + folder }
  for (let from: { KeyMarker?: string; UploadIdMarker?: string } | null = {}; from; ) {
    const page: ListMultipartUploadsCommandOutput = await client.send(
      new sdk.ListMultipartUploadsCommand({ ...where, ...from }),
    )
    yield* page.Uploads ?? []
    const { NextKeyMarker: key, NextUploadIdMarker: id } = page
    from = page.IsTruncated && key && id ? { KeyMarker: key, UploadIdMarker: id } : null
  }
}
