// The life of upstream models in the database, and as this node has it in memory. A change is told to every node at
// once; a look every few seconds finds what a lost notification did not tell.
import type { Queryable } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import { type GoneModel, type ModelLife, noLife, type ToldModel } from './life.ts'
import { sql } from './sql.ts'

/** What the catalogue reads; the same object until it changes. */
export type LifeMemory = { current(): ModelLife; set(life: ModelLife): void }

export function createLifeMemory(): LifeMemory {
  let life = noLife
  let text = JSON.stringify(life)
  return {
    current: () => life,
    set(given) {
      const next = JSON.stringify(given)
      if (next === text) return
      text = next
      life = given
    },
  }
}

export type Lives = {
  /** Reads what has changed. */
  refresh(): Promise<void>
  /** Takes a notification. */
  note(): void
  /** Switches it off for all nodes; never throws, for an order that goes on must not end by it. */
  noteGone(gone: Omit<GoneModel, 'since'>): Promise<void>
}

export type LivesNeeds = { db: Queryable; log: Log; metrics: Metrics; life: LifeMemory }

/** An upstream's text is kept to be recognised; in full it is in the log and on the attempt. */
const maxSaidLength = 300

export function createLives(needs: LivesNeeds): Lives {
  const { db, log, metrics, life } = needs
  let looking: Promise<void> = Promise.resolve()
  let next: Promise<void> | null = null
  async function look(): Promise<void> {
    life.set(await readLife(db))
    metrics.routeGone.reset()
    for (const { provider, upstreamModel: upstream_model, since } of life.current().gone)
      metrics.routeGone.set({ provider, upstream_model }, since.getTime() / 1_000)
  }
  /**
   * One after the other: a look that began before a change must not put back what was before it. Who asks while one waits
   * to begin shares it: a thousand orders may meet the same model at once.
   */
  const refresh = () => {
    if (next) return next
    looking = looking
      .catch(() => undefined)
      .then(() => {
        next = null
        return look()
      })
    next = looking
    return next
  }
  return {
    refresh,
    note() {
      refresh().catch(error =>
        log.error({ event: 'model_life.unread', err: error }, 'which models are gone could not be read'),
      )
    },
    async noteGone({ provider, upstreamModel, said, generationId }) {
      const named = { provider, upstream_model: upstreamModel, generationId }
      try {
        const values = [provider, upstreamModel, said.slice(0, maxSaidLength), generationId]
        const first = await db.query(sql.noteGone, values)
        if (first.length > 0) {
          log.error(
            { event: 'model.gone', ...named, message: said },
            'an upstream says that it has no such model: no order is sent there until `models restore`',
          )
        }
        await refresh()
      } catch (error) {
        log.error({ event: 'model.gone_unkept', ...named, err: error }, 'that a model is gone was not kept')
      }
    },
  }
}

export async function readLife(db: Queryable): Promise<ModelLife> {
  const gone = await db.query<GoneRow>(sql.gone)
  const told = await db.query<ToldRow>(sql.told)
  return { gone: gone.map(toGone), told: told.map(toTold) }
}

/** What was taken back: that it is gone, the end that was told of it, or both. */
export type Restored = { gone: GoneModel | null; overruledEnd: string | null }

/** Throws not_found where there is nothing to take back. */
export async function restoreModel(
  db: Queryable,
  { provider, upstreamModel }: Pick<GoneModel, 'provider' | 'upstreamModel'>,
): Promise<Restored> {
  const [row] = await db.query<RestoredRow>(sql.restore, [provider, upstreamModel])
  if (!row) {
    throw new AppError(
      'not_found',
      `${provider}/${upstreamModel} is not switched off, and no end of it is told that is not overruled already; \`models list\` names what is switched off.`,
    )
  }
  const { seen_at, said, generation_id, overruled_end } = row
  const isGone = seen_at !== null && said !== null && generation_id !== null
  return {
    gone: isGone ? toGone({ provider, upstream_model: upstreamModel, seen_at, said, generation_id }) : null,
    overruledEnd: overruled_end,
  }
}

type RestoredRow = {
  seen_at: Date | null
  said: string | null
  generation_id: string | null
  overruled_end: string | null
}

type GoneRow = {
  provider: string
  upstream_model: string
  seen_at: Date
  said: string
  generation_id: string
}

function toGone({ provider, upstream_model, seen_at, said, generation_id }: GoneRow): GoneModel {
  return { provider, upstreamModel: upstream_model, since: seen_at, said, generationId: generation_id }
}

type ToldRow = {
  provider: string
  upstream_model: string
  shutdown_on: string | null
  version: string | null
  version_at: Date | null
  version_before: string | null
  overruled_end: string | null
}

function toTold(row: ToldRow): ToldModel {
  return {
    provider: row.provider,
    upstreamModel: row.upstream_model,
    shutdownOn: row.shutdown_on,
    version: row.version,
    versionAt: row.version_at,
    versionBefore: row.version_before,
    overruledEnd: row.overruled_end,
  }
}
