// Things that may stand in one place only, or nowhere. Each ban names its home and what to use elsewhere.
import ts from 'typescript'
import { type Finding, isProduct, isTest, lineOf, listImports, type Source, walk } from './sources.ts'

type PackageBan = { packages: RegExp; allowed: RegExp; instead: string; what: string }

const packageBans: PackageBan[] = [
  {
    what: 'the web framework',
    packages: /^(?:hono|@hono\/.+)(?:\/|$)/,
    // serve.ts is where Node's server meets the framework.
    allowed: /^src\/(?:http\/|dialects\/|app\.ts|serve\.ts)/,
    instead: 'hand plain values to the core; answer in http/ or dialects/',
  },
  {
    what: 'the database driver',
    packages: /^(?:pg|pg-.+|graphile-worker)(?:\/|$)/,
    allowed: /^src\/(?:db|jobs)\//,
    instead: 'declare a statement in sql.ts and call db.query',
  },
  {
    what: 'an HTTP client',
    packages: /^(?:undici|axios|got|node-fetch|(?:node:)?https?)(?:\/|$)/,
    // serve.ts listens; doctor.ts and http/ read no foreign address.
    allowed: /^src\/(?:outbound\.ts|outbound\/|serve\.ts)/,
    instead: 'take an OutboundClient',
  },
  {
    what: 'a mail client',
    packages: /^nodemailer(?:\/|$)/,
    allowed: /^src\/mail\//,
    instead: 'write a letter where it happens, in a function of the database',
  },
]

/** Packages that no product file may import. */
export function findBannedPackages(sources: readonly Source[]): Finding[] {
  return sources.filter(isProduct).flatMap(source =>
    listImports(source).flatMap(({ specifier, target, line, typeOnly }) =>
      packageBans
        .filter(ban => target === null && ban.packages.test(specifier) && !ban.allowed.test(source.path))
        .filter(() => !(typeOnly && /^(?:node:)?https?$/.test(specifier)))
        .map(ban => ({
          path: source.path,
          line,
          rule: `${ban.what} (${specifier}) is not allowed here`,
          instead: ban.instead,
        })),
    ),
  )
}

type CodeBan = { rule: string; instead: string; allowed: RegExp; matches(node: ts.Node): boolean }

const codeBans: CodeBan[] = [
  {
    rule: "the framework's header() is called in http/context.ts only",
    instead: 'call setAnswerHeader, which also reaches answers that are written past the framework',
    allowed: /^src\/http\/context\.ts$/,
    matches: node => ts.isCallExpression(node) && isMember(node.expression, 'context', 'header'),
  },
  {
    rule: 'process.env is read in config.ts only',
    instead: 'add a setting to the configuration',
    allowed: /^src\/config\.ts$/,
    matches: node => isMember(node, 'process', 'env'),
  },
  {
    rule: 'fetch is called in outbound.ts only',
    instead: 'take an OutboundClient',
    allowed: /^src\/outbound(?:\.ts|\/)/,
    matches: node => ts.isCallExpression(node) && isName(node.expression, 'fetch'),
  },
  {
    rule: 'the clock is read in services.ts only',
    instead: 'take `now: () => Date`; measure durations with performance.now()',
    allowed: /^src\/services\.ts$/,
    matches: node =>
      isMember(node, 'Date', 'now') ||
      (ts.isNewExpression(node) && isName(node.expression, 'Date') && !node.arguments?.length),
  },
  {
    rule: 'console is used in main.ts only',
    instead: 'take a Log',
    allowed: /^src\/main\.ts$/,
    matches: node => ts.isPropertyAccessExpression(node) && isName(node.expression, 'console'),
  },
]

export function findBannedCode(sources: readonly Source[]): Finding[] {
  return sources.filter(isProduct).flatMap(source => applyBans(source, codeBans))
}

const everywhereBans: Omit<CodeBan, 'allowed'>[] = [
  {
    rule: 'no any',
    instead: 'name the type, or use unknown and check',
    matches: node => node.kind === ts.SyntaxKind.AnyKeyword,
  },
  {
    rule: 'no non-null assertion',
    instead: 'check for null and say what it means',
    matches: node =>
      ts.isNonNullExpression(node) ||
      ((ts.isPropertyDeclaration(node) || ts.isVariableDeclaration(node)) &&
        node.exclamationToken !== undefined),
  },
  {
    rule: 'no enum',
    instead: 'use a union of literals',
    matches: node => ts.isEnumDeclaration(node),
  },
  {
    rule: 'no class where a function does',
    instead: 'return a plain object of functions; errors alone may be classes',
    matches: node => ts.isClassLike(node) && !isErrorClass(node),
  },
]

export function findBannedTypes(sources: readonly Source[]): Finding[] {
  return sources.flatMap(source => [
    ...applyBans(
      source,
      everywhereBans.map(ban => ({ ...ban, allowed: /$^/ })),
    ),
    ...findSilencers(source),
    ...findDefaultExports(source),
  ])
}

/** Comments that switch the compiler off. Searched in comments only, so that a fixture in a string is none. */
function findSilencers(source: Source): Finding[] {
  const findings: Finding[] = []
  const inStrings = new Set<number>()
  walk(source.file, node => {
    if (
      !ts.isStringLiteralLike(node) &&
      !ts.isTemplateExpression(node) &&
      !ts.isRegularExpressionLiteral(node)
    )
      return
    for (let at = node.getStart(source.file); at < node.end; at += 1) inStrings.add(at)
  })
  const pattern = /@ts-(?:ignore|nocheck|expect-error)|biome-ignore-all/g
  for (const match of source.text.matchAll(pattern)) {
    if (inStrings.has(match.index)) continue
    const line = source.file.getLineAndCharacterOfPosition(match.index).line + 1
    findings.push({ path: source.path, line, rule: `no ${match[0]}`, instead: 'mend the types' })
  }
  return findings
}

function findDefaultExports(source: Source): Finding[] {
  if (source.path.endsWith('.config.ts')) return []
  return source.file.statements
    .filter(node => ts.isExportAssignment(node) || hasDefaultModifier(node))
    .map(node => ({
      path: source.path,
      line: lineOf(source, node),
      rule: 'no default export',
      instead: 'export the name',
    }))
}

function hasDefaultModifier(node: ts.Statement): boolean {
  if (!ts.canHaveModifiers(node)) return false
  return ts.getModifiers(node)?.some(each => each.kind === ts.SyntaxKind.DefaultKeyword) ?? false
}

const testBans: Omit<CodeBan, 'allowed'>[] = [
  {
    rule: 'no module mocks',
    instead: 'pass the dependency in, or run the real thing',
    matches: node =>
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      isName(node.expression.expression, 'vi') &&
      /^(?:mock|doMock|unmock|doUnmock|hoisted)$/.test(node.expression.name.text),
  },
  {
    rule: 'no skipped, single or open tests',
    instead: 'run it or remove it',
    matches: node =>
      ts.isPropertyAccessExpression(node) &&
      /^(?:skip|only|todo|skipIf|fails)$/.test(node.name.text) &&
      /^(?:it|test|describe)(?:\.|$)/.test(node.expression.getText()),
  },
  {
    rule: 'no sleep in a test',
    instead: 'wait for the condition or the event',
    matches: isSleep,
  },
]

export function findTestFaults(sources: readonly Source[]): Finding[] {
  return sources.filter(isTest).flatMap(source => [
    ...applyBans(
      source,
      testBans.map(ban => ({ ...ban, allowed: /$^/ })),
    ),
    ...listImports(source)
      .filter(({ specifier }) => /^(?:node:)?timers\/promises$/.test(specifier))
      .map(({ line }) => ({
        path: source.path,
        line,
        rule: 'no sleep in a test',
        instead: 'wait for the condition or the event',
      })),
  ])
}

/** `new Promise(resolve => setTimeout(resolve, …))` in its usual forms: a timer that does nothing but resolve. */
function isSleep(node: ts.Node): boolean {
  if (!ts.isCallExpression(node) || !isName(node.expression, 'setTimeout')) return false
  const [callback] = node.arguments
  if (!callback) return false
  const executor = ts.findAncestor(
    node,
    each => ts.isNewExpression(each) && isName(each.expression, 'Promise'),
  )
  const [made] = executor && ts.isNewExpression(executor) ? (executor.arguments ?? []) : []
  if (!made || !(ts.isArrowFunction(made) || ts.isFunctionExpression(made))) return false
  const [first] = made.parameters
  const resolve = first ? first.name.getText() : ''
  return (
    resolve !== '' &&
    new RegExp(`^(?:${resolve}|\\(\\) => (?:void )?${resolve}\\(.*\\))$`).test(callback.getText())
  )
}

function applyBans(source: Source, bans: readonly CodeBan[]): Finding[] {
  const applying = bans.filter(ban => !ban.allowed.test(source.path))
  const findings: Finding[] = []
  walk(source.file, node => {
    for (const { matches, rule, instead } of applying) {
      if (matches(node)) findings.push({ path: source.path, line: lineOf(source, node), rule, instead })
    }
  })
  return findings
}

function isName(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name
}

function isMember(node: ts.Node, object: string, member: string): boolean {
  if (ts.isPropertyAccessExpression(node)) return isName(node.expression, object) && node.name.text === member
  if (!ts.isElementAccessExpression(node)) return false
  const { argumentExpression: index } = node
  return isName(node.expression, object) && ts.isStringLiteralLike(index) && index.text === member
}

function isErrorClass(node: ts.ClassLikeDeclaration): boolean {
  const parent = node.heritageClauses?.find(clause => clause.token === ts.SyntaxKind.ExtendsKeyword)
  return parent?.types.some(type => /Error$/.test(type.expression.getText())) ?? false
}
