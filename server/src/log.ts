// The service's log: JSON lines. Secrets are cut out of every line by their form, wherever they stand, and
// prompts are left out unless the operator asks for them; nothing else may write to standard output.
import type { DestinationStream } from 'pino'
import { pino } from 'pino'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

type Write = (fields: Record<string, unknown>, message: string) => void

/** Messages are names such as `generation.succeeded`: noun, verb in the past. */
export type Log = {
  debug: Write
  info: Write
  warn: Write
  error: Write
  fatal: Write
  /** A log that adds the fields to each line, such as a request id. */
  child(fields: Record<string, unknown>): Log
}

export type LogOptions = {
  level: LogLevel
  /** Whether prompts may appear. */
  logPrompts: boolean
  /** Standard output by default. */
  destination?: DestinationStream
}

export const REDACTED = '[redacted]'

// Our own keys, upstream keys (OpenAI, Google, Replicate, Stripe), webhook secrets, bearer values, passwords in
// connection URLs, and what opens a link to a file. The first group stays, so that the reader knows what was cut.
const secretPatterns: readonly RegExp[] = [
  /\b(gi_live_|imgeo_sk_|gimg_|dr_|whsec_|r8_|sk_live_|sk_test_|rk_live_|rk_test_|sk_|sk-|AIza)[\w+/=-]{12,}/g,
  /\b(bearer\s+)[\w.~+/=-]{8,}/gi,
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"\\]*:)[^\s@"\\/]+(?=@)/gi,
  /([?&](?:sig|x-amz-signature)=)[0-9a-f]{16,}/gi,
  /(\/files\/[0-9a-f-]{36}\/)[\w-]{32}/gi,
]

const secretFields = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-goog-api-key',
  'apikey',
  'api_key',
  'secret',
  'password',
  'token',
])
const promptFields = new Set([
  'prompt',
  'negativeprompt',
  'negative_prompt',
  'revised_prompt',
  'revisedprompt',
])

/** Logged objects are small; deeper ones are cut by the line scrub alone. */
const MAX_DEPTH = 6

/** Cuts everything of the form of a secret out of a text. */
export function scrubSecrets(text: string): string {
  return secretPatterns.reduce((scrubbed, pattern) => scrubbed.replace(pattern, `$1${REDACTED}`), text)
}

function redactFields(value: unknown, hidden: (field: string) => boolean, depth = 0): unknown {
  if (depth > MAX_DEPTH || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(item => redactFields(item, hidden, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => [
      field,
      hidden(field.toLowerCase()) ? REDACTED : redactFields(inner, hidden, depth + 1),
    ]),
  )
}

/** The log of a process. */
export function createLog(options: LogOptions): Log {
  const hidden = (field: string) =>
    secretFields.has(field) || (!options.logPrompts && promptFields.has(field))
  const redact = (fields: Record<string, unknown>) => redactFields(fields, hidden) as Record<string, unknown>
  const destination = options.destination ?? pino.destination({ dest: 1, sync: false })
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }), log: redact, bindings: redact },
    },
    { write: line => destination.write(scrubSecrets(line)) },
  )
}
