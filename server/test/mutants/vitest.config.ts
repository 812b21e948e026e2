// The inner run of a mutant: one test, on the database server of the outer run, without building the service again.
// Sources that the test itself imports are mutated here, those of its processes by program.ts.
import { readFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { applyPatch } from '../crash/program.ts'
import { findMutant } from './mutants.ts'

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const patches = findMutant()?.imported ?? []

const mutateSources = {
  name: 'mutate-sources',
  enforce: 'pre' as const,
  load(id: string) {
    const own = patches.filter(patch => patch.file === relative(server, id.split('?')[0] ?? ''))
    if (own.length === 0) return null
    return own.reduce(applyPatch, readFileSync(id, 'utf8'))
  },
}

export default defineConfig({
  root: server,
  plugins: [mutateSources],
  define: { __FAILPOINTS__: 'true' },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/mutants/inner-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
})
