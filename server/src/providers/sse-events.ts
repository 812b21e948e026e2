// Reads an upstream's server-sent events. One event may hold a whole picture as base64, so its data stays a
// buffer: hand it to readJsonWithImages as `[event.data]`, never to JSON.parse.
import { type ByteSource, JsonImagesError } from './json-images.ts'

export type SseEvent = {
  /** The event's name; null when the server sends none. */
  event: string | null
  /** Its data; several data lines are joined by line feeds. */
  data: Buffer
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const END_OF_STREAM = Buffer.from('[DONE]')

/**
 * Yields events until the source ends or the data is `[DONE]`. An event without its closing blank line counts
 * when the source ends cleanly, so that a finished picture is kept; a cut one shows as cut JSON. Throws
 * JsonImagesError `too_large` beyond `maxEventBytes`; errors of the source are rethrown unchanged.
 */
export async function* readSseEvents(
  body: ByteSource,
  options: { maxEventBytes: number },
): AsyncGenerator<SseEvent, void, undefined> {
  let event: string | null = null
  let data: Buffer[] = []
  let sizeBytes = 0
  for await (const line of readLines(body, () => options.maxEventBytes - sizeBytes)) {
    if (line.length > 0) {
      const { field, value } = splitField(line)
      if (field === 'event') event = value.toString('utf8')
      if (field !== 'data') continue
      data.push(value)
      sizeBytes += line.length
      continue
    }
    const ended = finishEvent(event, data)
    event = null
    data = []
    sizeBytes = 0
    if (ended?.data.equals(END_OF_STREAM)) return
    if (ended) yield ended
  }
  const last = finishEvent(event, data)
  if (last && !last.data.equals(END_OF_STREAM)) yield last
}

function finishEvent(event: string | null, data: Buffer[]): SseEvent | null {
  const [first, ...more] = data
  if (first === undefined) return null
  const feed = Buffer.from([LINE_FEED])
  return {
    event,
    data: more.length === 0 ? first : Buffer.concat([first, ...more.flatMap(part => [feed, part])]),
  }
}

function splitField(line: Buffer): { field: string; value: Buffer } {
  const colon = line.indexOf(':')
  if (colon === -1) return { field: line.toString('utf8'), value: Buffer.alloc(0) }
  const start = line[colon + 1] === 0x20 ? colon + 2 : colon + 1
  return { field: line.toString('utf8', 0, colon), value: line.subarray(start) }
}

/** Yields lines without their LF or CRLF; the last one may lack it. `room` is the longest line allowed now. */
async function* readLines(body: ByteSource, room: () => number): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = []
  let length = 0
  let isFirst = true
  function keep(part: Buffer): void {
    length += part.length
    if (length > room()) throw new JsonImagesError('too_large', 'A server-sent event is too large')
    if (part.length > 0) parts.push(part)
  }
  function takeLine(): Buffer {
    let line = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, length)
    parts = []
    length = 0
    if (line.at(-1) === CARRIAGE_RETURN) line = line.subarray(0, -1)
    if (isFirst && line.subarray(0, 3).equals(BYTE_ORDER_MARK)) line = line.subarray(3)
    isFirst = false
    return line
  }
  for await (const bytes of body) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      keep(chunk.subarray(start, end))
      start = end + 1
      yield takeLine()
    }
    keep(chunk.subarray(start))
  }
  if (length > 0) yield takeLine()
}
