// Comma-separated values as they arrive (RFC 4180): quoted fields, doubled quotes, line ends of every kind, a byte order
// mark. Holds one record at a time, so a file may be of any size.

export type CsvRecord = { line: number; fields: string[] }

/** Far above any export; a file without a line end is no list. */
const maxRecordLength = 1_000_000

/** Throws with the line where a quote is not closed or a record is too long. */
export async function* readCsv(text: AsyncIterable<string>, separator = ','): AsyncGenerator<CsvRecord> {
  let fields: string[] = []
  let field = ''
  let length = 0
  let line = 1
  let startedAt = 1
  let state: 'plain' | 'quoted' | 'closed' = 'plain'
  let isFirst = true
  let wasReturn = false
  for await (const chunk of text) {
    let piece = chunk
    if (isFirst && piece.startsWith('\uFEFF')) piece = piece.slice(1)
    isFirst = isFirst && chunk === ''
    for (const letter of piece) {
      const isRest = wasReturn && letter === '\n'
      wasReturn = letter === '\r'
      if (isRest && state !== 'quoted') continue
      if (letter === '\n' || (letter === '\r' && state !== 'quoted')) line += 1
      length += 1
      if (length > maxRecordLength)
        throw new Error(`line ${startedAt}: a record of more than a million letters`)
      if (state === 'quoted') {
        if (letter === '"') state = 'closed'
        else field += letter
      } else if (letter === '"' && (state === 'closed' || field === '')) {
        // A quote right behind a closing one stands for itself.
        if (state === 'closed') field += '"'
        state = 'quoted'
      } else if (letter === separator) {
        fields.push(field)
        field = ''
        state = 'plain'
      } else if (letter === '\n' || letter === '\r') {
        fields.push(field)
        if (fields.length > 1 || field !== '') yield { line: startedAt, fields }
        ;[fields, field, state, length, startedAt] = [[], '', 'plain', 0, line]
      } else {
        field += letter
      }
    }
  }
  if (state === 'quoted') throw new Error(`line ${startedAt}: a quote is not closed`)
  if (fields.length > 0 || field !== '') yield { line: startedAt, fields: [...fields, field] }
}
