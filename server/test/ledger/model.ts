// The ledger as a person would keep it on paper: plain numbers and a list of lines, no buckets, no SQL. The model
// test holds the real one to it after every command, so it must stay too simple to be wrong.

export type Line = { amount: number; kind: 'addition' | 'deduction' | 'refund'; reference: string | null }

export type Job = {
  id: string
  unitPrice: number
  count: number
  /** `running` = claimed by a worker. */
  state: 'queued' | 'running' | 'succeeded' | 'failed' | 'blocked' | 'canceled'
  captured: number
  isRefunded: boolean
  usesSlot: boolean
}

export type Ledger = {
  available: number
  held: number
  debt: number
  /** Oldest first. */
  lines: Line[]
  jobs: Job[]
  /** Amounts of grants and of adjustments by reference. */
  granted: Map<string, number>
  adjusted: Map<string, number>
  /** Generation by idempotency key. */
  keys: Map<string, string>
  /** What the system's own books must show, in credits. */
  revenue: number
  promo: number
  adjustments: number
  /** In micro-USD. */
  operatorLoss: number
}

/** More generations of one slot are refused. */
export const slotCap = 3

export function newLedger(): Ledger {
  return {
    available: 0,
    held: 0,
    debt: 0,
    lines: [],
    jobs: [],
    granted: new Map(),
    adjusted: new Map(),
    keys: new Map(),
    revenue: 0,
    promo: 0,
    adjustments: 0,
    operatorLoss: 0,
  }
}

function move(ledger: Ledger, line: Line): void {
  if (line.amount === 0) return
  ledger.available += line.amount
  ledger.lines.push(line)
}

/** 'repeated' when the reference names this very grant, 'refused' when it names one of another amount. */
export function grantOnPaper(
  ledger: Ledger,
  amount: number,
  reference: string,
): 'granted' | 'repeated' | 'refused' {
  const earlier = ledger.granted.get(reference)
  if (earlier !== undefined) return earlier === amount ? 'repeated' : 'refused'
  ledger.granted.set(reference, amount)
  ledger.promo -= amount
  move(ledger, { amount, kind: 'addition', reference })
  const repaid = Math.min(ledger.debt, ledger.available)
  ledger.debt -= repaid
  move(ledger, { amount: -repaid, kind: 'deduction', reference })
  return 'granted'
}

/** As grantOnPaper. */
export function adjustOnPaper(
  ledger: Ledger,
  amount: number,
  reference: string,
): 'adjusted' | 'repeated' | 'refused' {
  const earlier = ledger.adjusted.get(reference)
  if (earlier !== undefined) return earlier === amount ? 'repeated' : 'refused'
  ledger.adjusted.set(reference, amount)
  ledger.adjustments -= amount
  if (amount < 0) {
    const taken = Math.min(-amount, ledger.available)
    ledger.debt += -amount - taken
    move(ledger, { amount: -taken, kind: 'deduction', reference })
    return 'adjusted'
  }
  const repaid = Math.min(amount, ledger.debt)
  ledger.debt -= repaid
  move(ledger, { amount: amount - repaid, kind: 'addition', reference })
  return 'adjusted'
}

export function slotsInUse(ledger: Ledger): number {
  return ledger.jobs.filter(job => job.usesSlot && isOpen(job)).length
}

export function isOpen(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running'
}

/** Why an order is refused, or null when it is taken. */
export function refusalOnPaper(ledger: Ledger, price: number, usesSlot: boolean): 'slot' | 'credits' | null {
  if (usesSlot && slotsInUse(ledger) >= slotCap) return 'slot'
  if (price > 0 && (ledger.debt > 0 || ledger.available < price)) return 'credits'
  return null
}

export function orderOnPaper(ledger: Ledger, job: Job): void {
  const price = job.unitPrice * job.count
  ledger.jobs.push(job)
  ledger.held += price
  move(ledger, { amount: -price, kind: 'deduction', reference: job.id })
}

export function settleOnPaper(
  ledger: Ledger,
  job: Job,
  end: { state: Job['state']; delivered: number },
): void {
  const price = job.unitPrice * job.count
  job.state = end.state
  job.captured = job.unitPrice * Math.min(end.delivered, job.count)
  ledger.held -= price
  ledger.revenue += job.captured
  move(ledger, { amount: price - job.captured, kind: 'refund', reference: job.id })
}

/** False when it may not be given. */
export function refundOnPaper(ledger: Ledger, job: Job, amount: number): boolean {
  if (job.state !== 'succeeded' || job.isRefunded || amount < 1 || amount > job.captured) return false
  job.isRefunded = true
  ledger.revenue -= amount
  move(ledger, { amount, kind: 'refund', reference: job.id })
  return true
}
