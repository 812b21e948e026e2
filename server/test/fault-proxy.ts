// A TCP proxy that breaks connections on purpose, to stand between the service and its database, an upstream or
// a bucket. A mode holds for bytes that pass from then on, also on connections that are open already.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { listenOn, listenOnQuietPort } from './quiet-ports.ts'

export type Direction = 'toServer' | 'toClient'

export type FaultMode =
  | { kind: 'pass' }
  /** Every piece waits this long, in order. */
  | { kind: 'delay'; delayMs: number }
  /** Each connection is reset after this many bytes more in that direction. */
  | { kind: 'cutAfter'; bytes: number; direction: Direction }
  /**
   * Resets a connection when its client sends the marker: 'COMMIT', or the name of a prepared statement. With
   * `forward` the server gets it and its answer is thrown away; without, it never arrives. Happens `times` times.
   */
  | { kind: 'cutAtCommit'; forward: boolean; marker?: string; times?: number }
  /** Nothing passes any more and nothing is closed: a pulled cable. */
  | { kind: 'halfOpen' }
  /** So many bytes a second in that direction, one at a time. */
  | { kind: 'drip'; bytesPerSecond: number; direction: Direction }
  /** New connections are refused and open ones reset. */
  | { kind: 'refuse' }

export type FaultProxy = {
  readonly port: number
  /** The same URL with the proxy's address in place of the target's. */
  through(url: string): string
  setMode(mode: FaultMode): Promise<void>
  /** Resets every open connection at once; the mode stays. */
  cutAll(): void
  /** Connections accepted so far, and how many were cut by `cutAtCommit`. */
  counts(): { accepted: number; cutAtCommit: number }
  close(): Promise<void>
}

type Pair = { client: Socket; server: Socket; passed: Record<Direction, number>; swallow: boolean }
type State = { mode: FaultMode; pairs: Set<Pair>; accepted: number; cutAtCommit: number }

function cut(state: State, pair: Pair): void {
  state.pairs.delete(pair)
  pair.client.resetAndDestroy()
  pair.server.resetAndDestroy()
}

/** Starts a proxy to that target on a free loopback port. */
export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const state: State = { mode: { kind: 'pass' }, pairs: new Set(), accepted: 0, cutAtCommit: 0 }
  const server = createServer({ allowHalfOpen: true }, client => accept(state, { client, target }))
  const port = await listenOnQuietPort(server)
  const cutAll = () => {
    for (const pair of [...state.pairs]) cut(state, pair)
  }
  return {
    port,
    through(url) {
      const changed = new URL(url)
      changed.hostname = '127.0.0.1'
      changed.port = String(port)
      return changed.toString()
    },
    async setMode(mode) {
      const refused = state.mode.kind === 'refuse'
      state.mode = { ...mode }
      for (const pair of state.pairs) pair.passed = { toServer: 0, toClient: 0 }
      if (mode.kind === 'refuse') {
        cutAll()
        if (server.listening) await closeServer(server)
      } else if (refused) {
        await listenOn(server, port)
      }
    },
    cutAll,
    counts: () => ({ accepted: state.accepted, cutAtCommit: state.cutAtCommit }),
    async close() {
      cutAll()
      if (server.listening) await closeServer(server)
    },
  }
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>(resolve => server.close(() => resolve()))
}

function accept(
  state: State,
  { client, target }: { client: Socket; target: { host: string; port: number } },
): void {
  state.accepted += 1
  const server = connect({ ...target, allowHalfOpen: true })
  const pair: Pair = { client, server, passed: { toServer: 0, toClient: 0 }, swallow: false }
  state.pairs.add(pair)
  client.setNoDelay(true)
  server.setNoDelay(true)
  for (const socket of [client, server]) {
    // Either end failing is told to the other by a reset, as a broken network would.
    socket.on('error', () => cut(state, pair))
    socket.on('close', () => {
      if (state.mode.kind !== 'halfOpen') cut(state, pair)
    })
  }
  void carry(state, pair, 'toServer')
  void carry(state, pair, 'toClient')
}

/** Carries one direction, piece by piece, asking the mode for each. */
async function carry(state: State, pair: Pair, direction: Direction): Promise<void> {
  const from = direction === 'toServer' ? pair.client : pair.server
  const to = direction === 'toServer' ? pair.server : pair.client
  try {
    for await (const piece of from) {
      if (!(await pass(state, pair, { piece: piece as Buffer, direction, to }))) return
    }
    // A pulled cable does not carry the end of a stream either.
    if (state.mode.kind !== 'halfOpen') to.end()
  } catch {
    cut(state, pair)
  }
}

type Passage = { piece: Buffer; direction: Direction; to: Socket }

/** False when the connection was cut. */
async function pass(state: State, pair: Pair, passage: Passage): Promise<boolean> {
  const { piece, direction, to } = passage
  const { mode } = state
  switch (mode.kind) {
    case 'halfOpen':
      return true
    case 'delay':
      await delay(mode.delayMs)
      break
    case 'drip':
      if (mode.direction === direction) return await drip(state, pair, { ...passage, mode })
      break
    case 'cutAfter': {
      if (mode.direction !== direction) break
      const left = mode.bytes - pair.passed[direction]
      pair.passed[direction] += piece.length
      if (piece.length < left) break
      if (left > 0) await write(to, piece.subarray(0, left))
      cut(state, pair)
      return false
    }
    case 'cutAtCommit': {
      if (direction === 'toClient') {
        if (!pair.swallow) break
        cut(state, pair)
        return false
      }
      const { times } = mode
      if (times !== undefined && times <= 0) break
      if (!piece.includes(mode.marker ?? 'COMMIT')) break
      if (times !== undefined) mode.times = times - 1
      state.cutAtCommit += 1
      if (!mode.forward) {
        cut(state, pair)
        return false
      }
      // The answer proves that the server has done it; it is thrown away with the connection.
      pair.swallow = true
      break
    }
    default:
      break
  }
  await write(to, piece)
  return true
}

async function drip(
  state: State,
  pair: Pair,
  { piece, to, mode }: Passage & { mode: { bytesPerSecond: number } },
): Promise<boolean> {
  for (let at = 0; at < piece.length; at += 1) {
    if (state.mode !== mode) {
      await write(to, piece.subarray(at))
      return true
    }
    await delay(1000 / mode.bytesPerSecond)
    if (!state.pairs.has(pair)) return false
    await write(to, piece.subarray(at, at + 1))
  }
  return true
}

async function write(to: Socket, piece: Buffer): Promise<void> {
  if (to.write(piece) || to.destroyed) return
  await new Promise<void>(resolve => {
    const done = () => {
      to.off('drain', done)
      to.off('close', done)
      resolve()
    }
    to.once('drain', done)
    to.once('close', done)
  })
}
