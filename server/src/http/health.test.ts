// Guards readiness: it is true only of what has been seen to work, and never waits longer than whoever probes.
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { silentLog } from '../../test/database.ts'
import type { Db } from '../db/db.ts'
import { createPulse } from '../jobs/pulse.ts'
import { boundCheck } from '../storage/bound-check.ts'
import { openStorage } from '../storage/open.ts'
import { createMetrics } from '../telemetry.ts'
import type { HttpEnv } from './context.ts'
import { addHealth, type HealthNeeds } from './health.ts'

test('while the check of storage has not ended, and when it ended too late, nobody is told "ready"', async () => {
  let end: (checked: { ok: true }) => void = () => undefined
  const hung = () =>
    new Promise<{ ok: true }>(resolve => {
      end = resolve
    })
  const app = new Hono<HttpEnv>()
  const log = { ...silentLog, debug: () => undefined, fatal: () => undefined, child: () => log }
  const needs: HealthNeeds = {
    ...{
      log,
      metrics: createMetrics(),
      storage: boundCheck({ ...openStorage('file:/dev/null'), check: hung }),
    },
    db: { query: async () => [] } as never as Db,
    queue: { readStuckSeconds: async () => 0 },
    pulse: createPulse(() => 0, 1_000),
    runner: { draining: () => false },
    config: { metricsToken: null, deadlineSyncMs: 1_000 },
  }
  addHealth(app, needs)
  const ask = async () => {
    const answer = await app.request('/readyz')
    return { status: answer.status, ...((await answer.json()) as { checks: object }).checks }
  }
  const notReady = { status: 503, database: { ok: true }, storage: { ok: false } }
  const begun = performance.now()
  expect(await ask()).toMatchObject(notReady)
  expect(await ask()).toMatchObject(notReady)
  expect(performance.now() - begun).toBeLessThan(10_000)
  const asking = ask()
  end({ ok: true })
  expect(await asking).toMatchObject({ status: 200 })
})
