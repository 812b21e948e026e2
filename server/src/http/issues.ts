// What is wrong with a body, field by field: from the schema's findings, and into one text for dialects whose errors
// are a text.
import type { z } from 'zod'
import type { AppError, ErrorDetail } from '../errors.ts'

/** As many as a person reads; a body can be wrong in thousands of places. */
const maxIssues = 20
/** A message may quote what was sent. */
const maxMessageLength = 500

/** Unknown names that one text repeats, and how much of each: what is allowed must fit behind them. */
const maxUnknownKeys = 5
const maxKeyLength = 40

/**
 * For `safeParse`: zod's own texts say what is allowed, save where a name is unknown. There this adds the names that
 * are known; every other text stands as it is.
 */
export const sayKnownFields: z.core.$ZodErrorMap = issue => {
  if (issue.code !== 'unrecognized_keys') return undefined
  const keys = issue.keys.slice(0, maxUnknownKeys).map(key => `"${key.slice(0, maxKeyLength)}"`)
  return `Unrecognized key${keys.length > 1 ? 's' : ''}: ${keys.join(', ')}; allowed: ${listKnownFields(issue)}`
}

/** The names that the object knows in which an unknown one was found. */
export function listKnownFields({ inst }: Pick<z.core.$ZodRawIssue, 'inst'>): string {
  const { shape = {} } = (inst?._zod.def ?? {}) as { shape?: Record<string, unknown> }
  return Object.keys(shape).join(', ')
}

export function toIssues(error: Pick<z.ZodError, 'issues'>): ErrorDetail[] {
  return error.issues.slice(0, maxIssues).map(issue => ({
    path: issue.path.length > 0 ? issue.path.join('.') : 'body',
    message: shorten(issue.message),
    code: issue.code ?? 'custom',
  }))
}

function shorten(text: string): string {
  return text.length > maxMessageLength ? `${text.slice(0, maxMessageLength)}…` : text
}

/** The core's names of fields, and what a dialect calls them. */
export type FieldNames = Readonly<Record<string, string>>

/** The details in the dialect's own words: each field, and its name where its text says it. */
export function renameFields(details: readonly ErrorDetail[], names: FieldNames): ErrorDetail[] {
  return details.map(({ path, message, code }) => {
    // A caller may have called a field `constructor`.
    const name = Object.hasOwn(names, path) ? names[path] : undefined
    if (name === undefined) return { path, message, code }
    return { path: name, message: message.replace(new RegExp(`\\b${path}\\b`, 'g'), name), code }
  })
}

/** What is wrong in one text that names every field. Without details it is the error's own. */
export function toErrorText(error: AppError, details: readonly ErrorDetail[] | undefined): string {
  if (!details || details.length === 0) return error.message
  return details
    .map(({ path, message }) => (isNamed(message, path) ? message : `${path}: ${message}`))
    .reduce((text, next) => `${text}${text.endsWith('.') ? '' : ';'} ${next}`)
}

/** As a word of its own: a field may be called `n`. */
function isNamed(text: string, path: string): boolean {
  return text.split(/[^\w.-]+/).some(word => word.replace(/[.]+$/, '') === path)
}
