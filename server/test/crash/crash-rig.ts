// The rig of the crash suites: nodes of a crash program with short leases, the test engine, accounts whose orders
// count in slots, and what the database says of an order afterwards.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRig, eventually, type Node, type Rig, type RigOptions } from '../harness.ts'
import { type EngineUpstream, startEngineUpstream, writeEngineCatalog } from './engine-upstream.ts'

export type { Node }
export { eventually }

/** Short enough to see many of them run out, long enough for a busy machine to renew them. */
export const crashLeaseMs = 1_000
const crashSweepMs = 80
/** For nodes that do not die: however slow the machine is, what they read or work on is theirs, and is done once. */
export const calm = { TEST_LEASE_MS: '60000' }

export type Fate = {
  id: string
  state: string
  reason: string | null
  captured: number
  price: number
  attempts: { n: number; state: string; late: boolean; upstreamKey: string | null }[]
  /** Micro-USD booked to the operator. */
  lossUsdMicro: number
  /** Works its upstreams would put on the invoice. */
  billed: number
}

export type CrashRig = Rig & {
  engine: EngineUpstream
  start(env?: Record<string, string>, role?: string): Promise<Node>
  /** Sets the failpoints of a running node. */
  arm(node: Node, spec: string): Promise<void>
  /** What became of all orders that this key of the account names: none, one, or (never) several. */
  fates(accountId: string, idempotencyKey: string): Promise<Fate[]>
  billed(generationId: string): number
}

export async function createCrashRig(options: RigOptions & { program: string }): Promise<CrashRig> {
  const rig = await createRig(options)
  const engine = await startEngineUpstream()
  const catalog = join(rig.dataDir, 'catalog.json')
  const failpointFile = join(rig.dataDir, 'failpoint')
  writeEngineCatalog(catalog, engine.url)
  const crashEnv = {
    DARKROOM_CATALOG: catalog,
    OUTBOUND_ALLOW: new URL(engine.url).host,
    TEST_FAILPOINT_FILE: failpointFile,
    TEST_LEASE_MS: String(crashLeaseMs),
    TEST_SWEEP_MS: String(crashSweepMs),
    // Most of these suites break an upstream call after call to see what becomes of each.
    TEST_BREAKER: 'off',
    // A long loop has more results refused than one account may have on a day.
    MODERATION_BLOCKED_PER_DAY: '0',
    // A session secret of its own would be written by each of many starts.
    AUTH_SECRET: 'a secret of the crash suites, long enough',
    LOG_LEVEL: 'error',
  }
  const billed = (generationId: string) =>
    [rig.openai, rig.google, engine]
      .flatMap(upstream => upstream.attempts().map(label => ({ upstream, label })))
      .filter(({ label }) => label.startsWith(`${generationId}/`))
      .reduce((sum, { upstream, label }) => sum + upstream.counters(label).billable, 0)
  return {
    ...rig,
    engine,
    billed,
    start: (env = {}, role = 'all') => rig.startNode({ ...crashEnv, ...env }, role),
    async arm(node, spec) {
      writeFileSync(`${failpointFile}-${node.pid}`, spec)
      const armed = () => node.output.filter(line => line === 'failpoints armed').length
      const before = armed()
      process.kill(node.pid, 'SIGUSR2')
      await eventually('the failpoints are armed', () => armed() > before)
    },
    fates: (accountId, key) => readFates(rig, { accountId, key, billed }),
    async close() {
      try {
        await rig.close()
      } finally {
        await engine.close()
      }
    },
  }
}

async function readFates(
  { database }: Rig,
  { accountId, key, billed }: { accountId: string; key: string; billed(id: string): number },
): Promise<Fate[]> {
  const rows = await database.db.query<Omit<Fate, 'billed'>>(
    {
      name: 'test_fates',
      text: `SELECT g.id, g.state, g.reason, g.captured, g.price,
        (SELECT coalesce(json_agg(json_build_object('n', a.n, 'state', a.state, 'late', a.late,
          'upstreamKey', a.upstream_key) ORDER BY a.n), '[]') FROM attempt a WHERE a.generation_id = g.id) AS attempts,
        (SELECT coalesce(sum(e.amount), 0)::bigint FROM transfer t JOIN entry e ON e.transfer_id = t.id
          WHERE t.generation_id = g.id AND e.bucket = 'operator_loss') AS "lossUsdMicro"
        FROM generation g WHERE g.account_id = $1 AND g.idem_key = $2`,
    },
    [accountId, key],
  )
  return rows.map(row => ({ ...row, billed: billed(row.id) }))
}

export function isEnded(fate: Fate | undefined): boolean {
  return ['succeeded', 'failed', 'blocked', 'canceled'].includes(fate?.state ?? '')
}

export type Answer = { status: number; headers: Headers; body: Record<string, unknown> }

/** One order with a key; null when the connection was lost. `Prefer` decides whether a native order waits. */
export async function order(
  node: Pick<Node, 'url'>,
  call: {
    apiKey: string
    key: string
    model: string
    prompt: string
    native: boolean
    prefer?: string
    /** Pictures; native orders only. */
    n?: number
  },
): Promise<Answer | null> {
  const { native, model, prompt, prefer, n } = call
  try {
    const answer = await fetch(`${node.url}${native ? '/api/v1/generations' : '/api/v1/images/generate'}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${call.apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': call.key,
        ...(prefer ? { prefer } : {}),
      },
      body: JSON.stringify(native ? { model, prompt, n } : { modelId: model, prompt }),
    })
    const body = (await answer.json()) as Record<string, unknown>
    return { status: answer.status, headers: answer.headers, body }
  } catch {
    return null
  }
}

/** The generation an answer names, in whichever dialect. */
export function idOf(answer: Answer | null): string | null {
  if (!answer) return null
  const { image, generationId, id } = answer.body as {
    image?: { id: string }
    generationId?: string
    id?: string
  }
  return image?.id ?? generationId ?? id ?? answer.headers.get('x-darkroom-generation-id')
}
