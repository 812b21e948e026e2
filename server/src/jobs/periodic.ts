// Work that recurs on every node: sweeps, samples, flushes. A run that takes long is never overlapped by the next;
// a run that fails is logged and tried again at its next time.
import type { Log } from '../log.ts'
import type { Pulse } from './pulse.ts'

export type PeriodicTask = {
  name: string
  everyMs: number
  /** Before the first run. Default: `everyMs`. */
  firstMs?: number
  /** Readiness fails when it does not succeed any more. */
  isWatched?: true
  /** May call `beat` while it gets on with what is a lot. */
  run(beat: () => void): Promise<void>
}

export type Periodic = {
  /** Starts no further run and waits for those under way. */
  stop(): Promise<void>
}

/** Spreads the nodes: each waits up to a tenth longer or shorter. */
const jitterShare = 0.1

export type PeriodicNeeds = { log: Log; pulse: Pulse; random: () => number }

export function startPeriodic(tasks: PeriodicTask[], needs: PeriodicNeeds): Periodic {
  const timers = new Map<string, NodeJS.Timeout>()
  const running = new Set<Promise<void>>()
  let stopped = false

  function schedule(task: PeriodicTask, afterMs: number): void {
    if (stopped) return
    const delayMs = afterMs * (1 - jitterShare + 2 * jitterShare * needs.random())
    timers.set(
      task.name,
      setTimeout(() => runOnce(task), delayMs),
    )
  }

  function runOnce(task: PeriodicTask): void {
    const beat = () => needs.pulse.beat(task.name)
    const run = task
      .run(beat)
      .then(beat)
      .catch(error =>
        needs.log.error({ event: 'task.failed', task: task.name, err: error }, 'a recurring task failed'),
      )
      .finally(() => {
        running.delete(run)
        schedule(task, task.everyMs)
      })
    running.add(run)
  }

  for (const task of tasks) {
    if (task.isWatched) needs.pulse.watch(task)
    schedule(task, task.firstMs ?? task.everyMs)
  }
  return {
    async stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(running)
    },
  }
}
