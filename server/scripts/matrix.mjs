// `npm run matrix`: runs the provider contract of every adapter and writes what was seen as docs/providers/matrix.md.
// `npm run matrix -- FOLDER` only writes it, from the lines that an earlier run left in the folder (CONTRACT_MATRIX).
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const server = dirname(dirname(fileURLToPath(import.meta.url)))
const root = dirname(server)
const page = join(root, 'docs', 'providers', 'matrix.md')
const adapters = join(server, 'src', 'providers')

/** In the order of the contract: what proves that nothing ran first. */
const outcomes = [
  'succeeded',
  'pending',
  'unavailable',
  'rate_limited',
  'quota_exhausted',
  'model_retired',
  'invalid_request',
  'content_rejected',
  'misconfigured',
  'upstream_failed',
  'unknown_outcome',
  'malformed_response',
]
const modes = ['sync', 'poll', 'webhook', 'download']

/** The test files that run the contract; the lines of the others would be missing. */
function listSuites() {
  return readdirSync(adapters)
    .filter(name => name.endsWith('.test.ts'))
    .filter(name => readFileSync(join(adapters, name), 'utf8').includes('describeProviderContract('))
    .map(name => `src/providers/${name}`)
}

function runSuites(folder) {
  const runner = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const env = { ...process.env, CONTRACT_MATRIX: folder }
  const suites = listSuites()
  const { status } = spawnSync(process.execPath, [runner, 'run', ...suites], {
    cwd: server,
    env,
    stdio: 'inherit',
  })
  return status ?? 1
}

function readPlayed(folder) {
  const seen = new Map()
  for (const name of readdirSync(folder).filter(each => each.endsWith('.jsonl'))) {
    for (const line of readFileSync(join(folder, name), 'utf8').trim().split('\n'))
      seen.set(line, JSON.parse(line))
  }
  return [...seen.values()]
}

const row = cells => `| ${cells.join(' | ')} |`

function sortBy(list, order) {
  return [...list].sort((one, other) => order.indexOf(one) - order.indexOf(other))
}

const unique = list => [...new Set(list)]

/** How many scenarios of an adapter ended so, by where they strike. */
function renderSummary(played) {
  const lines = [
    row(['adapter', 'mode', ...outcomes.map(each => `\`${each}\``)]),
    row(['---', '---', ...outcomes.map(() => '--:')]),
  ]
  for (const provider of unique(played.map(each => each.provider)).sort()) {
    const own = played.filter(each => each.provider === provider)
    for (const mode of sortBy(unique(own.map(each => each.mode)), modes)) {
      const counts = outcomes.map(
        outcome => own.filter(each => each.mode === mode && each.outcome === outcome).length,
      )
      lines.push(row([`\`${provider}\``, mode, ...counts.map(count => (count === 0 ? '' : count))]))
    }
  }
  return lines
}

function renderAdapter(provider, played) {
  const lines = [
    '',
    `## ${provider}`,
    '',
    row(['mode', 'outcome', 'behaviours of the upstream']),
    row(['---', '---', '---']),
  ]
  for (const mode of sortBy(unique(played.map(each => each.mode)), modes)) {
    for (const outcome of outcomes) {
      const behaviours = played
        .filter(each => each.mode === mode && each.outcome === outcome)
        .map(({ behaviour }) => (behaviour === '' ? 'none' : `\`${behaviour.replaceAll('|', '\\|')}\``))
      if (behaviours.length > 0)
        lines.push(row([mode, `\`${outcome}\``, unique(behaviours).sort().join(' · ')]))
    }
  }
  return lines
}

function render(played) {
  const unknown = unique(played.map(each => each.outcome)).filter(outcome => !outcomes.includes(outcome))
  if (unknown.length > 0) throw new Error(`Outcomes without a column: ${unknown.join(', ')}`)
  const providers = unique(played.map(each => each.provider)).sort()
  const lines = [
    '# What was seen: adapter × failure × mode',
    '',
    'Written by `npm run matrix` from a run of the provider contract (`server/test/provider-contract.ts`): each scenario is',
    "one order through the adapter, against the vendor's emulator over real sockets, with what the outcome promises checked",
    "against the emulator's bill. Nothing is listed that did not pass. What the behaviours mean is told by `npm run upstreams`;",
    'what Darkroom does with each outcome, by the page of the provider.',
    '',
    '**Modes.** `sync`: the fault strikes the create, or the create brings the outcome. `poll`: the work is read until it ends.',
    '`webhook`: the upstream calls back. `download`: the picture lies at a URL. `pending`: still open at the deadline, as it must be.',
    '',
    ...renderSummary(played),
    ...providers.flatMap(provider =>
      renderAdapter(
        provider,
        played.filter(each => each.provider === provider),
      ),
    ),
    '',
  ]
  return lines.join('\n')
}

const [given] = process.argv.slice(2)
const folder = given ?? mkdtempSync(join(tmpdir(), 'contract-matrix-'))
const status = given === undefined ? runSuites(folder) : 0
if (status === 0) {
  const played = readPlayed(folder)
  writeFileSync(page, render(played))
  process.stdout.write(`${page}: ${played.length} scenarios\n`)
} else {
  process.stderr.write('A suite is red: the page stays as it was.\n')
}
if (given === undefined) rmSync(folder, { recursive: true, force: true })
process.exitCode = status
