// How commands answer: one JSON document with --json, else lines for people.
import { ConfigError } from '../config.ts'
import { AppError } from '../errors.ts'
import { scrubSecrets } from '../log.ts'
import type { CommandIo } from './needs.ts'

/** What others chose (a name, a file, an upstream's words) must not command the operator's terminal. */
export function disarm(text: string): string {
  return text.replace(/(?!\n)\p{Cc}/gu, '\ufffd')
}

/** Writes exactly one document, or the lines. */
export function answer(
  io: CommandIo,
  json: boolean,
  shown: { document: unknown; lines: readonly string[] },
): void {
  io.writeOut(
    json ? `${JSON.stringify(shown.document)}\n` : shown.lines.map(line => `${disarm(line)}\n`).join(''),
  )
}

/** Lines of a table whose columns are as wide as their widest cell. */
export function layOutTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  // A line end in a cell would break the table.
  const all = [header, ...rows].map(row => row.map(cell => cell.replace(/\p{Cc}/gu, '\ufffd')))
  const widths = header.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)))
  return all.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Times of lists: UTC to the minute. */
export function showTime(time: Date | null): string {
  return time === null ? '–' : `${time.toISOString().slice(0, 16).replace('T', ' ')}Z`
}

/** What went wrong, for people; never a stack, never a secret. */
export function describeError(error: unknown): string {
  return disarm(findWords(error))
}

function findWords(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (error instanceof AppError) {
    const details = error.options.details ?? []
    const cause = error.options.cause instanceof Error ? [`  ${error.options.cause.message}`] : []
    const [only] = details
    // A refusal of one field says the same twice: once with the field's name is enough.
    if (details.length === 1 && only?.message === error.message) {
      return scrubSecrets([`${only.path}: ${only.message}`, ...cause].join('\n'))
    }
    const lines = details.map(detail => `  ${detail.path}: ${detail.message}`)
    return scrubSecrets([error.message, ...lines, ...cause].join('\n'))
  }
  return scrubSecrets(error instanceof Error && error.message !== '' ? error.message : String(error))
}
