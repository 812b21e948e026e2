// Addresses to which anybody may send one object for a while.
import type { Bucket } from './s3-bucket.ts'

/** Type and length are signed: the store refuses every other. */
export async function presignPut(
  bucket: Bucket,
  key: string,
  limits: { mediaType: string; sizeBytes: number; expiresInSeconds: number },
): Promise<string> {
  try {
    const [{ sdk, client }, { getSignedUrl }] = await Promise.all([
      bucket.openPublic(),
      import('@aws-sdk/s3-request-presigner'),
    ])
    const command = new sdk.PutObjectCommand({
      ...bucket.at(key),
      ContentType: limits.mediaType,
      ContentLength: limits.sizeBytes,
    })
    return await getSignedUrl(client, command, {
      expiresIn: limits.expiresInSeconds,
      signableHeaders: new Set(['host', 'content-type', 'content-length']),
    })
  } catch (error) {
    throw bucket.fail(error)
  }
}
