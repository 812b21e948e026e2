// Holds the documents to the code: what they name exists, and the lists they give are the lists of the sources.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { runCommand } from '../src/commands/command-line.ts'
import type { CommandIo } from '../src/commands/needs.ts'
import { renderError as renderGetImages } from '../src/dialects/getimages/present.ts'
import { createGetimgDialect } from '../src/dialects/getimg/routes.ts'
import { createGptimage2Dialect } from '../src/dialects/gptimage2/routes.ts'
import { createImgeoDialect } from '../src/dialects/imgeo/routes.ts'
import { renderError as renderNative } from '../src/dialects/native/present.ts'
import { createNativeDialect } from '../src/dialects/native/routes.ts'
import { createOpenAiDialect } from '../src/dialects/openai/routes.ts'
import { AppError, type ErrorCode, errorTable } from '../src/errors.ts'
import { reasonTexts } from '../src/generations/generation.ts'
import type { HttpEnv, RenderError } from '../src/http/context.ts'
import { settingGroups } from '../src/settings.ts'
import { createMetrics } from '../src/telemetry.ts'
import { ask, catchRefusal, openCatalog } from './shipped-catalog.ts'

const server = dirname(dirname(fileURLToPath(import.meta.url)))
const root = dirname(server)

function listDocuments(): string[] {
  const top = readdirSync(root).filter(name => name.endsWith('.md'))
  const below = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  return [
    ...top,
    ...below.filter(name => name.endsWith('.md')).map(name => `docs/${name.replaceAll('\\', '/')}`),
  ]
}

const documents = listDocuments()
const read = (path: string) => readFileSync(join(root, path), 'utf8')

type Package = { scripts: Record<string, string> } & Record<string, Record<string, string> | undefined>
const rootPackage = JSON.parse(read('package.json')) as Package
const serverPackage = JSON.parse(read('server/package.json')) as Package

/** Everything that matches, with the document it stands in. */
function findAll(
  pattern: RegExp,
  paths: readonly string[] = documents,
): { path: string; groups: string[] }[] {
  return paths.flatMap(path =>
    [...read(path).matchAll(pattern)].map(match => ({ path, groups: match.map(each => each ?? '') })),
  )
}

/** First cells of a table's rows in one document, and the rest of the row. */
function readRows(path: string, first: RegExp): string[][] {
  const rows = read(path)
    .split('\n')
    .filter(line => line.startsWith('|'))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
  return rows.filter(cells => first.test(cells[0] ?? ''))
}

const bare = (cell: string | undefined) => (cell ?? '').replaceAll('`', '')

test('every document is looked at', () => {
  const expected = ['README.md', 'ARCHITECTURE.md', 'STYLE.md', 'CHANGELOG.md', 'docs/operating.md']
  expect(documents).toEqual(expect.arrayContaining(expected))
  expect(documents.filter(path => path.startsWith('docs/decisions/')).length).toBeGreaterThan(12)
})

describe('what the documents name exists', () => {
  test('links, with their headings', () => {
    const links = findAll(/\]\(([^)\s]+)\)|src="([^"]+)"/g).map(({ path, groups }) => ({
      path,
      target: groups[1] || groups[2] || '',
    }))
    expect(links.length).toBeGreaterThan(30)
    const broken = links.filter(({ path, target }) => {
      if (/^https?:/.test(target)) return false
      const [file = '', heading] = target.split('#')
      const found = file === '' ? path : relative(root, join(root, dirname(path), file)).replaceAll('\\', '/')
      if (!existsSync(join(root, found))) return true
      return heading !== undefined && !headingsOf(found).includes(heading)
    })
    expect(broken).toEqual([])
  })

  test('files and folders', () => {
    const places = [root, server, join(server, 'src')]
    const named = findAll(/`([a-z0-9_.-]+(?:\/[\w.*-]+)+\/?|[a-z-]+\/)`/g)
      .map(({ path, groups }) => ({ path, name: (groups[1] ?? '').replace(/\/\*?$/, '') }))
      .filter(({ name }) => /^(?:server|docs|bench)\//.test(name) || /\.(?:ts|sql|json|md|mjs)$/.test(name))
      .filter(({ name }) => !/^postgres\//.test(name))
    expect(named.length).toBeGreaterThan(50)
    expect(named.filter(({ name }) => !places.some(place => existsSync(join(place, name))))).toEqual([])
  })

  test('npm scripts, the tests they are told to run, and the programs behind them', () => {
    const called = findAll(/npm (?:run (?:--silent )?|(?=test|start))([a-z]+)(?: -w (\w+))?/g)
    expect(called.length).toBeGreaterThan(20)
    const scripts = (workspace: string) => (workspace === 'server' ? serverPackage : rootPackage).scripts
    expect(called.filter(({ groups }) => !(scripts(groups[2] ?? '')[groups[1] ?? ''] ?? ''))).toEqual([])

    const tests = findAll(/npm test -w server -- ([^`\n]+)/g).flatMap(({ groups }) =>
      (groups[1] ?? '').split(' '),
    )
    expect(tests.length).toBeGreaterThan(10)
    expect(tests.filter(file => !existsSync(join(server, file)))).toEqual([])

    const delegated = Object.values(rootPackage.scripts).flatMap(script => [
      ...script.matchAll(/npm (?:run )?(\w+) -w server/g),
    ])
    expect(delegated.map(([, name]) => name).filter(name => !serverPackage.scripts[name ?? ''])).toEqual([])
  })

  test('commands of the server and their options', async () => {
    const called = findAll(/npm run (?:--silent )?darkroom -- ([a-z].*?)(?=`| > |$)/gm)
    expect(called.length).toBeGreaterThan(15)
    for (const { path, groups } of called) {
      const line = groups[1] ?? ''
      const words = line.split(/\s+(?=[[<-])| {2,}/)[0]?.split(' ') ?? []
      const help = await showHelp(words)
      expect(help.code, `${path}: ${line}`).toBe(0)
      expect(help.text, `${path}: ${line}`).toContain(`darkroomd ${words.join(' ')}`)
      for (const [option] of line.matchAll(/--[a-z-]+/g))
        expect(help.text, `${path}: ${line}`).toContain(option)
    }
  })

  test('environment variables', () => {
    const known = new Set(settingGroups.flatMap(group => group.settings.map(setting => setting.name)))
    const dialects = documents.filter(path => path.startsWith('docs/dialects/'))
    const pages = ['README.md', 'docs/operating.md', ...dialects]
    const named = findAll(/(?:`|^)([A-Z]+(?:_[A-Z]+)+)(?=[=`])/gm, pages)
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter(({ groups }) => !known.has(groups[1] ?? ''))).toEqual([])
  })

  test('the two commands of the README, word for word', () => {
    for (const command of ['npm ci && npm run demo', 'npm ci && npm test']) {
      expect(read('README.md').split('\n')).toContain(command)
    }
  })
})

function headingsOf(path: string): string[] {
  return [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    (title ?? '')
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
}

async function showHelp(words: readonly string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const write = (piece: string) => {
    text += piece
  }
  const refuse = () => {
    throw new Error('help opens nothing')
  }
  const io: CommandIo = {
    writeOut: write,
    writeError: write,
    readInput: refuse,
    loadConfig: refuse,
    openDatabase: refuse,
    openOutside: refuse,
    findStored: refuse,
    roles: { all: refuse, serve: refuse, work: refuse },
    migrate: refuse,
  }
  const code = await runCommand([...words, '--help'], io)
  return { code, text: text.replace(/\s+/g, ' ') }
}

describe('the lists are those of the code', () => {
  test('the map of folders', () => {
    const source = join(server, 'src')
    const folders = readdirSync(source, { withFileTypes: true })
      .filter(entry => entry.isDirectory() && readdirSync(join(source, entry.name)).length > 0)
      .map(entry => `${entry.name}/`)
    const mapped = readRows('ARCHITECTURE.md', /^`[a-z-]+\/`$/).map(([first]) => bare(first))
    expect(mapped.sort()).toEqual(folders.sort())
    const files = readRows('ARCHITECTURE.md', /^`[a-z]+\.ts`/).flatMap(([first]) => bare(first).split(', '))
    expect(files.filter(file => !existsSync(join(source, file)))).toEqual([])
  })

  test('error codes with their status in both APIs and whether to repeat them', async () => {
    const rows = readRows('docs/errors.md', /^`[a-z_]+`$/).filter(cells => /^\d{3}$/.test(cells[1] ?? ''))
    expect(rows.map(([code]) => bare(code)).sort()).toEqual(Object.keys(errorTable).sort())
    for (const [cell, native, getimages, again] of rows) {
      const code = bare(cell) as ErrorCode
      expect([code, native], code).toEqual([code, String(await statusOf(renderNative, code))])
      expect([code, getimages], code).toEqual([code, String(await statusOf(renderGetImages, code))])
      expect([code, again], code).toEqual([code, errorTable[code].retryable ? 'yes' : 'no'])
    }
  })

  test('reasons of a generation', () => {
    const rows = readRows('docs/errors.md', /^`[a-z_]+`$/).filter(cells => !/^\d{3}$/.test(cells[1] ?? ''))
    expect(rows.map(([reason]) => bare(reason)).sort()).toEqual(Object.keys(reasonTexts).sort())
  })

  test('metrics', () => {
    const { registry } = createMetrics()
    const ours = registry.getMetricsAsArray().map(metric => metric.name)
    const named = findAll(/\b((?:darkroom|http_server|gen_ai)_[a-z_]+)\b/g, ['docs/operating.md'])
    const documented = new Set(
      named.map(({ groups }) => groups[1] ?? '').filter(name => !/^darkroom_(?:admin|owner|app)$/.test(name)),
    )
    const own = ours.filter(name => !/^(?:process|nodejs)_/.test(name))
    expect([...documented].sort()).toEqual(own.sort())
  })

  test('rules of the invariant check', () => {
    const rules = new Set(
      ['0005-invariants', '0020-routes'].flatMap(name =>
        [...read(`server/migrations/${name}.sql`).matchAll(/SELECT '([A-Z]\d+)'/g)].map(([, rule]) => rule),
      ),
    )
    const listed = readRows('docs/operating.md', /^[A-Z]\d+$/).map(([rule]) => rule)
    expect(listed.sort()).toEqual([...rules].sort())
  })

  test('dependencies, each with its reason', () => {
    const page = read('docs/decisions/0006-dependencies.md')
    const named = new Set([...page.matchAll(/`(@?[a-z][\w-]*(?:\/[\w-]+)?)`/g)].map(([, name]) => name))
    const kinds = ['dependencies', 'optionalDependencies', 'devDependencies']
    const declared = [rootPackage, serverPackage].flatMap(each =>
      kinds.flatMap(kind => Object.keys(each[kind] ?? {})),
    )
    expect(declared.filter(name => !named.has(name))).toEqual([])
    const inTables = readRows('docs/decisions/0006-dependencies.md', /^`/).flatMap(([cell]) =>
      bare(cell).split(', '),
    )
    expect(inTables.filter(name => !declared.includes(name))).toEqual([])
  })

  test('decisions, numbered without a gap, each with context, decision, reason and price', () => {
    const files = documents.filter(path => path.startsWith('docs/decisions/')).sort()
    files.forEach((path, at) => {
      const number = String(at + 1).padStart(4, '0')
      expect(path).toContain(`/${number}-`)
      expect(read(path)).toMatch(new RegExp(`^# ${number} `))
      for (const part of ['Context', 'Decision', 'Why', 'Price'])
        expect(read(path), path).toContain(`**${part}.**`)
    })
  })

  test('endpoints of every API', () => {
    const published = JSON.parse(read('docs/openapi/getimages.published.json')) as { paths: object }
    expect(endpointsOf('docs/dialects/getimages.md')).toEqual(Object.keys(published.paths).sort())
    const native = createNativeDialect({} as Parameters<typeof createNativeDialect>[0])
    const document = native.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } })
    expect(endpointsOf('docs/dialects/native.md')).toEqual(Object.keys(document.paths ?? {}).sort())
    const getimg = createGetimgDialect({} as Parameters<typeof createGetimgDialect>[0])
    const described = getimg.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } })
    expect(endpointsOf('docs/dialects/getimg.md')).toEqual(Object.keys(described.paths ?? {}).sort())
    const imgeo = createImgeoDialect({} as Parameters<typeof createImgeoDialect>[0])
    const gptimage2 = createGptimage2Dialect({} as Parameters<typeof createGptimage2Dialect>[0])
    const openai = { whole: createOpenAiDialect({} as Parameters<typeof createOpenAiDialect>[0]) }
    for (const [name, { whole }] of Object.entries({ imgeo, gptimage2, openai })) {
      const { paths } = whole.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } })
      expect(endpointsOf(`docs/dialects/${name}.md`)).toEqual(Object.keys(paths ?? {}).sort())
    }
  })

  test('prices of gptimage2', () => {
    const rows = readRows('docs/dialects/gptimage2.md', /^`(?:low|medium|high)`$/)
    const catalog = openCatalog()
    const listed = catalog.find('gptimage2', 'gpt-image-2')?.qualities ?? []
    expect(rows.map(([quality]) => bare(quality))).toEqual(listed)
    for (const [cell, credits] of rows) {
      const quality = bare(cell)
      const options = ask({ quality, size: quality === 'high' ? '2048x2048' : '1024x1024' })
      expect(String(catalog.resolve('gptimage2', 'gpt-image-2', options).unitPrice)).toBe(credits)
    }
  })

  test('models and prices of imgeo', () => {
    const rows = readRows('docs/dialects/imgeo.md', /^`[a-z-]+\//)
    const listed = openCatalog().list('imgeo')
    expect(rows.map(([id, name, credits]) => [bare(id), name, credits])).toEqual(
      listed.map(model => [model.id, model.name, String(model.prices[0]?.credits)]),
    )
    expect(rows.map(([, , , modes, negative]) => [modes?.includes('img2img'), negative === 'yes'])).toEqual(
      listed.map(model => [model.modes.includes('edit'), model.supportsNegativePrompt]),
    )
  })

  test('prices of Get Images', () => {
    const rows = readRows('docs/dialects/getimages.md', /^`(?:openai|google):/)
    const catalog = openCatalog()
    const price = (id: string, thinkingLevel: 'deep' | null) => () =>
      catalog.resolve('getimages', id, ask({ aspectRatio: '1:1', thinkingLevel })).price
    expect(rows.map(([id]) => bare(id))).toEqual(catalog.list('getimages').map(model => model.id))
    for (const [cell, plain, deep] of rows) {
      const id = bare(cell)
      expect(String(price(id, null)()), id).toBe(plain)
      if (deep === '') expect(catchRefusal(price(id, 'deep')).code, id).toBe('invalid_request')
      else expect(String(price(id, 'deep')()), id).toBe(deep)
    }
  })
})

async function statusOf(render: RenderError, code: ErrorCode): Promise<number> {
  const app = new Hono<HttpEnv>()
  app.get('/', context => render(context, new AppError(code)))
  return (await app.request('/')).status
}

function endpointsOf(path: string): string[] {
  const rows = readRows(path, /^`(?:GET|POST|PUT|DELETE|PATCH) /)
  const paths = rows.map(([cell]) => (bare(cell).split(' ')[1] ?? '').split('?')[0] ?? '')
  return [...new Set(paths)].sort()
}
