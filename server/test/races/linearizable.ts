// Whether a history of concurrent calls on one balance could have come from calls made one after the other, each
// somewhere between its start and its end. Brute force: histories are small.

/** One call as its caller saw it. Times are of one clock. */
export type Call = {
  startMs: number
  endMs: number
  /** `spend` takes `amount` or is refused; `read` saw `amount`; `add` gives `amount`. */
  kind: 'spend' | 'refused' | 'read' | 'add'
  amount: number
}

/** The balance after the call on one that stood at `balance`; null when the call could not have gone so. */
function apply({ kind, amount }: Call, balance: number): number | null {
  switch (kind) {
    case 'spend':
      return balance >= amount ? balance - amount : null
    case 'refused':
      return balance < amount ? balance : null
    case 'read':
      return balance === amount ? balance : null
    case 'add':
      return balance + amount
  }
}

/** True when some order of the calls explains all answers and no call comes before one that had ended earlier. */
export function isLinearizable(calls: readonly Call[], opening: number): boolean {
  const dead = new Set<string>()
  function search(done: ReadonlySet<number>, balance: number): boolean {
    if (done.size === calls.length) return true
    const key = [...done].toSorted((a, b) => a - b).join()
    if (dead.has(key)) return false
    const open = calls.map((_, index) => index).filter(index => !done.has(index))
    const firstEndMs = Math.min(...open.map(index => calls[index]?.endMs ?? 0))
    for (const index of open) {
      const call = calls[index]
      if (!call || call.startMs > firstEndMs) continue
      const next = apply(call, balance)
      if (next !== null && search(new Set([...done, index]), next)) return true
    }
    // The balance follows from the set of calls done, so the set alone is the state.
    dead.add(key)
    return false
  }
  return search(new Set(), opening)
}
