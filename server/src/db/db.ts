// What the rest of the service sees of the database: named statements, transactions, notifications.
// A transaction is one object; whoever writes more than one statement must have been handed it.

/** A statement is written once, named, and prepared per connection; the registry lets a test prepare them all. */
export type Statement = { readonly name: string; readonly text: string }

const registry = new Map<string, Statement>()

/** Declares a statement. Names are unique in the process. */
export function statement(name: string, text: string): Statement {
  if (registry.has(name)) throw new Error(`statement ${name} is declared twice`)
  const made = { name, text: text.trim() }
  registry.set(name, made)
  return made
}

export function allStatements(): Statement[] {
  return [...registry.values()]
}

export type Queryable = {
  query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>
}

declare const txBrand: unique symbol
/** Only transaction() makes one. */
export type Tx = Queryable & { readonly [txBrand]: true }

export type Db = Queryable & {
  /** READ COMMITTED. Rolls back on throw. Network calls inside are refused by assertNoTransaction(). */
  transaction<Result>(run: (tx: Tx) => Promise<Result>, options?: TransactionOptions): Promise<Result>
  /**
   * Calls back for every NOTIFY on the channel, reconnecting by itself; resolves when first listening, with a
   * function that ends the subscription. Notifications sent while the connection was lost never arrive: whoever
   * cannot miss one passes `onReconnect` and reads the state again there.
   */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    options?: ListenOptions,
  ): Promise<() => Promise<void>>
  /** Waits for running statements, then closes every connection. */
  close(): Promise<void>
}

export type TransactionOptions = {
  /** In place of the usual limit of a statement, for this transaction alone: for a look that no caller waits for. */
  statementTimeoutMs?: number
  /** Ends the statement that runs, on the server too, and with it the transaction. */
  signal?: AbortSignal
}

export type ListenOptions = {
  /** Called after a lost connection is listening again. */
  onReconnect?: () => void
  /** Only this exact payload is delivered; found by look-up, so thousands of such subscribers cost nothing. */
  payload?: string
}

/** What the database folder writes to; a pino logger fits. */
export type DatabaseLog = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
