// The transport faults that every emulator shares, and the one way a billable create is acted out: refusal,
// billing, time, answer. A fault strikes after the work unless `when=before` is asked for, because only a fault
// after the work costs money.
import { constants, gzipSync } from 'node:zlib'
import { type Directives, type Exchange, readNumber } from './upstream.ts'

/** The directives understood by every emulator; printed by `npm run upstreams`. */
export const transportDirectives: Record<string, string> = {
  'slow=MS': 'the work takes MS milliseconds',
  'first=N': 'the other directives hold for the first N requests with this prompt only',
  'when=before|after': 'the fault strikes before or after the billed work (default after)',
  'on=create|poll|download':
    'which request the fault strikes, where the work is read later or its pictures lie at a URL (default create)',
  'reads=N': 'a fault on=poll or on=download strikes the first N reads of one piece of work (default 1)',
  reset_during_request: 'reset while the request is still being read (scripts of a test only)',
  reset_before_headers: 'reset instead of an answer',
  reset_mid_body: 'reset in the middle of the answer',
  long_content_length: 'Content-Length promises 1,000 bytes more than come, then the connection ends',
  endless_body: 'the answer is never finished: its middle repeats for ever',
  stall_mid_body: 'the first half of the answer, then nothing while the connection stays open',
  'drip=MS': 'one byte per MS milliseconds (default 1000)',
  hang: 'timeout after accept: the work is done and billed, no answer ever comes',
  html_500: '500 with an HTML page',
  html_502: '502 with an HTML page',
  html_503: '503 with an HTML page, from an intermediary',
  html_504: '504 with an HTML page',
  empty_200: '200 with an empty body',
  not_json: '200 with words instead of JSON',
  'redirect=URL': '308 to URL',
  'huge_body=BYTES': '200 with one JSON string of BYTES where no picture belongs (default 50 MB)',
  'huge_error=BYTES': '500 with a text of BYTES (default 50 MB)',
  'echo=STATUS': 'STATUS in the envelope of both vendors, repeating headers and body of the request',
  'echo_text=STATUS': 'the same without an envelope, as a page of HTML',
  'deep_json=N': '200 with N nested arrays (default 100,000)',
  gzip_bomb: '200, content-encoding gzip, 100 MB of zeros in 100 kB',
}

export type Answer = {
  status: number
  headers?: Record<string, string>
  /** Parts are written one after the other, so that large pictures need not be copied. */
  body: (Buffer | string)[]
}

/** An answer of the vendor that is no success. */
export type Refusal = {
  answer: Answer
  /** True when the vendor works first and refuses then; such work is not billed. */
  late: boolean
}

export type Work = {
  /** How long a success takes when no directive says otherwise. */
  latencyMs: number
  refusal: Refusal | null
  /** Makes the whole success answer. */
  answer(): Answer | Promise<Answer>
  /** Sends a success that is no single answer, such as an event stream; used instead of `answer` when given. */
  stream?(): Promise<void>
  /** The create only hands out a task: the answer comes at once, and the work takes its time behind it. */
  isTask?: boolean
}

export type Place = 'create' | 'poll' | 'download'

/** One read of work that was ordered before: a poll of its task, or the download of a picture. */
export type Read = {
  place: Exclude<Place, 'create'>
  /** Those of the work; the request that reads it carries no prompt. */
  directives: Directives
  /** Which read of this piece of work it is, from 1. */
  nth: number
  answer(): Answer | Promise<Answer>
}

/** Acts out one read; it costs nothing, and its faults pass after `reads=N`. */
export async function answerRead(exchange: Exchange, read: Read): Promise<void> {
  const isStruck = strikes(read.directives, read.place) && read.nth <= readNumber(read.directives, 'reads', 1)
  const seen = { ...exchange, directives: isStruck ? read.directives : new Map<string, string>() }
  const blunt = findBluntFault(seen)
  if (blunt !== null) return blunt()
  await sendAnswer(seen, await read.answer())
}

/** Whether the faults among the directives are meant for this kind of request. */
function strikes(directives: Directives, place: Place): boolean {
  return (directives.get('on') ?? 'create') === place
}

/** Acts out one create. */
export async function runWork(given: Exchange, work: Work): Promise<void> {
  const { directives } = given
  const isStruck = strikes(directives, 'create')
  const exchange = isStruck ? given : { ...given, directives: new Map<string, string>() }
  const durationMs = work.isTask ? 0 : readNumber(directives, 'slow', work.latencyMs)
  const when = directives.get('when')
  const early = when === 'before' ? findBluntFault(exchange) : null
  if (early !== null) return early()
  if (work.refusal !== null) {
    if (when === 'after') exchange.bill()
    if (when === 'after' || work.refusal.late) await exchange.wait(durationMs)
    return sendAnswer(exchange, work.refusal.answer)
  }
  exchange.bill()
  await exchange.wait(durationMs)
  const blunt = findBluntFault(exchange)
  if (blunt !== null) return blunt()
  if (work.stream !== undefined) return work.stream()
  await sendAnswer(exchange, await work.answer())
}

/** Sends an answer, through the transport fault that was asked for. */
export async function sendAnswer(exchange: Exchange, answer: Answer): Promise<void> {
  const { directives, response } = exchange
  const parts = answer.body.map(part => (typeof part === 'string' ? Buffer.from(part) : part))
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(directives.has('endless_body')
      ? {}
      : { 'content-length': sizeBytes + (directives.has('long_content_length') ? 1000 : 0) }),
  })
  if (directives.has('endless_body')) return sendEndless(exchange, Buffer.concat(parts))
  if (directives.has('drip')) return sendDripping(exchange, Buffer.concat(parts))
  const isReset = directives.has('reset_mid_body')
  const isHalf = isReset || directives.has('stall_mid_body')
  const sendable = isHalf ? [Buffer.concat(parts).subarray(0, sizeBytes / 2)] : parts
  for (const part of sendable) if (!(await write(exchange, part))) return
  if (directives.has('stall_mid_body')) return exchange.closed
  if (isReset || directives.has('long_content_length')) return cutConnection(exchange, isReset)
  response.end()
  await exchange.closed
}

/** Writes with back-pressure; false when the client has gone. */
export async function write(exchange: Exchange, chunk: Buffer | string): Promise<boolean> {
  const { response } = exchange
  if (response.destroyed) return false
  if (response.write(chunk)) return true
  await Promise.race([exchange.closed, new Promise(resolve => response.once('drain', resolve))])
  return !response.destroyed
}

/** Lets what was written reach the client, then ends the connection: by FIN, or by RST when `reset` is set. */
export async function cutConnection({ response, closed }: Exchange, reset: boolean): Promise<void> {
  const { socket } = response
  if (socket === null || socket.destroyed) return
  if (!reset) return void socket.destroySoon()
  const flushed = new Promise<void>(resolve => void socket.write('', () => resolve()))
  await Promise.race([flushed, closed])
  socket.resetAndDestroy()
}

/** Faults that replace the whole answer. */
function findBluntFault(exchange: Exchange): (() => Promise<void>) | null {
  const { directives, response } = exchange
  if (directives.has('reset_before_headers')) {
    return async () => void response.socket?.resetAndDestroy()
  }
  if (directives.has('hang')) return () => exchange.closed
  if (directives.has('gzip_bomb')) return () => sendBomb(exchange)
  if (directives.has('huge_body')) {
    return () => sendFlood(exchange, { status: 200, head: '{"huge":"', tail: '"}', name: 'huge_body' })
  }
  if (directives.has('huge_error')) {
    return () => sendFlood(exchange, { status: 500, head: 'Error: ', tail: '', name: 'huge_error' })
  }
  const answer = findBluntAnswer(exchange)
  return answer === null ? null : () => sendAnswer(exchange, answer)
}

/** What a debugging proxy or a careless vendor answers: all that it was sent. */
function findEcho({ directives, request }: Exchange): Answer | null {
  const said = `${JSON.stringify(request.headers)} ${request.body.toString('utf8')}`
  const text = directives.get('echo_text')
  if (text !== undefined) {
    const page = said.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
    return {
      status: Number(text || 500),
      headers: { 'content-type': 'text/html' },
      body: [`<pre>${page}</pre>`],
    }
  }
  const status = directives.get('echo')
  if (status === undefined) return null
  const error = {
    message: `Invalid request: ${said}`,
    type: 'invalid_request_error',
    status: 'INVALID_ARGUMENT',
  }
  const headers = { 'content-type': 'application/json' }
  return { status: Number(status || 400), headers, body: [JSON.stringify({ error })] }
}

function findBluntAnswer(exchange: Exchange): Answer | null {
  const { directives } = exchange
  for (const status of [500, 502, 503, 504]) {
    if (directives.has(`html_${status}`)) return htmlPage(status)
  }
  const echo = findEcho(exchange)
  if (echo !== null) return echo
  const json = { 'content-type': 'application/json' }
  if (directives.has('empty_200')) return { status: 200, headers: json, body: [] }
  if (directives.has('not_json'))
    return { status: 200, headers: json, body: ['upstream connect error, try later'] }
  const target = directives.get('redirect')
  if (target !== undefined) return { status: 308, headers: { location: target }, body: [] }
  if (directives.has('deep_json')) {
    const depth = readNumber(directives, 'deep_json', 100_000)
    return { status: 200, headers: json, body: ['['.repeat(depth), ']'.repeat(depth)] }
  }
  return null
}

function htmlPage(status: number): Answer {
  const title =
    { 500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Time-out' }[
      status
    ] ?? ''
  const page = `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body><h1>${status} ${title}</h1></body>\r\n</html>\r\n`
  return { status, headers: { 'content-type': 'text/html', server: 'cloudflare' }, body: [page] }
}

/** Sends the first half, then its last base64-like stretch again and again until the client leaves. */
async function sendEndless(exchange: Exchange, whole: Buffer): Promise<void> {
  const half = whole.subarray(0, Math.floor(whole.length / 2))
  if (!(await write(exchange, half))) return
  const filler = Buffer.alloc(64 * 1024, 'A')
  while (await write(exchange, filler)) await new Promise(resolve => setImmediate(resolve))
}

async function sendDripping(exchange: Exchange, whole: Buffer): Promise<void> {
  const intervalMs = readNumber(exchange.directives, 'drip', 1000)
  exchange.response.socket?.setNoDelay(true)
  for (let at = 0; at < whole.length; at += 1) {
    if (!(await write(exchange, whole.subarray(at, at + 1)))) return
    await exchange.wait(intervalMs)
  }
  exchange.response.end()
}

type Flood = { status: number; head: string; tail: string; name: string }

async function sendFlood(exchange: Exchange, flood: Flood): Promise<void> {
  const sizeBytes = readNumber(exchange.directives, flood.name, 50_000_000)
  exchange.response.writeHead(flood.status, { 'content-type': 'application/json' })
  await write(exchange, flood.head)
  const chunk = Buffer.alloc(64 * 1024, 'x')
  for (let left = sizeBytes; left > 0; left -= chunk.length) {
    if (!(await write(exchange, left < chunk.length ? chunk.subarray(0, left) : chunk))) return
  }
  exchange.response.end(flood.tail)
  await exchange.closed
}

async function sendBomb(exchange: Exchange): Promise<void> {
  const bomb = gzipSync(Buffer.alloc(100_000_000), { level: constants.Z_BEST_SPEED })
  exchange.response.writeHead(200, {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    'content-length': bomb.length,
  })
  exchange.response.end(bomb)
  await exchange.closed
}
