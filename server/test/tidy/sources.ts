// The sources under judgement, parsed once by TypeScript's own parser. Paths are relative to the server's folder
// and use forward slashes.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'

export type Source = { path: string; text: string; file: ts.SourceFile }

/** One violation. `instead` tells the reader what to do. */
export type Finding = { path: string; line: number; rule: string; instead: string }

export function parseSource(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true, ts.ScriptKind.TS)
  return { path, text, file }
}

/** Every TypeScript file below the given folders; generated ones are left out. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  return folders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map(name => posix.join(folder, name.replaceAll('\\', '/')))
      .filter(path => path.endsWith('.ts') && !path.endsWith('.gen.ts'))
      .sort()
      .map(path => parseSource(path, readFileSync(join(root, path), 'utf8'))),
  )
}

export function isTest(source: Source): boolean {
  return source.path.endsWith('.test.ts')
}

export function isProduct(source: Source): boolean {
  return source.path.startsWith('src/') && !isTest(source)
}

/** 1-based line on which the node begins, its comments left out. */
export function lineOf({ file }: Source, node: ts.Node): number {
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
}

/** Calls back for the node and everything below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, child => walk(child, visit))
}

export type ImportLine = {
  /** As written. */
  specifier: string
  /** Path of the imported file, or null for a package. */
  target: string | null
  typeOnly: boolean
  line: number
}

/** Imports, re-exports and dynamic imports with a literal specifier. */
export function listImports(source: Source): ImportLine[] {
  const found: ImportLine[] = []
  const add = (node: ts.Node, name: ts.Node | undefined, typeOnly: boolean) => {
    if (!name || !ts.isStringLiteralLike(name)) return
    const specifier = name.text
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(source.path), specifier) : null
    found.push({ specifier, target, typeOnly, line: lineOf(source, node) })
  }
  walk(source.file, node => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnly(node.importClause))
    if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly)
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false)
    }
  })
  return found
}

/** `import type …`, or nothing but `type` names in the braces. */
function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const named = clause.namedBindings
  if (clause.name || !named || !ts.isNamedImports(named)) return false
  return named.elements.length > 0 && named.elements.every(element => element.isTypeOnly)
}
