// The file host of an emulator, on an origin of its own as with the vendors: real pictures by addresses that cannot
// be guessed, which die. It counts downloads and remembers whether a key was shown to it.
import { randomBytes } from 'node:crypto'
import { type Answer, answerRead } from './faults.ts'
import { type Directives, type Exchange, readNumber, startUpstream, type Upstream } from './upstream.ts'

/** The behaviours of a file host, for the emulators that publish their pictures on one. */
export const fileDirectives: Record<string, string> = {
  file_gone: 'download: 404, as after the expiry',
  'file_gone=N': 'download: 404 for the first N reads of a file only',
  'file_expires=MS': 'the file dies after MS milliseconds',
  file_needs_key: 'download: 401 without the key of the API',
  'file_redirect=URL': 'download: 302 to URL (default a private address)',
  file_page: 'download: a page of HTML under the type of a picture',
  file_half: 'download: the first half of the picture, complete by its headers',
  file_other_type: 'download: the declared type contradicts the bytes',
  file_slow: 'download: late by 100 ms',
}

export type PublishedFile = {
  /** Ends the address, such as `out-0.webp`. */
  name: string
  mediaType: string
  make(): Promise<Buffer>
  /** The behaviours asked for by the work that made the file. */
  directives?: Directives
}

export type FileHost = {
  upstream: Upstream
  /** Origin without a trailing slash. */
  url: string
  /** Puts a file there; the answer is its address. */
  publish(file: PublishedFile): string
  /** Kills the address now; false when it is unknown. */
  expire(url: string): boolean
  /** Whole files sent. */
  readonly downloads: number
  /** Requests that showed a key. */
  readonly keysShown: number
  close(): Promise<void>
}

export type FileHostOptions = {
  /** Of the vendor it belongs to. */
  name: string
  /** 0 or absent = a free port. */
  port?: number
  /** How long an address lives; default an hour. */
  expiresMs?: number
  /** What `file_needs_key` wants in the Authorization header, behind its scheme. */
  apiKey?: string
}

type Entry = PublishedFile & { directives: Directives; diesAtMs: number; reads: number }

const hourMs = 3_600_000
/** A long rehearsal must not grow without end; the oldest files die early then. */
const maxFiles = 20_000
/** What a host in somebody's cloud must never be asked for. */
const privateAddress = 'http://169.254.169.254/latest/meta-data/'

/** Starts a file host on loopback, on a port and therefore an origin of its own. */
export async function startFileHost(options: FileHostOptions): Promise<FileHost> {
  const entries = new Map<string, Entry>()
  const counts = { downloads: 0, keysShown: 0 }
  const upstream = await startUpstream({
    name: `${options.name} files`,
    ...(options.port === undefined ? {} : { port: options.port }),
    handle: exchange => serveFile(exchange, { entries, counts, apiKey: options.apiKey ?? '' }),
  })
  return {
    upstream,
    url: upstream.url,
    publish(file) {
      const directives = file.directives ?? new Map<string, string>()
      const path = `/${randomBytes(24).toString('base64url')}/${file.name}`
      const livesMs = readNumber(directives, 'file_expires', options.expiresMs ?? hourMs)
      entries.set(path, { ...file, directives, diesAtMs: performance.now() + livesMs, reads: 0 })
      const oldest = entries.keys().next()
      if (entries.size > maxFiles && !oldest.done) entries.delete(oldest.value)
      return `${upstream.url}${path}`
    },
    expire: url => entries.delete(new URL(url).pathname),
    get downloads() {
      return counts.downloads
    },
    get keysShown() {
      return counts.keysShown
    },
    close: () => upstream.close(),
  }
}

type Serving = {
  entries: Map<string, Entry>
  counts: { downloads: number; keysShown: number }
  apiKey: string
}

async function serveFile(exchange: Exchange, { entries, counts, apiKey }: Serving): Promise<void> {
  const { request } = exchange
  const shown = request.headers.authorization
  if (shown !== undefined) counts.keysShown += 1
  const entry = entries.get(request.path)
  const directives = entry?.directives ?? new Map<string, string>()
  if (entry !== undefined) entry.reads += 1
  const nth = entry?.reads ?? 1
  await answerRead(exchange, { place: 'download', directives, nth, answer })
  if (exchange.response.statusCode === 200 && exchange.response.writableFinished) counts.downloads += 1

  async function answer(): Promise<Answer> {
    if (directives.has('file_slow')) await exchange.wait(100)
    if (entry === undefined || entry.diesAtMs <= performance.now() || isGone(directives, nth))
      return sayXml(404, 'NoSuchKey', 'The specified key does not exist.')
    if (directives.has('file_needs_key') && shown?.replace(/^\w+ /, '') !== apiKey)
      return sayXml(401, 'AccessDenied', 'Authentication is required.')
    const target = directives.get('file_redirect')
    if (target !== undefined)
      return { status: 302, headers: { location: target || privateAddress }, body: [] }
    return { status: 200, ...(await present(entry)) }
  }
}

function isGone(directives: Directives, nth: number): boolean {
  return directives.has('file_gone') && nth <= readNumber(directives, 'file_gone', Number.POSITIVE_INFINITY)
}

async function present({ mediaType, directives, make }: Entry): Promise<Omit<Answer, 'status'>> {
  const otherType = mediaType === 'image/png' ? 'image/jpeg' : 'image/png'
  const headers = {
    'content-type': directives.has('file_other_type') ? otherType : mediaType,
    'accept-ranges': 'bytes',
    'cache-control': 'public, max-age=3600',
  }
  if (directives.has('file_page'))
    return { headers, body: ['<!doctype html><html><body>Hello</body></html>'] }
  const bytes = await make()
  return { headers, body: [directives.has('file_half') ? bytes.subarray(0, bytes.length / 2) : bytes] }
}

/** As the stores of files behind the vendors refuse. */
function sayXml(status: number, code: string, message: string): Answer {
  const text = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
  return { status, headers: { 'content-type': 'application/xml; charset=UTF-8' }, body: [text] }
}
