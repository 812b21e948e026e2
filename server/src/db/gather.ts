// Asks together what is asked at once. Under load most of what a small question costs is its own trip to the database:
// while one statement runs, the questions that come in wait and go with the next. An idle service notices nothing.

import type { Queryable } from './db.ts'

/** Statements under way at once; one that waits for a lock must not keep all others waiting. */
const lanes = 2
/** Another statement goes beside one that takes longer than this; sooner it would only take what the next one can. */
const slowMs = 5
/** Questions in one statement at most, so that its plan stays the one that was prepared. */
const maxGathered = 64

/** As `gather`, for each database by itself; a process has one. */
export function gatherOn<Question, Answer>(
  ask: (db: Queryable, questions: Question[]) => Promise<Answer[]>,
): (db: Queryable, question: Question) => Promise<Answer> {
  const askers = new WeakMap<Queryable, (question: Question) => Promise<Answer>>()
  return (db, question) => {
    const known = askers.get(db)
    if (known) return known(question)
    const made = gather<Question, Answer>(questions => ask(db, questions))
    askers.set(db, made)
    return made(question)
  }
}

/**
 * Makes a function that puts its questions together. `ask` answers in the order it was asked; when it fails, each
 * question that went with it fails alike. A question never joins a statement that was sent before it was put.
 */
export function gather<Question, Answer>(
  ask: (questions: Question[]) => Promise<Answer[]>,
): (question: Question) => Promise<Answer> {
  type Waiting = { question: Question; resolve(answer: Answer): void; reject(reason: unknown): void }
  let waiting: Waiting[] = []
  let running = 0
  let isDue = false
  let late: NodeJS.Timeout | null = null

  function send(): void {
    isDue = false
    while (running === 0 && waiting.length > 0) sendOne()
    while (running < lanes && waiting.length >= maxGathered) sendOne()
    if (!late && waiting.length > 0 && running < lanes) late = setTimeout(sendLate, slowMs)
  }

  function sendLate(): void {
    late = null
    if (running < lanes && waiting.length > 0) sendOne()
  }

  function sendOne(): void {
    const sent = waiting.slice(0, maxGathered)
    waiting = waiting.slice(maxGathered)
    running += 1
    void askAll(sent)
  }

  async function askAll(sent: Waiting[]): Promise<void> {
    try {
      const answers = await ask(sent.map(({ question }) => question))
      if (answers.length !== sent.length) throw new Error('an answer for each question is missing')
      for (const [at, { resolve }] of sent.entries()) resolve(answers[at] as Answer)
    } catch (error) {
      for (const { reject } of sent) reject(error)
    }
    running -= 1
    if (waiting.length > 0) send()
  }

  return question =>
    new Promise((resolve, reject) => {
      waiting.push({ question, resolve, reject })
      if (isDue || running >= lanes) return
      isDue = true
      // What arrived in the same turn of the loop goes along.
      setImmediate(send)
    })
}
