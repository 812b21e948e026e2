import { defineConfig } from 'vitest/config'

export default defineConfig({
  define: { __FAILPOINTS__: 'true' },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // What is awaited is the event: a busy machine may take its time.
    expect: { poll: { timeout: 60_000 } },
    // One file at a time: many start several processes of the service, and there may be two cores only.
    maxWorkers: 1,
    maxConcurrency: 2,
  },
})
