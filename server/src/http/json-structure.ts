// What a JSON text is made of, looked at before it is parsed: how many values, how deep, which keys. A body of a few
// megabytes can hold millions of values, and everything that walks them afterwards would hold up every other caller.
// What is large in an honest body are texts, and those are skipped at the speed of a search.

export type StructureFault =
  | { kind: 'too_many_values' | 'too_deep' | 'key_too_long' }
  /** JSON.parse would keep the last of the two without a word. */
  | { kind: 'repeated'; path: string }
  /** `__proto__`, which much of what takes objects apart and builds them anew leaves out without a word. */
  | { kind: 'unkeepable'; path: string }

export type StructureLimits = { maxDepth: number; maxValues: number; maxKeyLength: number }

type Level = { keys: Set<string> | null; path: string; key: string; index: number }

/** Of text that is no JSON it may find nothing, or anything: the parser judges that. */
export function findStructureFault(text: string, limits: StructureLimits): StructureFault | null {
  const levels: Level[] = []
  let expectsKey = false
  let values = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    const level = levels.at(-1)
    if (char === '"') {
      const end = endOfText(text, at)
      if (level?.keys && expectsKey) {
        if (end - at > limits.maxKeyLength) return { kind: 'key_too_long' }
        level.key = readKey(text.slice(at, end))
        if (level.keys.has(level.key)) return { kind: 'repeated', path: pathOf(level) }
        // At the top it is one of the fields that no API has, and is refused as such.
        if (level.key === '__proto__' && levels.length > 1) return { kind: 'unkeepable', path: pathOf(level) }
        level.keys.add(level.key)
        expectsKey = false
      }
      at = end - 1
    } else if (char === '{' || char === '[') {
      values += 1
      if (levels.length >= limits.maxDepth) return { kind: 'too_deep' }
      const path = level ? pathOf(level) : ''
      levels.push({ keys: char === '{' ? new Set() : null, path, key: '', index: 0 })
      expectsKey = char === '{'
    } else if (char === '}' || char === ']') {
      levels.pop()
      expectsKey = false
    } else if (char === ',') {
      values += 1
      if (level) level.index += 1
      expectsKey = level?.keys != null
    }
    if (values > limits.maxValues) return { kind: 'too_many_values' }
  }
  return null
}

/** Behind the closing quote of the text that opens at `at`, or the end of everything. */
function endOfText(text: string, at: number): number {
  for (let from = at + 1; ; ) {
    const quote = text.indexOf('"', from)
    if (quote < 0) return text.length
    let escapes = 0
    while (text[quote - 1 - escapes] === '\\') escapes += 1
    if (escapes % 2 === 0) return quote + 1
    from = quote + 1
  }
}

/** Two spellings of one key are the same key. What is no text is left to the parser. */
function readKey(literal: string): string {
  try {
    return JSON.parse(literal) as string
  } catch {
    return literal
  }
}

function pathOf(level: Level): string {
  const own = level.keys ? level.key : String(level.index)
  return level.path === '' ? own : `${level.path}.${own}`
}
