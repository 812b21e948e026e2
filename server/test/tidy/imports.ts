// Who may import whom. The table is the architecture as data: change it only together with a reason in this file.
import { type Finding, isProduct, listImports, type Source } from './sources.ts'

/** Everybody may use these. */
export const leaves = [
  'errors',
  'ids',
  'log',
  'telemetry',
  'failpoints',
  'loopback',
  // Folders for data are made in many places, and Node's own way never ends in some.
  'folders',
  // The decoder of pictures fills what storage writes: both must know the same memory.
  'page-memory',
  // Accounts take turns at what is dear, in more than one folder.
  'turns',
  'globals.d',
] as const

/** `folder:types` allows `import type` only. */
export const importTable: Record<string, readonly string[]> = {
  db: [],
  outbound: ['db'],
  jobs: ['db'],
  // Pictures are checked while they arrive: what the provider hands over, and how it is refused, is one contract.
  storage: ['db', 'providers'],
  // The sign-up grant commits with the account.
  accounts: ['db', 'credits'],
  providers: ['outbound', 'config:types'],
  moderation: ['outbound', 'db', 'config:types'],
  models: ['providers:types', 'db'],
  credits: ['models', 'db'],
  uploads: ['storage', 'outbound', 'db'],
  webhooks: ['outbound', 'jobs', 'db', 'seal'],
  // Keys of upstreams: it fills the source of providers with them, and calls none.
  keyring: ['db', 'providers', 'seal'],
  seal: [],
  // What upstreams cost: read from what generations and the ledger have written.
  books: ['db'],
  // It is handed the addresses of an account's users, and what it is configured with by type.
  mail: ['db', 'outbound', 'config:types'],
  audit: ['db', 'outbound'],
  billing: ['credits', 'accounts', 'webhooks', 'outbound', 'db'],
  generations: [
    'models',
    'credits',
    'providers',
    'moderation',
    'storage',
    'uploads',
    'webhooks',
    'jobs',
    'db',
    'outbound',
    'accounts',
    'keyring',
  ],
  http: ['accounts', 'db'],
  // What dialects share: the document they are described in, and uploads and webhooks, which stand behind two doors.
  dialects: ['http', 'uploads', 'webhooks', 'db:types'],
  // A dialect passes the capabilities of the core on to its verbs; it names their types and calls none of them.
  'dialects/*': [
    'dialects',
    'generations',
    'models',
    'credits',
    'accounts',
    'uploads',
    'webhooks',
    'billing',
    'keyring',
    'http',
    'db:types',
    'storage:types',
  ],
  // The operator's pages show what stands in the books, too.
  'dialects/console': ['jobs', 'providers', 'moderation', 'books'],
  // The operator's commands reach what they are lent through main.ts, and name the rest by type.
  commands: [
    'accounts',
    'config',
    'keyring',
    'books',
    'settings',
    'db',
    'moderation',
    // What is known of the life of upstream models, and the way back for one that was switched off.
    'models',
    'credits:types',
    'outbound:types',
    'providers:types',
    'storage:types',
    // The names of the variables that give providers their keys.
    'key-places',
  ],
  config: [
    'plans-setting',
    'read-engines',
    'read-mail',
    'read-packages',
    'read-providers',
    'sandbox',
    'setting-values',
    'settings',
  ],
  'key-places': ['config:types', 'read-engines', 'read-packages', 'read-providers'],
  'read-engines': ['setting-values'],
  'read-mail': ['setting-values'],
  'read-packages': ['setting-values'],
  'read-providers': ['setting-values'],
  'setting-values': ['plans-setting', 'settings'],
  'plans-setting': [],
  settings: [],
  sandbox: [],
  linger: [],
  // The socket: how its connections end is a subject of its own.
  serve: ['http:types', 'linger'],
}

/** The composition root: these know every part. */
export const roots = ['work', 'app', 'open-database', 'services', 'main'] as const

/** The unit a file belongs to: its folder, each dialect by itself, or the name of a file at the top. */
export function unitOf(path: string): string {
  const [top = '', second = '', third] = path.replace(/^src\//, '').split('/')
  if (top === 'dialects' && third !== undefined) return `dialects/${second}`
  return top.replace(/\.ts$/, '')
}

export function findForbiddenImports(sources: readonly Source[]): Finding[] {
  return sources.filter(isProduct).flatMap(source => {
    const unit = unitOf(source.path)
    if ((roots as readonly string[]).includes(unit)) return []
    const allowed = allowedFor(unit)
    return listImports(source).flatMap(({ target, typeOnly, line }): Finding[] => {
      const at = { path: source.path, line }
      if (target === null) return []
      if (!allowed)
        return [{ ...at, rule: `${unit} has no row in the import table`, instead: 'add one to imports.ts' }]
      const other = unitOf(target)
      if (isDialect(unit) && isSql(target)) {
        return [{ ...at, rule: 'a dialect may not import sql.ts', instead: "call the folder's functions" }]
      }
      if (other === unit || (leaves as readonly string[]).includes(other)) return []
      if (allowed.includes(other) || (typeOnly && allowed.includes(`${other}:types`))) return []
      const instead = allowed.length > 0 ? `it may import ${allowed.join(', ')}` : 'it imports leaves only'
      return [
        { ...at, rule: `${unit} may not import ${other}`, instead: `${instead}, or be handed a function` },
      ]
    })
  })
}

function isDialect(unit: string): boolean {
  return unit.startsWith('dialects/')
}

function allowedFor(unit: string): readonly string[] | null {
  if ((leaves as readonly string[]).includes(unit)) return []
  if (!isDialect(unit)) return importTable[unit] ?? null
  return [...(importTable['dialects/*'] ?? []), ...(importTable[unit] ?? [])]
}

/** A folder's statements: `sql.ts`, and what was split from it by subject, as `file-sql.ts`. */
function isSql(target: string): boolean {
  return /[/-]sql\.ts$/.test(target)
}

/** Tables have one owner: SQL is declared in sql.ts of its folder, and foreign folders may not reach into it. */
export function findForeignSql(sources: readonly Source[]): Finding[] {
  return sources.filter(isProduct).flatMap(source =>
    listImports(source)
      .filter(({ target }) => target !== null && isSql(target) && unitOf(target) !== unitOf(source.path))
      .map(({ line }) => ({
        path: source.path,
        line,
        rule: 'only a folder itself imports its sql.ts',
        instead: 'call a function of that folder',
      })),
  )
}

/** Cycles of files, each named once. Types count too: a cycle of types is a cycle of understanding. */
export function findCycles(sources: readonly Source[]): Finding[] {
  const known = new Set(sources.map(source => source.path))
  const edges = new Map(
    sources.filter(isProduct).map(source => {
      const targets = listImports(source).flatMap(({ target }) =>
        target && known.has(target) ? [target] : [],
      )
      return [source.path, targets] as const
    }),
  )
  const done = new Set<string>()
  const findings: Finding[] = []
  const visit = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) {
      const rule = `files import each other in a circle: ${[...trail.slice(at), path].join(' → ')}`
      findings.push({ path, line: 1, rule, instead: 'move what both need into a third file' })
    }
    if (at >= 0 || done.has(path)) return
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return findings
}
