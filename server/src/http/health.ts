// For machines that watch: alive, ready, metrics. Nothing here needs a key unless METRICS_TOKEN is set.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Hono } from 'hono'
import { type Db, statement } from '../db/db.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'
import type { HttpContext, HttpEnv } from './context.ts'
import { methodNotAllowed } from './errors.ts'

export type HealthNeeds = {
  db: Db
  log: Log
  metrics: Metrics
  storage: { check(): Promise<{ ok: true } | { ok: false; message: string }> }
  queue: { readStuckSeconds(): Promise<number> }
  /** Which recurring task does not succeed any more. */
  pulse: { findStill(): { name: string; seconds: number } | null }
  runner: { draining(): boolean }
  config: { metricsToken: string | null; deadlineSyncMs: number }
}

const ping = statement('health_ping', 'SELECT 1 AS ok')
const loopback = /^(?:::1|(?:::ffff:)?127\.\d+\.\d+\.\d+)$/
const proxyHeaders = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']
/** A probe must not hang where its caller waits a second or two. */
const probeTimeoutMs = 2_000

export function addHealth(app: Hono<HttpEnv>, needs: HealthNeeds): void {
  const alive = (context: HttpContext) => context.json({ status: 'ok' }, 200, { 'cache-control': 'no-store' })
  app.get('/healthz', alive)
  app.get('/health', alive)
  // Anybody may ask: however many ask at once, the database and the disk are asked once.
  let asking: ReturnType<typeof readiness> | null = null
  app.get('/readyz', async context => {
    asking ??= readiness(needs).finally(() => {
      asking = null
    })
    const checks = await asking
    const ready = Object.values(checks).every(check => check.ok)
    const status = ready ? 200 : 503
    return context.json({ status: ready ? 'ready' : 'not ready', checks }, status, {
      'cache-control': 'no-store',
    })
  })
  app.get('/metrics', async context => {
    if (!mayRead(context, needs.config.metricsToken))
      throw new AppError('unauthorized', 'The metrics token is missing or wrong.')
    const { registry } = needs.metrics
    return context.body(await registry.metrics(), 200, { 'content-type': registry.contentType })
  })
  for (const path of ['/healthz', '/health', '/readyz', '/metrics']) app.all(path, methodNotAllowed(['GET']))
}

type Check = { ok: boolean; message?: string }

async function readiness(needs: HealthNeeds): Promise<Record<string, Check>> {
  const [database, storage, queue] = await Promise.all([
    answers(needs.log, 'database', async () => {
      await needs.db.query(ping)
      return { ok: true }
    }),
    answers(needs.log, 'storage', async () => {
      const checked = await needs.storage.check()
      if (!checked.ok) throw new Error(checked.message)
      return { ok: true }
    }),
    answers(needs.log, 'queue', () => checkQueue(needs)),
  ])
  return { database, storage, jobs: checkJobs(needs), queue }
}

/** A caller who waits would get nothing but a refusal, for nobody works. */
async function checkQueue({ queue, config }: HealthNeeds): Promise<Check> {
  const ageSeconds = await queue.readStuckSeconds()
  if (ageSeconds * 1000 < config.deadlineSyncMs) return { ok: true }
  return { ok: false, message: `the oldest generation waits for ${Math.round(ageSeconds)} s` }
}

function checkJobs({ runner, pulse }: HealthNeeds): Check {
  if (runner.draining()) return { ok: false, message: 'stopping' }
  const still = pulse.findStill()
  return still
    ? { ok: false, message: `${still.name} has not succeeded for ${still.seconds} s` }
    : { ok: true }
}

/** Why a check fails names folders and hosts of ours: that goes to the log, not to whoever asks. */
async function answers(log: Log, check: string, run: () => Promise<Check>): Promise<Check> {
  const late = new Promise<Check>(resolve => {
    setTimeout(() => resolve({ ok: false, message: 'no answer in time' }), probeTimeoutMs).unref()
  })
  const done = run().catch(error => {
    log.warn({ event: 'readiness.failed', check, err: error }, 'not ready')
    return { ok: false, message: 'does not work; the log says why' }
  })
  return Promise.race([done, late])
}

/**
 * Without a token only this machine may read: counts of orders and models are nobody else's business. A proxy on
 * this machine calls from here, too, and gives itself away by whom it calls for.
 */
function mayRead(context: HttpContext, token: string | null): boolean {
  if (!token) {
    const isForwarded = proxyHeaders.some(name => context.req.header(name) !== undefined)
    return !isForwarded && loopback.test(context.env.incoming.socket.remoteAddress ?? '')
  }
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const presented = context.req.header('authorization') ?? ''
  return timingSafeEqual(digest(presented), digest(`Bearer ${token}`))
}
