// Every statement on generations but those of polls. The functions called here live in migrations/0004; each is one
// round trip and one transaction, and the only place where a generation and its money move together.
import { type Queryable, type Statement, statement } from '../db/db.ts'
import type { Dialect, GenerationOptions } from '../models/options.ts'
import type { Usage } from '../providers/provider.ts'
import type { StoredInputs } from '../uploads/input.ts'
import type { Generation, GenerationState, PartResult, Reason, StoredImage } from './generation.ts'
import { startCountdown } from './time-left.ts'

export type GenerationRow = {
  id: string
  account_id: string
  api_key_id: string | null
  dialect: Dialect
  model: string
  prompt: string
  options: GenerationOptions
  echo: Record<string, unknown> | null
  inputs: StoredInputs | null
  fingerprint: Buffer
  unit_price: number
  count: number
  price: number
  captured: number
  state: GenerationState
  reason: Reason | null
  epoch: number
  own_providers: string[] | null
  attempts: number
  lease_owner: string | null
  pace_route: string | null
  /** To the deadline, by the database's clock when the row was read. */
  left_ms: number
  images: StoredImage[] | null
  warnings: string[] | null
  usage: Usage | null
  created_at: Date
  completed_at: Date | null
  deleted_at: Date | null
  files_expire_at: Date | null
  files_removed_at: Date | null
}

export function toGeneration(row: GenerationRow): Generation {
  return {
    id: row.id,
    accountId: row.account_id,
    apiKeyId: row.api_key_id,
    dialect: row.dialect,
    model: row.model,
    prompt: row.prompt,
    options: row.options,
    echo: row.echo ?? {},
    inputs: row.inputs,
    fingerprint: row.fingerprint,
    unitPrice: row.unit_price,
    count: row.count,
    price: row.price,
    captured: row.captured,
    state: row.state,
    reason: row.reason,
    ownProviders: row.own_providers,
    epoch: row.epoch,
    attempts: row.attempts,
    leaseOwner: row.lease_owner,
    pacedRoute: row.pace_route,
    timeLeft: startCountdown(row.left_ms),
    images: row.images ?? [],
    warnings: row.warnings ?? [],
    usage: row.usage,
    createdAt: row.created_at,
    completedAt: row.completed_at,
    deletedAt: row.deleted_at,
    filesExpireAt: row.files_expire_at,
    filesRemovedAt: row.files_removed_at,
  }
}

export const columns = `id, account_id, api_key_id, dialect, model, prompt, options, echo, inputs, fingerprint, unit_price,
  count, price, captured, state, reason, own_providers, epoch, attempts, lease_owner, images, warnings, usage, created_at,
  completed_at, deleted_at, files_expire_at, files_removed_at, pace_route,
  extract(epoch FROM deadline - (SELECT app_now()))::float8 * 1000 AS left_ms`

export { columns as generationColumns }

/** Its images are there to be read, as `hasFiles` of generation.ts says it. */
export const hasFiles = `state = 'succeeded' AND deleted_at IS NULL AND files_removed_at IS NULL
  AND (files_expire_at IS NULL OR files_expire_at > app_now())`

/** A place in a list of the newest first: $2 microseconds and $3 an id, or the very first; $4 the oldest wanted. */
const fromPlace = (createdAt: string, id: string) => `(${createdAt}, ${id})
    < (coalesce(timestamptz 'epoch' + $2::bigint * interval '1 us', 'infinity'), coalesce($3::uuid, ${highestId}))
  AND ${createdAt} >= coalesce($4::timestamptz, '-infinity')
  ORDER BY ${createdAt} DESC, ${id} DESC`
const highestId = `'ffffffff-ffff-ffff-ffff-ffffffffffff'`
const createdUs = `(extract(epoch FROM created_at) * 1000000)::bigint AS created_us`

/** Where the three lists are read from: everything, one parent's children, one tag. Each in the order of its index. */
const newest = `FROM generation WHERE account_id = $1 AND deleted_at IS NULL AND ${fromPlace('created_at', 'id')}`
const childrenOf = (
  parent: string,
) => `FROM generation WHERE echo ->> 'parentId' = ${parent} AND echo ? 'parentId'
  AND account_id = $1 AND deleted_at IS NULL AND ${fromPlace('created_at', 'id')}`
const taggedWith = (tag: string) => `FROM generation_tag WHERE account_id = $1 AND tag = ${tag}
  AND ${fromPlace('created_at', 'generation_id')}`

/**
 * $5 rows are looked at, of which the first $6 that match are the page: a filter that nothing meets ends there. A
 * filter that is null takes everything.
 */
const pageOf = (walked: string) => `SELECT ${columns}, ${createdUs} FROM generation WHERE id IN (
    SELECT id FROM (${walked}) walked
    WHERE ($7::text IS NULL OR echo ->> 'parentId' = $7) AND ($8::text IS NULL OR echo -> 'tags' ? $8)
      AND ($9::text IS NULL OR model = $9) AND ($10::text[] IS NULL OR ${shownState} = ANY ($10))
      AND ($11::text IS NULL OR dialect = $11) AND ($12::uuid IS NULL OR api_key_id = $12)
      AND ($13::text IS NULL OR prompt ILIKE $13)
    ORDER BY created_at DESC, id DESC LIMIT $6)
  ORDER BY created_at DESC, id DESC`
/** Of an ended one, as `shownStatus` of generation.ts tells it. */
const shownState = `CASE WHEN dialect = 'gptimage2' AND state = 'canceled' THEN 'failed' ELSE state END`
const filtered = 'echo, model, state, dialect, api_key_id, prompt'

const leftWhenCreated = 'extract(epoch FROM c.deadline - c.created_at)::float8 * 1000 AS left_ms'
const createGeneration = `create_generation($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18, $19, $20, $21, $22, $23, $24, $25) c`

export const sql = {
  /** What only some orders need is left out, so that PostgreSQL makes the plan once and not anew for each call. */
  create: statement(
    'generation_create',
    `SELECT c.*, ${leftWhenCreated}, NULL::timestamptz AS files_expire_at FROM ${createGeneration}`,
  ),
  createWithMore: statement(
    'generation_create_more',
    // What only some orders need is done by the same statement: the end of files, spend caps, what was adapted.
    `SELECT c.*, ${leftWhenCreated},
        CASE WHEN c.created AND $26::int IS NOT NULL THEN end_files(c.found_id, $26) END AS files_expire_at,
        CASE WHEN c.created AND ($27::text[] IS NOT NULL OR $30::jsonb IS NOT NULL)
          THEN complete_order(c.found_id, $27, $28, $29, $30) END AS completed,
        CASE WHEN c.created AND $31::text[] IS NOT NULL THEN bring_keys(c.found_id, $31) END AS brought
      FROM ${createGeneration}`,
  ),
  /** What T1 would find of the wallet and of the slots, taking nothing and locking nobody. */
  affords: statement(
    'generation_affords',
    `SELECT a.available, a.debt, (SELECT count(*)::int FROM unnest($2::text[], $3::int[]) AS wanted (scope, cap)
        JOIN slot s ON s.scope = wanted.scope WHERE s.in_flight >= wanted.cap) AS full
      FROM account a WHERE a.id = $1 AND a.closed_at IS NULL`,
  ),
  /** As many as are asked for at once: $1 their ids, $2 the account that asks for each. */
  findByIds: statement(
    'generation_find',
    `SELECT ${columns}
       FROM unnest($1::uuid[], $2::uuid[]) AS asked (wanted_id, asking_account)
       JOIN generation ON id = wanted_id AND account_id = asking_account`,
  ),
  findAny: statement('generation_find_any', `SELECT ${columns} FROM generation WHERE id = $1`),
  findEach: statement(
    'generation_find_each',
    `SELECT ${columns}, (extract(epoch FROM completed_at) * 1000000)::bigint AS completed_us
       FROM generation WHERE id = ANY ($1::uuid[])`,
  ),
  findByKeys: statement(
    'generation_find_by_key',
    `SELECT ${columns}, idem_key
       FROM unnest($1::uuid[], $2::text[]) AS asked (asking_account, wanted_key)
       JOIN generation ON account_id = asking_account AND idem_key = wanted_key`,
  ),
  /**
   * Locks while it chooses, so that a twin that waited sees what was taken and goes on to the next. The states are
   * spelled out for the sake of the indexes of open and of ended work. Whoever joins waits anew: nobody has left or
   * heard the order any more.
   */
  join: statement(
    'generation_join',
    `UPDATE generation SET joined_by = $5, left_at = NULL, answered_at = NULL WHERE id = (
        SELECT id FROM generation
        WHERE account_id = $1 AND api_key_id = $2 AND dialect = $3 AND fingerprint = $4 AND idem_key IS NULL
          AND coalesce(joined_by, 0) < $5 AND created_at > (SELECT app_now()) - $6 * interval '1 s'
          AND deleted_at IS NULL
          AND (state IN ('queued', 'dispatching', 'awaiting', 'storing', 'reconciling')
            OR completed_at > (SELECT app_now()) - $7 * interval '1 s')
          AND (answered_at IS NULL OR answered_at > (SELECT app_now()) - $8 * interval '1 s')
        ORDER BY answered_at IS NOT NULL, left_at IS NULL, completed_at IS NULL, created_at, id
        LIMIT 1 FOR NO KEY UPDATE)
      RETURNING ${columns}`,
  ),
  announce: statement(
    'generation_announce',
    `WITH expired AS (DELETE FROM announced_order WHERE id IN (
        SELECT id FROM announced_order WHERE expires_at < (SELECT app_now())
        ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED))
      INSERT INTO announced_order (id, account_id, api_key_id, dialect, fingerprint, retry_count, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, app_now() + $7 * interval '1 s')`,
  ),
  withdraw: statement('generation_withdraw', 'DELETE FROM announced_order WHERE id = $1'),
  isAnnounced: statement(
    'generation_is_announced',
    `SELECT id FROM announced_order
      WHERE account_id = $1 AND api_key_id = $2 AND dialect = $3 AND fingerprint = $4 AND retry_count < $5
        AND expires_at > (SELECT app_now()) LIMIT 1`,
  ),
  noteLeft: statement(
    'generation_left',
    'UPDATE generation SET left_at = coalesce(left_at, app_now()) WHERE id = $1 AND answered_at IS NULL',
  ),
  claimQueued: statement('generation_claim', `SELECT ${columns} FROM claim_queued($1, $2, $3, $4)`),
  claimReconciling: statement(
    'generation_claim_lost',
    `SELECT ${columns} FROM claim_reconciling($1, $2, $3, $4)`,
  ),
  beginAttempt: statement(
    'generation_begin_attempt',
    'SELECT begin_attempt($1, $2, $3, $4, $5, $6, $7) AS n',
  ),
  requeue: statement('generation_requeue', 'SELECT requeue_generation($1, $2, $3, $4, $5, $6) AS done'),
  beginStoring: statement('generation_storing', 'SELECT begin_storing($1, $2, $3, $4, $5, $6) AS done'),
  settleSucceeded: statement(
    'generation_succeeded',
    'SELECT * FROM settle_succeeded($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)',
  ),
  settleReleased: statement(
    'generation_released',
    'SELECT * FROM settle_released($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
  ),
  beginReconciling: statement(
    'generation_reconciling',
    'SELECT begin_reconciling($1, $2, $3, $4, $5, $6, $7) AS epoch',
  ),
  /** A claim given back, of an order that was not sent; an attempt that was only meant never ran. */
  leaveQueued: statement(
    'generation_leave_queued',
    `WITH g AS (
        UPDATE generation SET state = 'queued', lease_owner = NULL, lease_until = NULL,
            not_before = app_now() + $3 * interval '1 ms'
          WHERE id = $1 AND epoch = $2 AND state = 'dispatching' RETURNING id, attempts
      )
      UPDATE attempt a SET state = 'not_run', failure = 'misconfigured', message = $4, ended_at = app_now()
        FROM g WHERE a.generation_id = g.id AND a.n = g.attempts AND a.state = 'intent'`,
  ),
  /** The same, of one that only the reconciler may move. */
  leaveReconciling: statement(
    'generation_leave_reconciling',
    `UPDATE generation SET lease_owner = NULL, lease_until = app_now() + $3 * interval '1 ms'
      WHERE id = $1 AND epoch = $2 AND state = 'reconciling'`,
  ),
  redispatch: statement('generation_redispatch', 'SELECT redispatch($1, $2, $3, $4) AS epoch'),
  renewLeases: statement(
    'generation_renew_leases',
    `UPDATE generation g SET lease_until = app_now() + $3 * interval '1 ms'
      FROM unnest($1::uuid[], $2::int[]) AS mine (id, epoch)
      -- What was just handed back to wait for its upstream is nobody's, though its work here has not quite ended.
      WHERE g.id = mine.id AND g.epoch = mine.epoch AND g.lease_owner = $4
        AND g.state IN ('dispatching', 'awaiting', 'storing', 'reconciling')
        -- Work that outlives its deadline is stuck: its lease runs out and the reconciler ends it.
        AND (g.state = 'reconciling' OR g.deadline > app_now())`,
  ),
  expired: statement(
    'generation_expired',
    `SELECT g.id, g.state, g.epoch, g.deadline::text AS at, coalesce((SELECT sum(coalesce(t.cost_usd_micro,
          CASE WHEN t.state <> 'failed' THEN t.expected_cost_usd_micro END)) FROM attempt t WHERE t.generation_id = g.id
        AND t.n = g.attempts AND t.state IN ('accepted', 'unknown', 'failed')), 0)::bigint AS loss
      FROM generation g WHERE g.state IN ('queued', 'awaiting') AND g.deadline < app_now()
        -- Whoever polls it ends it at its deadline, and sells what came of it.
        AND (g.state = 'queued' OR g.deadline < app_now() - interval '4 s'
          AND (g.lease_until IS NULL OR g.lease_until < app_now()) AND NOT EXISTS (SELECT 1 FROM attempt t
            WHERE t.generation_id = g.id AND t.n = g.attempts AND t.state = 'done'))
        AND (g.deadline, g.id) > ($1::timestamptz, $2::uuid)
      ORDER BY g.deadline, g.id LIMIT $3`,
  ),
  attempts: statement(
    'generation_attempts',
    `SELECT n, part, provider, upstream_model, state, upstream_key, upstream_task, expected_cost_usd_micro,
        cost_usd_micro, usage, result, failure, message
      FROM attempt WHERE generation_id = $1 ORDER BY n, part`,
  ),
  markLate: statement('generation_late', 'SELECT mark_late($1, $2, $3)'),
  settledAmong: statement(
    'generation_settled_among',
    `SELECT id FROM generation WHERE id = ANY ($1) AND state IN ('succeeded', 'failed', 'blocked', 'canceled')`,
  ),
  markAnswered: statement(
    'generation_answered',
    'UPDATE generation SET answered_at = app_now() WHERE id = ANY ($1)',
  ),
  blockedToday: statement(
    'generation_blocked_today',
    `SELECT account_id FROM generation
      WHERE state = 'blocked' AND completed_at >= date_trunc('day', app_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
      GROUP BY account_id HAVING count(*) >= $1`,
  ),
  openHolds: statement('generation_open_holds', 'SELECT count_open() AS open'),
  list: statement(
    'generation_list',
    `SELECT ${columns} FROM generation WHERE id IN (
        SELECT id FROM generation WHERE account_id = $1 AND dialect = $2 AND state = 'succeeded' AND deleted_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4)
      ORDER BY created_at DESC, id DESC`,
  ),
  /**
   * As `list`, from the nearest mark at or above the page on: its rank tells how many rows lie between them. Above
   * the last mark it counts from the newest.
   */
  listDeep: statement(
    'generation_list_deep',
    `WITH place AS MATERIALIZED (
        SELECT m.created_at, m.id, coalesce(m.rank - (t.succeeded - $4::bigint), $4) AS skipped
        FROM generation_total t LEFT JOIN LATERAL (
          SELECT created_at, id, rank FROM generation_mark
          WHERE account_id = t.account_id AND dialect = t.dialect AND rank >= t.succeeded - $4::bigint
          ORDER BY rank LIMIT 1) m ON true
        WHERE t.account_id = $1 AND t.dialect = $2 AND t.succeeded > $4::bigint)
      SELECT ${columns} FROM generation WHERE id IN (
        SELECT page.id FROM place CROSS JOIN LATERAL (
          SELECT id FROM generation
          WHERE account_id = $1 AND dialect = $2 AND state = 'succeeded' AND deleted_at IS NULL AND (created_at, id)
            <= (coalesce(place.created_at, 'infinity'), coalesce(place.id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
          ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET place.skipped) page)
      ORDER BY created_at DESC, id DESC`,
  ),
  listNewest: statement(
    'generation_list_newest',
    pageOf(`SELECT id, created_at, ${filtered} ${newest} LIMIT $5`),
  ),
  listChildren: statement(
    'generation_list_children',
    pageOf(`SELECT id, created_at, ${filtered} ${childrenOf('$7')} LIMIT $5`),
  ),
  listTagged: statement(
    'generation_list_tagged',
    pageOf(`SELECT t.created_at, t.generation_id AS id, g.*
      FROM (SELECT created_at, generation_id ${taggedWith('$8')} LIMIT $5) t
      CROSS JOIN LATERAL (SELECT ${filtered} FROM generation WHERE id = t.generation_id AND deleted_at IS NULL) g`),
  ),
  /** The last place that a page of $5 + 1 rows looks at, if there are so many. */
  endOfNewest: statement('generation_end_newest', `SELECT id, ${createdUs} ${newest} LIMIT 1 OFFSET $5`),
  endOfChildren: statement(
    'generation_end_children',
    `SELECT id, ${createdUs} ${childrenOf('$6')} LIMIT 1 OFFSET $5`,
  ),
  endOfTagged: statement(
    'generation_end_tagged',
    `SELECT generation_id AS id, ${createdUs} ${taggedWith('$6')} LIMIT 1 OFFSET $5`,
  ),
  listsToMark: statement(
    'generation_lists_to_mark',
    `SELECT t.account_id, t.dialect FROM generation_total t WHERE t.succeeded >= 2 * $1::bigint AND t.succeeded >= 2 * $1
        + coalesce((SELECT max(m.rank) FROM generation_mark m
          WHERE m.account_id = t.account_id AND m.dialect = t.dialect), 0)
      LIMIT 1000`,
  ),
  markList: statement('generation_mark_list', 'SELECT mark_list($1, $2, $3, $4) AS made'),
  total: statement(
    'generation_total',
    'SELECT succeeded FROM generation_total WHERE account_id = $1 AND dialect = $2',
  ),
}

/** T1 as the order needs it: what only some orders need is `more`, in the order of its parameters. */
export function toCreateCall(
  order: readonly unknown[],
  more: readonly unknown[],
): { call: Statement; values: readonly unknown[] } {
  return more.every(value => value === null)
    ? { call: sql.create, values: order }
    : { call: sql.createWithMore, values: [...order, ...more] }
}

export type AttemptRow = {
  n: number
  part: number
  provider: string
  upstream_model: string
  state: 'intent' | 'accepted' | 'done' | 'failed' | 'not_run' | 'unknown'
  upstream_key: string | null
  upstream_task: Record<string, unknown> | null
  expected_cost_usd_micro: number
  /** Set when the part ended: what it cost, also one that failed then. */
  cost_usd_micro: number | null
  /** What the upstream said of it, as StoredUsage of generation.ts. */
  usage: Partial<Omit<Usage, 'costUsdMicro'>> | null
  /** What it brought, where other parts had not ended yet. */
  result: PartResult | null
  failure: string | null
  message: string | null
}

/** The first row, or null. */
export async function findRow<Row>(
  db: Queryable,
  text: Parameters<Queryable['query']>[0],
  values: readonly unknown[],
): Promise<Row | null> {
  const rows = await db.query<Row>(text, values)
  return rows[0] ?? null
}
