// Every statement on endpoints and deliveries. The functions called here are in migrations/0015, 0018, 0025, 0035 and
// 0039; they keep the order in which rows are locked, and are one round trip each.
import { statement } from '../db/db.ts'
import type { PolicyName } from './policy.ts'

export type EndpointRow = {
  id: string
  url: string
  label: string | null
  events: string[]
  policy: PolicyName
  enabled: boolean
  disabled_reason: string | null
  disabled_at: Date | null
  failures: number
  ownership: string | null
  created_at: Date
  updated_at: Date
}

/** `shown_secret`: sealed; null when it may not be shown again. */
export type MadeEndpointRow = EndpointRow & { fingerprint: Buffer | null; shown_secret: string | null }

/** Nothing was made: for so long none may be challenged. */
export type UnmadeEndpointRow = { id: null; wait_s: number }

export type ClaimedRow = {
  id: string
  epoch: number
  state: string
  type: string
  generation_id: string | null
  tries: number
  created_at: Date
  endpoint_id: string
  url: string
  policy: PolicyName
  secret: string
  old_secret: string | null
}

export type FinishedRow = { state: string; attempt: number; disabled: boolean }

export type DeliveryRow = {
  id: string
  type: string
  generation_id: string | null
  state: string
  attempts: number
  due_at: Date
  created_at: Date
  ended_at: Date | null
  /** The time of its creation, to the microsecond. */
  place: string
  log: AttemptJson[] | null
}

/** As json_build_object writes it: times are texts. */
export type AttemptJson = {
  n: number
  started_at: string
  duration_ms: number
  status: number | null
  error: string | null
  answer: string | null
  headers: Record<string, string> | null
}

const endpointColumns =
  'id, url, label, events, policy, enabled, disabled_reason, disabled_at, failures, ownership, created_at, updated_at'

/** Of a delivery that was sent again and again, the newest. */
export const shownAttempts = 20

const attemptJson = `json_build_object('n', a.n, 'started_at', a.started_at, 'duration_ms', a.duration_ms,
      'status', a.status, 'error', a.error, 'answer', a.answer, 'headers', a.headers)`

const deliveryColumns = `d.id, d.type, d.generation_id, d.state, d.attempts, d.due_at, d.created_at, d.ended_at,
  to_char(d.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS place,
  (SELECT json_agg(${attemptJson} ORDER BY a.n)
    FROM (SELECT * FROM webhook_attempt WHERE delivery_id = d.id ORDER BY n DESC LIMIT ${shownAttempts}) a) AS log`

export const sql = {
  createEndpoint: statement(
    'webhook_endpoint_create',
    `SELECT ${endpointColumns}, fingerprint, CASE WHEN shown_until > app_now() THEN secret END AS shown_secret, wait_s
      FROM (SELECT (made.endpoint).*, made.wait_s
        FROM create_webhook_endpoint($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) made) row`,
  ),
  listEndpoints: statement(
    'webhook_endpoint_list',
    `SELECT ${endpointColumns} FROM webhook_endpoint WHERE account_id = $1 AND deleted_at IS NULL
      ORDER BY created_at, id`,
  ),
  findEndpoint: statement(
    'webhook_endpoint_find',
    `SELECT ${endpointColumns} FROM webhook_endpoint WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL`,
  ),
  changeEndpoint: statement(
    'webhook_endpoint_change',
    `SELECT ${endpointColumns} FROM change_webhook_endpoint($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
  ),
  challengeEndpoint: statement(
    'webhook_endpoint_challenge',
    `SELECT ${endpointColumns} FROM challenge_webhook_endpoint($1, $2, $3)`,
  ),
  deleteEndpoint: statement('webhook_endpoint_delete', 'SELECT delete_webhook_endpoint($1, $2) AS done'),
  rotateSecret: statement(
    'webhook_endpoint_rotate',
    `UPDATE webhook_endpoint SET old_secret = CASE WHEN $4::int > 0 THEN secret END,
        old_secret_until = app_now() + $4::int * interval '1 s',
        secret = $3, shown_until = NULL, updated_at = app_now()
      WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL RETURNING ${endpointColumns}, old_secret_until`,
  ),
  queueTest: statement('webhook_test', 'SELECT queue_test_delivery($1, $2, $3) AS id'),
  resend: statement('webhook_resend', 'SELECT resend_deliveries($1, $2, $3, $4, $5, $6) AS count'),
  takeFromWindows: statement('webhook_windows', 'SELECT take_from_webhook_windows($1, $2, $3, $4) AS wait_s'),
  listDeliveries: statement(
    'webhook_delivery_list',
    `SELECT ${deliveryColumns} FROM webhook_delivery d
      WHERE d.endpoint_id = $1 AND d.account_id = $2 AND ($3::text IS NULL OR d.state = $3)
        AND ($4::timestamptz IS NULL OR (d.created_at, d.id) < ($4, $5::uuid))
      ORDER BY d.created_at DESC, d.id DESC LIMIT $6`,
  ),
  findDelivery: statement(
    'webhook_delivery_find',
    `SELECT ${deliveryColumns} FROM webhook_delivery d WHERE d.id = $1 AND d.endpoint_id = $2 AND d.account_id = $3`,
  ),
  /** Of a delivery that is known to be the caller's. */
  listAttempts: statement(
    'webhook_attempt_list',
    `SELECT ${attemptJson} AS attempt FROM webhook_attempt a WHERE a.delivery_id = $1 AND a.n > $2::int
      ORDER BY a.n LIMIT $3`,
  ),
  claim: statement('webhook_claim', 'SELECT * FROM claim_deliveries($1, $2, $3, $4, $5, $6, $7)'),
  finish: statement(
    'webhook_finish',
    'SELECT * FROM finish_delivery($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)',
  ),
  /** Attempts that arrived, as many as ended at once. Whoever asks names them in the order of their endpoints. */
  finishArrived: statement(
    'webhook_finish_arrived',
    `SELECT a.id, f.state, f.attempt, f.disabled
       FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::json[], $7::timestamptz[], $8::int[])
         AS a (id, epoch, endpoint_id, status, answer, headers, started_at, duration_ms)
       CROSS JOIN LATERAL finish_delivery(a.id, a.epoch, a.endpoint_id, true, a.status, NULL, a.answer, a.headers,
         a.started_at, a.duration_ms, NULL, NULL, NULL, false) f`,
  ),
  /** What nobody can tell about any more is not sent. */
  drop: statement(
    'webhook_drop',
    `UPDATE webhook_delivery SET state = 'dropped', ended_at = app_now()
      WHERE id = $1 AND epoch = $2 AND state = 'pending'`,
  ),
  endUnproven: statement('webhook_end_unproven', 'SELECT end_unproven_endpoint($1) AS id'),
  sample: statement(
    'webhook_sample',
    // What waits for a proof is not late.
    `SELECT count(*)::int AS pending,
        coalesce(extract(epoch FROM app_now() - min(d.due_at) FILTER (WHERE d.due_at <= app_now()
          AND (e.ownership IS DISTINCT FROM 'pending' OR d.id = e.challenge_id))), 0)::float8 AS age_s
      FROM webhook_delivery d LEFT JOIN webhook_endpoint e ON e.id = d.endpoint_id WHERE d.state = 'pending'`,
  ),
  pruneDeliveries: statement(
    'webhook_prune',
    `WITH old AS (
        DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery
            WHERE ended_at < app_now() - $1::int * interval '1 day' ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
          RETURNING id
      ), attempts AS (DELETE FROM webhook_attempt a USING old WHERE a.delivery_id = old.id)
      SELECT count(*)::int AS count FROM old`,
  ),
  pruneEndpoints: statement(
    'webhook_prune_endpoints',
    `DELETE FROM webhook_endpoint e WHERE e.deleted_at < app_now() - $1::int * interval '1 day'
      AND NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.endpoint_id = e.id)`,
  ),
}
