// Turns a parsed file entry into the entry the service uses: names become what they name, and what only shows
// when two fields are read together is checked here.
import type { ModelEntry, PriceConditions, PriceRule, PriceVersion, Upstream } from './entry.ts'
import type { Dialect } from './options.ts'
import type { FileModel, FilePriceList, FilePriceRule, FileUpstream } from './schema.ts'
import { fitsFreeRule, parseSize, type SizeTable } from './sizes.ts'

type Say = (path: readonly PropertyKey[], message: string) => void

/** The upstream with its size table in place; mistakes go to `say`. */
export function linkUpstream(
  file: FileUpstream,
  { tables, say }: { tables: ReadonlyMap<string, SizeTable>; say: Say },
): Upstream {
  const { sizes: named, ratios, resolutions, ...rest } = file.shape
  const table = typeof named === 'string' ? tables.get(named) : named
  if (!table) say(['shape', 'sizes'], `there is no size table called ${named}`)
  const sizes = narrowTable(table ?? {}, { ratios, resolutions })
  if (table && Object.keys(sizes).length === 0 && !('free' in rest && rest.free)) {
    say(['shape'], 'no legal size is left')
  }
  if (file.successor !== null && file.retiresAt === null) {
    say(['successor'], 'a successor needs a retirement date (retiresAt)')
  }
  if (file.modes.includes('edit') !== file.maxReferences > 0) {
    say(['maxReferences'], 'the mode edit and maxReferences above 0 go together')
  }
  if (rest.by === 'pixels' && rest.free) checkTable(sizes, { free: rest.free, say })
  return { ...file, shape: { ...rest, sizes } }
}

function narrowTable(
  table: SizeTable,
  { ratios, resolutions }: { ratios: string[] | undefined; resolutions: string[] | undefined },
): SizeTable {
  const narrowed: SizeTable = {}
  for (const [resolution, row] of Object.entries(table)) {
    if (resolutions && !resolutions.includes(resolution)) continue
    const kept = Object.entries(row).filter(([ratio]) => !ratios || ratios.includes(ratio))
    if (kept.length > 0) narrowed[resolution] = Object.fromEntries(kept)
  }
  return narrowed
}

function checkTable(
  sizes: SizeTable,
  { free, say }: { free: Parameters<typeof fitsFreeRule>[1]; say: Say },
): void {
  for (const [resolution, row] of Object.entries(sizes)) {
    for (const [ratio, text] of Object.entries(row)) {
      const size = parseSize(text)
      if (size && !fitsFreeRule(size, free)) {
        say(['shape', 'sizes', resolution, ratio], `${text} is no size this upstream accepts`)
      }
    }
  }
}

/** The model with routes and prices in place; mistakes go to `say`. */
export function linkModel(
  file: FileModel,
  { upstreams, say }: { upstreams: ReadonlyMap<string, Upstream>; say: Say },
): ModelEntry {
  checkModel(file, say)
  const routes = file.routes.flatMap((route, index) => {
    const key = nameOfRoute(route)
    const upstream = upstreams.get(key)
    if (!upstream) say(['routes', index], `there is no upstream called ${key}`)
    return upstream ? [{ upstream, weight: typeof route === 'string' ? 1 : route.weight }] : []
  })
  return {
    ...file,
    routes: routes.map(({ upstream }) => upstream),
    weights: routes.map(({ weight }) => weight),
    prices: linkPrices(file, { upstreams, say }),
  }
}

function nameOfRoute(route: FileModel['routes'][number]): string {
  return typeof route === 'string' ? route : route.upstream
}

function checkRoutes({ routes, routing }: FileModel, say: Say): void {
  const names = routes.map(nameOfRoute)
  if (new Set(names).size < names.length) say(['routes'], 'a value is listed twice')
  for (const [index, route] of routes.entries()) {
    if (typeof route !== 'string' && routing !== 'weight')
      say(['routes', index, 'weight'], 'weights need "routing": "weight"')
  }
}

function checkModel(file: FileModel, say: Say): void {
  if (file.aspectRatios.length === 0 && file.sizes === null) {
    say(['aspectRatios'], 'a model needs aspect ratios or sizes')
  }
  if (file.aspectRatios.length > 0 !== file.resolutions.length > 0) {
    say(['resolutions'], 'aspect ratios and resolutions go together')
  }
  if (file.defaultQuality !== undefined && !file.qualities.includes(file.defaultQuality)) {
    say(['defaultQuality'], `expected one of the qualities: ${file.qualities.join(', ') || 'none'}`)
  }
  if (file.modes.includes('edit') !== file.maxReferences > 0) {
    say(['maxReferences'], 'the mode edit and maxReferences above 0 go together')
  }
  checkRoutes(file, say)
  if (file.mask && !file.modes.includes('edit')) say(['mask'], 'a mask needs the mode edit')
  const lists = [
    'modes',
    'aspectRatios',
    'resolutions',
    'qualities',
    'formats',
    'thinkingLevels',
    'dialects',
  ] as const
  for (const field of lists) {
    if (new Set<string>(file[field]).size < file[field].length) say([field], 'a value is listed twice')
  }
}

type PriceLinks = { upstreams: ReadonlyMap<string, Upstream>; say: Say }

function linkPrices(file: FileModel, links: PriceLinks): ModelEntry['prices'] {
  const home = file.dialects[0]
  const prices: ModelEntry['prices'] = {}
  const lookUp = (dialect: Dialect): FilePriceList | undefined => {
    const said = file.prices[dialect]
    if (said === undefined && dialect === 'native' && home !== undefined) return file.prices[home]
    if (typeof said !== 'object' || Array.isArray(said)) return said
    const target = file.prices[said.sameAs]
    const isFinal = target !== undefined && (typeof target !== 'object' || Array.isArray(target))
    if (!isFinal) links.say(['prices', dialect, 'sameAs'], `${said.sameAs} has no price list of its own`)
    return isFinal ? target : undefined
  }
  // A list used twice is linked once: the same object then tells that two dialects share their prices.
  const known = new Map<FilePriceList, PriceVersion[]>()
  for (const dialect of [...file.dialects, 'native'] as const) {
    const list = lookUp(dialect)
    if (list === undefined || (typeof list === 'object' && !Array.isArray(list))) {
      if (file.prices[dialect] === undefined) links.say(['prices', dialect], 'the model has no price here')
      continue
    }
    const linked = known.get(list) ?? linkVersions(list, { ...links, path: ['prices', dialect] })
    known.set(list, linked)
    prices[dialect] = linked
  }
  // Callable there whichever its home is, at the native price unless the data says otherwise.
  if (!prices.openai && prices.native) prices.openai = prices.native
  for (const dialect of Object.keys(file.prices)) {
    if (dialect !== 'native' && !file.dialects.some(listed => listed === dialect)) {
      links.say(['prices', dialect], 'the model is not listed in this dialect')
    }
  }
  return prices
}

function linkVersions(
  list: number | Exclude<FilePriceList, number | { sameAs: string }>,
  { path, ...links }: PriceLinks & { path: readonly PropertyKey[] },
): PriceVersion[] {
  if (typeof list === 'number') {
    const rule: PriceRule = { when: always, kind: 'credits', credits: list, creditsPerReference: 0 }
    return [{ from: null, rules: [rule] }]
  }
  let previous: string | null = null
  return list.map(({ from, rules }, index) => {
    const inOrder: boolean = index === 0 || (from !== null && (previous === null || from > previous))
    if (!inOrder) links.say([...path, index, 'from'], 'versions must be listed in order of their dates')
    previous = from
    return {
      from,
      rules: rules.map((rule, at) => linkRule(rule, { ...links, path: [...path, index, 'rules', at] })),
    }
  })
}

const always: PriceConditions = {
  quality: null,
  resolution: null,
  sizes: null,
  thinkingLevel: null,
  minReferences: null,
}

function linkRule(
  rule: FilePriceRule,
  { upstreams, say, path }: PriceLinks & { path: PropertyKey[] },
): PriceRule {
  const when: PriceConditions = {
    quality: rule.quality ?? null,
    resolution: rule.resolution ?? null,
    sizes: rule.sizes ?? null,
    thinkingLevel: rule.thinkingLevel ?? null,
    minReferences: rule.minReferences ?? null,
  }
  if ('credits' in rule) {
    return { when, kind: 'credits', credits: rule.credits, creditsPerReference: rule.creditsPerReference }
  }
  const { costOf } = rule
  const upstream = upstreams.get(costOf.upstream)
  if (!upstream) {
    say([...path, 'costOf', 'upstream'], `there is no upstream called ${costOf.upstream}`)
    return { when, kind: 'credits', credits: 0, creditsPerReference: 0 }
  }
  const { quality, resolution, size } = costOf
  return {
    when,
    kind: 'default',
    upstream,
    quality: quality ?? null,
    resolution: resolution ?? null,
    size: size ?? null,
  }
}
