// The suites of the way out by themselves: no database, nothing but this machine's own sockets.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
  define: { __FAILPOINTS__: 'true' },
  test: {
    include: ['src/outbound.test.ts', 'src/outbound/*.test.ts', 'src/uploads/reference.test.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    maxWorkers: 1,
  },
})
