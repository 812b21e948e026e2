// Opens one connection and, where the target is checked, refuses every address that is not public: a literal
// host, each address a name resolves to, and the peer that was really reached, before a byte is written to it.
import { promises as dns, type LookupAddress } from 'node:dns'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls'
import { AddressRefused, isPublicAddress } from './public-address.ts'

/** Finds every address of a name; rejects or returns none when there is none. */
export type Resolver = (hostname: string) => Promise<LookupAddress[]>

/** Begins a TCP connection to one of the addresses. */
export type Dial = (options: { addresses: LookupAddress[]; port: number }) => Socket

export type SocketOptions = {
  url: URL
  isChecked: boolean
  signal: AbortSignal
  /** Addresses of this service, refused like private ones where the target is checked. */
  ownHosts: string[]
  resolver?: Resolver | undefined
  dial?: Dial | undefined
  /** Certificate authorities beside the built-in ones, as PEM. */
  ca?: string[] | undefined
  /** A session to resume, and where a new one goes. */
  session?: Buffer | undefined
  onSession?: ((session: Buffer) => void) | undefined
}

// Past this, the next address of the name is tried; half a second suits a far host, where Node's 250 ms does not.
const ATTEMPT_TIMEOUT_MS = 500
// Probes keep a path through address translators alive while an upstream draws for minutes without a byte.
const KEEP_ALIVE_PROBE_MS = 30_000
// A customer's name server may be slow on purpose: two tries, and never in the thread pool that disk writes use.
const publicDns = new dns.Resolver({ timeout: 3_000, tries: 2 })

/** Resolves with a connected socket that nothing was written to, TLS handshake apart. Rejects with any Error. */
export async function openSocket(options: SocketOptions): Promise<Socket | TLSSocket> {
  const { url, signal, isChecked } = options
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const resolver = options.resolver ?? (isChecked ? resolvePublicly : resolveLocally)
  const family = isIP(hostname)
  const addresses = family ? [{ address: hostname, family }] : await orAbort(resolver(hostname), signal)
  if (addresses.length === 0) throw new Error('The name has no address')
  if (isChecked) for (const { address } of addresses) checkAddress(address, options)

  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  signal.throwIfAborted()
  const socket = (options.dial ?? dialAddresses)({ addresses, port })
  await untilEvent(socket, 'connect', signal)
  try {
    if (isChecked) checkAddress(socket.remoteAddress ?? '', options)
  } catch (error) {
    socket.destroy()
    throw error
  }
  return url.protocol === 'https:' ? secure(socket, hostname, options) : socket
}

function checkAddress(address: string, options: SocketOptions): void {
  if (!isPublicAddress(address) || options.ownHosts.includes(address))
    throw new AddressRefused(`${options.url.hostname} leads to ${address}`)
}

function dialAddresses({ addresses, port }: { addresses: LookupAddress[]; port: number }): Socket {
  return connect({
    // Node wants a name before it tries several addresses; this one is never looked up.
    host: 'already-resolved.invalid',
    lookup: (_hostname, _lookupOptions, callback) => callback(null, addresses),
    port,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
  })
}

async function secure(socket: Socket, hostname: string, options: SocketOptions): Promise<TLSSocket> {
  const secured = connectTls({
    socket,
    host: hostname,
    // An address may not be sent as a server name; the certificate is then held against `host`.
    servername: isIP(hostname) ? '' : hostname,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
    ...(options.ca && { ca: [...rootCertificates, ...options.ca] }),
    ...(options.session && { session: options.session }),
  })
  if (options.onSession) secured.on('session', options.onSession)
  await untilEvent(secured, 'secureConnect', options.signal)
  return secured
}

async function untilEvent(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    function settle(error?: Error): void {
      socket.off('error', settle).off('close', onClose).off(event, onEvent)
      signal.removeEventListener('abort', onAbort)
      if (error === undefined) resolve()
      else {
        // An error that comes after this one has nobody else to hear it.
        socket.on('error', () => undefined).destroy()
        reject(error)
      }
    }
    const onEvent = () => settle()
    const onClose = () => settle(new Error('The connection closed before it was ready'))
    const onAbort = () => settle(new Error('The connection attempt was given up'))
    socket.on('error', settle).on('close', onClose).on(event, onEvent)
    signal.addEventListener('abort', onAbort)
  })
}

async function orAbort<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Error('The look-up was given up'))
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** For the operator's own names, which may live in a hosts file or a container network. */
function resolveLocally(hostname: string): Promise<LookupAddress[]> {
  return dns.lookup(hostname, { all: true, verbatim: true })
}

/** For everybody else's names: asks name servers only. One family may be missing, not both. */
async function resolvePublicly(hostname: string): Promise<LookupAddress[]> {
  const [ipv4, ipv6] = await Promise.allSettled([publicDns.resolve4(hostname), publicDns.resolve6(hostname)])
  if (ipv4.status === 'rejected' && ipv6.status === 'rejected') throw ipv4.reason
  return [
    ...(ipv4.status === 'fulfilled' ? ipv4.value : []).map(address => ({ address, family: 4 })),
    ...(ipv6.status === 'fulfilled' ? ipv6.value : []).map(address => ({ address, family: 6 })),
  ]
}
