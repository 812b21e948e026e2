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

type Subscriber = {
  onPayload: (payload: string) => void
  onReconnect: (() => void) | null
  /** Undefined: every payload. */
  payload: string | undefined
}
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
  return [...channel.everything, ...[...channel.byPayload.values()].flatMap(same => [...same])]
}

function isEmpty(channel: Channel): boolean {
  return channel.everything.size === 0 && channel.byPayload.size === 0
}

function addSubscriber(channel: Channel, subscriber: Subscriber): void {
  const { payload } = subscriber
  const same = payload === undefined ? channel.everything : channel.byPayload.get(payload)
  if (same !== undefined) same.add(subscriber)
  else if (payload !== undefined) channel.byPayload.set(payload, new Set([subscriber]))
}

function removeSubscriber(channel: Channel, subscriber: Subscriber): void {
  const { payload } = subscriber
  if (payload === undefined) {
    channel.everything.delete(subscriber)
    return
  }
  const same = channel.byPayload.get(payload)
  same?.delete(subscriber)
  if (same?.size === 0) channel.byPayload.delete(payload)
}

type State = {
  makeClient: () => pg.Client
  log: DatabaseLog
  channels: Map<string, Channel>
  /** The connection, or the one that is coming; null before the first listen(). */
  connection: Promise<pg.Client> | null
  closing: AbortController
}

/** Opens no connection before the first listen(). */
export function createListener({ makeClient, log }: ListenerOptions): Listener {
  const state: State = {
    makeClient,
    log,
    channels: new Map(),
    connection: null,
    closing: new AbortController(),
  }
  return {
    listen: (channel, onPayload, options = {}) =>
      subscribe(state, channel, {
        onPayload,
        onReconnect: options.onReconnect ?? null,
        payload: options.payload,
      }),
    async close() {
      state.closing.abort()
      const client = await state.connection?.catch(() => null)
      await client?.end().catch(() => undefined)
    },
  }
}

async function subscribe(state: State, name: string, subscriber: Subscriber): Promise<() => Promise<void>> {
  if (state.closing.signal.aborted) throw new Error('the database is closed')
  let channel = state.channels.get(name)
  if (channel === undefined) {
    channel = { everything: new Set(), byPayload: new Map(), listening: Promise.resolve() }
    state.channels.set(name, channel)
    channel.listening = startListening(state, name)
  }
  addSubscriber(channel, subscriber)
  try {
    await channel.listening
  } catch (error) {
    removeSubscriber(channel, subscriber)
    if (isEmpty(channel) && state.channels.get(name) === channel) state.channels.delete(name)
    throw toCallerError(error, { phase: 'unsent', lost: true })
  }
  return async () => {
    removeSubscriber(channel, subscriber)
    await leaveIfEmpty(state, name)
  }
}

async function leaveIfEmpty(state: State, name: string): Promise<void> {
  const channel = state.channels.get(name)
  if (channel === undefined || !isEmpty(channel)) return
  state.channels.delete(name)
  const client = await state.connection?.catch(() => null)
  if (state.channels.has(name)) return
  // A failed UNLISTEN means a lost connection, and the next one does not listen to this channel.
  await client?.query(`UNLISTEN ${pg.escapeIdentifier(name)}`).catch(() => undefined)
}

async function startListening(state: State, name: string): Promise<void> {
  const client = await getConnection(state)
  const current = state.connection
  try {
    // Repeating a LISTEN that a reconnect already sent is harmless.
    await client.query(`LISTEN ${pg.escapeIdentifier(name)}`)
  } catch (error) {
    if (state.connection === current) throw error
    // Lost meanwhile: its successor listens to every channel before it is handed out.
    await state.connection
  }
}

async function getConnection(state: State): Promise<pg.Client> {
  if (state.connection === null) {
    const first = openConnection(state)
    state.connection = first
    first.catch(() => {
      if (state.connection === first) state.connection = null
    })
  }
  return await state.connection
}

/** A connection that listens to every channel of the moment, and has itself replaced when it is lost. */
async function openConnection(state: State): Promise<pg.Client> {
  const client = state.makeClient()
  let phase: 'opening' | 'open' | 'lost' = 'opening'
  let stopHeartbeat: () => void = () => undefined
  // The error comes before the statements on the connection fail, so those already see its successor coming.
  const lose = () => {
    stopHeartbeat()
    if (phase === 'open' && !state.closing.signal.aborted) state.connection = reconnect(state)
    phase = 'lost'
    client.end().catch(() => undefined)
  }
  client.on('error', lose)
  client.once('end', lose)
  client.on('notification', message => deliver(state, message.channel, message.payload ?? ''))
  const isLost = () => phase === 'lost'
  try {
    await client.connect()
    for (const name of state.channels.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(name)}`)
    if (isLost() || state.closing.signal.aborted) throw new Error('the connection ended while it was opened')
  } catch (error) {
    client.end().catch(() => undefined)
    throw error
  }
  phase = 'open'
  stopHeartbeat = startHeartbeat(client)
  return client
}

/** Tries until it has a connection again, then tells the subscribers. Rejects when the database is closed. */
function reconnect(state: State): Promise<pg.Client> {
  const { log, channels, closing } = state
  log.warn({ channels: channels.size }, 'the notification connection was lost')
  const coming = tryToConnect(state)
  coming.then(
    () => {
      log.info({ channels: channels.size }, 'listening for notifications again')
      for (const subscriber of [...channels.values()].flatMap(subscribersOf)) {
        tell(log, () => subscriber.onReconnect?.())
      }
    },
    error => {
      if (!closing.signal.aborted) log.error({ err: error }, 'reconnecting for notifications was given up')
    },
  )
  return coming
}

async function tryToConnect(state: State): Promise<pg.Client> {
  const { signal } = state.closing
  for (let pauseMs = FIRST_RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_RETRY_MS)) {
    await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
    if (signal.aborted) throw new Error('the database is closed')
    try {
      return await openConnection(state)
    } catch (error) {
      state.log.warn({ err: error }, 'reconnecting for notifications failed')
    }
  }
}

function deliver({ channels, log }: State, name: string, payload: string): void {
  const channel = channels.get(name)
  if (channel === undefined) return
  for (const subscriber of [...channel.everything, ...(channel.byPayload.get(payload) ?? [])]) {
    tell(log, () => subscriber.onPayload(payload))
  }
}

function tell(log: DatabaseLog, call: () => void): void {
  try {
    call()
  } catch (error) {
    log.error({ err: error }, 'a subscriber of a database notification threw')
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
