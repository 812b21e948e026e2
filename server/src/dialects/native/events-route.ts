// The events of a generation as they happen: its states, partial pictures, its end.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Db } from '../../db/db.ts'
import { AppError } from '../../errors.ts'
import type { Generation, PublicStatus } from '../../generations/generation.ts'
import type { PartialPicture } from '../../generations/partials.ts'
import { findQueuePlace, type QueuePlace } from '../../generations/queue-place.ts'
import { findGeneration } from '../../generations/read.ts'
import type { ShowNeeds } from '../../generations/shown-outputs.ts'
import { type WatchNeeds, watchGeneration } from '../../generations/watch.ts'
import type { HttpContext, HttpEnv } from '../../http/context.ts'
import { openEvents } from '../../http/event-stream.ts'
import { logBroken } from '../../http/send-image.ts'
import type { Log } from '../../log.ts'
import type { Begin } from './begin.ts'
import { paths } from './paths.ts'
import { toGenerationObject } from './present.ts'
import { readQuery } from './query.ts'
import { noSuchGeneration } from './read-routes.ts'

export type EventNeeds = WatchNeeds & ShowNeeds & { db: Db; log: Log }

/** Each holds a connection and looks at the database every second: as many as one page of a dashboard needs. */
export const maxStreamsOfKey = 20
/** Named by the last event, so that a client which reconnects by itself can be told to stop. */
const endId = 'end'
/** A client that lost its stream comes back after so long. */
const retryMs = 1_000

const noQuery = z.strictObject({})

export function addEvents(app: OpenAPIHono<HttpEnv>, needs: EventNeeds, begin: Begin): void {
  const streams = countStreams()
  app.get(paths.events, async context => {
    const { accountId, keyId } = await begin(context, paths.events, 'read')
    readQuery(context, noQuery)
    const generation = await findGeneration(needs.db, accountId, context.req.param('id') ?? '')
    if (!generation) throw noSuchGeneration()
    // 204 is the sign to a browser's EventSource that there is nothing more.
    if (context.req.header('last-event-id') === endId) return context.body(null, 204)
    if (context.req.method === 'HEAD') return context.body(null, 200, { 'content-type': 'text/event-stream' })
    const leave = streams.enter(keyId)
    try {
      await sendEvents(needs, context, generation)
    } finally {
      leave()
    }
    return RESPONSE_ALREADY_SENT
  })
}

async function sendEvents(needs: EventNeeds, context: HttpContext, generation: Generation): Promise<void> {
  const { id } = generation
  const events = openEvents(context, logBroken(needs.log, context))
  void events.send([`retry: ${retryMs}\n\n`])
  let latest: PublicStatus | null = null
  try {
    const ended = await watchGeneration(needs, generation, {
      signal: events.gone,
      onStatus(status) {
        latest = status
        // One that is queued is told with its place, just below.
        if (status !== 'queued') void events.send([toEvent('status', { id, status, queue: null })])
      },
      onQueued: createQueueTeller(needs, queue => {
        // A picture may have come while the place was looked for.
        if (latest === 'queued') void events.send([toEvent('status', { id, status: 'queued', queue })])
      }),
      onProgress: progress => void events.send([toEvent('progress', { id, ...progress })]),
      onPartial: picture => events.whenRoom(toPartialEvent(picture)),
    })
    if (ended) await events.send([`id: ${endId}\n${toEvent('end', toGenerationObject(needs, ended, null))}`])
  } catch (error) {
    // The head is out: a stream that ends without its last event says that the client is to come again.
    needs.log.error({ event: 'events.broken', generationId: id, err: error }, 'a stream of events broke off')
  }
  await events.end()
}

/** Tells the place whenever it has changed, once while nothing is known of it. */
function createQueueTeller(
  needs: { db: Db },
  tell: (place: QueuePlace | null) => void,
): (generation: Generation) => Promise<void> {
  let told: string | null = null
  return async generation => {
    const place = await findQueuePlace(needs.db, generation)
    const text = `${place?.position}`
    if (text === told) return
    told = text
    tell(place)
  }
}

function toEvent(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

function toPartialEvent({ bytes, ...about }: PartialPicture): string[] {
  return [
    `event: partial\ndata: ${JSON.stringify(about).slice(0, -1)},"image":"`,
    bytes.toString('base64'),
    '"}\n\n',
  ]
}

function countStreams() {
  const open = new Map<string, number>()
  return {
    /** Throws too_many_in_flight. Call the answer when the stream has ended. */
    enter(keyId: string): () => void {
      const before = open.get(keyId) ?? 0
      if (before >= maxStreamsOfKey) {
        const message = `A key can have ${maxStreamsOfKey} streams of events open.`
        throw new AppError('too_many_in_flight', message, { retryAfterSeconds: 5 })
      }
      open.set(keyId, before + 1)
      return () => {
        const left = (open.get(keyId) ?? 1) - 1
        if (left > 0) open.set(keyId, left)
        else open.delete(keyId)
      }
    },
  }
}
