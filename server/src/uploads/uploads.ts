// Uploads: announced with type and length, sent once to a signed address, used by their owner's orders. What was sent
// is never handed on: the first order to use it has it checked and encoded anew, and everybody takes that copy.
import { timingSafeEqual } from 'node:crypto'
import type { Db } from '../db/db.ts'
import { AppError, invalidField } from '../errors.ts'
import { randomToken } from '../ids.ts'
import { uploadObjectKey } from '../storage/keys.ts'
import type { Signer } from '../storage/links.ts'
import { findObject } from '../storage/read-object.ts'
import { ObjectTooLarge, type Storage } from '../storage/storage.ts'
import { checkInput, maxInputBytes } from './check-input.ts'
import type { StoredInput } from './input.ts'
import { sql, type UploadRow } from './sql.ts'
import { storePicture } from './store-picture.ts'

export const uploadMediaTypes = ['image/png', 'image/jpeg', 'image/webp'] as const
export const maxUploadBytes = maxInputBytes
export const maxFilenameLength = 200

export type UploadNeeds = {
  db: Db
  storage: Storage
  /** createSigner of storage/links.ts with the purpose `uploadPurpose`. */
  signer: Signer
  publicUrl: () => string
  now: () => Date
  /** What one account may have announced that no order has used: who cannot pay must not fill the disk. */
  quota: { count: number; bytes: number }
}

export const uploadPurpose = 'upload'

export type UploadInput = {
  accountId: string
  /** For display only. */
  filename: string
  contentType: (typeof uploadMediaTypes)[number]
  sizeBytes: number
  idempotencyKey: string | null
  /** SHA-256 of method, route and canonical body: generations/fingerprint.ts. */
  fingerprint: Buffer
}

/** Long enough to begin, too short to be passed around. */
const linkLifeSeconds = 300
/** 32 letters of 62 carry 190 bits. */
const keyLength = 32
const keyPattern = /^up_[0-9A-Za-z]{32}$/

/**
 * An address to send the picture to, and the key that orders name. A repeat answers the same key afresh. Throws
 * AppError `rate_limited` (too much that is unused), `idempotency_key_reused`.
 */
export async function createUpload(
  needs: UploadNeeds,
  input: UploadInput,
): Promise<{ url: string; key: string; expiresAt: Date; replayed: boolean }> {
  const { accountId, filename, contentType, sizeBytes, idempotencyKey, fingerprint } = input
  const key = `up_${randomToken(keyLength)}`
  const { count, bytes } = needs.quota
  const values = [key, accountId, filename, contentType, sizeBytes, idempotencyKey, fingerprint]
  const [made] = await needs.db.query<UploadRow>(sql.insert, [...values, count, bytes])
  if (made) return { ...(await linkTo(needs, made)), replayed: false }
  const [known] = await needs.db.query<UploadRow>(sql.findByIdempotencyKey, [accountId, idempotencyKey])
  if (!known) throw tooMany(needs.quota)
  if (!known.fingerprint.equals(fingerprint)) throw new AppError('idempotency_key_reused')
  return { ...(await linkTo(needs, known)), replayed: true }
}

function tooMany({ count, bytes }: UploadNeeds['quota']): AppError {
  const message = `The account has uploads that no order has used; there may be ${count}, of ${bytes / 1_000_000} MB together.`
  return new AppError('rate_limited', message, { retryAfterSeconds: 3_600, reason: 'too_many_uploads' })
}

async function linkTo(
  { storage, signer, publicUrl, now }: UploadNeeds,
  { key, media_type: mediaType, size_bytes: sizeBytes }: UploadRow,
): Promise<{ url: string; key: string; expiresAt: Date }> {
  const exp = Math.floor(now().getTime() / 1000) + linkLifeSeconds
  const expiresAt = new Date(exp * 1000)
  if (storage.presignPut) {
    const limits = { mediaType, sizeBytes, expiresInSeconds: linkLifeSeconds }
    return { url: await storage.presignPut(rawKeyOf(key), limits), key, expiresAt }
  }
  const sig = signer.sign(signedFields(key, String(exp))).toString('hex')
  return { url: `${publicUrl()}/uploads/${key}?exp=${exp}&sig=${sig}`, key, expiresAt }
}

/** Type and length need no place here: they are on the row, which the signed key names. */
function signedFields(key: string, exp: string): string[] {
  return ['PUT', key, exp]
}

/** Where a bucket puts what is sent to it. */
function rawKeyOf(key: string): string {
  return uploadObjectKey(key, 'raw')
}

export type SentUpload = {
  key: string
  exp: string
  sig: string
  mediaType: string | null
  /** As declared by the header; null without one. */
  sizeBytes: number | null
  body: AsyncIterable<Uint8Array>
}

/** Takes what is sent to a signed address. Throws AppError `forbidden` (the address) or `invalid_request`. */
export async function receiveUpload(needs: UploadNeeds, sent: SentUpload): Promise<void> {
  if (!isGenuine(needs, sent))
    throw new AppError('forbidden', 'The upload address is not valid or has ended.')
  const [upload] = await needs.db.query<UploadRow>(sql.find, [sent.key])
  if (!upload) throw new AppError('forbidden', 'The upload address is not valid or has ended.')
  const { media_type: mediaType, size_bytes: sizeBytes } = upload
  if (sent.mediaType !== mediaType) {
    throw invalidField('Content-Type', `This upload was announced as ${mediaType}.`)
  }
  if (sent.sizeBytes !== sizeBytes) {
    throw invalidField('Content-Length', `This upload was announced with ${sizeBytes} bytes.`)
  }
  if (upload.received_at) throw alreadySent()
  // Each try has a name of its own, so that one that loses the race below overwrites nothing.
  const rawKey = uploadObjectKey(sent.key, `raw${randomToken(8)}`)
  const isWhole = await store(needs, rawKey, { ...sent, mediaType, sizeBytes })
  const [received] = isWhole ? await needs.db.query(sql.receive, [sent.key, rawKey]) : []
  if (received) return
  await needs.storage.remove([rawKey])
  if (isWhole) throw alreadySent()
  throw invalidField('body', `This upload was announced with ${sizeBytes} bytes.`)
}

function alreadySent(): AppError {
  return invalidField('key', 'This upload was sent before; an upload is written once.')
}

function isGenuine({ signer, now }: UploadNeeds, { key, exp, sig }: SentUpload): boolean {
  if (!keyPattern.test(key) || !/^\d{1,12}$/.test(exp)) return false
  const presented = Buffer.from(sig)
  const macs = signer.candidates(signedFields(key, exp)).map(mac => Buffer.from(mac.toString('hex')))
  const isSigned = macs.some(mac => mac.length === presented.length && timingSafeEqual(mac, presented))
  return isSigned && now().getTime() < Number(exp) * 1000
}

async function store(
  { storage }: UploadNeeds,
  key: string,
  sent: { body: AsyncIterable<Uint8Array>; mediaType: string; sizeBytes: number },
): Promise<boolean> {
  const { mediaType, sizeBytes } = sent
  try {
    const stored = await storage.put(key, sent.body, { mediaType, maxBytes: sizeBytes, commitName: true })
    return stored.sizeBytes === sizeBytes
  } catch (error) {
    if (error instanceof ObjectTooLarge) return false
    throw error
  }
}

/**
 * The checked picture of an upload of this account. Unknown, foreign, never sent and purged ones look alike: throws
 * `invalid_request` naming the field.
 */
export async function takeUpload(
  needs: Pick<UploadNeeds, 'db' | 'storage'>,
  accountId: string,
  { key, field, maxBytes, signal }: { key: string; field: string; maxBytes: number; signal: AbortSignal },
): Promise<StoredInput> {
  const known = keyPattern.test(key) ? await findChecked(needs, accountId, key) : null
  if (known) return known
  const [upload] = keyPattern.test(key) ? await needs.db.query<UploadRow>(sql.find, [key]) : []
  const isOwn = upload?.account_id === accountId
  const rawKey = isOwn ? await findRaw(needs, upload) : null
  const bytes = rawKey ? await findObject(needs.storage, rawKey) : null
  if (!rawKey || !bytes) {
    // Another order may have had it checked meanwhile, and taken away what was sent.
    const checked = isOwn ? await findChecked(needs, accountId, key) : null
    if (checked) return checked
    throw invalidField(field, `There is no such upload as in ${field}, or nothing was sent to it.`)
  }
  const picture = await storePicture(
    needs.storage,
    uploadObjectKey(key, `picture${randomToken(8)}`),
    await checkInput(bytes, { field, maxBytes, accountId, signal }),
  )
  const [kept] = await needs.db.query(sql.keepPicture, [key, JSON.stringify(picture)])
  await needs.storage.remove([kept ? rawKey : picture.key])
  if (kept) return picture
  const winner = await findChecked(needs, accountId, key)
  if (!winner) throw invalidField(field, `There is no such upload as in ${field}.`)
  return winner
}

async function findChecked(
  { db }: Pick<UploadNeeds, 'db'>,
  accountId: string,
  key: string,
): Promise<StoredInput | null> {
  const [row] = await db.query<{ picture: StoredInput }>(sql.use, [key, accountId])
  return row?.picture ?? null
}

/** Where what was sent lies. A bucket does not tell us when it came: then we look. */
async function findRaw(
  { db, storage }: Pick<UploadNeeds, 'db' | 'storage'>,
  { key, raw_key: rawKey }: UploadRow,
): Promise<string | null> {
  if (rawKey || !storage.presignPut) return rawKey
  const bucketKey = rawKeyOf(key)
  if (!(await storage.head(bucketKey))) return null
  await db.query(sql.receive, [key, bucketKey])
  return bucketKey
}

/** Takes away uploads that were never sent for a day, and those older than 30 days that their owner did not save. */
export async function purgeUploads({ db, storage }: Pick<UploadNeeds, 'db' | 'storage'>): Promise<void> {
  for (;;) {
    const stale = await db.query<UploadRow>(sql.claimStale)
    if (stale.length === 0) return
    const gone: string[] = []
    for (const { key, raw_key, received_at, picture } of stale) {
      // Sent to a bucket, and no order has asked for it yet: it is not one that was never sent.
      if (storage.presignPut && !received_at && (await storage.head(rawKeyOf(key)))) {
        await db.query(sql.restore, [key, rawKeyOf(key)])
        continue
      }
      const objects = [raw_key, picture?.key ?? null].filter(each => each !== null)
      await storage.remove(storage.presignPut ? [...objects, rawKeyOf(key)] : objects)
      gone.push(key)
    }
    await db.query(sql.forget, [gone])
  }
}
