// The house rules that matter, as a test. A failure names file, line, rule and what to do instead.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findBannedCode, findBannedPackages, findBannedTypes, findTestFaults } from './tidy/bans.ts'
import { findCycles, findForbiddenImports, findForeignSql, importTable } from './tidy/imports.ts'
import {
  findBadNames,
  findBarrels,
  findLongFiles,
  findLongFunctions,
  findMissingHeads,
  findWideSignatures,
} from './tidy/shape.ts'
import { type Finding, parseSource, readSources, type Source } from './tidy/sources.ts'

type Rule = (sources: readonly Source[]) => Finding[]

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const sources = readSources(root, ['src', 'test', 'scripts'])

const rules: Record<string, Rule> = {
  'a folder imports only what the table allows': findForbiddenImports,
  'SQL is imported by its own folder only': findForeignSql,
  'no file imports itself through others': findCycles,
  'framework, driver and HTTP clients stay at home': findBannedPackages,
  'environment, network, clock and console have one door each': findBannedCode,
  'types tell the truth': findBannedTypes,
  'tests neither mock modules, nor sleep, nor skip': findTestFaults,
  'files are short': findLongFiles,
  'functions are short': findLongFunctions,
  'signatures are narrow': findWideSignatures,
  'names say what things are': findBadNames,
  'no barrels': findBarrels,
  'every file says what it is': findMissingHeads,
}

describe('the sources', () => {
  test('are all read', () => {
    expect(sources.length).toBeGreaterThan(150)
    expect(sources.map(source => source.path)).toContain('src/main.ts')
  })
  for (const [name, rule] of Object.entries(rules)) {
    test(name, () => {
      const lines = rule(sources).map(each => `${each.path}:${each.line}  ${each.rule}; ${each.instead}`)
      expect(lines, `\n${lines.join('\n')}\n`).toEqual([])
    })
  }
})

test('the import table has no circle except through types', () => {
  const reached = (from: string, seen: Set<string>): Set<string> => {
    for (const to of importTable[from] ?? []) {
      if (to.endsWith(':types') || seen.has(to)) continue
      seen.add(to)
      reached(to, seen)
    }
    return seen
  }
  const circular = Object.keys(importTable).filter(unit => reached(unit, new Set()).has(unit))
  expect(circular).toEqual([])
})

/** Small sources that break one rule each, with the rule that must see it and the line it must name. */
const broken: { rule: Rule; path: string; text: string; line: number; says: RegExp }[] = [
  {
    rule: findForbiddenImports,
    path: 'src/db/pool.ts',
    text: "import { x } from './y.ts'\nimport { createGeneration } from '../generations/create.ts'",
    line: 2,
    says: /db may not import generations/,
  },
  {
    rule: findForbiddenImports,
    path: 'src/models/catalog.ts',
    text: "import { createProviders } from '../providers/registry.ts'",
    line: 1,
    says: /models may not import providers/,
  },
  {
    rule: findForbiddenImports,
    path: 'src/dialects/imgeo/routes.ts',
    text: "import { renderError } from '../getimages/present.ts'",
    line: 1,
    says: /may not import dialects\/getimages/,
  },
  {
    rule: findForbiddenImports,
    path: 'src/dialects/imgeo/routes.ts',
    text: "import { sql } from '../../generations/sql.ts'",
    line: 1,
    says: /may not import sql/,
  },
  {
    rule: findForbiddenImports,
    path: 'src/dialects/imgeo/routes.ts',
    text: "const disk = await import('../../storage/disk.ts')",
    line: 1,
    says: /may not import storage/,
  },
  {
    rule: findForbiddenImports,
    path: 'src/novelty/thing.ts',
    text: "import { x } from '../errors.ts'",
    line: 1,
    says: /no row in the import table/,
  },
  {
    rule: findForeignSql,
    path: 'src/generations/read.ts',
    text: "import { sql } from '../credits/sql.ts'",
    line: 1,
    says: /only a folder itself/,
  },
  {
    rule: findBannedPackages,
    path: 'src/generations/create.ts',
    text: "import { Hono } from 'hono'",
    line: 1,
    says: /web framework/,
  },
  {
    rule: findBannedPackages,
    path: 'src/credits/ledger.ts',
    text: "import type { Pool } from 'pg'",
    line: 1,
    says: /database driver/,
  },
  {
    rule: findBannedPackages,
    path: 'src/providers/google.ts',
    text: "import { request } from 'undici'",
    line: 1,
    says: /HTTP client/,
  },
  {
    rule: findBannedPackages,
    path: 'src/providers/google.ts',
    text: "import { request } from 'node:https'",
    line: 1,
    says: /HTTP client/,
  },
  {
    rule: findBannedCode,
    path: 'src/log.ts',
    text: '\nexport const level = process.env.LOG_LEVEL',
    line: 2,
    says: /process\.env/,
  },
  {
    rule: findBannedCode,
    path: 'src/log.ts',
    text: "export const level = process['env'].LOG_LEVEL",
    line: 1,
    says: /process\.env/,
  },
  {
    rule: findBannedCode,
    path: 'src/providers/google.ts',
    text: "await fetch('https://example.com')",
    line: 1,
    says: /fetch/,
  },
  { rule: findBannedCode, path: 'src/ids.ts', text: 'const at = Date.now()', line: 1, says: /clock/ },
  { rule: findBannedCode, path: 'src/ids.ts', text: 'const at = new Date()', line: 1, says: /clock/ },
  {
    rule: findBannedCode,
    path: 'src/dialects/imgeo/routes.ts',
    text: "context.header('x-a', 'b')",
    line: 1,
    says: /header/,
  },
  { rule: findBannedCode, path: 'src/serve.ts', text: "console.log('hello')", line: 1, says: /console/ },
  { rule: findBannedTypes, path: 'src/x.ts', text: 'let a: any', line: 1, says: /no any/ },
  { rule: findBannedTypes, path: 'test/x.ts', text: 'const a = list[0]!', line: 1, says: /non-null/ },
  { rule: findBannedTypes, path: 'src/x.ts', text: '// @ts-ignore\nlet a = 1', line: 1, says: /ts-ignore/ },
  { rule: findBannedTypes, path: 'src/x.ts', text: 'enum State { on }', line: 1, says: /enum/ },
  { rule: findBannedTypes, path: 'src/x.ts', text: 'class Runner {}', line: 1, says: /class/ },
  { rule: findBannedTypes, path: 'src/x.ts', text: 'export default 1', line: 1, says: /default/ },
  {
    rule: findBannedTypes,
    path: 'src/x.ts',
    text: 'export default function f() {}',
    line: 1,
    says: /default/,
  },
  { rule: findTestFaults, path: 'src/x.test.ts', text: "vi.mock('./x.ts')", line: 1, says: /mock/ },
  { rule: findTestFaults, path: 'src/x.test.ts', text: "test.only('x', () => {})", line: 1, says: /single/ },
  { rule: findTestFaults, path: 'src/x.test.ts', text: "describe.skip('x', f)", line: 1, says: /skipped/ },
  {
    rule: findTestFaults,
    path: 'src/x.test.ts',
    text: 'await new Promise(resolve => setTimeout(resolve, 50))',
    line: 1,
    says: /sleep/,
  },
  {
    rule: findTestFaults,
    path: 'src/x.test.ts',
    text: "import { setTimeout as delay } from 'node:timers/promises'",
    line: 1,
    says: /sleep/,
  },
  { rule: findLongFiles, path: 'src/x.ts', text: 'a\n'.repeat(401), line: 401, says: /400 lines, not 401/ },
  {
    rule: findLongFunctions,
    path: 'src/x.ts',
    text: `\nfunction walk() {\n${'  step()\n'.repeat(69)}}`,
    line: 2,
    says: /70 lines, not 71/,
  },
  {
    rule: findWideSignatures,
    path: 'src/x.ts',
    text: 'function add(a: number, b: number, c: number, d: number) {}',
    line: 1,
    says: /3 positional parameters, not 4/,
  },
  { rule: findBadNames, path: 'src/utils.ts', text: '', line: 1, says: /called utils/ },
  { rule: findBadNames, path: 'src/imageProbe.ts', text: '', line: 1, says: /kebab/ },
  { rule: findBadNames, path: 'src/x.ts', text: 'type JobManager = {}', line: 1, says: /JobManager/ },
  { rule: findBarrels, path: 'src/x.ts', text: "export { y } from './y.ts'", line: 1, says: /barrel/ },
  { rule: findMissingHeads, path: 'src/x.ts', text: 'const a = 1', line: 1, says: /not 0/ },
]

describe('each rule sees what it forbids', () => {
  for (const { rule, path, text, line, says } of broken) {
    test(`${rule.name}: ${text.trim().split('\n')[0]?.slice(0, 60) || path}`, () => {
      const findings = rule([parseSource(path, text)])
      expect(findings).toHaveLength(1)
      expect(findings[0]).toMatchObject({ path, line })
      expect(findings[0]?.rule).toMatch(says)
      expect(findings[0]?.instead).not.toBe('')
    })
  }
  test('findCycles: a circle of three files', () => {
    const circle = ['a', 'b', 'c'].map((name, at, all) =>
      parseSource(`src/http/${name}.ts`, `import { x } from './${all[(at + 1) % 3]}.ts'`),
    )
    expect(findCycles(circle)).toHaveLength(1)
    expect(findCycles(circle.slice(0, 2))).toEqual([])
  })
})

test('what the rules allow, they allow', () => {
  const fine = [
    parseSource('src/models/x.ts', "// Fine.\nimport type { Provider } from '../providers/provider.ts'"),
    parseSource('src/config.ts', '// Fine.\nexport const port = process.env.PORT'),
    parseSource('src/services.ts', '// Fine.\nexport const now = () => new Date()'),
    parseSource(
      'src/x.ts',
      "// Fine.\nexport class XError extends Error {}\nconst d = new Date('2026-01-01')",
    ),
    parseSource('src/x.test.ts', `// Fine.\ntest('long', () => {\n${'  step()\n'.repeat(100)}})`),
  ]
  for (const rule of Object.values(rules)) expect(rule(fine)).toEqual([])
})
