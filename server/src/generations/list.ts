// The list of everything an account made, newest first, with filters. A page walks an index from its cursor on, a
// bounded number of generations at a time and for a bounded time: what matches within them is the page, and the cursor
// says where to go on.
import type { Db } from '../db/db.ts'
import type { Dialect } from '../models/options.ts'
import type { Generation, GenerationState } from './generation.ts'
import { findRow, type GenerationRow, sql, toGeneration } from './sql.ts'

export type ListFilter = {
  model?: string | undefined
  states?: readonly GenerationState[] | undefined
  dialect?: Dialect | undefined
  apiKeyId?: string | undefined
  /** Inclusive. */
  createdFrom?: Date | undefined
  /** Exclusive. */
  createdTo?: Date | undefined
  /** Part of the prompt; case does not matter. */
  text?: string | undefined
  tag?: string | undefined
  parentId?: string | undefined
}

/** A place in the list; the time in microseconds, as the database keeps it. */
type Place = { createdUs: number; id: string }

export type ListedPage = {
  generations: Generation[]
  /** Null at the end of the list. A page may hold fewer than asked for, or none, and still not be the last. */
  nextCursor: string | null
}

/** Generations looked at in one statement: 10 ms in memory. */
const walkLimit = 5_000
/** Prompts searched in one statement: 5 ms, or 0.4 s where each has 31,000 characters. */
const searchLimit = 1_000
/** No further statement is begun after this time: a filter that few meet ends in a short page and not in a wait. */
const lookMs = 200

/** Below every id, so that a time alone is a place. */
const lowestId = '00000000-0000-0000-0000-000000000000'

type Asked = { filter: ListFilter; limit: number; cursor: Place | null }

export async function listGenerations(db: Db, accountId: string, asked: Asked): Promise<ListedPage> {
  const until = performance.now() + lookMs
  const generations: Generation[] = []
  let cursor = asked.cursor
  do {
    const limit = asked.limit - generations.length
    const walked = await walkOnce(db, accountId, { ...asked, limit, cursor })
    generations.push(...walked.generations)
    cursor = walked.next
  } while (cursor && generations.length < asked.limit && performance.now() < until)
  return { generations, nextCursor: cursor && writeCursor(cursor) }
}

async function walkOnce(
  db: Db,
  accountId: string,
  page: Asked,
): Promise<{ generations: Generation[]; next: Place | null }> {
  const { filter, limit } = page
  const from = beginAt(filter, page.cursor)
  const walk = filter.text === undefined ? walkLimit : searchLimit
  const place = [accountId, from?.createdUs ?? null, from?.id ?? null, filter.createdFrom ?? null]
  const source = sourceOf(filter)
  const rows = await db.query<ListRow>(source.list, [
    ...place,
    walk,
    limit + 1,
    filter.parentId ?? null,
    filter.tag ?? null,
    filter.model ?? null,
    filter.states ?? null,
    filter.dialect ?? null,
    filter.apiKeyId ?? null,
    filter.text === undefined ? null : `%${filter.text.replace(/[\\%_]/g, '\\$&')}%`,
  ])
  const shown = rows.slice(0, limit)
  const last = placeOf(shown.at(-1))
  const generations = shown.map(toGeneration)
  if (rows.length > limit) return { generations, next: last }
  const end = await findRow<PlaceRow>(db, source.end, [...place, walk - 1, ...source.values(filter)])
  return { generations, next: end && older(placeOf(end), last) }
}

type PlaceRow = { id: string; created_us: number }
type ListRow = GenerationRow & PlaceRow

/** The narrowest index that holds all that may match. */
function sourceOf({ parentId, tag }: ListFilter) {
  if (parentId !== undefined) {
    return { list: sql.listChildren, end: sql.endOfChildren, values: (of: ListFilter) => [of.parentId] }
  }
  if (tag !== undefined) {
    return { list: sql.listTagged, end: sql.endOfTagged, values: (of: ListFilter) => [of.tag] }
  }
  return { list: sql.listNewest, end: sql.endOfNewest, values: () => [] }
}

function placeOf(row: PlaceRow | undefined): Place | null {
  return row ? { createdUs: row.created_us, id: row.id } : null
}

/** The cursor's place, or the end of the wanted time where that is older. */
function beginAt({ createdTo }: ListFilter, cursor: Place | null): Place | null {
  if (!createdTo) return cursor
  return older({ createdUs: createdTo.getTime() * 1_000, id: lowestId }, cursor)
}

/** What was added while the page was read moves the end of the walk: nothing that was shown is shown again. */
function older(one: Place | null, other: Place | null): Place | null {
  if (!one || !other) return one ?? other
  if (one.createdUs !== other.createdUs) return one.createdUs < other.createdUs ? one : other
  return one.id < other.id ? one : other
}

function writeCursor({ createdUs, id }: Place): string {
  return Buffer.from(`${createdUs}.${id}`).toString('base64url')
}

/** Null when it is none of ours. */
export function readCursor(text: string): Place | null {
  const found = /^(\d{1,16})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(
    Buffer.from(text, 'base64url').toString('latin1'),
  )
  return found?.[1] && found[2] ? { createdUs: Number(found[1]), id: found[2] } : null
}
