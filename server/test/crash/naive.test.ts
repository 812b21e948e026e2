// The kill loop against a design that is known to be wrong: it must find orders without an end, money without a
// reason and work bought twice. A loop that finds nothing here would prove nothing about the real service.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { crashCounts } from '../counts.ts'
import { createTestDatabase } from '../database.ts'
import type { Node } from '../harness.ts'
import { defaultOpenAiKey, startOpenAiUpstream } from '../upstreams/openai.ts'
import { runKillLoop } from './kill-loop.ts'
import { placeNaiveOrder } from './load.ts'
import { recordProof } from './record.ts'

const here = dirname(fileURLToPath(import.meta.url))

function startNaive(file: string, values: string[]): Promise<Node> {
  const child = spawn(process.execPath, [file, ...values], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve))
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    return await exited
  }
  return new Promise((resolve, reject) => {
    exited.then(() => reject(new Error('the naive server did not start')))
    createInterface({ input: child.stdout }).on('line', line => {
      const url = /ready at (\S+)/.exec(line)?.[1] ?? ''
      const pid = child.pid ?? 0
      const stop = () => kill('SIGTERM')
      resolve({ url, pid, output: [line], exited, kill: () => kill('SIGKILL').then(() => undefined), stop })
    })
  })
}

test(
  'the kill loop sees what deducting first and giving back in a catch loses',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), `darkroom-test-${process.pid}-naive-`))
    const file = join(folder, 'naive.mjs')
    const banner =
      "import { createRequire as makeRequire } from 'node:module';const require = makeRequire(import.meta.url);"
    await build({
      entryPoints: [join(here, 'naive.ts')],
      outfile: file,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['pg-native'],
      banner: { js: banner },
    })
    const database = await createTestDatabase({ empty: true })
    const upstream = await startOpenAiUpstream({ latencyMs: 60 })
    const run = (text: string) =>
      database.ownerDb.query<Record<string, number>>({ name: `naive_${text.length}`, text })
    try {
      for (const table of [
        'naive_order (key text, state text)',
        'naive_wallet (balance bigint)',
        'naive_entry (key text, amount bigint)',
      ])
        await run(`CREATE TABLE ${table}`)
      await run('INSERT INTO naive_wallet VALUES (1000000)')
      const loop = await runKillLoop({
        seed: 1,
        nodes: 3,
        kills: crashCounts.naiveKills,
        databaseCrashEvery: 0,
        start: () => startNaive(file, [database.ownerUrl, upstream.url, defaultOpenAiKey]),
        crashDatabase: async () => undefined,
        sample: async () => undefined,
        callers: 16,
        call: (target, random) =>
          placeNaiveOrder(
            target,
            `${randomUUID()} ${random() < 0.11 ? '[[emulate: reset_before_headers]]' : ''}`,
          ),
      })
      await Promise.all(loop.ready.map(node => node.stop()))
      const [counts] =
        await run(`SELECT count(*)::int AS orders, count(*) FILTER (WHERE state = 'running')::int AS "not ended",
      count(*) FILTER (WHERE state <> 'succeeded' AND (SELECT coalesce(sum(amount), 0) FROM naive_entry e WHERE e.key = o.key) < 0)::int
        AS "paid for nothing" FROM naive_order o`)
      const bills = new Map<string, number>()
      for (const label of upstream.attempts()) {
        const key = label.split('/')[0] ?? ''
        bills.set(key, (bills.get(key) ?? 0) + upstream.counters(label).billable)
      }
      const twice = [...bills.values()].filter(bill => bill > 1).length
      recordProof('kill loop, naive design', {
        kills: loop.kills,
        ...counts,
        'paid upstream more than once': twice,
      })
      expect(counts?.['not ended']).toBeGreaterThan(0)
      expect(counts?.['paid for nothing']).toBeGreaterThan(0)
      expect(twice).toBeGreaterThan(0)
    } finally {
      await upstream.close()
      await database.drop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
  crashCounts.killLoopTimeoutMs,
)
