// Sizes and names: what keeps a file readable in one sitting.
import { basename } from 'node:path'
import ts from 'typescript'
import { type Finding, isTest, lineOf, type Source, walk } from './sources.ts'

/** A screen. */
export const maxFunctionLines = 70
/** One idea; a second one deserves a file. */
export const maxFileLines = 400
/** A suite, and data of suites, list many cases side by side, which is easier to read than spread. */
export const maxTestFileLines = 600
/** The fourth argument is the one that gets mixed up. */
export const maxParameters = 3

/** Callbacks of these are chapters of a test, not functions. */
const testWords =
  /^(?:(?:describe|it|test|beforeAll|beforeEach|afterAll|afterEach)(?:\.|$|\()|fc\.(?:asyncP|p)roperty$)/

export function findLongFiles(sources: readonly Source[]): Finding[] {
  return sources.flatMap(source => {
    const lines = source.text.replace(/\n$/, '').split('\n').length
    const most = source.path.startsWith('test/') || isTest(source) ? maxTestFileLines : maxFileLines
    if (lines <= most) return []
    return [
      {
        path: source.path,
        line: lines,
        rule: `a file has at most ${most} lines, not ${lines}`,
        instead: 'split it by idea',
      },
    ]
  })
}

export function findLongFunctions(sources: readonly Source[]): Finding[] {
  return eachFunction(sources, (source, node) => {
    if (isTestCallback(node)) return null
    const { line: first } = source.file.getLineAndCharacterOfPosition(node.getStart(source.file))
    const { line: last } = source.file.getLineAndCharacterOfPosition(node.end)
    const lines = last - first + 1
    if (lines <= maxFunctionLines) return null
    return {
      rule: `a function has at most ${maxFunctionLines} lines, not ${lines}`,
      instead: 'give its steps names',
    }
  })
}

export function findWideSignatures(sources: readonly Source[]): Finding[] {
  return eachFunction(sources, (_source, node) => {
    // The columns of a test's table are no signature.
    if (isTestCallback(node)) return null
    const count = node.parameters.reduce((sum, each) => sum + widthOf(each), 0)
    if (count <= maxParameters) return null
    return {
      rule: `at most ${maxParameters} positional parameters, not ${count}`,
      instead: 'take an object with named fields',
    }
  })
}

/** `...[a, b]: [A, B]` is two positions in disguise. */
function widthOf(parameter: ts.ParameterDeclaration): number {
  if (parameter.name.kind === ts.SyntaxKind.Identifier && parameter.name.getText() === 'this') return 0
  if (!parameter.dotDotDotToken || !ts.isArrayBindingPattern(parameter.name)) return 1
  return parameter.name.elements.length
}

type Verdict = { rule: string; instead: string } | null
type FunctionNode = ts.SignatureDeclaration & { body?: ts.Node }

function eachFunction(
  sources: readonly Source[],
  judge: (source: Source, node: FunctionNode) => Verdict,
): Finding[] {
  const findings: Finding[] = []
  for (const source of sources) {
    walk(source.file, node => {
      if (!isFunction(node)) return
      const verdict = judge(source, node)
      if (verdict) findings.push({ path: source.path, line: lineOf(source, node), ...verdict })
    })
  }
  return findings
}

function isFunction(node: ts.Node): node is FunctionNode {
  if (ts.isFunctionTypeNode(node) || ts.isMethodSignature(node)) return true
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined
}

function isTestCallback(node: ts.Node): boolean {
  const call = node.parent
  return ts.isCallExpression(call) && testWords.test(call.expression.getText())
}

const forbiddenFiles = /^(?:types|utils?|constants|helpers?|common|shared|misc|index)\.ts$/
const kebabFile = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|config|gen|d))?\.ts$/
const forbiddenWords = /(?:Manager|Helper|Helpers|Util|Utils)$|^(?:Base|Abstract)[A-Z]/
/** Only as the name of a thing: `startService` says what it starts. */
const forbiddenThings = /Service$/

export function findBadNames(sources: readonly Source[]): Finding[] {
  return sources.flatMap(source => [...findBadFileName(source), ...findBadWords(source)])
}

function findBadFileName(source: Source): Finding[] {
  const name = basename(source.path)
  const at = { path: source.path, line: 1 }
  if (forbiddenFiles.test(name)) {
    return [{ ...at, rule: `no file is called ${name}`, instead: 'name it after what it is about' }]
  }
  const folders = source.path.split('/').slice(0, -1)
  if (kebabFile.test(name) && folders.every(each => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(each))) return []
  return [{ ...at, rule: 'files and folders are kebab-case', instead: 'rename it' }]
}

function findBadWords(source: Source): Finding[] {
  const findings: Finding[] = []
  walk(source.file, node => {
    const declared =
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isVariableDeclaration(node)
    if (!declared || !node.name || !ts.isIdentifier(node.name)) return
    const name = node.name.text
    const isThing = !ts.isFunctionDeclaration(node)
    if (!forbiddenWords.test(name) && !(isThing && forbiddenThings.test(name))) return
    findings.push({
      path: source.path,
      line: lineOf(source, node),
      rule: `${name}: no Manager, Helper, Util, Base or Service in a name`,
      instead: 'say what it does or is',
    })
  })
  return findings
}

/** A file that only passes on what others export hides where things live. */
export function findBarrels(sources: readonly Source[]): Finding[] {
  return sources.flatMap(source => {
    const { statements } = source.file
    const passes = statements.filter(
      node => ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined,
    )
    if (
      passes.length === 0 ||
      passes.length < statements.filter(node => !ts.isImportDeclaration(node)).length
    )
      return []
    return [{ path: source.path, line: 1, rule: 'no barrels', instead: 'import from the file itself' }]
  })
}

/** A file opens with one to three lines of comment: what it owns and what a reader must not break. */
export function findMissingHeads(sources: readonly Source[]): Finding[] {
  return sources.flatMap(source => {
    const lines = source.text.split('\n')
    const end = lines.findIndex(line => !line.startsWith('//'))
    const count = end < 0 ? lines.length : end
    if (count >= 1 && count <= 3) return []
    return [
      {
        path: source.path,
        line: 1,
        rule: `a file opens with a comment of one to three lines, not ${count}`,
        instead: 'say what it owns and what a reader must not break',
      },
    ]
  })
}
