// RFC 7240: how long the caller wants to wait and how strictly it wants to be taken, and the 202 for whoever does not
// wait to the end. Malformed values are ignored, as the RFC asks. A streamed call does not wait: do not read it there.
import { type HttpContext, setAnswerHeader } from './context.ts'

/** Of an order whose caller waits for its end in silence, and of any other. */
export type Deadlines = { deadlineSyncMs: number; deadlineAsyncMs: number }

/** Of callers that are never left waiting for the end: they poll, or are streamed to. */
export const hearsLater: Pick<Preference, 'waitMs'> = { waitMs: 0 }

/**
 * How long an order may take, in every dialect. Common clients give up after 300 s without a header and send again, so
 * whoever waits for the end must have it before; whoever hears of it later need not.
 */
export function chooseDeadlineMs(
  { deadlineSyncMs, deadlineAsyncMs }: Deadlines,
  { waitMs }: Pick<Preference, 'waitMs'>,
): number {
  return waitMs === null ? deadlineSyncMs : deadlineAsyncMs
}

export type Preference = {
  /** Milliseconds to wait before a 202; null = until the generation has ended. */
  waitMs: number | null
  /** Options that the model does not offer are to be adapted (`GenerationInput.adapts`), not refused. */
  isLenient: boolean
  /** What `Preference-Applied` says; null = the caller preferred nothing. */
  applied: string | null
}

/** `respond-async`, `wait=N` (which wins when both are sent) and `handling=lenient`. */
export function readPreference(context: HttpContext): Preference {
  const header = context.req.header('prefer')
  const wait = readPreferredWaitMs(header)
  const isLenient = /(?:^|,)\s*handling\s*=\s*"?lenient"?\s*(?:,|$)/i.test(header ?? '')
  const applied = [wait?.applied ?? [], isLenient ? 'handling=lenient' : []].flat().join(', ')
  return { waitMs: wait?.waitMs ?? null, isLenient, applied: applied === '' ? null : applied }
}

export function readPreferredWaitMs(header: string | undefined): { waitMs: number; applied: string } | null {
  if (!header) return null
  const preferences = header.split(',').map(each => each.trim().toLowerCase())
  const wait = preferences
    .map(each => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(each)?.[1])
    .find(each => each !== undefined)
  if (wait !== undefined) return { waitMs: Number(wait) * 1000, applied: `wait=${Number(wait)}` }
  return preferences.includes('respond-async') ? { waitMs: 0, applied: 'respond-async' } : null
}

/**
 * Says which preferences were obeyed, on 200 and 202 alike, and what was changed of a lenient order: the bodies of most
 * dialects have no place for it.
 */
export function showPreference(
  context: HttpContext,
  { applied, isLenient }: Preference,
  { warnings }: { warnings: readonly string[] } = { warnings: [] },
): void {
  if (applied !== null) setAnswerHeader(context, 'preference-applied', applied)
  // No header may carry more than visible ASCII, whatever a warning repeats.
  const text = isLenient ? warnings.join(' ').replace(/[^\x20-\x7e]/g, '?') : ''
  if (text !== '') setAnswerHeader(context, 'x-darkroom-warnings', text)
}

/**
 * The 202 of every synchronous endpoint, in every dialect: the same body, and where to read the generation natively.
 * `state` is the core's; while it is open, callers know it as queued or running.
 */
export function sendAccepted(
  context: HttpContext,
  { publicUrl, generation }: { publicUrl: string; generation: { id: string; state: string } },
): Response {
  setAnswerHeader(context, 'x-should-retry', 'false')
  setAnswerHeader(context, 'location', `${publicUrl}/api/v1/generations/${generation.id}`)
  setAnswerHeader(context, 'retry-after', '1')
  const status = generation.state === 'queued' ? 'queued' : 'running'
  return context.json({ generationId: generation.id, status }, 202)
}
