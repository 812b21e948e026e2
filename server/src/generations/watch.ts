// Watching a generation of any node to its end. The database says where it is, so the watcher may be at another node, or
// come back at one; partial pictures are seen only in the process that runs it.
import type { Db } from '../db/db.ts'
import { type Generation, isTerminal, type PublicStatus, publicStatus } from './generation.ts'
import type { PartialBus, PartialListener } from './partials.ts'
import { persist } from './persist.ts'
import { findProgress, type UpstreamProgress } from './progress.ts'
import { findGeneration } from './read.ts'
import type { Runner } from './runner.ts'
import type { SettledBus } from './settled.ts'
import { timeLeftMs } from './time-left.ts'

export type WatchNeeds = {
  db: Db
  settled: Pick<SettledBus, 'subscribe'>
  partials: Pick<PartialBus, 'subscribe'>
  runner: Pick<Runner, 'draining' | 'runs'>
}

/** How late a change may be seen that this process is not told of. */
const lookEveryMs = 1_000
/** All watchers of the process look at once, so that their looks are few statements whatever their number. */
const beat = createBeat(lookEveryMs)
/** As for waiting callers: one sweep past the deadline it must have ended. */
const graceMs = 5_000

/**
 * Resolves with the ended generation; null when the watcher leaves, the process stops while another runs it, the
 * generation is deleted, or it is overdue. Holds nothing afterwards.
 */
export async function watchGeneration(
  needs: WatchNeeds,
  generation: Generation,
  watcher: {
    signal: AbortSignal
    onStatus(status: PublicStatus): void
    /** Called at every look while it is queued. */
    onQueued?(generation: Generation): Promise<void>
    onPartial: PartialListener
    /** Called when the upstream told something new of its work. */
    onProgress(progress: UpstreamProgress): void
  },
): Promise<Generation | null> {
  const { id, accountId } = generation
  const { signal } = watcher
  const bell = createBell()
  let shown: PublicStatus | null = null
  let told = 'null'
  const show = (status: PublicStatus) => {
    // What is seen at work does not wait again until it has failed to run, and then it says so.
    if (status !== shown) watcher.onStatus(status)
    shown = status
  }
  const leave = [
    needs.settled.subscribe(id, bell.ring),
    needs.partials.subscribe(id, picture => {
      show('running')
      watcher.onPartial(picture)
    }),
  ]
  signal.addEventListener('abort', bell.ring, { once: true })
  try {
    for (;;) {
      // Read after subscribing: a settlement in between would otherwise be missed.
      const now = signal.aborted ? null : await persist(() => findGeneration(needs.db, accountId, id))
      if (!now || signal.aborted) return null
      if (isTerminal(now.state)) return now
      show(publicStatus(now.state))
      if (now.state === 'queued') await watcher.onQueued?.(now)
      const progress = await findProgress(needs.db, now)
      const text = JSON.stringify(progress)
      if (progress && text !== told) watcher.onProgress(progress)
      told = text
      if (needs.runner.draining() && !needs.runner.runs(id)) return null
      if (timeLeftMs(now.timeLeft) < -graceMs) return null
      await bell.wait()
    }
  } finally {
    signal.removeEventListener('abort', bell.ring)
    for (const each of leave) each()
  }
}

/** Calls everybody who waits for it in one turn; the first of them sets it going. */
function createBeat(everyMs: number) {
  let waiting = new Set<() => void>()
  let timer: NodeJS.Timeout | null = null
  const strike = () => {
    const woken = waiting
    timer = null
    waiting = new Set()
    for (const wake of woken) wake()
  }
  return {
    /** Returns how to wait no more. */
    next(wake: () => void): () => void {
      waiting.add(wake)
      timer ??= setTimeout(strike, everyMs)
      return () => {
        waiting.delete(wake)
        if (waiting.size > 0 || !timer) return
        clearTimeout(timer)
        timer = null
      }
    },
  }
}

/** Wakes whoever waits, or whoever waits next; the next beat wakes as well. */
function createBell() {
  let rung = false
  let wake: (() => void) | null = null
  return {
    ring(this: void): void {
      rung = true
      wake?.()
    },
    async wait(): Promise<void> {
      if (!rung) {
        await new Promise<void>(resolve => {
          const stopWaiting = beat.next(resolve)
          wake = () => {
            stopWaiting()
            resolve()
          }
        })
      }
      rung = false
      wake = null
    },
  }
}
