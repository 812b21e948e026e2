// Judges a URL before anything is looked up or connected. The URL is parsed here, once, and the parsed object
// is what the connection uses: a second parser could read another host out of the same text.

export type TargetRules = {
  /** Exact `host:port` pairs that are reached without scheme, port and address checks. */
  allow: string[]
  /** Base URLs of providers; their origins are trusted unless a customer wrote the URL. */
  configuredOrigins: string[]
  /** Names and addresses of this service; a customer must not make it call itself. */
  ownHosts: string[]
  /** Ports beside 443 that checked URLs may name. */
  extraPorts: number[]
}

export type Target = {
  url: URL
  /** Only public addresses may be connected to. */
  isChecked: boolean
  /** The connection may be kept for the next request. */
  isPooled: boolean
}

/** A URL that must not be requested, and why, for the operator. */
export type Refusal = { refused: string }

// Names that clouds and local networks resolve to what only the inside may see. The address check would refuse
// most of them too; refusing the name costs no look-up and holds where a resolver answers strangely.
const refusedNames = ['localhost', 'internal', 'local', 'localdomain', 'home.arpa', 'metadata.goog']

/** Returns a function that parses and judges URLs. Throws at once where the rules themselves are not valid. */
export function createTargetJudge(
  rules: TargetRules,
): (text: string, trust: 'configured' | 'upstream' | 'customer') => Target | Refusal {
  const configured = new Set(rules.configuredOrigins.map(parseBaseUrl))
  const allowed = new Set(rules.allow.map(parseHostPort))
  const own = new Set(rules.ownHosts.map(host => stripName(host.toLowerCase())))
  const ports = new Set(['', '443', ...rules.extraPorts.map(String)])

  return (text, trust) => {
    const url = parseOrNull(text)
    if (url === null) return { refused: 'not a URL' }
    if (url.username !== '' || url.password !== '') return { refused: 'credentials in the URL' }
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return { refused: `scheme ${url.protocol}` }
    if (trust !== 'customer' && configured.has(url.origin)) return { url, isChecked: false, isPooled: true }
    if (allowed.has(hostPort(url))) return { url, isChecked: false, isPooled: false }
    if (url.protocol !== 'https:') return { refused: `scheme ${url.protocol}` }
    if (!ports.has(url.port)) return { refused: `port ${url.port}` }
    const name = stripName(url.hostname)
    if (own.has(name)) return { refused: 'our own host' }
    if (isRefusedName(name)) return { refused: `name ${name}` }
    return { url, isChecked: true, isPooled: false }
  }
}

/** Once: canParse would parse it too. */
function parseOrNull(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

function isRefusedName(name: string): boolean {
  if (name.startsWith('[')) return false
  // A name without a dot means something only on a local network or through a search domain.
  if (!name.includes('.')) return true
  return refusedNames.some(refused => name === refused || name.endsWith(`.${refused}`))
}

/** A trailing dot names the same host. */
function stripName(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}

function hostPort(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`
}

function parseBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new Error(`${text} is no http(s) base URL`)
  return url.origin
}

function parseHostPort(text: string): string {
  const [, host, port] = /^([^/@?#*\\\s]+):([0-9]{1,5})$/.exec(text.trim()) ?? []
  const parseable = host !== undefined && URL.canParse(`http://${host}`)
  if (!parseable || Number(port) < 1 || Number(port) > 65_535) throw new Error(`${text} is no host:port`)
  return `${new URL(`http://${host}`).hostname}:${Number(port)}`
}
