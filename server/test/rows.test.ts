// The map of proofs (rows.ts) is complete, and everything it names exists.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { files } from './row-files.ts'
import { rows } from './rows.ts'
import { parseSource, walk } from './tidy/sources.ts'

const server = dirname(dirname(fileURLToPath(import.meta.url)))

/** Rows of the plan by family: 121, and the 16 points of its crash table. */
const families: Record<string, number> = { I: 12, L: 16, G: 23, W: 13, S: 12, M: 10, K: 9, P: 7, D: 9, A: 10 }
const crashPoints = 16

/** The titles of the tests in a file; what a template or a table fills in may be anything. */
function readTitles(path: string): RegExp[] {
  const source = parseSource(path, readFileSync(join(server, path), 'utf8'))
  const titles: RegExp[] = []
  walk(source.file, node => {
    if (!ts.isCallExpression(node)) return
    const callee = node.expression.getText(source.file)
    if (!/^(test|it)(\.each\b|$)/.test(callee)) return
    const [title] = node.arguments
    if (title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title)))
      titles.push(toPattern(title))
  })
  return titles
}

function toPattern(title: ts.StringLiteralLike | ts.TemplateExpression): RegExp {
  const quote = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/%[sidjfo]/g, '.+')
  if (ts.isStringLiteralLike(title)) return new RegExp(`^${quote(title.text)}$`)
  const rest = title.templateSpans.map(span => `.*${quote(span.literal.text)}`)
  return new RegExp(`^${quote(title.head.text)}${rest.join('')}$`)
}

type Named = { row: string; file: string; title: string }

/** What a row says: a test as `file: title`, or what is open. */
function readRow(row: string, proofs: readonly string[]): { named: Named[]; open: string[] } {
  const parts = proofs.map(proof => /^([^:]+): (.+)$/.exec(proof) ?? [proof, '', proof])
  const named = parts.filter(([, name]) => name !== 'open')
  return {
    named: named.map(([, name = '', title = '']) => ({ row, file: files[name] ?? `${name}?`, title })),
    open: parts.filter(([, name]) => name === 'open').map(([, , why = '']) => why),
  }
}

const all = Object.entries(rows).map(([row, proofs]) => readRow(row, proofs))

test('every row of the plan is there, once, and none that it does not have', () => {
  const expected = Object.entries(families).flatMap(([family, count]) =>
    Array.from({ length: count }, (_, at) => `${family}-${at + 1}`),
  )
  expected.push(...Array.from({ length: crashPoints }, (_, at) => `C${at}`))
  const ids = Object.keys(rows).map(row => row.split(' ')[0] ?? '')
  expect(ids.sort()).toEqual(expected.sort())
})

test('every row has a test, or says why it has none', () => {
  const silent = Object.keys(rows).filter((_, at) => {
    const { named = [], open = [] } = all[at] ?? {}
    return named.length === 0 && !open.some(why => why.length > 5)
  })
  expect(silent).toEqual([])
})

test('every test that a row names exists', () => {
  const titlesOf = new Map<string, RegExp[]>()
  for (const file of Object.values(files)) {
    if (existsSync(join(server, file))) titlesOf.set(file, readTitles(file))
  }
  const named = all.flatMap(row => row.named)
  const missing = named.filter(({ file, title }) => !titlesOf.get(file)?.some(pattern => pattern.test(title)))
  expect(missing).toEqual([])
  expect(named.length).toBeGreaterThan(150)
})

test('every file that the map has a name for is used', () => {
  const used = new Set(all.flatMap(row => row.named.map(({ file }) => file)))
  expect(Object.values(files).filter(file => !used.has(file))).toEqual([])
})
