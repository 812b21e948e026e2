// RELIABILITY 5.9: each mutant is built and met by the one test that must catch it, in a run of its own. The tests
// are those of the ordinary run, which prove there that they are green without it.
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { recordProof } from '../crash/record.ts'
import { getTestServer } from '../database.ts'
import { type Mutant, mutants } from './mutants.ts'

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const vitest = join(dirname(server), 'node_modules', 'vitest', 'vitest.mjs')

type Report = {
  testResults: { assertionResults: { title: string; status: string; failureMessages: string[] }[] }[]
}

/** The result of its test against a mutant: status and messages. */
async function meet(mutant: Mutant): Promise<{ status: string; messages: string }> {
  // The inner run uses the outer run's database server.
  await getTestServer()
  const file = join(tmpdir(), `darkroom-test-${process.pid}-mutant-${mutants.indexOf(mutant)}.json`)
  const escaped = mutant.test.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const values = ['run', '--config', 'test/mutants/vitest.config.ts', mutant.file, '-t', `(^| )${escaped}$`]
  const child = spawn(process.execPath, [vitest, ...values, '--reporter', 'json', '--outputFile', file], {
    cwd: server,
    env: {
      ...process.env,
      // What a mutant's run measures is no part of a report.
      ...{ PROOF: '', PROOF_RECORD: '' },
      ...{ MUTANT: mutant.name, OUTER_DATABASE: inject('databaseFolder') },
    },
    stdio: 'ignore',
  })
  await new Promise(resolve => child.once('exit', resolve))
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  rmSync(file)
  const results = report.testResults.flatMap(each => each.assertionResults)
  const [own] = results.filter(result => result.title === mutant.test && result.status !== 'skipped')
  return { status: own?.status ?? 'never ran', messages: own?.failureMessages.join('\n') ?? '' }
}

test('every mutant still fits the sources it changes', () => {
  for (const { name, source = [], imported = [] } of mutants) {
    for (const patch of [...source, ...imported]) {
      const text = readFileSync(join(server, patch.file), 'utf8')
      expect(text.split(patch.from), `${name}: ${patch.file}`).toHaveLength(2)
    }
  }
})

describe('a mutant is caught:', () => {
  for (const mutant of mutants) {
    // Two at once: each waits as long as it works.
    test.concurrent(mutant.name, async () => {
      const { status, messages } = await meet(mutant)
      recordProof('mutant', { mutant: mutant.name, status, test: mutant.test })
      expect(status).toBe('failed')
      // Red by its own judgement: not because the mutant could not be made, nor because nothing started.
      expect(messages).not.toMatch(/the patch of|never applied|before it was ready|no mutant named/)
      expect(messages).toMatch(/AssertionError|not in time|violates|instead of rejecting|the paper says/)
    }, 600_000)
  }
})
