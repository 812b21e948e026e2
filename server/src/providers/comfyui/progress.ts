// How far work is, as the engine tells it by its websocket, to the process that ordered it. One socket for all work under
// way, none without any. What is heard is a hint: whatever becomes of the socket, no order ends or waits for it.
import { randomUUID } from 'node:crypto'
import { isRecord, parseJsonOrNull } from '../hosted-call.ts'
import type { CallContext, FailureKind, ProviderOutcome } from '../provider.ts'

/** How the engine is reached by whoever orders or reads. */
export type Way = { http: CallContext['http']; baseUrl: string; headers: Record<string, string> }

export type ProgressWatch = {
  /** What orders name, so that the engine tells this watch of them. */
  clientId: string
  /** Work that this process has ordered. `samplers`: nodes of it that are expected to tell steps. */
  follow(promptId: string, samplers: number, way: Way): void
  /** What a read has found, with the progress where it goes on; opens a socket that has ended. */
  tell(outcome: ProviderOutcome, promptId: string, way: Way): ProviderOutcome
  forget(promptId: string): void
}

/** More work than one engine is ever given at once; what comes beyond has no progress. */
const MAX_FOLLOWED = 500
/** Work that nobody here reads and the engine says nothing of: it ended elsewhere. */
const FORGET_MS = 10 * 60_000
/** Previews are some tens of kilobytes; a node that sends whole pictures here ends the socket. */
const MAX_MESSAGE_BYTES = 1024 * 1024
/** Between two sockets, doubled while they tell nothing of our work. */
const FIRST_REST_MS = 1_000
const MAX_REST_MS = 60_000

/** Failures of a read that say nothing of the work. */
const missedReads: readonly FailureKind[] = ['unavailable', 'rate_limited', 'misconfigured']
const endings: readonly unknown[] = ['execution_success', 'execution_error', 'execution_interrupted']

type Followed = {
  samplers: number
  /** The node that told last, and which of those that tell it is. */
  node: string | null
  nth: number
  share: number | null
  timer: NodeJS.Timeout
}

/** Creation opens nothing. */
export function createProgressWatch(): ProgressWatch {
  const clientId = randomUUID()
  const followed = new Map<string, Followed>()
  let stop: (() => void) | null = null
  let isResting = false
  let restMs = FIRST_REST_MS

  function forget(promptId: string): void {
    clearTimeout(followed.get(promptId)?.timer)
    followed.delete(promptId)
    if (followed.size > 0) return
    stop?.()
    stop = null
  }

  function open({ http, baseUrl, headers }: Way): void {
    if (stop !== null || isResting || followed.size === 0 || !http.listen) return
    stop = http.listen({
      url: `${baseUrl}/ws?clientId=${clientId}`,
      trust: 'configured',
      headers,
      maxMessageBytes: MAX_MESSAGE_BYTES,
      onText: hear,
      onEnd() {
        stop = null
        isResting = true
        setTimeout(() => {
          isResting = false
        }, restMs).unref()
        restMs = Math.min(restMs * 2, MAX_REST_MS)
      },
    })
  }

  function hear(text: string): void {
    const message = parseJsonOrNull(text)
    const data = isRecord(message) && isRecord(message.data) ? message.data : {}
    const promptId = String(data.prompt_id)
    const work = followed.get(promptId)
    if (!isRecord(message) || !work) return
    work.timer.refresh()
    // Releases tell the end by a node that is none.
    const isOver = endings.includes(message.type) || (message.type === 'executing' && data.node === null)
    if (isOver) forget(promptId)
    else if (message.type === 'progress' && take(work, data)) restMs = FIRST_REST_MS
  }

  return {
    clientId,
    follow(promptId, samplers, way) {
      if (followed.has(promptId) || followed.size >= MAX_FOLLOWED) return
      const timer = setTimeout(() => forget(promptId), FORGET_MS).unref()
      followed.set(promptId, { samplers, node: null, nth: 0, share: null, timer })
      open(way)
    },
    tell(outcome, promptId, way) {
      const work = followed.get(promptId)
      if (work === undefined) return outcome
      if (isEnd(outcome)) forget(promptId)
      else {
        work.timer.refresh()
        open(way)
      }
      return outcome.kind === 'pending' && work.share !== null
        ? { ...outcome, progress: work.share }
        : outcome
    },
    forget,
  }
}

function isEnd(outcome: ProviderOutcome): boolean {
  return outcome.kind === 'failed' ? !missedReads.includes(outcome.failure) : outcome.kind === 'succeeded'
}

/**
 * The engine tells the steps of one node, and begins anew with the next: a share of all of them is made of that, which
 * never falls. Says whether it was one.
 */
function take(work: Followed, { value, max, node }: Record<string, unknown>): boolean {
  if (typeof value !== 'number' || typeof max !== 'number' || !(value >= 0) || !(max > 0)) return false
  const name = String(node).slice(0, 100)
  if (name !== work.node) {
    work.node = name
    work.nth += 1
  }
  const share = (work.nth - 1 + Math.min(1, value / max)) / Math.max(work.samplers, work.nth)
  work.share = Math.max(work.share ?? 0, share)
  return true
}

/** Nodes that have a number of steps: samplers, or the schedulers that some get theirs from. */
export function countSamplers(nodes: Record<string, { inputs: Record<string, unknown> }>): number {
  return Object.values(nodes).filter(({ inputs }) => typeof inputs.steps === 'number').length
}
