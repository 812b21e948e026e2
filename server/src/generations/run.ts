// One claimed generation through one attempt: choose a route, commit the intent, ask the upstream, act on the
// outcome by the table in generation.ts. Money moves only in finish.ts; nothing here guesses from texts.
import { fp } from '../failpoints.ts'
import type { Route } from '../models/catalog.ts'
import type { Lives } from '../models/life-store.ts'
import type { ProviderFailure } from '../providers/provider.ts'
import { StorageError } from '../storage/storage.ts'
import { type Breaker, probeEveryMs } from './breaker.ts'
import { beginAgain, beginAttempt, listOrderChoices, listUntried } from './choose.ts'
import { deliver, dropLeftovers, giveUp } from './deliver.ts'
import {
  combineParts,
  expectedPartCostUsdMicro,
  listRoutes,
  openContext,
  type PartOutcome,
  partsOf,
  submitParts,
} from './dispatch.ts'
import { settleReleased } from './finish.ts'
import { backoffMs, failureRules, type Generation, type Reason, type StoredImage } from './generation.ts'
import { lossOfParts } from './loss.ts'
import type { OwnKeys } from './own-keys.ts'
import { attemptStateOf, type PartRecord, toPartRecord } from './parts.ts'
import { abandonTasks, awaitParts, createPartNotes } from './pending.ts'
import { persist } from './persist.ts'
import { type ReconcileNeeds, reconcile, type SendAgain } from './reconcile.ts'
import type { RetryBudget } from './retry-budget.ts'
import { findRow, sql } from './sql.ts'
import { timeLeftMs } from './time-left.ts'

export type RunNeeds = ReconcileNeeds & {
  retryBudget: RetryBudget
  breaker: Breaker
  ownKeys: OwnKeys
  lives: Pick<Lives, 'noteGone'>
}

/** An attempt whose intent is committed. `isRepeat`: the same create was sent before, and may have run then. */
export type Started = { generation: Generation; route: Route; n: number; isRepeat?: boolean }

/** Attempts of one generation at most; each proved that nothing ran before the next. */
export const maxAttempts = 3
/** No retry is begun with less than this left: it could not end in time. */
const minTimeLeftMs = 5_000

export async function runGeneration(
  needs: RunNeeds,
  work: Started | { generation: Generation },
): Promise<void> {
  const started = 'route' in work ? work : await startAttempt(needs, work.generation)
  if (!started) return
  if (__FAILPOINTS__) await fp('submit.before')
  const received: string[] = []
  const beganAt = performance.now()
  const parts = await submitOrFail(needs, { ...started, received })
  if (__FAILPOINTS__) await fp('submit.after')
  if (parts) await noteGone(needs, started, parts)
  const ageMs = performance.now() - beganAt
  const sold = parts ? await act(needs, { ...started, received, ageMs }, parts) : null
  await dropLeftovers(needs, started.generation, { received, sold })
}

/**
 * Before the order is tried elsewhere: whoever comes next finds the route switched off. What an account's own key may not
 * use is no news of the model.
 */
async function noteGone(
  { lives }: RunNeeds,
  { generation, route }: Started,
  parts: PartOutcome[],
): Promise<void> {
  const { provider, upstreamModel } = route
  const gone = parts.find(({ outcome }) => outcome.kind === 'failed' && outcome.gone)?.outcome
  if (gone?.kind !== 'failed' || generation.ownProviders !== null) return
  await lives.noteGone({ provider, upstreamModel, said: gone.message, generationId: generation.id })
}

/**
 * T2's second half: the route and the committed intent. Null when the claim is lost, the order waits for a route, or
 * none is left. `same` repeats a create at the same upstream (T11).
 */
export async function startAttempt(
  needs: RunNeeds,
  generation: Generation,
  same?: SendAgain,
): Promise<Started | null> {
  const again = same ? sameRoute(needs, same) : null
  const choices = again || same ? [] : await listOrderChoices(needs, generation)
  if (!again && choices.length === 0) {
    await settleReleased(needs, generation, {
      from: ['dispatching'],
      state: 'failed',
      reason: 'upstream_unavailable',
      attemptState: 'not_run',
      failure: null,
      message: 'no configured route can serve this generation now',
      lossUsdMicro: 0,
      epoch: generation.epoch,
    })
    return null
  }
  if (__FAILPOINTS__) await fp('T2.before')
  const begun = again
    ? await beginAgain(needs, generation, again)
    : await beginAttempt(needs, generation, choices)
  if (__FAILPOINTS__) await fp('T2.after')
  if (begun.kind !== 'begun') return null
  const { route, n } = begun
  return { generation: { ...generation, attempts: n }, route, n, isRepeat: same !== undefined }
}

function sameRoute(needs: RunNeeds, { generation, provider, upstreamModel }: SendAgain): Route | null {
  const routes = needs.catalog.routes(generation.model, generation.options)
  return routes.find(route => route.provider === provider && route.upstreamModel === upstreamModel) ?? null
}

/** Null when storage failed: that has been settled. Anything unforeseen is an unknown outcome, never a retry. */
async function submitOrFail(needs: RunNeeds, started: Receiving): Promise<PartOutcome[] | null> {
  const { accountId } = started.generation
  const entry = needs.breaker.enter(started.route, accountId)
  if (!entry) return [{ part: 0, outcome: brokenOff(needs.breaker.waitMs(started.route, accountId)) }]
  const { leave } = entry
  const ill = entry.isProbe ? await checkUpstream(needs, started) : null
  if (ill) {
    leave([ill])
    return [{ part: 0, outcome: ill }]
  }
  const beganAt = performance.now()
  if (started.n === 1) needs.retryBudget.earn()
  try {
    const count = partsOf(started.generation, started.route).length
    const onOutcome = createPartNotes(needs, started, count)
    const parts = await submitParts(needs, { ...started, onOutcome })
    leave(parts.map(part => part.outcome))
    return tellEnded(needs, started, { parts, beganAt })
  } catch (error) {
    if (error instanceof StorageError) {
      const { generation, route } = started
      const unheard = toUnheard(needs, started)
      const { message } = error
      needs.events.attemptsUnstored({ ...route, generation, calls: unheard.length, message })
      await release(needs, started, {
        reason: 'storage_failed',
        state: 'failed',
        message,
        lossUsdMicro: needs.catalog.expectedCostUsdMicro(route, generation.options),
        parts: unheard,
      })
      await abandonTasks(needs, started.generation, started.n)
      return null
    }
    const message = error instanceof Error ? error.message : String(error)
    const outcome = { kind: 'failed' as const, failure: 'unknown_outcome' as const, message }
    leave([outcome])
    const parts = partsOf(started.generation, started.route).map((_, part) => ({ part, outcome }))
    return tellEnded(needs, started, { parts, beganAt })
  }
}

function tellEnded(
  { events }: RunNeeds,
  { generation, route }: Started,
  { parts, beganAt }: { parts: PartOutcome[]; beganAt: number },
): PartOutcome[] {
  const seconds = (performance.now() - beganAt) / 1000
  const { provider, upstreamModel } = route
  for (const { outcome } of parts)
    events.attemptEnded({ generation, provider, upstreamModel, outcome, seconds })
  return parts
}

/** Whatever the upstream answered, the pictures have no place: each call may be billed. */
function toUnheard({ catalog }: RunNeeds, { generation, route }: Started): PartRecord[] {
  const cost = expectedPartCostUsdMicro(catalog, generation, route)
  return partsOf(generation, route).map((_, part) => ({ part, state: 'failed', cost }))
}

/** Nothing was sent: the order waits for the next probe, or goes elsewhere. */
function brokenOff(retryAfterMs: number): ProviderFailure {
  return { kind: 'failed', failure: 'unavailable', message: 'the breaker is open', retryAfterMs }
}

/**
 * Before a probe, the upstream's free check where there is one: what it says is down is not sent an order, which might
 * be billed for nothing. Null = go on.
 */
async function checkUpstream(
  needs: RunNeeds,
  { generation, route, n }: Started,
): Promise<ProviderFailure | null> {
  const check = needs.providers.get(route.provider)?.check
  if (!check) return null
  const timeoutMs = Math.min(checkTimeoutMs, Math.max(1, timeLeftMs(generation.timeLeft)))
  const signal = AbortSignal.timeout(timeoutMs)
  const context = openContext(needs, { generation, n, part: 0, signal, timeoutMs, received: [] })
  const result = await check(context).catch(() => ({ ok: false as const, message: 'the check broke off' }))
  return result.ok
    ? null
    : { ...brokenOff(probeEveryMs), message: 'the breaker is open, and the check fails' }
}

/** A free call that takes longer is as good as none. */
const checkTimeoutMs = 3_000

/** An attempt under way; `received` takes the keys of its pictures. */
type Receiving = Started & { received: string[] }

/** The images that were sold; null when this call settled no success. */
async function act(
  needs: RunNeeds,
  started: Receiving & { ageMs: number },
  parts: PartOutcome[],
): Promise<StoredImage[] | null> {
  const { generation, route, n, received, ageMs } = started
  const combined = combineParts(parts)
  if (combined.kind === 'delivered') {
    const { images, usage, warnings } = combined
    const shareUsdMicro = expectedPartCostUsdMicro(needs.catalog, generation, route)
    return deliver(needs, {
      generation,
      n,
      provider: route.provider,
      upstreamModel: route.upstreamModel,
      images,
      usage,
      // What was changed of the order when it was taken stands first.
      warnings: [...generation.warnings, ...warnings],
      parts,
      received,
      shareUsdMicro,
      ageMs,
    })
  }
  if (combined.kind === 'pending') await awaitParts(needs, started, parts)
  else await actOnFailure(needs, started, { failure: combined.failure, parts })
  return null
}

async function actOnFailure(
  needs: RunNeeds,
  started: Started,
  { failure, parts }: { failure: ProviderFailure; parts: PartOutcome[] },
): Promise<void> {
  const { action, state, reason } = failureRules[failure.failure]
  const { failure: kind, message } = failure
  // That the repeat did not run proves nothing of the create before it: no other route may be asked.
  if (started.isRepeat && attemptStateOf(kind) === 'not_run') {
    return reconcileUnknown(needs, started, { message, lossUsdMicro: undefined })
  }
  const shareUsdMicro = expectedPartCostUsdMicro(needs.catalog, started.generation, started.route)
  const lossUsdMicro = lossOfParts(parts, shareUsdMicro)
  const records = parts.map(part => toPartRecord(part, shareUsdMicro))
  if (action === 'reconcile')
    return reconcileUnknown(needs, started, { message, lossUsdMicro, parts: records })
  const anyMayHaveRun = parts.some(
    ({ outcome }) => outcome.kind === 'failed' && attemptStateOf(outcome.failure) !== 'not_run',
  )
  if (!anyMayHaveRun && action !== 'release' && (await retry(needs, started, { ...failure, action }))) return
  await release(needs, started, { state, reason, message, failure: kind, lossUsdMicro, parts: records })
}

/** T3. False when no further try is allowed. */
async function retry(
  needs: RunNeeds,
  { generation, n }: Started,
  failure: {
    failure: string
    message: string
    retryAfterMs?: number
    overloaded?: boolean
    action: 'retry' | 'retry_elsewhere' | 'reconcile'
  },
): Promise<boolean> {
  if (n >= maxAttempts) return false
  const untried = await persist(() => listUntried(needs, generation, listRoutes(needs, generation)))
  const elsewhere = untried.some(route => needs.breaker.waitMs(route, generation.accountId) === 0)
  if (failure.action === 'retry_elsewhere' && !elsewhere) return false
  if (failure.overloaded && !needs.retryBudget.take()) return false
  const delayMs = elsewhere ? 0 : (failure.retryAfterMs ?? backoffMs(n, needs.random()))
  if (timeLeftMs(generation.timeLeft) < delayMs + minTimeLeftMs) return false
  if (__FAILPOINTS__) await fp('T3.before')
  const values = [generation.id, generation.epoch, n, failure.failure, failure.message, delayMs]
  const row = await persist(() => findRow<{ done: boolean }>(needs.db, sql.requeue, values))
  if (__FAILPOINTS__) await fp('T3.after')
  if (row?.done) needs.wakeAfter(delayMs)
  else await giveUp(needs, generation, { n, step: 'T3' })
  return true
}

async function release(
  needs: RunNeeds,
  started: Started,
  end: {
    reason: Reason
    state: 'failed' | 'blocked'
    message: string
    lossUsdMicro: number
    failure?: string
    parts: PartRecord[]
  },
): Promise<void> {
  const { generation, n } = started
  const done = await settleReleased(needs, generation, {
    from: ['dispatching', 'awaiting', 'storing'],
    state: end.state,
    reason: end.reason,
    attemptState: end.failure && attemptStateOf(end.failure) === 'not_run' ? 'not_run' : 'failed',
    failure: end.failure ?? null,
    message: end.message,
    lossUsdMicro: end.lossUsdMicro,
    provider: started.route.provider,
    parts: end.parts,
    epoch: generation.epoch,
  })
  if (!done) await giveUp(needs, generation, { n, step: 'T7', parts: end.parts })
}

/** T9, and at once the reconciler: what may have run is never sent again. No loss given = what was expected. */
export async function reconcileUnknown(
  needs: RunNeeds,
  { generation }: Started,
  {
    message,
    lossUsdMicro,
    parts,
  }: { message: string; lossUsdMicro: number | undefined; parts?: PartRecord[] },
): Promise<void> {
  if (__FAILPOINTS__) await fp('T9.before')
  const values = [
    generation.id,
    generation.epoch,
    needs.processName,
    needs.leaseMs,
    'unknown_outcome',
    message,
    parts ? JSON.stringify(parts) : null,
  ]
  const row = await findRow<{ epoch: number | null }>(needs.db, sql.beginReconciling, values)
  if (__FAILPOINTS__) await fp('T9.after')
  if (!row?.epoch) return giveUp(needs, generation, { n: generation.attempts, step: 'T9', parts })
  needs.claimMoved(generation.id, row.epoch)
  needs.events.generationReconciling(generation, message)
  await reconcileGeneration(needs, { ...generation, state: 'reconciling', epoch: row.epoch }, lossUsdMicro)
}

/** Reconciles a claimed generation, and where the upstream is idempotent sends its create again. */
export async function reconcileGeneration(
  needs: RunNeeds,
  generation: Generation,
  lossUsdMicro?: number,
): Promise<void> {
  if (__FAILPOINTS__) await fp('reconcile.before')
  const again = await reconcile(needs, generation, lossUsdMicro)
  if (__FAILPOINTS__) await fp('reconcile.after')
  const started = again ? await startAttempt(needs, again.generation, again) : null
  if (started) await runGeneration(needs, started)
}
