// Runs every bench one after the other and prints one table of targets and what was measured in this run.
// Usage: npm run bench   (ten minutes or so, on a machine with nothing else to do)
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './processes.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const benches = [
  ['awaiting.mjs'],
  ['cost.mjs'],
  ['cost.mjs', '--database', 'embedded'],
  ['flight.mjs'],
  ['flight.mjs', '--database', 'embedded'],
  ['listing.mjs'],
  ['passing.mjs'],
  ['passing.mjs', '--storage', 'bucket', '--only', 'native'],
  ['polling.mjs'],
  ['webhooks.mjs'],
]

const rows = []
for (const [file, ...flags] of benches) {
  console.error(`running ${[file, ...flags].join(' ')} …`)
  rows.push(...(await run([join(here, file), ...flags])).rows)
}

const verdict = { true: 'met', false: '**missed**', null: '' }
console.log(
  `\nNode ${process.versions.node}, ${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'})\n`,
)
console.log('| what | target | measured | | by |\n| --- | --- | --- | --- | --- |')
for (const { what, target, measured, isMet, command } of rows)
  console.log(`| ${what} | ${target} | ${measured} | ${verdict[String(isMet)]} | \`${command}\` |`)
