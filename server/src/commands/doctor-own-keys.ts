// What `doctor` says of keys that accounts brought: those in force where they are lost, or will be, and those that were
// replaced and are kept for what an upstream still works on.
import type { countOwnSeals } from '../keyring/key-store.ts'

type Counts = Awaited<ReturnType<typeof countOwnSeals>>
type Described = { name: string; status: 'ok' | 'warn' | 'fail'; message: string; advice?: string }

export function describeOwnSeals({ inForce, replaced }: Counts): Described[] {
  return [...describeInForce(inForce), ...describeReplaced(replaced)]
}

const nameSecret = 'Name the secret they were sealed with in AUTH_SECRET_EARLIER'

function describeInForce({ earlier, unreadable }: Counts['inForce']): Described[] {
  const name = 'own keys'
  if (unreadable > 0) {
    const message = `${unreadable} keys that accounts brought were sealed with another AUTH_SECRET: a node with this one leaves their orders to others, or to their deadline.`
    return [{ name, status: 'fail', message, advice: `${nameSecret}, or have them set again.` }]
  }
  if (earlier === 0) return []
  const message = `${earlier} keys that accounts brought are sealed with a secret of AUTH_SECRET_EARLIER and lost when that is left out.`
  return [{ name, status: 'warn', message, advice: 'Leave it there, or have them set again.' }]
}

/** They go by themselves, so that a secret which is about to be left out is no reason to warn. */
function describeReplaced({ good, earlier, unreadable }: Counts['replaced']): Described[] {
  const name = 'replaced own keys'
  const count = good + earlier + unreadable
  if (count === 0) return []
  const message = `${count} keys that accounts have replaced are kept for tasks under way, 25 hours at most`
  if (unreadable === 0) return [{ name, status: 'ok', message: `${message}.` }]
  const lost = `${unreadable} of them were sealed with another AUTH_SECRET: tasks that were made with them cannot be read here.`
  return [{ name, status: 'warn', message: `${message}; ${lost}`, advice: `${nameSecret}.` }]
}
