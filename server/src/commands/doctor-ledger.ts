// What `doctor` says of rules of the ledger that do not hold: which they are, and what each kind asks for.
import type { Violation } from '../credits/ledger.ts'

/** Holds open past their deadline. */
const isHoldOpen = ({ rule }: Violation) => rule === 'I6'
/** Orders that are counted against a limit. */
const isCount = ({ rule }: Violation) => rule === 'I7' || rule === 'P1'

/** How many are named. */
const mostNamed = 5

/** What heals by itself comes last. */
export function describeViolations(violations: readonly Violation[]): { message: string; advice: string } {
  const open = violations.filter(isHoldOpen)
  const counts = violations.filter(isCount)
  const books = violations.filter(each => !isHoldOpen(each) && !isCount(each))
  const named = [...books, ...counts, ...open]
    .slice(0, mostNamed)
    .map(({ rule, subject }) => `${rule} (${subject})`)
  const advice = [
    ...(books.length > 0 ? ['Take no payments and look into it: this never heals by itself.'] : []),
    ...(counts.length > 0
      ? [
          'A limit is counted wrongly, which never heals by itself: look into it; no credits are wrong for it.',
        ]
      : []),
    ...(open.length > 0
      ? [
          'Start a worker: holds are open past their deadline, which ends by itself once one runs. If one does, its log says why it cannot end them.',
        ]
      : []),
  ]
  const rules = violations.length === 1 ? '1 broken rule' : `${violations.length} broken rules`
  return { message: `${rules}: ${named.join(', ')}`, advice: advice.join(' ') }
}
