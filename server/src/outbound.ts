// The only way out. Every request names who wrote its URL; addresses are checked when the socket connects.
import type { Readable } from 'node:stream'

export type OutboundRequest = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  /** Who wrote the URL: the operator's configuration, an upstream's answer, or a customer. */
  trust: 'configured' | 'upstream' | 'customer'
  headers?: Record<string, string>
  body?: string | Buffer | AsyncIterable<Uint8Array>
  /** Time to connect, to headers, and for the whole exchange. */
  connectTimeoutMs?: number
  headersTimeoutMs?: number
  timeoutMs: number
  /** The answer's body is cut with OutboundError 'too_large' beyond this. */
  maxBodyBytes: number
  signal?: AbortSignal
}

export type OutboundResponse = {
  status: number
  /** Lower-case names; repeated headers joined with ", ". */
  headers: Record<string, string>
  /** Throws OutboundError when cut, late or too large. */
  body: Readable
  /** Reads the rest as text. */
  text(): Promise<string>
  /** Throws away the rest and frees the socket. */
  discard(): Promise<void>
}

/** `sent: false` proves that no byte of the request left: DNS, refused, TLS, blocked address, connect timeout. */
export class OutboundError extends Error {
  override name = 'OutboundError'
  constructor(
    readonly code: 'blocked' | 'unreachable' | 'reset' | 'timeout' | 'too_large' | 'aborted',
    readonly sent: boolean,
    message: string,
  ) {
    super(message)
  }
}

export type OutboundClient = {
  request(request: OutboundRequest): Promise<OutboundResponse>
}
