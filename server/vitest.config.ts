import { defineConfig } from 'vitest/config'

/** What measures time or memory, or fills both cores by itself: nothing runs beside these. */
const alone = [
  'test/*memory.test.ts',
  'test/overload.test.ts',
  'test/journeys.test.ts',
  'test/mutants/mutants.test.ts',
  'test/races/**/*.test.ts',
  'test/crash/breaker.test.ts',
  'test/crash/kill-loop.test.ts',
  'test/conformance/waiting-memory.test.ts',
  'test/conformance/webhooks.test.ts',
]

const common = {
  // At full counts a test is some twenty times as long.
  testTimeout: process.env.PROOF === '1' ? 3_600_000 : 300_000,
  hookTimeout: 300_000,
  // What is awaited is the event: a busy machine may take its time.
  expect: { poll: { timeout: 60_000 } },
  maxConcurrency: 2,
}

export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    projects: [
      {
        define: { __FAILPOINTS__: 'true' },
        test: {
          ...common,
          name: 'together',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: alone,
          // Most start processes of the service and wait for them: two files at a time fill two cores.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Not one object for both: the runner takes out what it has seen to.
        define: { __FAILPOINTS__: 'true' },
        test: { ...common, name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
