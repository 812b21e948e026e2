// Slow walks over all that is stored. The row of a round says where it stands and when its next step is due; taking
// it is one statement, so that all processes together take one step at a time, and a dead one holds nobody up.
import type { Db, Queryable } from '../db/db.ts'
import { fileSql } from './file-sql.ts'
import { findRow } from './sql.ts'

export type RoundName = 'leftovers' | 'scrub' | 'strays' | 'retention'
export type RoundNeeds = { db: Db; processName: string }

export type Round = {
  name: RoundName
  /** Where to go on; empty = at the beginning. */
  position: string
  /** How long ago the walk under way left the beginning. */
  ageMs: number
  checked: number
  faults: number
}

/** True once a walk for each event, whoever asks: what holds for a whole walk is not told at each of its pages. */
export async function mayTell(db: Queryable, name: RoundName, event: string): Promise<boolean> {
  return (await findRow(db, fileSql.tellOnce, [name, event])) !== null
}

/** Takes a round whose step is due; nobody else takes it within `holdMs`. Null when there is nothing to do now. */
export function takeRound(needs: RoundNeeds, name: RoundName, holdMs: number): Promise<Round | null> {
  return findRow<Round>(needs.db, fileSql.takeRound, [name, needs.processName, holdMs])
}

/**
 * Puts the round back, or keeps it: what was done since it was taken is noted, and `pauseMs` from now its next step is
 * due. An empty position begins a new walk. False when it was lost to somebody else, who goes on from the last note.
 */
export async function noteRound(
  needs: RoundNeeds,
  round: Pick<Round, 'name' | 'position'>,
  step: { pauseMs: number; checked: number; faults: number },
): Promise<boolean> {
  const values = [round.name, needs.processName, round.position, step.pauseMs, step.checked, step.faults]
  return (await findRow(needs.db, fileSql.noteRound, values)) !== null
}
