// What a proof run measured, one JSON line each, for the report. Other runs print nothing.
import { appendFileSync } from 'node:fs'

/** Adds a line to the file named by PROOF_RECORD. */
export function recordProof(name: string, facts: Record<string, unknown>): void {
  const file = process.env.PROOF_RECORD
  if (file) appendFileSync(file, `${JSON.stringify({ name, ...facts })}\n`)
}
