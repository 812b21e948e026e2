// Knows whether the running code is inside a database transaction, across every await of it.
// A network call inside one would hold row locks for as long as a stranger likes: those callers assert here.
import { AsyncLocalStorage } from 'node:async_hooks'

type Scope = { open: boolean }
const scopes = new AsyncLocalStorage<Scope>()
let openScopes = 0

/** Throws when called inside a transaction; `what` names the refused act, as in 'outbound request'. */
export function assertNoTransaction(what: string): void {
  if (scopes.getStore()?.open === true) {
    throw new Error(`${what} inside a database transaction: move it before or after the transaction`)
  }
}

/** Runs with the flag set. Work left behind by `run` that outlives it is outside again. */
export async function runInScope<Result>(run: () => Promise<Result>): Promise<Result> {
  const scope: Scope = { open: true }
  openScopes += 1
  try {
    return await scopes.run(scope, run)
  } finally {
    scope.open = false
    openScopes -= 1
    // Until Node 24 a storage in use slows down every promise of the process; the next run() takes it up again.
    if (openScopes === 0) scopes.disable()
  }
}
