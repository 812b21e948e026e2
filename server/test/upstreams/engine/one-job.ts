// One card, one job at a time: whoever comes later waits until the earlier ones have ended.
export type OneJob = {
  /** The label of the job under way; null = idle. */
  current(): string | null
  waiting(): number
  /** Runs a job when its turn has come. */
  run<Result>(label: string, work: (job: Job) => Promise<Result>): Promise<Result>
  /** Ends the job under way, whoever's it is; false when there was none. */
  interrupt(): boolean
}

export type Job = {
  label: string
  isInterrupted(): boolean
  /** Waits, but not longer than until somebody interrupts. */
  orInterrupted(waiting: Promise<void>): Promise<void>
}

/** With `isCrowd` nobody waits for anybody: many engines behind one address. */
export function createOneJob(isCrowd = false): OneJob {
  let turn: Promise<unknown> = Promise.resolve()
  let waiting = 0
  let running: { label: string; interrupt(): void } | null = null

  async function runNow<Result>(label: string, work: (job: Job) => Promise<Result>): Promise<Result> {
    let isInterrupted = false
    let interrupt = () => {}
    const interrupted = new Promise<void>(resolve => {
      interrupt = () => {
        isInterrupted = true
        resolve()
      }
    })
    running = { label, interrupt }
    try {
      return await work({
        label,
        isInterrupted: () => isInterrupted,
        orInterrupted: async pause => {
          await Promise.race([pause, interrupted])
        },
      })
    } finally {
      running = null
    }
  }

  return {
    current: () => running?.label ?? null,
    waiting: () => waiting,
    run(label, work) {
      if (isCrowd) return runNow(label, work)
      waiting += 1
      const mine = turn.then(() => {
        waiting -= 1
        return runNow(label, work)
      })
      turn = mine.catch(() => undefined)
      return mine
    },
    interrupt() {
      running?.interrupt()
      return running !== null
    },
  }
}
