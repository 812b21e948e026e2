// A synchronous call is an asynchronous one plus this wait. The waiter owns nothing: leaving changes nothing.

import { findWallet } from '../credits/ledger.ts'
import type { Db } from '../db/db.ts'
import type { Accepted } from './create.ts'
import { findRowById } from './find.ts'
import { type Generation, isTerminal } from './generation.ts'
import { persist } from './persist.ts'
import type { Settled } from './settled.ts'
import { toGeneration } from './sql.ts'

export type Outcome = {
  generation: Generation
  /** Credits available now. */
  available: number
}

/** The settled generation, or null when the time is up or the caller has gone. */
export async function waitForOutcome(
  db: Db,
  accepted: Accepted,
  limits: { timeoutMs: number; signal: AbortSignal },
): Promise<Outcome | null> {
  const { generation, settlement } = accepted
  try {
    if (isTerminal(generation.state)) return await readOutcome(db, generation)
    const settled = await firstOf(settlement.settled, limits)
    if (settled === 'gone') return null
    return settled ?? (await readOutcome(db, generation))
  } finally {
    settlement.cancel()
  }
}

async function readOutcome(db: Db, known: Generation): Promise<Outcome | null> {
  const now = isTerminal(known.state) ? known : await readAgain(db, known)
  if (!now || !isTerminal(now.state)) return null
  const wallet = await persist(() => findWallet(db, known.accountId))
  return { generation: now, available: wallet?.available ?? 0 }
}

async function readAgain(db: Db, { id, accountId }: Generation): Promise<Generation | null> {
  const row = await persist(() => findRowById(db, { id, accountId }))
  return row && toGeneration(row)
}

function firstOf(
  settled: Promise<Settled>,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<Settled | 'gone'> {
  return new Promise(resolve => {
    const leave = () => finish('gone')
    const timer = setTimeout(leave, timeoutMs)
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    settled.then(finish, leave)
    function finish(result: Settled | 'gone'): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
      resolve(result)
    }
  })
}
