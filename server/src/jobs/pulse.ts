// When each recurring task that nothing may go without last succeeded, so that readiness tells of one that does not
// any more. Time is that of the process: a machine that slept is not behind.

export type Pulse = {
  /** Begins to watch a task; the time it has runs from now. */
  watch(task: { name: string; everyMs: number }): void
  /** It has succeeded, or is getting on with what is a lot. Others than those watched are left out. */
  beat(name: string): void
  /** The task that has not succeeded for longest, if that is too long. */
  findStill(): { name: string; seconds: number } | null
}

/** A machine may be very busy, and the database restarted; a statement that is stuck is cut after 15 s. */
export const defaultStillAfterMs = 60_000
/** Of a task that runs seldom. */
const periods = 10

export function createPulse(elapsedMs: () => number, stillAfterMs: number): Pulse {
  const watched = new Map<string, { beatAt: number; limitMs: number }>()
  return {
    watch: ({ name, everyMs }) => {
      watched.set(name, { beatAt: elapsedMs(), limitMs: Math.max(stillAfterMs, periods * everyMs) })
    },
    beat(name) {
      const task = watched.get(name)
      if (task) task.beatAt = elapsedMs()
    },
    findStill() {
      const now = elapsedMs()
      const still = [...watched]
        .filter(([, { beatAt, limitMs }]) => now - beatAt > limitMs)
        .map(([name, { beatAt }]) => ({ name, seconds: Math.round((now - beatAt) / 1_000) }))
      return still.toSorted((a, b) => b.seconds - a.seconds)[0] ?? null
    },
  }
}
