// Runs every suite that repeats itself at the full counts of the reliability plan and writes what it measured as a
// dated report: `npm run proof [-- path of a test …]`. The report is written also when a suite is red, and says so.
// All other suites have no other count: `npm test` runs them whole.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const server = dirname(dirname(fileURLToPath(import.meta.url)))
const root = dirname(server)
const chosen = process.argv.slice(2)

/** The test files that take a count of `test/counts.ts`, or record what they measured. */
function findCounted() {
  const counted = /from '[./]+(test\/)?(crash\/)?(counts|record)\.ts'/
  return ['src', 'test'].flatMap(folder =>
    readdirSync(join(server, folder), { recursive: true })
      .filter(name => name.endsWith('.test.ts'))
      .map(name => join(folder, name))
      .filter(name => counted.test(readFileSync(join(server, name), 'utf8'))),
  )
}

/** One run of the suites at full counts; resolves with the runner's exit code. */
function runSuites({ report, record }) {
  const runner = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter', 'default', '--reporter', 'json', '--outputFile.json', report]
  const suites = chosen.length > 0 ? chosen : findCounted()
  const child = spawn(process.execPath, [runner, 'run', ...reporters, ...suites], {
    cwd: server,
    env: { ...process.env, PROOF: '1', PROOF_RECORD: record },
    stdio: 'inherit',
  })
  return new Promise(resolve => child.once('exit', code => resolve(code)))
}

function readRecords(file) {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line))
}

function say(command, ...values) {
  return spawnSync(command, values, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? ''
}

/** One table for each kind of record, one row for each record, and the sums of all numbers below. */
function renderRecords(records) {
  const names = [...new Set(records.map(each => each.name))]
  return names.flatMap(name => {
    const rows = records.filter(each => each.name === name)
    const columns = [...new Set(rows.flatMap(row => Object.keys(row)))].filter(column => column !== 'name')
    const line = cells => `| ${cells.join(' | ')} |`
    const isSummed = column => column !== 'seed' && rows.every(row => typeof row[column] === 'number')
    const sums = columns.map(column =>
      isSummed(column) ? String(rows.reduce((sum, row) => sum + row[column], 0)) : '',
    )
    const body = rows.map(row => line(columns.map(column => String(row[column] ?? ''))))
    const total =
      rows.length > 1 && sums.some(sum => sum !== '')
        ? [line(sums.map(sum => `**${sum}**`.replace('****', '')))]
        : []
    return ['', `## ${name}`, '', line(columns), line(columns.map(() => '---')), ...body, ...total]
  })
}

/** With no failure in n independent trials the 95 % upper bound is about 3/n. */
function renderBound(records) {
  const loops = records.filter(each => each.name === 'kill loop')
  const generations = loops.reduce((sum, each) => sum + each.generations, 0)
  if (generations === 0) return []
  const faults = loops.reduce(
    (sum, each) => sum + (each['paid upstream more than once'] ?? 0) + (each['not resolved once'] ?? 0),
    0,
  )
  if (faults > 0) return ['', `${faults} faults in ${generations} generations under kills.`]
  const bound = ((3 / generations) * 100).toFixed(3)
  return [
    '',
    `No fault in ${generations} generations under kills: with 95 % confidence fewer than ${bound} % of generations are affected.`,
  ]
}

function renderTests(results) {
  const rows = results.flatMap(({ name, assertionResults }) => {
    const seconds = assertionResults.reduce((sum, each) => sum + (each.duration ?? 0), 0) / 1000
    const red = assertionResults.filter(each => each.status === 'failed')
    const count = assertionResults.filter(each => each.status !== 'skipped').length
    const file = name.slice(server.length + 1)
    return [
      `| ${file} | ${count} | ${red.length} | ${seconds.toFixed(0)} |`,
      ...red.map(each => `| red: ${each.fullName} | | | |`),
    ]
  })
  return [
    '',
    '## Suites',
    '',
    '| file | tests | red | seconds |',
    '| --- | --- | --- | --- |',
    ...rows.sort(),
  ]
}

const stamp = new Date()
const day = stamp.toISOString().slice(0, 10)
const report = join(tmpdir(), `darkroom-proof-${process.pid}.json`)
const record = join(tmpdir(), `darkroom-proof-${process.pid}.jsonl`)
const code = await runSuites({ report, record })
if (!existsSync(report)) {
  console.error('The run was stopped before its end: there is no report.')
  process.exit(code || 1)
}
const summary = JSON.parse(readFileSync(report, 'utf8'))
const records = readRecords(record)
const seconds = Math.round((Date.now() - stamp.getTime()) / 1000)
/** Reports of the same day are no change of what was tried. */
const isClean = say('git', 'status', '--porcelain', '--', ':!docs/proof') === ''
const text = [
  `# Proof run of ${day}`,
  '',
  `Written by \`npm run proof${chosen.length > 0 ? ` -- ${chosen.join(' ')}` : ''}\` with full counts. ` +
    `Commit ${say('git', 'rev-parse', '--short', 'HEAD')}${isClean ? '' : ' with local changes'}, Node ${process.versions.node}, ` +
    `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${seconds} s.`,
  '',
  summary.success
    ? `**Green**: ${summary.numPassedTests} tests passed.`
    : `**Red**: ${summary.numFailedTests} of ${summary.numTotalTests} tests failed.`,
  ...renderBound(records),
  ...renderRecords(records),
  ...renderTests(summary.testResults),
  '',
].join('\n')
const folder = join(root, 'docs', 'proof')
mkdirSync(folder, { recursive: true })
/** A run of chosen suites adds a report to those of its day. */
const earlier = readdirSync(folder).filter(name => name.startsWith(day)).length
const file = join(folder, earlier === 0 ? `${day}.md` : `${day}-${earlier + 1}.md`)
writeFileSync(file, text)
rmSync(report, { force: true })
rmSync(record, { force: true })
console.log(`Report: ${file}`)
process.exitCode = code ?? 1
