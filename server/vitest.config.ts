import { defineConfig } from 'vitest/config'

export default defineConfig({
  define: { __FAILPOINTS__: 'true' },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // Two cores: more workers only slow the databases down.
    maxWorkers: 2,
  },
})
