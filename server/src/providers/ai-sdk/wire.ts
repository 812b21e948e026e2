// The `fetch` that a package is handed. It sends through the guarded client, lets one create pass and no second one,
// keeps pictures out of the package, and remembers what happened: that, not the package's errors, decides the outcome.
import { OutboundError, type OutboundResponse } from '../../outbound.ts'
import { isFramed, isRecord, limitCall, parseJsonOrNull, readErrorText } from '../hosted-call.ts'
import { JsonImagesError } from '../json-images.ts'
import type { CallContext } from '../provider.ts'
import type { ModelFetch } from './package.ts'
import { readWithTokens, type Shelf } from './pictures.ts'
import { carriesText, isOrigin, isRelated, readSent, type Sent } from './sent-request.ts'

/** The largest base64 form of one picture; see the same limit of OpenAI's adapter. */
const MAX_PICTURE_TEXT_BYTES = 112 * 1024 * 1024
const MAX_ENVELOPE_BYTES = 1024 * 1024
/** Larger answers of a create are not kept for later polls; those known are below a kilobyte. */
const MAX_KEPT_ANSWER_CHARS = 16 * 1024
/** A read of the status, of the result, of a picture on the same origin: more are a loop that nobody ends. */
const MAX_READS_PER_POLL = 8

export type Answer = { status: number; headers: Record<string, string>; text: string }

/** What happened on the wire during one call of the package. */
export type Journal = {
  /** A request that may have begun work was handed to the client; `not_sent`: it proved that no byte left. */
  create: 'none' | 'not_sent' | 'lost' | 'answered'
  /** Why the create has no usable answer. */
  createError: OutboundError | JsonImagesError | null
  createAnswer: Answer | null
  /** A read that got no usable answer. */
  readError: OutboundError | JsonImagesError | null
  readAnswer: Answer | null
  /** The package asked again for what it had asked before: the work goes on. */
  isWaiting: boolean
  /** The task ended by moderation, which packages do not know for an end. */
  isModerated: boolean
  /** A rule of ours was broken, in words for the operator. */
  broken: string | null
  /** Trouble of our own storage. */
  own: { error: unknown } | null
}

export type Wire = { fetch: ModelFetch; journal: Journal }

export type WireOptions = {
  context: CallContext
  shelf: Shelf
  apiKey: string
  baseUrl: string | null
  /** Names the create: no other request holds it. */
  prompt: string
  count: number
  /** The answer that the create of this task had; it is given again instead of being sent again. */
  replayed: Answer | null
}

/** Thrown into a package to end it; nobody reads the message. */
class Stopped extends Error {
  override name = 'AbortError'
}

type State = WireOptions & {
  journal: Journal
  /** The upstream's own origin: configured, or that of the create. */
  origin: string | null
  creates: number
  /** What the create said, whole. */
  created: string
  reads: string[]
}

/** One wire for one call of a package. */
export function createWire(options: WireOptions): Wire {
  const journal: Journal = {
    create: 'none',
    createError: null,
    createAnswer: null,
    readError: null,
    readAnswer: null,
    isWaiting: false,
    isModerated: false,
    broken: null,
    own: null,
  }
  const origin = options.baseUrl === null ? null : new URL(options.baseUrl).origin
  const state: State = { ...options, journal, origin, creates: 0, created: '', reads: [] }
  return {
    journal,
    fetch: async (input, init) => {
      const sent = await readSent(input, init)
      if (journal.isWaiting || journal.broken !== null || journal.own !== null) throw new Stopped()
      // A package may write the prompt anew, so that no word of it tells a create: whatever is no GET may be one.
      const isNamed = carriesText(sent, state.prompt)
      const mayBegin = isNamed || sent.method !== 'GET'
      if (journal.create !== 'answered' && mayBegin) return create(state, sent)
      if (isNamed || (mayBegin && !namesTask(state, sent))) return stop(state, secondCreate)
      return read(state, sent)
    },
  }
}

const secondCreate = 'The package wanted to send a second create'

/** The create, or what may be one: the first request that is no GET, and no other is ever sent after it. */
async function create(state: State, sent: Sent): Promise<Response> {
  const { journal, replayed } = state
  state.creates += 1
  if (state.creates > 1) return stop(state, secondCreate)
  state.created = wordsOf(sent)
  state.origin ??= new URL(sent.url).origin
  if (!mayHaveKey(state, sent)) return stop(state, `The package wanted to send the key to ${sent.url}`)
  if (replayed !== null) {
    journal.create = 'answered'
    return toResponse(replayed)
  }
  let response: OutboundResponse
  // From here on it may have run, also when the package goes away while it is under way.
  journal.create = 'lost'
  try {
    response = await send(state, sent)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    if (!error.sent) journal.create = 'not_sent'
    journal.createError = error
    throw error
  }
  try {
    const { answer, body } = await readAnswer(state, response)
    journal.createAnswer = answer
    journal.create = 'answered'
    return toResponse(answer, body)
  } catch (error) {
    if (error instanceof OutboundError || error instanceof JsonImagesError) journal.createError = error
    throw error
  }
}

/** Everything after the create. */
async function read(state: State, sent: Sent): Promise<Response> {
  const { journal, shelf } = state
  const isForeign = state.origin !== null && !isOrigin(sent.url, state.origin)
  if (isForeign && sent.method === 'GET' && !carriesKey(state, sent)) {
    // A picture of its own: the core fetches it better than the package would.
    return new Response(new Uint8Array(shelf.putUrl(sent.url).bytes))
  }
  if (!mayHaveKey(state, sent)) return stop(state, `The package wanted to send the key to ${sent.url}`)
  const name = `${sent.method} ${sent.url} ${sent.body?.toString('latin1') ?? ''}`
  const canWait = state.replayed !== null || canReplay(journal.createAnswer)
  const isFirst = state.replayed === null
  if (canWait && (isFirst || state.reads.includes(name) || state.reads.length >= MAX_READS_PER_POLL)) {
    journal.isWaiting = true
    throw new Stopped()
  }
  state.reads.push(name)
  try {
    const { answer, body } = await readAnswer(state, await send(state, sent))
    journal.readAnswer = answer
    journal.isModerated = hasModeratedState(answer.text)
    if (journal.isModerated) throw new Stopped()
    return toResponse(answer, body)
  } catch (error) {
    if (error instanceof OutboundError || error instanceof JsonImagesError) journal.readError = error
    throw error
  }
}

/**
 * Whether it asks about what the create began: it repeats, in its address or body, something that only the create's answer
 * told, such as the task's id. Some packages read with POST; another create could not know that.
 */
function namesTask({ journal, replayed, created }: State, sent: Sent): boolean {
  const answer = replayed ?? journal.createAnswer
  const told = answer === null || answer.status > 299 ? [] : listNames(parseJsonOrNull(answer.text))
  const said = wordsOf(sent)
  const names = told.filter(name => !created.includes(name))
  return names.some(name => said.includes(name) || said.includes(encodeURIComponent(name)))
}

function wordsOf({ url, body }: Sent): string {
  return `${url} ${body?.toString('utf8') ?? ''}`
}

/** Shorter ones, and words without a digit, an order may say by chance. */
const LEAST_NAME_CHARS = 8

function listNames(value: unknown): string[] {
  if (typeof value === 'string') {
    const isName = value.length >= LEAST_NAME_CHARS && /^\S*\d\S*$/.test(value)
    return isName ? [value] : []
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(listNames)
}

/** Whether the task can live in the database until it is asked about. */
export function canReplay(answer: Answer | null): answer is Answer {
  return answer !== null && answer.status < 300 && answer.text.length <= MAX_KEPT_ANSWER_CHARS
}

/** `Content Moderated`, `Request Moderated`: a package would go on asking. */
function hasModeratedState(text: string): boolean {
  const body = parseJsonOrNull(text)
  return isRecord(body) && [body.status, body.state].some(state => /\bmoderated\b/i.test(String(state)))
}

function stop(state: State, why: string): never {
  state.journal.broken = why
  throw new Stopped()
}

function carriesKey({ apiKey }: State, { headers, url }: Sent): boolean {
  return url.includes(apiKey) || Object.values(headers).some(value => value.includes(apiKey))
}

/** The key goes to the upstream's own origin and to its other API hosts, never to an address that an answer named. */
function mayHaveKey(state: State, sent: Sent): boolean {
  if (!carriesKey(state, sent) || state.origin === null) return true
  return isOrigin(sent.url, state.origin) || isRelated(sent.url, state.origin)
}

function send({ context, count }: State, sent: Sent): Promise<OutboundResponse> {
  return context.http.request({
    method: sent.method,
    url: sent.url,
    // Its own origin is trusted where the configuration names it.
    trust: 'upstream',
    headers: { ...sent.headers, ...context.headers },
    ...(sent.body === null ? {} : { body: sent.body }),
    ...limitCall(context, count * MAX_PICTURE_TEXT_BYTES + MAX_ENVELOPE_BYTES),
  })
}

/** `body` only where the answer is a picture: then it is the token. */
async function readAnswer(
  state: State,
  response: OutboundResponse,
): Promise<{ answer: Answer; body: Buffer | null }> {
  const { status, headers } = response
  try {
    if (status < 200 || status > 299) {
      return { answer: { status, headers, text: await readErrorText(response) }, body: null }
    }
    if (/^(?:image\/|application\/octet-stream|binary\/)/i.test(headers['content-type'] ?? '')) {
      const token = await state.shelf.receive(response.body as AsyncIterable<Uint8Array>)
      return { answer: { status, headers, text: '' }, body: token.bytes }
    }
    const text = await readWithTokens(response.body as AsyncIterable<Uint8Array>, state.shelf.receive)
    return { answer: { status, headers, text }, body: null }
  } catch (error) {
    if (error instanceof JsonImagesError && error.code === 'truncated' && !isFramed(headers)) {
      throw new OutboundError('reset', true, 'The answer ended inside a picture')
    }
    if (!(error instanceof OutboundError) && !(error instanceof JsonImagesError))
      state.journal.own = { error }
    throw error
  } finally {
    response.body.destroy()
  }
}

function toResponse({ status, headers, text }: Answer, body: Buffer | null = null): Response {
  const hasBody = ![204, 205, 304].includes(status)
  const said = body === null ? text : new Uint8Array(body)
  // The length and encoding were those of the body as it came.
  const { 'content-length': _length, 'content-encoding': _encoding, ...kept } = headers
  return new Response(hasBody ? said : null, { status, headers: kept })
}
