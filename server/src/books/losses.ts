// What upstreams cost the operator today for nothing. Beyond one amount the operator is told, always; at another, if one is
// set, nothing new is sent there. Both end with the UTC day, or when the operator has looked.
import type { Db, Queryable } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { sql } from './sql.ts'

/** For each provider and UTC day. */
export type LossLimits = {
  /** Never 0: an alarm that is off is not missed until it is. */
  alarmUsdMicro: number
  /** 0 = none: it goes on whatever is lost. Reaching it is an alarm too. */
  capUsdMicro: number
}

export type LossToday = {
  provider: string
  losses: number
  lossUsdMicro: number
  /** Of it what counts towards the cap: since the operator last accepted it. */
  openUsdMicro: number
  isAlarm: boolean
  /** Nothing new is sent there. */
  isAtCap: boolean
}

type Row = { provider: string; losses: number; loss_usd_micro: number; accepted_usd_micro: number }

function toLoss({ alarmUsdMicro, capUsdMicro }: LossLimits, row: Row): LossToday {
  const { provider, losses, loss_usd_micro: lossUsdMicro } = row
  const openUsdMicro = lossUsdMicro - row.accepted_usd_micro
  const isAtCap = capUsdMicro > 0 && openUsdMicro >= capUsdMicro
  const isAlarm = isAtCap || openUsdMicro >= alarmUsdMicro
  return { provider, losses, lossUsdMicro, openUsdMicro, isAlarm, isAtCap }
}

/** One row a provider: what is summed is kept with every loss. */
export async function listLossesToday(db: Queryable, limits: LossLimits): Promise<LossToday[]> {
  return (await db.query<Row>(sql.lossesToday)).map(row => toLoss(limits, row))
}

/** Alarm and cap count anew from here. Throws not_found where nothing was lost today. */
export async function acceptLosses(db: Queryable, limits: LossLimits, provider: string): Promise<LossToday> {
  const [row] = await db.query<Row>(sql.acceptLosses, [provider])
  if (!row) throw new AppError('not_found', 'Nothing was lost at this provider today.')
  return toLoss(limits, row)
}

export type LossWatchNeeds = {
  db: Db
  log: Log
  metrics: Pick<Metrics, 'lossToday' | 'lossAlarm' | 'lossAtCap'>
  source: { setStopped(providers: ReadonlySet<string>): void }
}

/** Looks at today's losses, on every node; a cap that is passed is passed by what is sent between two looks. */
export function createLossWatch({ db, log, metrics, source }: LossWatchNeeds, limits: LossLimits) {
  const told = { alarm: new Set<string>(), cap: new Set<string>() }
  return async function look(): Promise<void> {
    const losses = await listLossesToday(db, limits)
    metrics.lossToday.reset()
    metrics.lossAlarm.reset()
    metrics.lossAtCap.reset()
    for (const { provider, lossUsdMicro, isAlarm, isAtCap } of losses) {
      metrics.lossToday.set({ provider }, lossUsdMicro / 1_000_000)
      metrics.lossAlarm.set({ provider }, Number(isAlarm))
      metrics.lossAtCap.set({ provider }, Number(isAtCap))
    }
    for (const { provider, openUsdMicro } of takeNew(told.alarm, losses, each => each.isAlarm))
      log.error(
        { event: 'loss_alarm.raised', provider, openUsdMicro, alarmUsdMicro: limits.alarmUsdMicro },
        'an upstream has lost as much today as the operator wants to be told of',
      )
    for (const { provider, openUsdMicro } of takeNew(told.cap, losses, each => each.isAtCap))
      log.error(
        { event: 'loss_cap.reached', provider, openUsdMicro, capUsdMicro: limits.capUsdMicro },
        'an upstream has lost as much today as it may; nothing new is sent there until midnight UTC or `providers resume`',
      )
    for (const provider of takeGone(told.cap, losses, each => each.isAtCap))
      log.warn({ event: 'loss_cap.left', provider }, 'the cap on losses is open again')
    takeGone(told.alarm, losses, each => each.isAlarm)
    source.setStopped(new Set(told.cap))
  }
}

type Is = (loss: LossToday) => boolean

/** Each is told of once, until it has been left. */
function takeNew(told: Set<string>, losses: LossToday[], is: Is): LossToday[] {
  const found = losses.filter(each => is(each) && !told.has(each.provider))
  for (const { provider } of found) told.add(provider)
  return found
}

function takeGone(told: Set<string>, losses: LossToday[], is: Is): string[] {
  const still = new Set(losses.filter(is).map(each => each.provider))
  const gone = [...told].filter(provider => !still.has(provider))
  for (const provider of gone) told.delete(provider)
  return gone
}
