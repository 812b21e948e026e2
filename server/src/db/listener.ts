// One dedicated connection that holds every LISTEN of the process and comes back by itself after a loss.
// Subscribers share a channel; what was notified during a loss is gone, so reconnecting tells them.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { toCallerError } from './database-error.ts'
import type { DatabaseLog, ListenOptions } from './db.ts'

/** First and longest pause between attempts to reconnect: quick after a restart, gentle during an outage. */
const FIRST_RETRY_MS = 50
const LONGEST_RETRY_MS = 2_000
/** A silent network loss shows as an unanswered heartbeat, since an idle LISTEN connection sends nothing. */
const HEARTBEAT_MS = 15_000
const HEARTBEAT_TIMEOUT_MS = 5_000

type Subscriber = { onPayload: (payload: string) => void; onReconnect: (() => void) | null }
type Channel = {
  everything: Set<Subscriber>
  byPayload: Map<string, Set<Subscriber>>
  listening: Promise<void>
}

export type Listener = {
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    options?: ListenOptions,
  ): Promise<() => Promise<void>>
  close(): Promise<void>
}

export type ListenerOptions = { makeClient: () => pg.Client; log: DatabaseLog }

function subscribersOf(channel: Channel): Subscriber[] {
  return [...channel.everything, ...[...channel.byPayload.values()].flatMap(set => [...set])]
}

function addSubscriber(channel: Channel, subscriber: Subscriber, payload: string | undefined): void {
  if (payload === undefined) {
    channel.everything.add(subscriber)
    return
  }
  const same = channel.byPayload.get(payload)
  if (same === undefined) channel.byPayload.set(payload, new Set([subscriber]))
  else same.add(subscriber)
}

function removeSubscriber(channel: Channel, subscriber: Subscriber, payload: string | undefined): void {
  if (payload === undefined) {
    channel.everything.delete(subscriber)
    return
  }
  const same = channel.byPayload.get(payload)
  same?.delete(subscriber)
  if (same?.size === 0) channel.byPayload.delete(payload)
}

/** Opens no connection before the first listen(). */
export function createListener({ makeClient, log }: ListenerOptions): Listener {
  const channels = new Map<string, Channel>()
  let connection: Promise<pg.Client> | null = null
  let closed = false
  const closing = new AbortController()

  function tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      log.error({ err: error }, 'a subscriber of a database notification threw')
    }
  }

  function deliver(name: string, payload: string): void {
    const channel = channels.get(name)
    if (channel === undefined) return
    for (const subscriber of channel.everything) tell(() => subscriber.onPayload(payload))
    for (const subscriber of [...(channel.byPayload.get(payload) ?? [])]) {
      tell(() => subscriber.onPayload(payload))
    }
  }

  async function open(): Promise<pg.Client> {
    const client = makeClient()
    let state: 'opening' | 'open' | 'lost' = 'opening'
    let stopHeartbeat: () => void = () => undefined
    // The error comes before the statements on the connection fail, so those already see its successor coming.
    const lose = () => {
      stopHeartbeat()
      if (state === 'open' && !closed) void reconnect()
      state = 'lost'
      client.end().catch(() => undefined)
    }
    client.on('error', lose)
    client.once('end', lose)
    client.on('notification', message => deliver(message.channel, message.payload ?? ''))
    const isLost = () => state === 'lost'
    try {
      await client.connect()
      for (const name of channels.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(name)}`)
      if (isLost() || closed) throw new Error('the connection ended while it was opened')
    } catch (error) {
      client.end().catch(() => undefined)
      throw error
    }
    state = 'open'
    stopHeartbeat = startHeartbeat(client)
    return client
  }

  async function reconnect(): Promise<void> {
    log.warn({ channels: channels.size }, 'the notification connection was lost')
    let settle: (client: pg.Client) => void = () => undefined
    let fail: (error: unknown) => void = () => undefined
    const coming = new Promise<pg.Client>((resolve, reject) => {
      settle = resolve
      fail = reject
    })
    coming.catch(() => undefined)
    connection = coming
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_RETRY_MS)) {
      await delay(pauseMs, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
      if (closed) return fail(new Error('the database is closed'))
      try {
        settle(await open())
        break
      } catch (error) {
        log.warn({ err: error }, 'reconnecting for notifications failed')
      }
    }
    log.info({ channels: channels.size }, 'listening for notifications again')
    for (const channel of channels.values()) {
      for (const subscriber of subscribersOf(channel)) tell(() => subscriber.onReconnect?.())
    }
  }

  async function getConnection(): Promise<pg.Client> {
    if (closed) throw new Error('the database is closed')
    if (connection === null) {
      const first = open()
      connection = first
      first.catch(() => {
        if (connection === first) connection = null
      })
    }
    return await connection
  }

  async function startListening(name: string): Promise<void> {
    const client = await getConnection()
    const current = connection
    try {
      // Repeating a LISTEN that a reconnect already sent is harmless.
      await client.query(`LISTEN ${pg.escapeIdentifier(name)}`)
    } catch (error) {
      if (connection === current) throw error
      // Lost meanwhile: its successor listens to every channel before it is handed out.
      await connection
    }
  }

  async function leave(name: string): Promise<void> {
    const channel = channels.get(name)
    if (channel === undefined || channel.everything.size > 0 || channel.byPayload.size > 0) return
    channels.delete(name)
    const client = await connection?.catch(() => null)
    // A failed UNLISTEN means a lost connection, and the next one does not listen to this channel.
    if (!channels.has(name))
      await client?.query(`UNLISTEN ${pg.escapeIdentifier(name)}`).catch(() => undefined)
  }

  return {
    async listen(name, onPayload, options = {}) {
      if (closed) throw new Error('the database is closed')
      const subscriber: Subscriber = { onPayload, onReconnect: options.onReconnect ?? null }
      let channel = channels.get(name)
      if (channel === undefined) {
        channel = { everything: new Set(), byPayload: new Map(), listening: Promise.resolve() }
        channels.set(name, channel)
        channel.listening = startListening(name)
      }
      addSubscriber(channel, subscriber, options.payload)
      try {
        await channel.listening
      } catch (error) {
        removeSubscriber(channel, subscriber, options.payload)
        if (subscribersOf(channel).length === 0 && channels.get(name) === channel) channels.delete(name)
        throw toCallerError(error, { phase: 'unsent', lost: true })
      }
      return async () => {
        removeSubscriber(channel, subscriber, options.payload)
        await leave(name)
      }
    },
    async close() {
      closed = true
      closing.abort()
      const client = await connection?.catch(() => null)
      await client?.end().catch(() => undefined)
    },
  }
}

function startHeartbeat(client: pg.Client): () => void {
  const timer = setInterval(() => {
    // A connection that does not answer is ended by the driver's own timeout, and its end reconnects us.
    client.query({ text: 'SELECT 1', query_timeout: HEARTBEAT_TIMEOUT_MS } as pg.QueryConfig).catch(() => {
      client.end().catch(() => undefined)
    })
  }, HEARTBEAT_MS)
  timer.unref()
  return () => clearInterval(timer)
}
