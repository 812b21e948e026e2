// Puts catalogue files on top of each other before anything is checked: later files replace fields, add entries
// or remove them. Remembers which file said what, so that a mistake is reported where it was written.
import type { CatalogFrame } from './schema.ts'

export type RawEntry = Record<string, unknown>

/** Which part of which file a merged field came from: path in that file, such as `models.0`. */
export type Origin = { file: string; path: string }

export type Merged = {
  sizeTables: Map<string, { value: unknown; origin: Origin }>
  upstreams: Map<string, MergedEntry>
  models: Map<string, MergedEntry>
}

export type MergedEntry = { value: RawEntry; origins: Map<string, Origin>; last: Origin }

export type SourceFile = { name: string; frame: CatalogFrame }

export function mergeFiles(files: readonly SourceFile[]): { merged: Merged; problems: string[] } {
  const merged: Merged = { sizeTables: new Map(), upstreams: new Map(), models: new Map() }
  const problems: string[] = []
  for (const { name: file, frame } of files) {
    for (const [key, value] of Object.entries(frame.sizeTables)) {
      merged.sizeTables.set(key, { value, origin: { file, path: `sizeTables.${key}` } })
    }
    for (const [key, value] of Object.entries(frame.upstreams)) {
      const origin = { file, path: `upstreams.${key}` }
      problems.push(...put(merged.upstreams, { key, value, origin }))
    }
    const seen = new Set<string>()
    for (const [index, value] of frame.models.entries()) {
      const origin = { file, path: `models.${index}` }
      if (seen.has(value.id))
        problems.push(`${origin.path}.id: the model ${value.id} is named twice in this file`)
      seen.add(value.id)
      problems.push(...put(merged.models, { key: value.id, value, origin }))
    }
  }
  return { merged, problems }
}

function put(
  entries: Map<string, MergedEntry>,
  { key, value, origin }: { key: string; value: RawEntry; origin: Origin },
): string[] {
  const { remove, ...fields } = value
  if (remove !== undefined) return removeEntry(entries, { key, value, origin })
  const known = entries.get(key)
  const origins = new Map(known?.origins)
  for (const field of Object.keys(fields)) origins.set(field, origin)
  const prices = mergePrices(known?.value.prices, fields.prices)
  const merged = { ...known?.value, ...fields, ...(prices === undefined ? {} : { prices }) }
  entries.set(key, { value: merged, origins, last: origin })
  return []
}

function removeEntry(
  entries: Map<string, MergedEntry>,
  { key, value, origin }: { key: string; value: RawEntry; origin: Origin },
): string[] {
  if (value.remove !== true) return [`${origin.path}.remove: expected true`]
  const others = Object.keys(value).filter(field => field !== 'remove' && field !== 'id')
  const extra = others.map(field => `${origin.path}.${field}: a removed entry takes no other fields`)
  const unknown = entries.delete(key) ? [] : [`${origin.path}: there is no ${key} to remove`]
  return [...extra, ...unknown]
}

/** Prices are replaced dialect by dialect, so that one price can be changed without repeating the others. */
function mergePrices(known: unknown, said: unknown): unknown {
  if (!isRecord(known) || !isRecord(said)) return said
  return { ...known, ...said }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Where a problem with a merged field was written: the file that said the field last, or the entry's last. */
export function locate(entry: MergedEntry, path: readonly PropertyKey[]): Origin {
  const [field] = path
  const origin = entry.origins.get(String(field)) ?? entry.last
  return { file: origin.file, path: [origin.path, ...path.map(String)].join('.') }
}
