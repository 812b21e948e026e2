// Looks for API keys of ours in any bytes: by form and checksum, asking nobody. What fits is one with near certainty: a
// random text passes the checksum once in four billion tries.
import { isWellFormedSecret, keyPrefixes } from './secret.ts'

/** Of a key's letters behind its prefix. */
const bodyLength = 38
const form = new RegExp(`(?=((?:${Object.values(keyPrefixes).join('|')})[0-9A-Za-z]{${bodyLength}}))`, 'g')
/** The longest key, less one letter: so much of a piece may be the beginning of one. */
const carriedLength = Math.max(...Object.values(keyPrefixes).map(({ length }) => length)) + bodyLength - 1

export type FoundKey = { key: string; line: number; column: number }

/** Reads pieces of one text in turn, cut anywhere; one character a byte, so that no coding hides a key. */
export async function* scanForKeys(pieces: AsyncIterable<Buffer>): AsyncGenerator<FoundKey> {
  let carried = ''
  let [line, column] = [1, 1]
  /** Ends of what was found; `imgeo_sk_…` holds what looks like `sk_…`. */
  let after = 0
  for await (const piece of pieces) {
    const text = carried + piece.toString('latin1')
    let read = 0
    const moveTo = (at: number) => {
      for (let next = text.indexOf('\n', read); next !== -1 && next < at; next = text.indexOf('\n', read)) {
        ;[line, column, read] = [line + 1, 1, next + 1]
      }
      column += at - read
      read = at
    }
    for (const { 1: key = '', index } of text.matchAll(form)) {
      if (index < after || !isWellFormedSecret(key)) continue
      moveTo(index)
      yield { key, line, column }
      after = index + key.length
    }
    const kept = Math.max(0, text.length - carriedLength, Math.min(after, text.length))
    moveTo(kept)
    after = 0
    carried = text.slice(kept)
  }
}
