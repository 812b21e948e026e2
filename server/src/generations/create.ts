// Takes an order: one database call claims the idempotency key, raises the slots, holds the price and, when this
// process has room, claims the work at once. Refused = nothing remains and the key is free.

import { type AllowedModels, requireModel } from '../accounts/allowed-models.ts'
import { type SpendCap, toCapValues } from '../accounts/spend-caps.ts'
import { isAmbiguous, sqlStateOf } from '../db/database-error.ts'
import type { Db } from '../db/db.ts'
import { AppError } from '../errors.ts'
import { fp } from '../failpoints.ts'
import { newId } from '../ids.ts'
import type { Catalog, Route } from '../models/catalog.ts'
import type { Dialect, GenerationOptions } from '../models/options.ts'
import type { Moderation } from '../moderation/moderation.ts'
import type { ProviderSource } from '../providers/source.ts'
import type { Storage } from '../storage/storage.ts'
import type { InputRequests, InputTaker, StoredInputs } from '../uploads/input.ts'
import { findUnaffordable } from './afford.ts'
import { announced } from './announce.ts'
import type { Breaker } from './breaker.ts'
import { findFreeRoute } from './choose.ts'
import { createKeyOf, expectedPartCostUsdMicro, partsOf } from './dispatch.ts'
import { findRowById, findRowByKey } from './find.ts'
import { type Generation, isTerminal } from './generation.ts'
import { takeInputs } from './intake.ts'
import { joinRepeat } from './join.ts'
import type { GenerationEvents } from './observe.ts'
import { needsOf, type OwnKeys } from './own-keys.ts'
import type { PartialBus, PartialListener } from './partials.ts'
import { persist } from './persist.ts'
import type { QueueSample } from './queue.ts'
import type { Redact } from './redaction.ts'
import { isRefusal, refusalOf } from './refusal.ts'
import type { Runner } from './runner.ts'
import type { Settled, SettledBus } from './settled.ts'
import { isShed, refuseWhenBroken, refuseWhenFull } from './shed.ts'
import { findRow, type GenerationRow, sql, toCreateCall, toGeneration } from './sql.ts'
import { describeOrder, findTerms, type Terms } from './terms.ts'
import { startCountdown } from './time-left.ts'

export type CreateNeeds = {
  db: Db
  catalog: Catalog
  providers: Pick<ProviderSource, 'get' | 'has'>
  settled: SettledBus
  partials: Pick<PartialBus, 'subscribe'>
  events: GenerationEvents
  runner: Runner
  queue: QueueSample
  breaker: Breaker
  storage: Pick<Storage, 'read'> & { isFailing(): boolean }
  inputs: InputTaker
  moderation: Moderation
  now: () => Date
  processName: string
  leaseMs: number
  isSandbox(): boolean
  ownKeys: OwnKeys
  redact: Redact
}

export type GenerationInput = {
  accountId: string
  apiKeyId: string | null
  dialect: Dialect
  modelId: string
  /** 1 or more code points; the dialect has checked its own limit. */
  prompt: string
  /** How many pictures come with the order need not be said here: that follows from `inputs`. */
  options: GenerationOptions
  /** Whether options that the model does not offer are changed to what comes nearest, instead of refused. */
  adapts?: boolean
  echo: Record<string, unknown>
  /** Pictures to work from. They are fetched and stored only when the order is no repeat and the model takes them. */
  inputs: InputRequests | null
  idempotencyKey: string | null
  /** SHA-256 of method, route and canonical body: generations/fingerprint.ts. */
  fingerprint: Buffer
  deadlineMs: number
  /** Seconds from the order until its files end; left out, they stay. */
  filesLiveS?: number
  /** In-flight counters this order raises, with their caps. */
  slots: { scope: string; cap: number }[]
  /** Caps on what may be spent, as the admitted caller has them. */
  spendCaps: SpendCap[]
  /** The models that the caller's key may be used for. */
  allowedModels: AllowedModels
  /**
   * How often the caller's SDK has sent this order before (`readRetryCount`), for dialects whose repeats carry no
   * idempotency key. Above zero the order joins its original, if there is one: same key, same fingerprint.
   */
  retryCount?: number
  /** Who repeats an order that is still on its way waits for it no longer than this. */
  callerGone?: AbortSignal
  /** Called once the order has turned out to be a new one: throws to refuse it before anything is done. */
  beforeNew?: () => Promise<void> | void
  /**
   * Takes the partial pictures that `options.partialImages` asks for, from the first on, as long as `settlement` is
   * not canceled. None come when the order runs in another process, or when results are judged before delivery.
   */
  onPartial?: PartialListener
}

export type Accepted = {
  generation: Generation
  /** The idempotency key named an order taken before; this is that one, as it is now. */
  replayed: boolean
  /** The order repeats another without naming it: this is that one. Never together with `replayed`. */
  joined: boolean
  /** Credits available right after the hold; null on a replay. */
  available: number | null
  /** The settlement, should it come; cancel() when nobody waits any more. */
  settlement: { settled: Promise<Settled>; cancel(): void }
}

type CreateRow = {
  created: boolean
  found_id: string
  found_fingerprint: Buffer
  available: number | null
  created_at: Date
  left_ms: number
  files_expire_at: Date | null
}

/**
 * Throws AppError: invalid_request (model, options or pictures), forbidden (a model that the key may not use),
 * content_rejected, rate_limited and forbidden (by moderation), insufficient_credits, too_many_in_flight,
 * idempotency_key_reused, overloaded (queue full or stopping), unavailable (database, storage, the safety check, or
 * every upstream of the model).
 */
export async function createGeneration(given: CreateNeeds, input: GenerationInput): Promise<Accepted> {
  const earlier = (await findReplay(given, input)) ?? (await findJoined(given, input))
  if (earlier) return earlier
  await input.beforeNew?.()
  requireModel(input.allowedModels, input.modelId)
  const { offer, ownProviders } = await findTerms(given, input)
  const needs = await needsOf(given, { accountId: input.accountId, ownProviders })
  refuseWhenFull(needs)
  refuseWhenBroken(needs, offer, input.accountId)
  needs.moderation.refuseAccount(input.accountId)
  const unaffordable = await findUnaffordable(needs, input, offer.price)
  if (unaffordable) {
    // A twin that was taken meanwhile may be what the account has spent its credits or its place on.
    const twin = await findReplay(needs, input)
    if (twin) return twin
    throw unaffordable
  }
  const id = newId(needs.now)
  const settlement = subscribe(needs, input, id)
  const taking: Taking = { id, offer, ownProviders, inputs: null }
  try {
    const accepted = await announced(needs, { ...input, id }, async () => {
      taking.inputs = await takeInputs(needs, input, id)
      return insert(needs, input, taking)
    })
    if (accepted) return { ...accepted, replayed: false, joined: false, settlement }
  } catch (error) {
    settlement.cancel()
    // Any other failure may hide an order that was taken, and works from these pictures.
    if (taking.inputs && (isRefusal(error) || isShed(error))) await needs.inputs.discard(taking.inputs)
    throw refusalOf(error, { price: offer.price, spendCaps: input.spendCaps })
  }
  settlement.cancel()
  if (taking.inputs) await needs.inputs.discard(taking.inputs)
  const winner = await findReplay(needs, input)
  if (!winner) throw new AppError('unavailable', undefined, { retryAfterSeconds: 1 })
  return winner
}

type Taking = Terms & { id: string; inputs: StoredInputs | null }

/**
 * T1, with T2 when this process has room and nobody waits in the queue. Null when the key was used before. The
 * place among the workers or in the queue is taken before the database is asked: a burst of orders that all saw
 * the same free place would run or wait in any number.
 */
async function insert(
  needs: CreateNeeds,
  input: GenerationInput,
  order: Taking,
): Promise<{ generation: Generation; available: number } | null> {
  const { modelId: model, options } = order.offer
  const route = findFreeRoute(needs, { id: order.id, model, options, accountId: input.accountId })
  const leave = route && needs.queue.isEmpty() ? needs.runner.reserve() : null
  // Many that found room at the door may have come as far as this at once.
  if (!leave) refuseWhenFull(needs)
  const arrived = leave ? null : needs.queue.arrive()
  let isTaken = false
  try {
    const taken = await hold(needs, input, { ...order, route: leave && route ? route : null })
    isTaken = taken !== null
    return taken
  } finally {
    leave?.()
    arrived?.(isTaken)
  }
}

async function hold(
  needs: CreateNeeds,
  input: GenerationInput,
  order: Taking & { route: Route | null },
): Promise<{ generation: Generation; available: number } | null> {
  const { id, offer, route, inputs } = order
  const claim = route !== null
  const generation = newGeneration(input, order)
  const slots = [...input.slots].sort((a, b) => (a.scope < b.scope ? -1 : 1))
  if (__FAILPOINTS__) await fp('T1.before')
  const values = [
    id,
    input.accountId,
    input.apiKeyId,
    input.dialect,
    offer.modelId,
    input.prompt,
    JSON.stringify(offer.options),
    JSON.stringify(input.echo),
    inputs ? JSON.stringify(inputs) : null,
    input.idempotencyKey,
    input.fingerprint,
    offer.unitPrice,
    offer.options.count,
    slots.map(slot => slot.scope),
    slots.map(slot => slot.cap),
    input.deadlineMs,
    needs.processName,
    claim,
    needs.leaseMs,
    claim ? route.provider : null,
    claim ? route.upstreamModel : null,
    claim ? partsOf(generation, route).length : 1,
    claim ? expectedPartCostUsdMicro(needs.catalog, generation, route) : 0,
    claim && needs.providers.get(route.provider)?.idempotentCreates ? createKeyOf(id, 0) : null,
    describeOrder(order, needs.isSandbox()),
  ]
  const more = [
    input.filesLiveS ?? null,
    ...toCapValues(input.spendCaps),
    offer.warnings.length > 0 ? JSON.stringify(offer.warnings) : null,
    order.ownProviders,
  ]
  const row = await callCreate(needs, id, toCreateCall(values, more))
  if (__FAILPOINTS__) await namingGeneration(id, () => fp('T1.after'))
  if (row?.found_id !== id) return null
  const times = {
    createdAt: row.created_at,
    timeLeft: startCountdown(row.left_ms),
    filesExpireAt: row.files_expire_at,
  }
  const created: Generation = claim
    ? { ...generation, ...times, state: 'dispatching', epoch: 1, attempts: 1, leaseOwner: needs.processName }
    : { ...generation, ...times }
  needs.events.generationCreated(created)
  // While the acknowledgement was lost the lease may have run out: then the row is another worker's.
  const isOurs = row.created || (await isFirstClaim(needs, id))
  if (claim && isOurs) needs.runner.start({ generation: created, route, n: 1 })
  return { generation: created, available: row.available ?? 0 }
}

type CreateCall = ReturnType<typeof toCreateCall>

/**
 * After a lost acknowledgement neither a commit nor a rollback is assumed: the same call under the same id waits
 * at the unique index for the lost one, which may still be running, and then either does the work or finds it done.
 * Throws with the generation's id when the outcome stays unknown, so that nobody sends the order again.
 */
async function callCreate(needs: CreateNeeds, id: string, order: CreateCall): Promise<CreateRow | null> {
  try {
    return await findRow<CreateRow>(needs.db, order.call, order.values)
  } catch (error) {
    if (!isAmbiguous(error)) throw error
  }
  try {
    return await persist(() => repeatCreate(needs, id, order))
  } catch (error) {
    if (isRefusal(error)) throw error
    return await namingGeneration(id, () => Promise.reject(error))
  }
}

async function repeatCreate(needs: CreateNeeds, id: string, order: CreateCall): Promise<CreateRow | null> {
  try {
    return await findRow<CreateRow>(needs.db, order.call, order.values)
  } catch (error) {
    if (sqlStateOf(error) !== uniqueViolation) throw error
    const row = await findRow<GenerationRow>(needs.db, sql.findAny, [id])
    if (!row) throw error
    const { fingerprint, created_at, left_ms, files_expire_at } = row
    const found = { found_id: id, found_fingerprint: fingerprint, created_at, left_ms, files_expire_at }
    return { created: false, available: null, ...found }
  }
}

/** The id is taken: by the lost call, since nobody else knows it. */
const uniqueViolation = '23505'

async function isFirstClaim(needs: CreateNeeds, id: string): Promise<boolean> {
  const row = await namingGeneration(id, () => findRow<GenerationRow>(needs.db, sql.findAny, [id]))
  return row?.state === 'dispatching' && row.epoch === 1
}

/** Whatever fails once a hold may exist names the generation: callers' libraries then do not repeat the order. */
export async function namingGeneration<Result>(id: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof AppError)) {
      throw new AppError('internal', undefined, { generationId: id, cause: error })
    }
    throw new AppError(error.code, error.message, { generationId: id, ...error.options, cause: error })
  }
}

function newGeneration(input: GenerationInput, { id, offer, ownProviders, inputs }: Taking): Generation {
  const unknownTime = new Date(0)
  return {
    id,
    accountId: input.accountId,
    apiKeyId: input.apiKeyId,
    dialect: input.dialect,
    model: offer.modelId,
    prompt: input.prompt,
    options: offer.options,
    echo: input.echo,
    inputs,
    fingerprint: input.fingerprint,
    unitPrice: offer.unitPrice,
    count: offer.options.count,
    price: offer.price,
    captured: 0,
    state: 'queued',
    reason: null,
    ownProviders,
    epoch: 0,
    attempts: 0,
    leaseOwner: null,
    pacedRoute: null,
    timeLeft: startCountdown(input.deadlineMs),
    images: [],
    warnings: offer.warnings,
    usage: null,
    createdAt: unknownTime,
    completedAt: null,
    deletedAt: null,
    filesExpireAt: null,
    filesRemovedAt: null,
  }
}

/** Before the row can be there, so that nothing of it is missed. */
function subscribe(
  needs: Pick<CreateNeeds, 'settled' | 'partials'>,
  { onPartial }: GenerationInput,
  id: string,
): Accepted['settlement'] {
  const leave: (() => void)[] = []
  if (onPartial) leave.push(needs.partials.subscribe(id, onPartial))
  const settled = new Promise<Settled>(resolve => {
    leave.push(needs.settled.subscribe(id, resolve))
  })
  return {
    settled,
    cancel() {
      for (const each of leave) each()
    },
  }
}

/** The order this key named before, as it is now. Throws idempotency_key_reused when the request differs. */
async function findReplay(needs: CreateNeeds, input: GenerationInput): Promise<Accepted | null> {
  if (input.idempotencyKey === null) return null
  const { accountId, idempotencyKey: key } = input
  const known = await findRowByKey(needs.db, { accountId, key })
  if (!known) return null
  if (!known.fingerprint.equals(input.fingerprint)) throw new AppError('idempotency_key_reused')
  const settlement = subscribe(needs, input, known.id)
  // Read again after subscribing: a settlement in between would otherwise be missed. What has ended stays as it is.
  const row = isTerminal(known.state) ? known : await findRowById(needs.db, { id: known.id, accountId })
  return {
    generation: toGeneration(row ?? known),
    replayed: true,
    joined: false,
    available: null,
    settlement,
  }
}

/** The order that this one repeats without naming it. */
async function findJoined(needs: CreateNeeds, input: GenerationInput): Promise<Accepted | null> {
  const { retryCount = 0, idempotencyKey } = input
  if (retryCount === 0 || idempotencyKey !== null) return null
  const joined = await joinRepeat(needs, { ...input, retryCount }, input.callerGone)
  if (!joined) return null
  const settlement = subscribe(needs, input, joined.id)
  // As for replays: read again after subscribing.
  const row = await findRowById(needs.db, { id: joined.id, accountId: input.accountId })
  const generation = row ? toGeneration(row) : joined
  return { generation, replayed: false, joined: true, available: null, settlement }
}
