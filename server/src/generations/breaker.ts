// Breakers of this process alone: for each upstream model, and within it for each account. After a row of calls that
// failed through no fault of a customer nothing is sent there but one probe a period, until one succeeds. Open means
// "nothing ran": it moves no money, and a call that it stops may be tried again or elsewhere.
import type { FailureKind, ProviderOutcome } from '../providers/provider.ts'

export type UpstreamModel = { provider: string; upstreamModel: string }
export type BreakerState = 'closed' | 'open' | 'half_open'

/**
 * How far what was heard of got: a call that is answered, a read of a task it left, the end of that task, and the
 * pictures that lay at addresses.
 */
const stages = ['call', 'read', 'end', 'output'] as const
export type Stage = (typeof stages)[number]

/** Told the outcomes of the call that was let in. */
export type Leave = (outcomes: readonly ProviderOutcome[]) => void

export type Breaker = {
  /** Lets one call begin; null while the breaker is open for this account. `isProbe`: it decides whether it closes. */
  enter(target: UpstreamModel, accountId: string): { leave: Leave; isProbe: boolean } | null
  /**
   * What was heard of tasks that were accepted so long ago. That a task is taken on says nothing of those that fail later:
   * a row of these ends by a task that ends well, and a row of lost reads by one that is answered. That a call is answered
   * with addresses says nothing of what lies there: a row of orders whose pictures are lost ends by a picture that is had.
   */
  note(target: UpstreamModel, heard: HeardOfTasks): void
  /** Whole milliseconds until a call of the account may begin; 0 = it may now. */
  waitMs(target: UpstreamModel, accountId: string): number
  /** For everybody; one account's own is no business of the others. */
  stateOf(target: UpstreamModel): BreakerState
}

export type HeardOfTasks = {
  accountId: string
  stage: Exclude<Stage, 'call'>
  outcomes: readonly ProviderOutcome[]
  ageMs: number
}

export type BreakerEvents = {
  breakerOpened(target: UpstreamModel, accountId: string | null): void
  breakerClosed(target: UpstreamModel, accountId: string | null): void
}

/** So many in a row are no chance: at an upstream that loses one call in ten it happens once in 10^10 calls. */
export const failuresToOpen = 10
/** Between two probes: callers are told to come back within it, and each probe may be billed for nothing. */
export const probeEveryMs = 5_000
/** Of the failures that open it for all, one account is good for so many at most: what it asks may be the cause. */
export const failuresOfOne = failuresToOpen / 2
/** Accounts remembered for each upstream model; beyond it the one that failed longest ago is forgotten. */
const maxAccounts = 1_000

/** What of a row of failures is counted, and for whom the door closes then. */
type Circuit = {
  isOpen: boolean
  /** What has to work before it closes. */
  openedBy: Stage
  rows: Record<Stage, Row>
  probeAtMs: number
  turnedAtMs: number
  /** A call is judged only in the turn it began in: late ends of an outage say nothing of what came after it. */
  turn: number
}

/** Failures in a row: those that no content can cause, and the others by account. */
type Row = { sure: number; byAccount: Map<string, number> }

/** For everybody, and for accounts that fail alone. */
type Target = { all: Circuit; accounts: Map<string, Circuit> }

export function createBreaker(
  events: BreakerEvents,
  { limit = failuresToOpen, nowMs = () => performance.now() } = {},
): Breaker {
  const targets = new Map<string, Target>()
  function targetOf({ provider, upstreamModel }: UpstreamModel): Target {
    const name = `${provider}/${upstreamModel}`
    const target = targets.get(name) ?? { all: newCircuit(), accounts: new Map() }
    targets.set(name, target)
    return target
  }
  const waitOf = (circuit: Circuit | undefined) =>
    circuit?.isOpen ? Math.max(0, Math.ceil(circuit.probeAtMs - nowMs())) : 0
  const waitMs: Breaker['waitMs'] = (at, accountId) => {
    const { all, accounts } = targetOf(at)
    return Math.max(waitOf(all), waitOf(accounts.get(accountId)))
  }
  return {
    waitMs,
    stateOf(at) {
      const { all } = targetOf(at)
      if (!all.isOpen) return 'closed'
      return waitOf(all) > 0 ? 'open' : 'half_open'
    },
    enter(at, accountId) {
      if (waitMs(at, accountId) > 0) return null
      const target = targetOf(at)
      const { all } = target
      const own = target.accounts.get(accountId)
      for (const circuit of [all, own]) if (circuit?.isOpen) circuit.probeAtMs = nowMs() + probeEveryMs
      const turns = { all: all.turn, own: own?.turn ?? 0 }
      return {
        isProbe: all.isOpen || own?.isOpen === true,
        leave(outcomes) {
          const isLate = all.turn !== turns.all || (target.accounts.get(accountId)?.turn ?? 0) !== turns.own
          const ended = { accountId, stage: 'call' as const, outcomes, limit, nowMs: nowMs() }
          if (!isLate) judge(target, ended, toTell(events, at))
        },
      }
    },
    note(at, { accountId, stage, outcomes, ageMs }) {
      const target = targetOf(at)
      const now = nowMs()
      const sinceMs = now - ageMs
      if (hasTurnedSince(target.all, sinceMs) || hasTurnedSince(target.accounts.get(accountId), sinceMs))
        return
      judge(target, { accountId, stage, outcomes, limit, nowMs: now }, toTell(events, at))
    },
  }
}

function hasTurnedSince(circuit: Circuit | undefined, sinceMs: number): boolean {
  return circuit !== undefined && circuit.turn > 0 && sinceMs < circuit.turnedAtMs
}

type Tell = (isOpen: boolean, accountId: string | null) => void
type Ended = Omit<HeardOfTasks, 'stage' | 'ageMs'> & { stage: Stage; limit: number; nowMs: number }

function toTell(events: BreakerEvents, at: UpstreamModel): Tell {
  return (isOpen, accountId) =>
    isOpen ? events.breakerOpened(at, accountId) : events.breakerClosed(at, accountId)
}

function judge({ all, accounts }: Target, ended: Ended, tell: Tell): void {
  const { accountId, outcomes } = ended
  if (outcomes.some(outcome => outcome.kind !== 'failed')) {
    close(all, ended, isOpen => tell(isOpen, null))
    const own = accounts.get(accountId)
    if (own) close(own, ended, isOpen => tell(isOpen, accountId))
    // What is known of its failures is void; the turn stays, as long as an open one might be meant.
    if (own && own.turn === 0 && stages.every(stage => isEmpty(own.rows[stage]))) accounts.delete(accountId)
  } else if (outcomes.every(isUpstreamsFault)) {
    // Reads of one task fail together: a row of them may be that task alone.
    const isOfAll = ended.stage !== 'read' && outcomes.every(isSure)
    countFailure(all, ended, isOfAll ? null : accountId)
    open(all, ended, isOpen => tell(isOpen, null))
    const own = keepCircuit(accounts, accountId)
    countFailure(own, ended, null)
    open(own, ended, isOpen => tell(isOpen, accountId))
  }
}

/** A task of earlier says nothing of the calls that are made now: only a call that is answered closes what calls opened. */
function close(circuit: Circuit, { stage, outcomes, nowMs }: Ended, tell: (isOpen: boolean) => void): void {
  const works = worksOf(stage, outcomes)
  for (const each of works) if (!isEmpty(circuit.rows[each])) circuit.rows[each] = newRow()
  if (circuit.isOpen && works.includes(circuit.openedBy)) turnTo(circuit, { isOpen: false, nowMs }, tell)
}

function worksOf(stage: Stage, outcomes: readonly ProviderOutcome[]): readonly Stage[] {
  if (stage === 'read' || stage === 'output') return [stage]
  const succeeded = outcomes.filter(outcome => outcome.kind === 'succeeded')
  // An address is no picture yet.
  const isHad = succeeded.some(({ images }) => images.every(({ kind }) => kind !== 'url'))
  if (stage === 'end') return ['read', 'end', ...(isHad ? (['output'] as const) : [])]
  if (succeeded.length === 0) return [stage]
  return isHad ? stages : ['call', 'read', 'end']
}

function open(circuit: Circuit, { stage, limit, nowMs }: Ended, tell: (isOpen: boolean) => void): void {
  if (circuit.isOpen || countFailures(circuit.rows[stage]) < limit) return
  circuit.rows = newRows()
  circuit.openedBy = stage
  turnTo(circuit, { isOpen: true, nowMs }, tell)
}

function turnTo(
  circuit: Circuit,
  { isOpen, nowMs }: { isOpen: boolean; nowMs: number },
  tell: (isOpen: boolean) => void,
): void {
  Object.assign(circuit, {
    isOpen,
    probeAtMs: nowMs + probeEveryMs,
    turnedAtMs: nowMs,
    turn: circuit.turn + 1,
  })
  tell(isOpen)
}

/** Null: no content can be the cause, or whose it is does not matter. */
function countFailure(circuit: Circuit, { stage }: Ended, accountId: string | null): void {
  if (circuit.isOpen) return
  const row = circuit.rows[stage]
  if (accountId === null) row.sure += 1
  else row.byAccount.set(accountId, (row.byAccount.get(accountId) ?? 0) + 1)
}

function keepCircuit(accounts: Map<string, Circuit>, accountId: string): Circuit {
  const circuit = accounts.get(accountId) ?? newCircuit()
  // At the end of the map: the latest to fail is the last to be forgotten.
  accounts.delete(accountId)
  accounts.set(accountId, circuit)
  if (accounts.size > maxAccounts) accounts.delete(accounts.keys().next().value ?? accountId)
  return circuit
}

function newCircuit(): Circuit {
  return { isOpen: false, openedBy: 'call', rows: newRows(), probeAtMs: 0, turnedAtMs: 0, turn: 0 }
}

function newRows(): Record<Stage, Row> {
  return { call: newRow(), read: newRow(), end: newRow(), output: newRow() }
}

function newRow(): Row {
  return { sure: 0, byAccount: new Map() }
}

function isEmpty({ sure, byAccount }: Row): boolean {
  return sure === 0 && byAccount.size === 0
}

function countFailures({ sure, byAccount }: Row): number {
  return [...byAccount.values()].reduce((sum, count) => sum + Math.min(count, failuresOfOne), sure)
}

/** What the customer asked wrongly, and a rate that is ours to keep, say nothing of the upstream's health. */
const upstreamsFault: Record<FailureKind, boolean> = {
  invalid_request: false,
  content_rejected: false,
  rate_limited: false,
  quota_exhausted: true,
  unavailable: true,
  unknown_outcome: true,
  misconfigured: true,
  malformed_response: true,
  model_retired: true,
  upstream_failed: true,
}

function isUpstreamsFault(outcome: ProviderOutcome): boolean {
  return outcome.kind === 'failed' && upstreamsFault[outcome.failure]
}

/** No content can cause these: the call never began, or there is nothing there that could take it. */
function isSure(outcome: ProviderOutcome): boolean {
  return (
    outcome.kind === 'failed' && (outcome.failure === 'unavailable' || outcome.failure === 'model_retired')
  )
}
