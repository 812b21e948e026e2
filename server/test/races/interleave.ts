// Runs several actors against one database, one statement at a time, in an order the caller chooses: every
// interleaving of their awaits can be had, and had again. A statement of ours is a whole transaction, so nothing
// finer exists to interleave.
import type { Db } from '../../src/db/db.ts'

export type Actor = (db: Db) => Promise<void>

export type Interleaving = {
  /** The connection of the database itself. */
  db: Db
  actors: readonly Actor[]
  /** Which of `count` waiting statements goes next: 0 to count − 1. */
  choose(count: number): number
  /** Called after each statement, while every actor waits. */
  afterStep(): Promise<void>
}

/** Statements an endless actor may make before the run is given up. */
const maxSteps = 1_000

/** Resolves when every actor has ended; rejects with the first failure of an actor or of `afterStep`. */
export async function interleave({ db, actors, choose, afterStep }: Interleaving): Promise<number> {
  const waiting: (() => void)[] = []
  let running = 0
  const failures: unknown[] = []

  /** Lets the statement through when its turn has come. */
  async function takeTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    await new Promise<void>(resolve => waiting.push(resolve))
    running += 1
    try {
      return await run()
    } finally {
      running -= 1
    }
  }

  const gated: Db = {
    query: (statement, values) => takeTurn(() => db.query(statement, values)),
    transaction: run => takeTurn(() => db.transaction(run)),
    listen: () => Promise.reject(new Error('an actor does not listen')),
    close: () => Promise.reject(new Error('an actor does not close the database')),
  }
  for (const actor of actors) actor(gated).catch(error => failures.push(error))

  let steps = 0
  for (;;) {
    // Until every actor has come to its next statement or to its end.
    do await new Promise<void>(resolve => setImmediate(resolve))
    while (running > 0)
    if (failures.length > 0) throw failures[0]
    if (steps > 0) await afterStep()
    if (waiting.length === 0) return steps
    const [next] = waiting.splice(choose(waiting.length) % waiting.length, 1)
    steps += 1
    if (steps > maxSteps) throw new Error('the actors never end')
    next?.()
  }
}
