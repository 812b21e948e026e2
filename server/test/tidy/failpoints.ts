// RELIABILITY 5.3: whatever moves money or asks an upstream stands between two failpoints of one name, there or where
// its function is used. Looked for in the folder of generations, whose functions alone do either.
import ts from 'typescript'
import { type Finding, isProduct, lineOf, listImports, type Source, walk } from './sources.ts'

const folder = 'src/generations/'

/** Mentions that need no failpoint of their own: `file#function what`, with the reason. */
export type Exceptions = Record<string, string>

/** A function at the top of a file, with its text's bounds. */
type Place = { key: string; source: Source; name: string; start: number; end: number }

/** One mention of what moves money: a statement, an upstream, or a function that mentions one. */
type Mention = { place: Place; node: ts.Node; what: string }

/** Statements that call a function of the database: those move money or the states that it hangs on. */
export function listMovingStatements(sources: readonly Source[]): Set<string> {
  const names = new Set<string>()
  for (const source of sources.filter(each => /sql\.ts$/.test(each.path) && each.path.startsWith(folder))) {
    walk(source.file, node => {
      if (!ts.isPropertyAssignment(node) || !ts.isCallExpression(node.initializer)) return
      const text = node.initializer.getText(source.file)
      const isCall =
        /FROM \$\{createGeneration\}/.test(text) ||
        /(?:SELECT|FROM) (?!unnest|jsonb_to_recordset|count_open)[a-z_]+\(\$[\d{]/.test(text)
      if (text.startsWith('statement(') && isCall) names.add(node.name.getText(source.file))
    })
  }
  return names
}

/** The upstream is asked by these, and the bytes that it sold are kept by the others. */
const providerCalls = ['submit', 'poll', 'cancel', 'check']
const storageCalls = ['receiveImage', 'writeManifest']

function findRoot(node: ts.Node, statements: Set<string>): string | null {
  if (ts.isPropertyAccessExpression(node)) {
    const name = node.name.text
    const owner = node.expression.getText()
    if (/sql$/i.test(owner) && statements.has(name)) return `${owner}.${name}`
    const isProvider = /provider$/i.test(owner) || /providers\.get\(.*\)$/.test(owner)
    if (isProvider && providerCalls.includes(name)) return `${owner}.${name}`
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
    if (storageCalls.includes(node.expression.text)) return node.expression.text
  }
  return null
}

function listPlaces(source: Source): Place[] {
  return source.file.statements.flatMap(statement => {
    const names = ts.isFunctionDeclaration(statement)
      ? [statement.name?.text ?? '']
      : ts.isVariableStatement(statement)
        ? statement.declarationList.declarations.map(each => each.name.getText(source.file))
        : []
    const bounds = { start: statement.getStart(source.file), end: statement.end }
    return names.map(name => ({ key: `${source.path}#${name}`, source, name, ...bounds }))
  })
}

function isUse(node: ts.Node): node is ts.Identifier {
  if (!ts.isIdentifier(node)) return false
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  return !(
    ts.isImportSpecifier(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isVariableDeclaration(parent) ||
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isBindingElement(parent) ||
    ts.isParameter(parent) ||
    ts.isTypeQueryNode(parent)
  )
}

/** The failpoints of a file by where they stand. */
function listPoints(source: Source): { at: number; name: string }[] {
  const points: { at: number; name: string }[] = []
  walk(source.file, node => {
    if (!ts.isCallExpression(node) || node.expression.getText(source.file) !== 'fp') return
    const [name] = node.arguments
    if (name && ts.isStringLiteral(name)) points.push({ at: node.getStart(source.file), name: name.text })
  })
  return points.sort((a, b) => a.at - b.at)
}

/** The nearest failpoint on either side, within the function, belongs to one pair. */
function isEnclosed({ place, node }: Mention, points: { at: number; name: string }[]): boolean {
  const at = node.getStart(place.source.file)
  const own = points.filter(point => point.at > place.start && point.at < place.end)
  const before = own.filter(point => point.at < at).at(-1)?.name ?? ''
  const after = own.find(point => point.at > at)?.name ?? ''
  return before.endsWith('.before') && after === before.replace(/before$/, 'after')
}

type Use = Mention & { imports: Set<string> }

/** Where each name is used, in whichever file. */
function indexUses(sources: readonly Source[], places: Map<Source, Place[]>): Map<string, Use[]> {
  const index = new Map<string, Use[]>()
  for (const source of sources) {
    const imports = new Set(
      listImports(source).flatMap(({ target, typeOnly }) => (target && !typeOnly ? [target] : [])),
    )
    walk(source.file, node => {
      if (!isUse(node)) return
      const place = placeOf(places.get(source), node)
      if (!place) return
      const uses = index.get(node.text) ?? []
      index.set(node.text, uses)
      uses.push({ place, node, what: node.text, imports })
    })
  }
  return index
}

function placeOf(places: Place[] | undefined, node: ts.Node): Place | undefined {
  const at = node.getStart()
  return places?.find(place => at >= place.start && at < place.end)
}

/** Mentions that no pair encloses, and exceptions that nothing needs. */
export function findBareMoves(sources: readonly Source[], exceptions: Exceptions): Finding[] {
  const users = sources.filter(each => isProduct(each))
  const own = users.filter(each => each.path.startsWith(folder))
  const statements = listMovingStatements(own)
  const places = new Map(users.map(source => [source, listPlaces(source)]))
  const points = new Map(users.map(source => [source, listPoints(source)]))
  const index = indexUses(users, places)
  const usesOf = ({ key, name, source }: Place) =>
    (index.get(name) ?? []).filter(
      ({ place, imports }) => place.key !== key && (place.source === source || imports.has(source.path)),
    )
  const open: Mention[] = []
  for (const source of own.filter(each => !/sql\.ts$/.test(each.path))) {
    walk(source.file, node => {
      const what = findRoot(node, statements)
      const place = what === null ? undefined : placeOf(places.get(source), node)
      if (place && what !== null) open.push({ place, node, what })
    })
  }
  const bare: Finding[] = []
  const seen = new Set<string>()
  const needed = new Set<string>()
  for (let mention = open.pop(); mention; mention = open.pop()) {
    const { place, node, what } = mention
    if (isEnclosed(mention, points.get(place.source) ?? [])) continue
    const key = `${place.key} ${what}`
    needed.add(key)
    if (key in exceptions) continue
    const uses = usesOf(place)
    const rule = `${what} in ${place.name} has no failpoints around it, here or where it is used`
    const instead =
      "write fp('X.before') and fp('X.after') around it, or say in failpoint-rule.test.ts why not"
    const isOutside = uses.some(use => !use.place.source.path.startsWith(folder))
    if (uses.length === 0 || isOutside)
      bare.push({ path: place.source.path, line: lineOf(place.source, node), rule, instead })
    else if (!seen.has(place.key)) open.push(...uses)
    seen.add(place.key)
  }
  const stale = Object.keys(exceptions).filter(key => !needed.has(key))
  const instead = 'take it out of the list'
  return [...bare, ...stale.map(path => ({ path, line: 1, rule: 'needs no exception any more', instead }))]
}
