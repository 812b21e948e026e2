// What a package wants to send, read whole: our client needs the bytes, and the rules need to see what is in them.

export type Sent = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'
  url: string
  headers: Record<string, string>
  body: Buffer | null
}

/** A prompt shorter than this may stand inside another text by chance. */
const LEAST_TELLING_CHARS = 12

export async function readSent(input: string | URL | Request, init: RequestInit = {}): Promise<Sent> {
  // The signal is ours already; forms and texts are encoded here.
  const { signal: _signal, ...rest } = init
  const request = new Request(input, { ...rest, duplex: 'half' })
  const body = request.body === null ? null : Buffer.from(await request.arrayBuffer())
  return {
    method: request.method as Sent['method'],
    url: request.url,
    headers: Object.fromEntries(request.headers),
    body,
  }
}

/** Whether the request says the text: in its address, in a JSON value, or in the part of a form. */
export function carriesText({ url, body }: Sent, text: string): boolean {
  if (text === '') return false
  const isTelling = text.length >= LEAST_TELLING_CHARS
  if (isTelling && url.includes(encodeURIComponent(text))) return true
  if (body === null) return false
  const value = parseJson(body)
  if (value === undefined) return body.includes(text)
  return holdsText(value, said => said === text || (isTelling && said.includes(text)))
}

/** Depth is bounded by what packages build. */
function holdsText(value: unknown, isText: (said: string) => boolean): boolean {
  if (typeof value === 'string') return isText(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(each => holdsText(each, isText))
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

export function isOrigin(url: string, origin: string): boolean {
  return URL.canParse(url) && new URL(url).origin === origin
}

/**
 * `api.eu.vendor.com` beside `api.vendor.com`: some vendors answer with the region that took the work on. Only over
 * https, and only where the first label says that the host serves an API.
 */
export function isRelated(url: string, origin: string): boolean {
  const { protocol, hostname } = new URL(url)
  const home = new URL(origin).hostname
  if (protocol !== 'https:' || !/^api\./.test(home) || !/^api\b/.test(hostname)) return false
  const domain = home.slice('api.'.length)
  return domain.includes('.') && hostname.endsWith(`.${domain}`)
}
