// An answer as callers of the way out get it. Thousands an hour are polls, so what each leaves in memory counts.
import type { Readable } from 'node:stream'
import { type Body, discardBody } from './body.ts'

// Reading up to this much of an unwanted answer costs less than a new TLS connection.
const MAX_DISCARD_BYTES = 64 * 1024

/** As OutboundResponse has it. */
type Answer = {
  status: number
  headers: Record<string, string>
  arriving: Body
  readonly body: Readable
  bytes(): Promise<Buffer>
  text(): Promise<string>
  discard(): Promise<void>
}

/**
 * What all answers share. With a getter of its own each would have a shape of its own, and V8 keeps shapes, with all
 * that their getters know, until a full collection: it was a fifth of what a poll cost.
 */
const shared: ThisType<Answer> & object = {
  get body() {
    return this.arriving.stream()
  },
}

/** `isOpen`: whether the rest of it may still come. */
export function buildAnswer(
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
  body: Body,
  isOpen: () => boolean,
): Answer {
  const isSmall = Number(headers['content-length'] ?? Number.POSITIVE_INFINITY) <= MAX_DISCARD_BYTES
  const answer: Answer = Object.create(shared)
  answer.arriving = body
  answer.status = status
  answer.headers = headers
  answer.bytes = () => body.bytes()
  answer.text = async () => (await body.bytes()).toString('utf8')
  answer.discard = () => discardBody(body.stream(), { isWorthReading: isOpen() && isSmall })
  return answer
}
