// What a failed statement means to its caller: which SQLSTATE, and whether it may have been committed anyway.
// Nothing here retries: after an ambiguous failure only reading the state again tells what happened.
import { AppError } from '../errors.ts'

/** A statement or connection that failed. The message is for logs, never for callers. */
export class DatabaseError extends Error {
  override name = 'DatabaseError'
  /** Five characters as PostgreSQL names it ('23505'), of class 'DR' when our own functions raised it. */
  readonly sqlState: string | null
  /** True when the connection was lost after the statement or COMMIT was sent: it may have taken effect. */
  readonly ambiguous: boolean
  /** The constraint that was violated, when the server names one. */
  readonly constraint: string | null
  /** The DETAIL text of our own functions: machine-readable facts. PostgreSQL's own shows rows, prompts and all. */
  readonly detail: string | null
  constructor(message: string, facts: DatabaseErrorFacts) {
    super(message, { cause: facts.cause })
    this.sqlState = facts.sqlState ?? null
    this.ambiguous = facts.ambiguous
    this.constraint = facts.constraint ?? null
    this.detail = facts.detail ?? null
  }
}

export type DatabaseErrorFacts = {
  ambiguous: boolean
  sqlState?: string | null
  constraint?: string | null
  detail?: string | null
  cause?: unknown
}

/** How far a statement had come when it failed. */
export type StatementPhase =
  /** Nothing reached the server. */
  | 'unsent'
  /** Sent inside a transaction whose COMMIT was not sent: a lost connection rolls it back. */
  | 'open'
  /** Sent, and able to commit by itself. */
  | 'committing'

/** SQLSTATEs after which the same request may succeed later without anything being changed. */
const PASSING_STATES = new Set(['57014', '55P03', '40001', '40P01', '25006', '25P03', '0A000', '26000'])
/** Connection trouble, resources, operator intervention: the classes that name the server's state, not ours. */
const PASSING_CLASSES = new Set(['08', '53', '57', '58', '28', '3D'])

function readField(error: unknown, field: string): string | null {
  if (typeof error !== 'object' || error === null || !(field in error)) return null
  const value: unknown = Reflect.get(error, field)
  return typeof value === 'string' ? value : null
}

function causesOf(error: unknown): unknown[] {
  const chain: unknown[] = []
  let current = error
  while (current instanceof Error && chain.length < 10) {
    chain.push(current)
    current = current.cause
  }
  return chain
}

/** The SQLSTATE behind an error, through any number of causes; null when no server said one. */
export function sqlStateOf(error: unknown): string | null {
  for (const link of causesOf(error)) {
    if (link instanceof DatabaseError && link.sqlState !== null) return link.sqlState
  }
  return null
}

/** The DatabaseError behind an error, through any number of causes. */
export function findDatabaseError(error: unknown): DatabaseError | null {
  for (const link of causesOf(error)) if (link instanceof DatabaseError) return link
  return null
}

/** True when the failed statement or transaction may nevertheless have been committed. */
export function isAmbiguous(error: unknown): boolean {
  return findDatabaseError(error)?.ambiguous ?? false
}

/** A server's error has a severity and a five-character code; a socket's has neither or codes like ECONNRESET. */
function serverStateOf(error: unknown): string | null {
  const code = readField(error, 'code')
  return readField(error, 'severity') !== null && code !== null && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

/** True when the connection cannot be used after this error. */
export function endsConnection(error: unknown): boolean {
  const state = serverStateOf(error)
  if (state === null) return true
  // A plan or a prepared statement that no longer fits is forgotten by dropping the connection that holds it.
  if (state === '0A000' || state === '26000') return true
  const severity = readField(error, 'severity')
  return severity === 'FATAL' || severity === 'PANIC'
}

/** Where a statement stood, and whether its connection is gone. */
export type FailureCircumstances = { phase: StatementPhase; lost: boolean }

/** Turns what the driver threw into the error callers see: AppError('unavailable') or DatabaseError. */
export function toCallerError(error: unknown, { phase, lost }: FailureCircumstances): Error {
  if (error instanceof AppError || error instanceof DatabaseError) return error
  const sqlState = serverStateOf(error)
  const message = error instanceof Error ? error.message : String(error)
  // An ERROR is the server's word that the statement did not happen. A FATAL one at shutdown is not, and neither
  // is a value in its answer that we could not read.
  const ambiguous = phase === 'committing' && endsConnection(error) && !isRefusal(sqlState)
  const failure = new DatabaseError(message, {
    sqlState,
    ambiguous,
    constraint: readField(error, 'constraint'),
    detail: sqlState?.startsWith('DR') ? readField(error, 'detail') : null,
    cause: error,
  })
  const passing =
    sqlState === null ? lost : PASSING_STATES.has(sqlState) || PASSING_CLASSES.has(sqlState.slice(0, 2))
  return passing ? new AppError('unavailable', undefined, { cause: failure }) : failure
}

function isRefusal(sqlState: string | null): boolean {
  return sqlState === '0A000' || sqlState === '26000' || sqlState === '25P03'
}
