// Writes one object. What arrives is gathered into one part: an object that ends within it is sent at once, a larger
// one part by part. So the object appears whole or not at all, a call that failed can be repeated, and no more than
// a part of any picture is in memory.
import { createHash } from 'node:crypto'
import type { Bucket, Opened } from './s3-bucket.ts'
import { findSize } from './s3-read.ts'
import { ObjectTooLarge, type PutOptions, type StoredObject } from './storage.ts'

export type ObjectToWrite = Pick<PutOptions, 'mediaType' | 'maxBytes'> & { key: string }

/** The least that stores take as a part that is not the last. */
const PART_BYTES = 5 * 1024 * 1024
/** Parts kept for the next objects; memory that was never touched costs nothing. */
const MAX_IDLE_PARTS = 8
/** Objects gathered or sent at once; further ones wait, and with them their sources in the network. */
const MAX_AT_ONCE = 24
/** While fewer than these are being sent, it is the sources that are slow: then as many more begin after a while. */
const FEW_SENDING = 8
const STALL_MS = 1_000

/** What all writes of a driver share. */
export type Writes = {
  begin(): Promise<void>
  end(): void
  /** Any call that waits for the store. */
  send<Result>(work: () => Promise<Result>): Promise<Result>
  takePart(): Buffer
  givePartBack(part: Buffer): void
}

export function createWrites(): Writes {
  const idle: Buffer[] = []
  const waiting: (() => void)[] = []
  let running = 0
  let sending = 0
  let timer: NodeJS.Timeout | null = null

  function admit(most: number): void {
    for (const begin of waiting.splice(0, most)) {
      running += 1
      begin()
    }
  }
  /** Slow sources must not keep the others out. */
  function watch(): void {
    if (timer) return
    timer = setTimeout(() => {
      timer = null
      if (sending < FEW_SENDING) admit(FEW_SENDING)
      if (waiting.length > 0) watch()
    }, STALL_MS).unref()
  }

  return {
    async begin() {
      if (running < MAX_AT_ONCE) {
        running += 1
        return
      }
      watch()
      await new Promise<void>(resolve => waiting.push(resolve))
    },
    end() {
      running -= 1
      admit(Math.max(0, MAX_AT_ONCE - running))
    },
    async send(work) {
      sending += 1
      try {
        return await work()
      } finally {
        sending -= 1
      }
    },
    takePart: () => idle.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES),
    givePartBack(part) {
      if (idle.length < MAX_IDLE_PARTS) idle.push(part)
    },
  }
}

/** Writes an object that is in memory. Throws ObjectTooLarge before anything is sent. */
export async function writeBuffer(
  bucket: Bucket,
  object: ObjectToWrite,
  bytes: Buffer,
): Promise<StoredObject> {
  if (bytes.length > object.maxBytes) throw tooLarge(object)
  await putWhole(bucket, object, bytes)
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Writes an object as it arrives. Errors of the source pass through unchanged. */
export async function writeChunks(
  { bucket, writes }: { bucket: Bucket; writes: Writes },
  object: ObjectToWrite,
  source: AsyncIterable<Uint8Array>,
): Promise<StoredObject> {
  const hash = createHash('sha256')
  let part: Buffer | null = null
  let parts: PartsUpload | null = null
  let filled = 0
  let sizeBytes = 0
  try {
    for await (const chunk of source) {
      sizeBytes += chunk.length
      if (sizeBytes > object.maxBytes) throw tooLarge(object)
      hash.update(chunk)
      if (!part) {
        await writes.begin()
        part = writes.takePart()
      }
      for (let rest = chunk; rest.length > 0; ) {
        // Sent when more follows it: an object that fills one part exactly needs no upload in parts.
        if (filled === PART_BYTES) {
          const upload: PartsUpload = parts ?? (await writes.send(() => beginParts(bucket, object)))
          const full = part
          parts = upload
          await writes.send(() => upload.send(full))
          filled = 0
        }
        const fitting = rest.subarray(0, PART_BYTES - filled)
        part.set(fitting, filled)
        filled += fitting.length
        rest = rest.subarray(fitting.length)
      }
    }
    const last = part?.subarray(0, filled) ?? Buffer.alloc(0)
    const upload = parts
    await writes.send(async () => {
      if (!upload) return putWhole(bucket, object, last)
      await upload.send(last)
      await upload.complete(sizeBytes)
    })
    if (part) writes.givePartBack(part)
    return { sizeBytes, sha256: hash.digest('hex') }
  } catch (error) {
    // The part is left to the collector: a call that was given up may still be reading it.
    await parts?.abort()
    throw error
  } finally {
    if (part) writes.end()
  }
}

function tooLarge({ maxBytes }: ObjectToWrite): ObjectTooLarge {
  return new ObjectTooLarge(`the object is larger than ${maxBytes} bytes`)
}

async function putWhole(bucket: Bucket, { key, mediaType }: ObjectToWrite, bytes: Buffer): Promise<void> {
  try {
    const { sdk, client } = await bucket.open()
    const command = new sdk.PutObjectCommand({
      ...bucket.at(key),
      Body: bytes,
      ContentType: mediaType,
      ContentLength: bytes.length,
    })
    await client.send(command, bucket.callOptions)
  } catch (error) {
    throw bucket.fail(error)
  }
}

type PartsUpload = {
  /** The bytes may be changed once it has resolved. */
  send(bytes: Buffer): Promise<void>
  complete(sizeBytes: number): Promise<void>
  /** Never rejects: what stays is removed by the sweep of unfinished uploads. */
  abort(): Promise<void>
}

async function beginParts(bucket: Bucket, { key, mediaType }: ObjectToWrite): Promise<PartsUpload> {
  const call = async <Result>(work: (opened: Opened) => Promise<Result>): Promise<Result> => {
    try {
      return await work(await bucket.open())
    } catch (error) {
      throw bucket.fail(error)
    }
  }
  const { UploadId } = await call(({ sdk, client }) =>
    client.send(new sdk.CreateMultipartUploadCommand({ ...bucket.at(key), ContentType: mediaType })),
  )
  const upload = { ...bucket.at(key), UploadId }
  const sent: { PartNumber: number; ETag: string | undefined }[] = []
  return {
    async send(bytes) {
      const numbered = { PartNumber: sent.length + 1, Body: bytes, ContentLength: bytes.length }
      const { ETag } = await call(({ sdk, client }) =>
        client.send(new sdk.UploadPartCommand({ ...upload, ...numbered })),
      )
      sent.push({ PartNumber: numbered.PartNumber, ETag })
    },
    async complete(sizeBytes) {
      try {
        await call(({ sdk, client }) =>
          client.send(
            new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: sent } }),
          ),
        )
      } catch (error) {
        // The answer may be lost while the work was done. Nobody else writes under this name.
        const found = await findSize(bucket, key).catch(() => null)
        if (found?.sizeBytes === sizeBytes && found.etag.endsWith(`-${sent.length}"`)) return
        throw error
      }
    },
    async abort() {
      await call(({ sdk, client }) => client.send(new sdk.AbortMultipartUploadCommand(upload))).catch(
        () => undefined,
      )
    },
  }
}
