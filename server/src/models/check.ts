// What an operator should know of the catalogue before customers do: walks every combination every dialect can
// express. Problems stop a release; warnings ask for a decision.
import type { QuotePrice, Standing } from './catalog.ts'
import { listCombinations } from './combinations.ts'
import { stockShelf } from './create-catalog.ts'
import { isRetired, type ModelEntry } from './entry.ts'
import { daysUntil } from './list-models.ts'
import type { Dialect, GenerationOptions } from './options.ts'
import { listLiveRoutes, listServingRoutes, quote, type Shelf } from './shelf.ts'
import { findUnitCostUsdMicro } from './upstream.ts'

export type CatalogFinding = { model: string; message: string }

export type CatalogReport = {
  /** Models and combinations looked at. */
  models: number
  combinations: number
  problems: CatalogFinding[]
  warnings: CatalogFinding[]
  /** Models that no configured provider serves now; each with the providers that would. */
  notOffered: CatalogFinding[]
}

export type CheckNeeds = {
  standing: () => Standing
  creditPriceUsd: number
  quotePrice: QuotePrice
  now: () => Date
}

// Two months leave time to test a successor and to tell customers.
const RETIREMENT_NOTICE_DAYS = 60

/** Throws when two entries share an id or the credit price is not positive; everything else is in the report. */
export function checkCatalog(entries: readonly ModelEntry[], needs: CheckNeeds): CatalogReport {
  const shelf = stockShelf({ ...needs, entries })
  const report: CatalogReport = { models: 0, combinations: 0, problems: [], warnings: [], notOffered: [] }
  for (const entry of shelf.entries.values()) {
    report.models += 1
    checkRoutes(shelf, entry, report)
    checkPrices(shelf, entry, report)
  }
  return report
}

function checkRoutes(shelf: Shelf, entry: ModelEntry, report: CatalogReport): void {
  const now = shelf.now()
  const living = entry.routes.filter(route => !isRetired(route, now))
  if (living.length === 0) {
    report.warnings.push({ model: entry.id, message: 'no live route: every upstream id is retired' })
  } else if (!shelf.sandbox && listLiveRoutes(shelf, entry).length === 0) {
    const providers = [...new Set(living.map(route => route.provider))].join(', ')
    report.notOffered.push({ model: entry.id, message: `not offered: needs a key for ${providers}` })
  }
  for (const { model, retiresAt, successor } of living) {
    if (retiresAt === null) continue
    const days = daysUntil(retiresAt, now)
    if (days > RETIREMENT_NOTICE_DAYS) continue
    const heir = successor === null ? 'no successor is known' : `successor ${successor}`
    const message = `${model} retires on ${retiresAt}, in ${days} ${days === 1 ? 'day' : 'days'}; ${heir}`
    report.warnings.push({ model: entry.id, message })
  }
}

function checkPrices(shelf: Shelf, entry: ModelEntry, report: CatalogReport): void {
  for (const dialect of [...entry.dialects, 'native'] as const) {
    const losses: Loss[] = []
    for (const options of listCombinations(entry, dialect)) {
      report.combinations += 1
      const price = quote(shelf, entry, { dialect, options })
      if (!price) {
        report.problems.push({ model: entry.id, message: `${dialect}: no price for ${describe(options)}` })
        continue
      }
      const loss = findLoss(shelf, entry, { options, credits: price.credits })
      if (loss) losses.push(loss)
    }
    const worst = losses.sort((a, b) => b.lostUsdMicro - a.lostUsdMicro)[0]
    const isShared =
      dialect === 'native' && entry.dialects.some(each => entry.prices[each] === entry.prices.native)
    if (worst && !isShared)
      report.warnings.push({ model: entry.id, message: describeLoss(dialect, losses.length, worst) })
  }
}

type Loss = {
  options: GenerationOptions
  credits: number
  route: string
  costUsdMicro: number
  lostUsdMicro: number
}

/** The dearest configured route of a combination, when it costs more than the price brings in. */
function findLoss(
  shelf: Shelf,
  entry: ModelEntry,
  { options, credits }: { options: GenerationOptions; credits: number },
): Loss | null {
  if (shelf.sandbox) return null
  let worst: Loss | null = null
  for (const route of listServingRoutes(shelf, entry, options)) {
    const costUsdMicro = findUnitCostUsdMicro(route, options) ?? 0
    const lostUsdMicro = costUsdMicro - credits * shelf.creditPriceUsdMicro
    if (lostUsdMicro > (worst?.lostUsdMicro ?? 0)) {
      worst = { options, credits, route: route.model, costUsdMicro, lostUsdMicro }
    }
  }
  return worst
}

function describeLoss(
  dialect: Dialect,
  count: number,
  { options, credits, route, costUsdMicro }: Loss,
): string {
  const usd = (costUsdMicro / 1_000_000).toFixed(4)
  return (
    `${dialect}: ${count} ${count === 1 ? 'combination sells' : 'combinations sell'} below expected cost; worst ${describe(options)}: ` +
    `${credits} ${credits === 1 ? 'credit' : 'credits'} against ${usd} USD on ${route}`
  )
}

function describe(options: GenerationOptions): string {
  const { size, aspectRatio, resolution, quality, thinkingLevel, referenceCount } = options
  const parts = [size, aspectRatio, resolution, quality, thinkingLevel && `thinking ${thinkingLevel}`]
  if (referenceCount > 0) parts.push(`${referenceCount} ${referenceCount === 1 ? 'reference' : 'references'}`)
  return parts.filter(part => part !== null).join(' ')
}
