// The invariant view over the tests' databases: looked at when one of them goes, and all the time while a rig is
// watched. Any row fails the suite, which need not remember to look.
import { basename } from 'node:path'
import { expect } from 'vitest'
import { findRecentViolations, findViolations, type Violation } from '../src/credits/ledger.ts'
import { connectDatabase } from '../src/db/connect.ts'
import type { DatabaseLog, Db } from '../src/db/db.ts'
import { recordProof } from './crash/record.ts'

const silent: DatabaseLog = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A look at everything may take long where a suite has filled tables. */
const statementTimeoutMs = 60_000

const connectTo = (url: string): Promise<Db> =>
  connectDatabase({ url, maxConnections: 1, statementTimeoutMs, prepare: false, log: silent })

/** Rules that a suite breaks on purpose and leaves broken, each with the reason; `all` = the view itself is another. */
export type BrokenBooks = Record<string, string>

const toText = ({ rule, subject }: Violation) => `${rule} ${subject}`

/** Throws unless the books of the database hold. It takes a connection of its own: the suite's may be closed or broken. */
export async function expectBooksHold(url: string, onPurpose: BrokenBooks = {}): Promise<void> {
  if ('all' in onPurpose) return
  const db = await connectTo(url)
  try {
    const broken = (await findViolations(db, null)).filter(({ rule }) => !(rule in onPurpose))
    if (broken.length === 0) return
    const rules = [...new Set(broken.map(({ rule }) => rule))].sort().join(', ')
    throw new Error(`the books do not hold (${rules}): ${broken.slice(0, 20).map(toText).join(', ')}`)
  } finally {
    await db.close()
  }
}

/** RELIABILITY 4: sampled at least that often during load. */
const sampleEveryMs = 250
/** Accounts touched since; longer ago than any two samples lie apart, so that none is passed over. */
const recentMs = 5_000

export type BooksWatch = {
  /** Looks so far. */
  samples(): number
  /** Resolves once the last sample is there; throws when any of them showed a row. */
  stop(): Promise<void>
}

/** Looks at what was touched lately until it is told to stop. */
export async function watchBooks(url: string): Promise<BooksWatch> {
  const db = await connectTo(url)
  const suite = basename(expect.getState().testPath ?? '', '.test.ts')
  const broken = new Set<string>()
  let samples = 0
  let longestGapMs = 0
  let stopped = false
  let wake = () => {}
  const sampling = (async () => {
    let lastAt = performance.now()
    while (!stopped) {
      for (const each of await findRecentViolations(db, recentMs)) broken.add(toText(each))
      const now = performance.now()
      samples += 1
      longestGapMs = Math.max(longestGapMs, now - lastAt)
      lastAt = now
      await new Promise<void>(resolve => {
        wake = resolve
        setTimeout(resolve, sampleEveryMs).unref()
      })
    }
  })().catch(error => void broken.add(`no sample: ${error instanceof Error ? error.message : String(error)}`))
  return {
    samples: () => samples,
    async stop() {
      stopped = true
      wake()
      await sampling
      await db.close()
      recordProof('books sampled', {
        suite,
        samples,
        'rows found': broken.size,
        'longest gap in ms': Math.round(longestGapMs),
      })
      if (broken.size > 0) throw new Error(`the books did not hold: ${[...broken].slice(0, 20).join(', ')}`)
    },
  }
}
