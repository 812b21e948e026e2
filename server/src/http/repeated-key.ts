// Finds a key that stands twice in one object of a JSON text already known to be valid. JSON.parse would keep the
// last one without a word.

export type RepeatedKey = { kind: 'repeated'; path: string } | { kind: 'too_deep' }

type Level = { keys: Set<string> | null; path: string; key: string; index: number }

const stringPattern = /"(?:[^"\\]|\\.)*"/y

export function findRepeatedKey(text: string, maxDepth: number): RepeatedKey | null {
  const levels: Level[] = []
  let expectsKey = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    const level = levels.at(-1)
    if (char === '"') {
      stringPattern.lastIndex = at
      const literal = stringPattern.exec(text)?.[0] ?? '"'
      at += literal.length - 1
      if (!level?.keys || !expectsKey) continue
      level.key = JSON.parse(literal) as string
      if (level.keys.has(level.key)) return { kind: 'repeated', path: pathOf(level) }
      level.keys.add(level.key)
      expectsKey = false
    } else if (char === '{' || char === '[') {
      if (levels.length >= maxDepth) return { kind: 'too_deep' }
      levels.push({
        keys: char === '{' ? new Set() : null,
        path: level ? pathOf(level) : '',
        key: '',
        index: 0,
      })
      expectsKey = char === '{'
    } else if (char === '}' || char === ']') {
      levels.pop()
      expectsKey = false
    } else if (char === ',' && level) {
      level.index += 1
      expectsKey = level.keys !== null
    }
  }
  return null
}

function pathOf(level: Level): string {
  const own = level.keys ? level.key : String(level.index)
  return level.path === '' ? own : `${level.path}.${own}`
}
