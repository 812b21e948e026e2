// Keeps finished connections of configured origins for the next request. A server may close an idle connection
// in the very moment we write to it, and nobody can tell then whether a create ran; so age decides who may reuse.

export type IdleConnection = {
  readonly isOpen: boolean
  destroy(): void
}

/** The longest a kept connection waits; servers commonly close at five seconds. */
export const MAX_IDLE_MS = 4_000
// A create is written only to a connection that was busy a moment ago: no common server closes that soon.
const MAX_IDLE_UNSAFE_MS = 1_000

export type IdleConnections<Connection extends IdleConnection> = {
  /** Takes the connection used last, if it is young enough for this request. */
  take(origin: string, isSafe: boolean): Connection | undefined
  /** Keeps a connection whose exchange has ended. */
  put(origin: string, connection: Connection): void
  /** Forgets one that closed. */
  remove(origin: string, connection: Connection): void
}

export function createIdleConnections<Connection extends IdleConnection>(): IdleConnections<Connection> {
  const byOrigin = new Map<string, { connection: Connection; idleSinceMs: number }[]>()
  function remove(origin: string, connection: Connection): void {
    const idle = byOrigin.get(origin) ?? []
    const index = idle.findIndex(entry => entry.connection === connection)
    if (index !== -1) idle.splice(index, 1)
  }
  return {
    take(origin, isSafe) {
      const idle = byOrigin.get(origin)
      const newest = idle?.at(-1)
      const maxIdleMs = isSafe ? MAX_IDLE_MS : MAX_IDLE_UNSAFE_MS
      if (newest === undefined || performance.now() - newest.idleSinceMs > maxIdleMs) return undefined
      idle?.pop()
      return newest.connection.isOpen ? newest.connection : undefined
    },
    put(origin, connection) {
      // A server that answers and closes at once is heard of in this turn of the event loop.
      setImmediate(() => {
        if (!connection.isOpen) return connection.destroy()
        const idle = byOrigin.get(origin) ?? []
        idle.push({ connection, idleSinceMs: performance.now() })
        byOrigin.set(origin, idle)
      })
    },
    remove,
  }
}
