// What upstreams cost the operator today for nothing, held against a cap. At the cap the operator is told, and unless
// that is switched off nothing new is sent there: it ends with the UTC day, or when the operator has looked.
import type { Db, Queryable } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { sql } from './sql.ts'

export type LossCap = {
  /** For each provider and UTC day; 0 = none. */
  usdMicro: number
  stops: boolean
}

export type LossToday = {
  provider: string
  losses: number
  lossUsdMicro: number
  /** Of it what counts towards the cap: since the operator last accepted it. */
  openUsdMicro: number
  isAtCap: boolean
}

type Row = { provider: string; losses: number; loss_usd_micro: number; accepted_usd_micro: number }

function toLoss({ usdMicro }: LossCap, row: Row): LossToday {
  const { provider, losses, loss_usd_micro: lossUsdMicro } = row
  const openUsdMicro = lossUsdMicro - row.accepted_usd_micro
  return { provider, losses, lossUsdMicro, openUsdMicro, isAtCap: usdMicro > 0 && openUsdMicro >= usdMicro }
}

/** One row a provider: what is summed is kept with every loss. */
export async function listLossesToday(db: Queryable, cap: LossCap): Promise<LossToday[]> {
  return (await db.query<Row>(sql.lossesToday)).map(row => toLoss(cap, row))
}

/** The cap counts anew from here. Throws not_found where nothing was lost today. */
export async function acceptLosses(db: Queryable, cap: LossCap, provider: string): Promise<LossToday> {
  const [row] = await db.query<Row>(sql.acceptLosses, [provider])
  if (!row) throw new AppError('not_found', 'Nothing was lost at this provider today.')
  return toLoss(cap, row)
}

export type LossWatchNeeds = {
  db: Db
  log: Log
  metrics: Pick<Metrics, 'lossToday' | 'lossAtCap'>
  source: { setStopped(providers: ReadonlySet<string>): void }
}

/** Looks at today's losses, on every node; a cap that is passed is passed by what is sent between two looks. */
export function createLossWatch({ db, log, metrics, source }: LossWatchNeeds, cap: LossCap) {
  const known = new Set<string>()
  return async function look(): Promise<void> {
    const losses = await listLossesToday(db, cap)
    metrics.lossToday.reset()
    metrics.lossAtCap.reset()
    const atCap = new Set<string>()
    for (const { provider, lossUsdMicro, openUsdMicro, isAtCap } of losses) {
      metrics.lossToday.set({ provider }, lossUsdMicro / 1_000_000)
      metrics.lossAtCap.set({ provider }, Number(isAtCap))
      if (!isAtCap) continue
      atCap.add(provider)
      if (!known.has(provider)) {
        const fields = { event: 'loss_cap.reached', provider, openUsdMicro, capUsdMicro: cap.usdMicro }
        const then = cap.stops
          ? 'nothing new is sent there until midnight UTC or `providers resume`'
          : 'it goes on'
        log.error({ ...fields, stops: cap.stops }, `an upstream has lost as much today as it may; ${then}`)
      }
    }
    for (const provider of known) {
      if (!atCap.has(provider))
        log.warn({ event: 'loss_cap.left', provider }, 'the cap on losses is open again')
    }
    known.clear()
    for (const provider of atCap) known.add(provider)
    source.setStopped(cap.stops ? atCap : new Set())
  }
}
