// The body of an answer as a stream that reads ahead a little, holds the upstream back when nobody takes it, and
// waits for its turn when it is large.
import { Readable } from 'node:stream'
import type { Flow } from './flow.ts'
import { noteSpentPiece } from './spent-pieces.ts'

// How far reading runs ahead of a slow consumer: four reads of a socket.
const READ_AHEAD_BYTES = 256 * 1024
// Answers up to this size are read at once: holding them back would save nothing.
const SMALL_BODY_BYTES = 64 * 1024
// Pictures of usual size, as base64 too: what they leave behind is collected with everything else.
const USUAL_BODY_BYTES = 2 * 1024 * 1024

/** The exchange's parser, which goes on parsing until it is paused. */
export type BodySource = { pause(): void; resume(): void }

export type Body = {
  /** Of a small answer it is made when somebody asks for it. */
  stream(): Readable
  /** Takes a piece that has arrived. */
  push(chunk: Buffer): void
  /** Everything has arrived. */
  end(): void
  /** Nothing more arrives. */
  fail(error: Error): void
  /** All that is left, as one piece. Rejects with what `fail` was given. */
  bytes(): Promise<Buffer>
  /**
   * The connection has ended: what is left of the answer lies in memory, and the parser gives it out now. undici 7
   * ends the whole process when a connection ends whose parser is held back (fixed in 8, which needs Node 22).
   */
  drain(): void
}

export type BodyOptions = {
  /** As the answer states it; null when it does not. */
  lengthBytes: number | null
  /** No more than so many arrive. */
  mostBytes: number
  flow: Flow
  /** The stream is read to its end, or nobody reads on. */
  onDestroy(): void
}

export function openBody(source: BodySource, options: BodyOptions): Body {
  const { lengthBytes } = options
  const open = (from: BodySource) => openStream(from, options)
  return (lengthBytes ?? 0) <= SMALL_BODY_BYTES ? openSmallBody(source, open) : open(source)
}

/** Of an exchange that has ended: its parser may be at work for the next one. */
const spentSource: BodySource = { pause: () => undefined, resume: () => undefined }

/**
 * Kept as it arrives, until somebody asks for the stream or it is small no more: a stream for each answer would cost
 * a tenth of all that a poll does. Only as a stream it waits for a turn.
 */
function openSmallBody(given: BodySource, open: (from: BodySource) => Body): Body {
  let source = given
  const parts: Buffer[] = []
  let sizeBytes = 0
  let opened: Body | null = null
  let end: { error: Error | null } | null = null
  let onChange: () => void = () => undefined
  let change: Promise<void> | null = null
  const finish = (error: Error | null) => {
    end = { error }
    source = spentSource
    onChange()
  }
  function openNow(): Body {
    const body = open(source)
    for (const part of parts.splice(0)) body.push(part)
    if (end?.error) body.fail(end.error)
    else if (end) body.end()
    onChange()
    return body
  }
  return {
    stream() {
      opened ??= openNow()
      return opened.stream()
    },
    push(chunk) {
      if (opened) return opened.push(chunk)
      parts.push(chunk)
      sizeBytes += chunk.length
      if (sizeBytes > SMALL_BODY_BYTES) opened = openNow()
    },
    end() {
      if (opened) opened.end()
      else finish(null)
    },
    fail(error) {
      if (opened) opened.fail(error)
      else finish(error)
    },
    async bytes() {
      if (opened) return opened.bytes()
      if (!end) {
        change ??= new Promise<void>(resolve => {
          onChange = resolve
        })
        await change
      }
      const late = opened as Body | null
      if (late) return late.bytes()
      if (end?.error) throw end.error
      return Buffer.concat(parts)
    },
    drain: () => opened?.drain(),
  }
}

function openStream(source: BodySource, { lengthBytes, mostBytes, flow, onDestroy }: BodyOptions): Body {
  const isSmall = mostBytes <= SMALL_BODY_BYTES
  const member = isSmall ? null : flow.join(() => source.resume())
  let isDrained = false
  const countSpent = createSpentCount(lengthBytes ?? 0)
  if (member && !member.isFlowing()) source.pause()
  const stream = new Readable({
    highWaterMark: READ_AHEAD_BYTES,
    read() {
      member?.note(stream.readableLength)
      if (!member || member.isFlowing()) source.resume()
    },
    destroy(error, callback) {
      member?.leave()
      onDestroy()
      callback(error)
    },
  })
  // An answer that nobody reads must not end the process when it breaks off; readers see the error all the same.
  stream.on('error', () => undefined)
  return {
    stream: () => stream,
    push(chunk) {
      countSpent(chunk.length)
      if (!stream.push(chunk) && !isDrained) source.pause()
      member?.note(stream.readableLength)
    },
    end: () => void stream.push(null),
    fail: error => void stream.destroy(error),
    async bytes() {
      const parts: Buffer[] = []
      for await (const part of stream as AsyncIterable<Buffer>) parts.push(part)
      return Buffer.concat(parts)
    },
    drain() {
      isDrained = true
      source.resume()
    },
  }
}

/** Resolves when it is read to its end, or, where that is not worth it, given up with its connection. */
export async function discardBody(stream: Readable, { isWorthReading }: { isWorthReading: boolean }) {
  if (stream.closed) return
  const closed = new Promise<void>(resolve => stream.once('close', () => resolve()))
  if (isWorthReading) stream.resume()
  else stream.destroy()
  await closed
}

/** Where no length is stated, an answer is large once it has brought more than usual. */
function createSpentCount(statedBytes: number): (bytes: number) => void {
  let isLarge = statedBytes > USUAL_BODY_BYTES
  let uncountedBytes = 0
  return bytes => {
    uncountedBytes += bytes
    isLarge ||= uncountedBytes > USUAL_BODY_BYTES
    if (!isLarge) return
    noteSpentPiece(uncountedBytes)
    uncountedBytes = 0
  }
}
