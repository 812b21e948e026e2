// What is wrong with a body, field by field: from the schema's findings, and into one text for dialects whose errors
// are a text.
import type { z } from 'zod'
import type { AppError, ErrorDetail } from '../errors.ts'

export function toIssues(error: z.ZodError): ErrorDetail[] {
  return error.issues.map(issue => ({
    path: issue.path.length > 0 ? issue.path.join('.') : 'body',
    message: issue.message,
    code: issue.code ?? 'custom',
  }))
}

/** The core's names of fields, and what a dialect calls them. */
export type FieldNames = Readonly<Record<string, string>>

/** The details in the dialect's own words, in their texts too. */
export function renameFields(details: readonly ErrorDetail[], names: FieldNames): ErrorDetail[] {
  const known = new RegExp(`\\b(?:${Object.keys(names).join('|')})\\b`, 'g')
  const rename = (text: string) => text.replace(known, name => names[name] ?? name)
  return details.map(({ path, message, code }) => ({
    path: names[path] ?? path,
    message: rename(message),
    code,
  }))
}

/** What is wrong in one text that names every field. Without details it is the error's own. */
export function toErrorText(error: AppError, details: readonly ErrorDetail[] | undefined): string {
  if (!details || details.length === 0) return error.message
  return details
    .map(({ path, message }) => (isNamed(message, path) ? message : `${path}: ${message}`))
    .join(' ')
}

/** As a word of its own: a field may be called `n`. */
function isNamed(text: string, path: string): boolean {
  return text.split(/[^\w.-]+/).some(word => word.replace(/[.]+$/, '') === path)
}
