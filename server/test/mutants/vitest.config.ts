// The inner run of a mutant: one test, on the database server of the outer run, without building the service again.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
  define: { __FAILPOINTS__: 'true' },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/mutants/inner-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
})
