// What adapters of upstreams behind HTTP share: the limits of one call, what a lost or broken exchange proves, small
// answers read within bounds, keys kept out of messages. What an answer means stays with each adapter.
import { OutboundError, type OutboundResponse } from '../outbound.ts'
import { JsonImagesError, readJsonWithImages } from './json-images.ts'
import {
  type CallContext,
  ImageRejected,
  type ListContext,
  type ProviderFailure,
  type ProviderOutcome,
} from './provider.ts'
import { findRetryDelayMs } from './retry-delay.ts'

// A TCP and TLS handshake that takes longer than this never becomes a request.
const CONNECT_TIMEOUT_MS = 10_000
// An error's envelope is a few kilobytes; what is longer is a page nobody reads.
const MAX_ERROR_BYTES = 64 * 1024
/** An answer without pictures in it: tasks, balances, lists of models. */
export const MAX_SMALL_ANSWER_BYTES = 1024 * 1024
// A poll's answer is a kilobyte: looking at each of its texts for a picture would cost more than all else of the read.
const MAX_FLAT_BYTES = 64 * 1024
// So few cannot nest deeper than the reader of pictures allows.
const MAX_FLAT_BRACKETS = 64
const OPEN_LIST = 0x5b
const OPEN_OBJECT = 0x7b
// Enough for the operator to recognise a message, too little to fill a log line with a page of HTML.
const MAX_MESSAGE_CHARS = 1000

/** Headers come only when the work is done, so they may take as long as the whole call. */
export function limitCall(
  { timeoutMs, signal }: Pick<CallContext, 'timeoutMs' | 'signal'>,
  maxBodyBytes: number,
) {
  const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, timeoutMs)
  return { timeoutMs, connectTimeoutMs, headersTimeoutMs: timeoutMs, maxBodyBytes, signal }
}

/** A create that got no answer: only a connection that was never made proves that nothing ran. */
export function classifyLostCreate(vendor: string, error: unknown): ProviderFailure {
  if (!(error instanceof OutboundError)) throw error
  const failure = error.sent ? 'unknown_outcome' : 'unavailable'
  return { kind: 'failed', failure, message: `${vendor} gave no answer (${error.code}): ${error.message}` }
}

/** A poll that got no usable answer: it says nothing about the task, so it is made again. */
export function classifyLostRead(vendor: string, error: unknown): ProviderFailure {
  if (!(error instanceof OutboundError) && !(error instanceof JsonImagesError)) throw error
  const message = `${vendor} could not be asked about the task (${error.code}): ${error.message}`
  return { kind: 'failed', failure: 'unavailable', message }
}

/** A 2xx of a create whose body could not be read: cut on the way, or whole and not understandable. */
export function classifyBrokenAnswer(
  vendor: string,
  error: unknown,
  { headers }: Pick<OutboundResponse, 'headers'>,
): ProviderFailure {
  const message = error instanceof Error ? `${vendor}'s answer is unusable: ${error.message}` : ''
  if (error instanceof OutboundError) {
    const failure = error.code === 'too_large' ? 'malformed_response' : 'unknown_outcome'
    return { kind: 'failed', failure, message }
  }
  if (error instanceof ImageRejected) return { kind: 'failed', failure: 'malformed_response', message }
  if (!(error instanceof JsonImagesError)) throw error
  const isCut = error.code === 'truncated' && !isFramed(headers)
  return { kind: 'failed', failure: isCut ? 'unknown_outcome' : 'malformed_response', message }
}

/** Without length or chunks the end of the connection is the end of the body, and a cut looks like a clean end. */
export function isFramed(headers: Record<string, string>): boolean {
  return 'content-length' in headers || 'transfer-encoding' in headers
}

/** The first kilobytes of an error answer; what arrived when it breaks off, because the status classifies alone. */
export async function readErrorText(response: OutboundResponse): Promise<string> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const part of response.body as AsyncIterable<Buffer>) {
      parts.push(part)
      sizeBytes += part.length
      if (sizeBytes >= MAX_ERROR_BYTES) break
    }
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
  } finally {
    response.body.destroy()
  }
  return Buffer.concat(parts).toString('utf8', 0, MAX_ERROR_BYTES)
}

/**
 * A JSON answer without pictures, bounded in bytes and depth. One that states no length is held as a whole, so the
 * call's own `maxBodyBytes` must be no more than `maxBytes`. Throws OutboundError and JsonImagesError.
 */
export async function readSmallJson(
  response: OutboundResponse,
  maxBytes = MAX_SMALL_ANSWER_BYTES,
): Promise<unknown> {
  const statedBytes = Number(response.headers['content-length'] ?? 0)
  if (statedBytes > MAX_FLAT_BYTES) return await readLargerJson(response.body, maxBytes)
  const bytes = await response.bytes()
  const flat = bytes.length > MAX_FLAT_BYTES ? null : parseFlat(bytes)
  return flat ? flat.value : await readLargerJson([bytes], maxBytes)
}

async function readLargerJson(
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  maxJsonBytes: number,
): Promise<unknown> {
  const never = { isImage: () => false, receive: async () => null, maxJsonBytes }
  return (await readJsonWithImages(body, never)).value
}

/** Null where a closer look has to tell what is wrong with it, if anything is. */
function parseFlat(bytes: Buffer): { value: unknown } | null {
  if (countOf(bytes, OPEN_LIST) + countOf(bytes, OPEN_OBJECT) > MAX_FLAT_BRACKETS) return null
  try {
    return { value: JSON.parse(bytes.toString('utf8')) }
  } catch {
    return null
  }
}

/** Up to one more than may be. Searched for, because a loop over bytes cost more than parsing them. */
function countOf(bytes: Buffer, byte: number): number {
  let count = 0
  for (
    let at = bytes.indexOf(byte);
    at >= 0 && count <= MAX_FLAT_BRACKETS;
    at = bytes.indexOf(byte, at + 1)
  ) {
    count += 1
  }
  return count
}

/** What an error's body says, parsed; null when it is no JSON. */
export function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The words of a body that came without the vendor's envelope, such as a page of HTML. */
export function describeBody(text: string): string {
  const words = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return words === '' ? '(empty)' : words
}

/** The delay that an answer's headers state; null where they state none. */
export function readRetryAfterMs(headers: Record<string, string>): number | null {
  return findRetryDelayMs(headers, '')
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** Messages go to logs, and upstreams repeat the key they were given, whole or with stars in its middle. */
export function scrubOutcome(outcome: ProviderOutcome, apiKey: string): ProviderOutcome {
  return outcome.kind === 'failed' ? { ...outcome, message: scrubKey(outcome.message, apiKey) } : outcome
}

/** Cut last, so that no half of a key is left at the end. */
export function scrubKey(message: string, apiKey: string): string {
  const own = apiKey === '' ? message : message.replaceAll(apiKey, '[key]')
  const starred = apiKey.length < 8 ? own : own.replaceAll(new RegExp(starredForm(apiKey), 'g'), '[key]')
  return starred.slice(0, MAX_MESSAGE_CHARS)
}

/** The key's first four letters followed by anything with stars or dots in it. */
function starredForm(apiKey: string): string {
  const head = apiKey.slice(0, 4).replaceAll(/[^\w]/g, letter => `\\${letter}`)
  return `${head}[\\w-]*(\\*|\\.\\.)[\\w*.-]*`
}

/**
 * The free call that proves key and address. `judge` reads the answer of any status within bounds and names the
 * problem, or null.
 */
export async function checkByGet(
  given: {
    vendor: string
    apiKey: string
    url: string
    headers: Record<string, string>
    judge(answer: { status: number; text: string }): string | null
  },
  context: CallContext,
): Promise<{ ok: true } | { ok: false; message: string }> {
  let problem: string | null
  try {
    const response = await context.http.request({
      method: 'GET',
      url: given.url,
      trust: 'configured',
      headers: { ...context.headers, accept: 'application/json', ...given.headers },
      ...limitCall(context, MAX_SMALL_ANSWER_BYTES),
    })
    problem = given.judge({ status: response.status, text: await readErrorText(response) })
  } catch (error) {
    problem = classifyLostCreate(given.vendor, error).message
  }
  return problem === null ? { ok: true } : { ok: false, message: scrubKey(problem, given.apiKey) }
}

/** A free read, parsed. Null = it could not be read, or is no JSON; `status` tells what it is then. */
export async function readByGet(
  {
    vendor,
    apiKey,
    maxBytes = MAX_SMALL_ANSWER_BYTES,
    ...call
  }: { vendor: string; apiKey: string; url: string; headers: Record<string, string>; maxBytes?: number },
  context: ListContext,
): Promise<{ status: number; value: unknown } | { status: null; message: string }> {
  try {
    const response = await context.http.request({
      method: 'GET',
      url: call.url,
      trust: 'configured',
      headers: { ...context.headers, accept: 'application/json', ...call.headers },
      ...limitCall(context, maxBytes),
    })
    const { status } = response
    if (status === 200) return { status, value: await readSmallJson(response, maxBytes) }
    return { status, value: parseJsonOrNull(await readErrorText(response)) }
  } catch (error) {
    return { status: null, message: scrubKey(classifyLostRead(vendor, error).message, apiKey) }
  }
}
