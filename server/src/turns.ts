// Whose work is done next, a picture decoded or costs added up: accounts take turns, so that one that sends much waits
// for itself alone. What waits is held in memory, so few wait, and none longer than its caller can use it.
import { AppError } from './errors.ts'

/** For whom, and until when. */
export type Turn = { accountId: string; signal: AbortSignal }

export type Turns = { run<Result>(turn: Turn, work: () => Promise<Result>): Promise<Result> }

type Waiting = { begin(): void }
type Line = { running: number; waiting: Waiting[] }

/** Throws AppError `overloaded` when too many wait, of all or of the account, or when the signal ends the waiting. */
export function createTurns(limits: {
  atOnce: number
  waiting: number
  ofAccount: { atOnce: number; waiting: number }
  /** To who is sent away. */
  refusal: string
}): Turns {
  const { atOnce, waiting, ofAccount } = limits
  const tooMany = (cause: unknown) =>
    new AppError('overloaded', limits.refusal, { retryAfterSeconds: 2, cause })
  /** In the order of their turns: who was served goes to the end. */
  const lines = new Map<string, Line>()
  let running = 0
  const countWaiting = () => [...lines.values()].reduce((sum, line) => sum + line.waiting.length, 0)

  function toEnd(accountId: string, line: Line): void {
    // A line that was empty for a moment may have been followed by a new one.
    if (lines.get(accountId) === line) lines.delete(accountId)
    if (line.running > 0 || line.waiting.length > 0) lines.set(accountId, line)
  }
  function beginNext(): void {
    if (running >= atOnce) return
    for (const [accountId, line] of lines) {
      const next = line.running < ofAccount.atOnce ? line.waiting.shift() : undefined
      if (!next) continue
      running += 1
      line.running += 1
      toEnd(accountId, line)
      next.begin()
      return
    }
  }

  return {
    async run({ accountId, signal }, work) {
      const line = lines.get(accountId) ?? { running: 0, waiting: [] }
      const mustWait = running >= atOnce || line.running >= ofAccount.atOnce
      const isFull = line.waiting.length >= ofAccount.waiting || countWaiting() >= waiting
      if (signal.aborted || (mustWait && isFull)) throw tooMany(signal.reason)
      const begun = waitIn(line.waiting, signal, tooMany)
      lines.set(accountId, line)
      beginNext()
      await begun.finally(() => toEnd(accountId, line))
      try {
        return await work()
      } finally {
        running -= 1
        line.running -= 1
        toEnd(accountId, line)
        beginNext()
      }
    },
  }
}

/** Resolves when it is begun; leaves the line and rejects when the signal comes first. */
function waitIn(line: Waiting[], signal: AbortSignal, tooMany: (cause: unknown) => AppError): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiting: Waiting = {
      begin() {
        signal.removeEventListener('abort', giveUp)
        resolve()
      },
    }
    function giveUp(): void {
      line.splice(line.indexOf(waiting), 1)
      reject(tooMany(signal.reason))
    }
    signal.addEventListener('abort', giveUp, { once: true })
    line.push(waiting)
  })
}
