// How column values become JavaScript values. Money columns are int8: a number only while it is exact.
// Nothing here may round: numeric stays text, and a bigint beyond 2^53 is an error, never a nearby number.
import pg from 'pg'

const INT8 = 20
const INT8_ARRAY = 1016
const DATE = 1082
const TIMESTAMP = 1114
const INTERVAL = 1186

/** Parses int8 text. Throws when a double could not hold it exactly. */
export function parseSafeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`the integer ${text} is beyond 2^53: select it as text`)
  }
  return value
}

function parseIntegerArray(text: string): (number | null)[] {
  if (text === '{}') return []
  return text
    .slice(1, -1)
    .split(',')
    .map(item => (item === 'NULL' ? null : parseSafeInteger(item)))
}

function keepText(text: string): string {
  return text
}

// A timestamp or date without a zone would be read in the zone of the process, so both stay text.
const ownParsers: Readonly<Record<number, (text: string) => unknown>> = {
  [INT8]: parseSafeInteger,
  [INT8_ARRAY]: parseIntegerArray,
  [DATE]: keepText,
  [TIMESTAMP]: keepText,
  [INTERVAL]: keepText,
}

/** The parsers every connection of ours is made with. */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: string) {
    const own = format === 'binary' ? undefined : ownParsers[oid]
    return own ?? pg.types.getTypeParser(oid, 'text')
  },
}
