// Takes in the pictures of an order from wherever the customer says they are. An address of a customer's tells
// nothing about our network: whatever keeps us from a picture there is one text, whether it is closed or forbidden.
import { AppError, invalidField } from '../errors.ts'
import type { OutboundClient } from '../outbound.ts'
import { OutboundError } from '../outbound.ts'
import { type Bound, createBound } from '../storage/bound.ts'
import { inputObjectKey, readInputKey } from '../storage/keys.ts'
import { readObject } from '../storage/read-object.ts'
import type { Storage } from '../storage/storage.ts'
import type { Turn } from '../turns.ts'
import {
  checkInput,
  checkInputFile,
  isTransparentSomewhere,
  largestInputBytes,
  maxInputBytes,
} from './check-input.ts'
import type {
  InputOwner,
  InputRequest,
  InputRequests,
  InputTaker,
  StoredInput,
  StoredInputs,
} from './input.ts'
import { storePicture } from './store-picture.ts'

export type ReferenceNeeds = {
  http: OutboundClient
  storage: Storage
  /** Shorter ones for tests. */
  timeouts?: { fetchMs: number; takeMs: number }
  /** The stored picture of an upload of this account; throws `invalid_request` naming the field. */
  takeUpload(
    accountId: string,
    request: { key: string; field: string; maxBytes: number; signal: AbortSignal },
  ): Promise<StoredInput>
}

/**
 * A picture of the largest size comes within the first over a slow line. The second is for all pictures of an order:
 * that wait comes on top of the generation's own deadline, and callers' libraries give up soon after it.
 */
const defaultTimeouts = { fetchMs: 15_000, takeMs: 20_000 }
const connectTimeoutMs = 5_000
/** Pictures of one order in the works at once: each is held in memory. */
const atOnce = 4

/** The source that a text in a field for pictures names. Throws `invalid_request`: bare base64 among others. */
export function readSource(text: string, field: string): InputRequest['source'] {
  if (/^data:/i.test(text)) return { kind: 'dataUrl', text }
  // Plain http is refused where it is fetched, unless the operator has allowed that very target.
  if (/^https?:/i.test(text)) return { kind: 'url', url: text }
  throw invalidField(
    field,
    `${field} must be an https URL or a data URL such as data:image/png;base64,….`,
    'invalid_format',
  )
}

export function createInputTaker(needs: ReferenceNeeds): InputTaker {
  return {
    take: (owner, requests) => takeAll(needs, owner, requests),
    discard: inputs => discardInputs(needs, inputs),
  }
}

type NamedRequest = InputRequest & {
  name: string
  signal: AbortSignal
  /** The pictures of one order are decoded one after the other. */
  inTurn: Bound
}

/** Takes one picture in: fetched, checked, and stored under `name` unless it is an upload, which is stored already. */
export async function takeReference(
  needs: ReferenceNeeds,
  owner: InputOwner,
  { source, field, maxBytes = maxInputBytes, name, signal, inTurn }: NamedRequest,
): Promise<StoredInput> {
  const most = Math.min(maxBytes, largestInputBytes)
  if (source.kind === 'upload') {
    const request = { key: source.key, field, maxBytes: most, signal }
    return inTurn.run(() => needs.takeUpload(owner.accountId, request))
  }
  const limits = { field, maxBytes: most, signal, accountId: owner.accountId }
  const checked = await (source.kind === 'file'
    ? inTurn.run(() => checkInputFile(source, limits))
    : readBytes(needs, source, limits).then(bytes => inTurn.run(() => checkInput(bytes, limits))))
  return storePicture(needs.storage, inputObjectKey(owner.generationId, name), checked)
}

async function takeAll(
  needs: ReferenceNeeds,
  owner: InputOwner,
  { references, mask }: InputRequests,
): Promise<StoredInputs> {
  const signal = AbortSignal.timeout((needs.timeouts ?? defaultTimeouts).takeMs)
  const inTurn = createBound({ atOnce: 1, waiting: atOnce })
  const requests: NamedRequest[] = references.map((request, index) => ({
    ...request,
    name: `${index}`,
    signal,
    inTurn,
  }))
  const named = mask ? [...requests, { ...mask, name: 'mask', signal, inTurn }] : requests
  const stored: (StoredInput | undefined)[] = []
  const failures: unknown[] = []
  let next = 0
  const work = async () => {
    for (let at = next++; at < named.length && failures.length === 0; at = next++) {
      const request = named[at]
      if (!request) return
      try {
        stored[at] = await takeReference(needs, owner, request)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, named.length) }, work))
  const taken = stored.filter(input => input !== undefined)
  const inputs = {
    references: stored.slice(0, references.length).filter(input => input !== undefined),
    mask: (mask && stored[references.length]) ?? null,
  }
  const turn = { accountId: owner.accountId, signal }
  const failure = failures[0] ?? (mask ? await findMaskFault(needs, mask, { ...inputs, turn }) : null)
  if (!failure) return inputs
  await discardInputs(needs, { references: taken, mask: null })
  throw failure
}

/** Transparent areas of a mask are drawn anew, so it must have some and lie over the first picture. */
async function findMaskFault(
  { storage }: ReferenceNeeds,
  { field }: InputRequest,
  { references, mask, turn }: StoredInputs & { turn: Turn },
): Promise<unknown> {
  const [first] = references
  if (!mask || !first) return null
  if (mask.mediaType !== 'image/png') return invalidField(field, `The mask must be a PNG.`)
  if (mask.width !== first.width || mask.height !== first.height) {
    const [is, wanted] = [mask, first].map(({ width, height }) => `${width} x ${height}`)
    return invalidField(field, `The mask has ${is} pixels; the first picture has ${wanted}.`)
  }
  try {
    // As it is stored: of an upload that another order had checked nothing else is known.
    if (await isTransparentSomewhere(() => readObject(storage, mask.key), turn)) return null
  } catch (error) {
    return error
  }
  return invalidField(field, 'The mask has no transparent pixel, so there is nothing to draw anew.')
}

/** Pictures of uploads stay: they belong to the upload. */
async function discardInputs({ storage }: ReferenceNeeds, { references, mask }: StoredInputs): Promise<void> {
  const keys = [...references, ...(mask ? [mask] : [])]
    .map(({ key }) => key)
    .filter(key => readInputKey(key) !== null)
  if (keys.length > 0) await storage.remove(keys).catch(() => undefined)
}

type Limits = { field: string; maxBytes: number; signal: AbortSignal }
type ReadableSource = Exclude<InputRequest['source'], { kind: 'upload' | 'file' }>

async function readBytes(needs: ReferenceNeeds, source: ReadableSource, limits: Limits): Promise<Buffer> {
  if (source.kind === 'bytes') return source.bytes
  return source.kind === 'dataUrl'
    ? readDataUrl(source.text, limits)
    : fetchPicture(needs, source.url, limits)
}

/** The declared type must be a picture; which one is decided by the bytes. */
function readDataUrl(text: string, { field, maxBytes }: Omit<Limits, 'signal'>): Buffer {
  // The head alone is matched: the rest may be megabytes.
  const head = /^data:image\/[\w.+-]+;base64,/i.exec(text.slice(0, 100))?.[0]
  if (head === undefined) {
    throw invalidField(
      field,
      `${field} must be a data URL such as data:image/png;base64,….`,
      'invalid_format',
    )
  }
  if (((text.length - head.length) / 4) * 3 > maxBytes + 3) throw tooLarge({ field, maxBytes })
  const base64 = text.slice(head.length)
  const bytes = Buffer.from(base64, 'base64')
  // Node passes over letters that are no base64; what was meant by them nobody knows.
  const isWhole = /^[A-Za-z0-9+/]*={0,2}$/.test(base64) && bytes.length === decodedLength(base64)
  if (!isWhole) throw invalidField(field, `The data URL in ${field} holds no valid base64.`, 'invalid_format')
  return bytes
}

function decodedLength(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
  return Math.floor(((base64.length - padding) * 3) / 4)
}

async function fetchPicture(needs: ReferenceNeeds, url: string, limits: Limits): Promise<Buffer> {
  try {
    const answer = await needs.http.request({
      method: 'GET',
      url,
      trust: 'customer',
      headers: { accept: 'image/png, image/jpeg, image/webp' },
      connectTimeoutMs,
      timeoutMs: (needs.timeouts ?? defaultTimeouts).fetchMs,
      maxBodyBytes: limits.maxBytes,
      signal: limits.signal,
    })
    if (answer.status !== 200) {
      await answer.discard()
      throw unreachable(limits.field)
    }
    const chunks: Buffer[] = []
    for await (const chunk of answer.body as AsyncIterable<Buffer>) chunks.push(chunk)
    return Buffer.concat(chunks)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    throw error.code === 'too_large' ? tooLarge(limits) : unreachable(limits.field, error)
  }
}

/** One text for an address that is forbidden, closed, filtered, slow or answers with anything but a picture. */
function unreachable(field: string, cause?: unknown): AppError {
  const message = `The picture in ${field} could not be fetched; its address must be https, public and without a redirect.`
  const details = [{ path: field, message, code: 'invalid_value' }]
  return new AppError('invalid_request', message, { details, reason: 'unreachable', cause })
}

function tooLarge({ field, maxBytes }: Omit<Limits, 'signal'>): AppError {
  return invalidField(field, `The picture in ${field} is larger than ${maxBytes} bytes.`, 'too_big')
}
