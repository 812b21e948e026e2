// Query parameters: each once, none unknown, and a wrong one is named.
import type { z } from '@hono/zod-openapi'
import { AppError, type ErrorDetail, invalidField } from '../../errors.ts'
import type { HttpContext } from '../../http/context.ts'
import { listKnownFields, toIssues } from '../../http/issues.ts'

/** Throws invalid_request naming the parameters. The schema is strict and takes texts. */
export function readQuery<Schema extends z.ZodType>(context: HttpContext, schema: Schema): z.infer<Schema> {
  const given = Object.entries(context.req.queries())
  const repeated = given.find(([, values]) => values.length > 1)
  if (repeated) throw invalidField(repeated[0], 'Send this parameter once.')
  const broken = given.find(([name, [value = '']]) => isBroken(name) || isBroken(value))
  if (broken) throw invalidField(broken[0], 'This parameter holds a NUL or half of a surrogate pair.')
  const values = Object.fromEntries(given.map(([name, [value]]) => [name, value]))
  const parsed = schema.safeParse(values, {
    error: issue =>
      issue.code === 'unrecognized_keys'
        ? `There is no such parameter; allowed: ${listKnownFields(issue) || 'none'}.`
        : undefined,
  })
  if (parsed.success) return parsed.data
  throw new AppError('invalid_request', undefined, {
    details: parsed.error.issues.flatMap(nameParameter).slice(0, 20),
  })
}

/** What no text of the database can hold. */
function isBroken(text: string): boolean {
  return text.includes('\0') || /\p{Cs}/u.test(text)
}

function nameParameter(issue: z.core.$ZodIssue): ErrorDetail[] {
  if (issue.code !== 'unrecognized_keys') return toIssues({ issues: [issue] })
  return issue.keys.map(path => ({ path, message: issue.message, code: issue.code }))
}
