// Where the played scenarios of the provider contract are written down, so that the documents can show what was seen
// and nothing else: with CONTRACT_MATRIX=<folder> each provider's suite adds its lines there.
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

export type PlayedScenario = {
  provider: string
  mode: 'sync' | 'poll' | 'download' | 'webhook'
  /** Directives of the emulator; '' = plain success. */
  behaviour: string
  /** `succeeded`, `pending` (at the deadline) or a kind of failure. */
  outcome: string
}

/** Adds one line of JSON; nothing without the variable. */
export function recordScenario(played: PlayedScenario): void {
  const folder = process.env.CONTRACT_MATRIX ?? ''
  if (folder === '') return
  const { provider, mode, behaviour, outcome } = played
  mkdirSync(folder, { recursive: true })
  appendFileSync(
    join(folder, `${provider}.jsonl`),
    `${JSON.stringify({ provider, mode, behaviour, outcome })}\n`,
  )
}
