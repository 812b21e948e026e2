// Every statement of the books on the upstream side. Nothing here changes what was booked; a bill that is compared lies
// in `billed_line` until its transaction is rolled back.
import { statement } from '../db/db.ts'

/** What an attempt is known by on the provider's bill. */
const requestId = `coalesce(a.upstream_task ->> 'id', a.usage ->> 'upstreamRequestId',
    a.result -> 'usage' ->> 'upstreamRequestId',
    CASE WHEN a.part = 0 AND a.state = 'done' THEN g.usage ->> 'upstreamRequestId' END)`
/** Attempts of a provider in a span of time that the operator pays for; $1 the provider, $2 and $3 the span. */
const ours = `SELECT ${requestId} AS request_id, a.generation_id, a.n, a.part, a.state, a.upstream_model, a.started_at,
      coalesce(a.cost_usd_micro, CASE WHEN a.state IN ('unknown', 'accepted') THEN a.expected_cost_usd_micro END, 0)
        AS cost
    FROM attempt a JOIN generation g ON g.id = a.generation_id
    WHERE a.provider = $1 AND a.started_at >= $2 AND a.started_at < $3 AND g.own_providers IS NULL
      AND a.state <> 'not_run'`
const known = `WITH ours AS (${ours}), billed AS (
    SELECT request_id, sum(amount_usd_micro)::bigint AS amount, min(line) AS line FROM billed_line
    WHERE request_id IS NOT NULL GROUP BY request_id)`

export const sql = {
  lossesToday: statement(
    'books_losses_today',
    `SELECT provider, losses, loss_usd_micro, accepted_usd_micro FROM loss_day
      WHERE day = ((SELECT app_now()) AT TIME ZONE 'UTC')::date ORDER BY provider`,
  ),
  acceptLosses: statement(
    'books_accept_losses',
    `UPDATE loss_day SET accepted_usd_micro = loss_usd_micro
      WHERE day = ((SELECT app_now()) AT TIME ZONE 'UTC')::date AND provider = $1
      RETURNING provider, losses, loss_usd_micro, accepted_usd_micro`,
  ),
  /**
   * Of orders that ended in a span. A success cost what its calls did; all else what was booked as lost, which is
   * everything that may have been billed for it.
   */
  margin: statement(
    'books_margin',
    `SELECT g.model, count(*)::int AS orders, count(*) FILTER (WHERE g.own_providers IS NOT NULL)::int AS own_orders,
        sum(g.captured - coalesce(refund.amount, 0))::bigint AS credits,
        coalesce(sum(CASE WHEN g.state = 'succeeded' THEN spent.cost END), 0)::bigint AS cost,
        coalesce(sum(CASE WHEN g.state <> 'succeeded' THEN loss.amount END), 0)::bigint AS lost
      FROM generation g
      LEFT JOIN LATERAL (SELECT sum(coalesce(a.cost_usd_micro,
          CASE WHEN a.state IN ('unknown', 'accepted') THEN a.expected_cost_usd_micro END)) AS cost
        FROM attempt a WHERE a.generation_id = g.id) spent ON true
      LEFT JOIN LATERAL (SELECT e.amount FROM transfer t JOIN entry e ON e.transfer_id = t.id
        WHERE t.generation_id = g.id AND t.kind = 'operator_loss' AND e.bucket = 'operator_loss' LIMIT 1) loss ON true
      LEFT JOIN LATERAL (SELECT e.amount FROM transfer t JOIN entry e ON e.transfer_id = t.id
        WHERE t.generation_id = g.id AND t.kind = 'refund' AND e.bucket = 'available' LIMIT 1) refund ON true
      WHERE g.completed_at >= $1 AND g.completed_at < $2
      GROUP BY g.model ORDER BY g.model`,
  ),
  findCall: statement('books_find_call', `SELECT 1 AS found FROM attempt WHERE provider = $1 LIMIT 1`),
  addLines: statement(
    'books_add_lines',
    `INSERT INTO billed_line (line, request_id, amount_usd_micro)
      SELECT * FROM unnest($1::int[], $2::text[], $3::bigint[])`,
  ),
  /** They bill, and we know of nothing. */
  unknownLines: statement(
    'books_unknown_lines',
    `${known}, found AS (SELECT b.request_id, b.amount, b.line FROM billed b
        WHERE NOT EXISTS (SELECT 1 FROM ours o WHERE o.request_id = b.request_id))
      SELECT f.*, count(*) OVER ()::int AS count, sum(f.amount) OVER ()::bigint AS total
        FROM found f ORDER BY f.amount DESC, f.line LIMIT $4`,
  ),
  /** We know of a cost, and they do not bill it. */
  unbilled: statement(
    'books_unbilled',
    `${known}, found AS (SELECT o.request_id, o.generation_id, o.n, o.part, o.state, o.cost AS amount FROM ours o
        WHERE o.cost > 0
          AND (o.request_id IS NULL OR NOT EXISTS (SELECT 1 FROM billed b WHERE b.request_id = o.request_id)))
      SELECT f.*, count(*) OVER ()::int AS count, sum(f.amount) OVER ()::bigint AS total
        FROM found f ORDER BY f.amount DESC, f.generation_id LIMIT $4`,
  ),
  /** Both know it, at different amounts: beyond $5 micro-USD. */
  differing: statement(
    'books_differing',
    `${known}, found AS (SELECT o.request_id, (array_agg(o.generation_id))[1] AS generation_id,
          (array_agg(o.state))[1] AS state, sum(o.cost)::bigint AS ours, min(b.amount) AS amount, min(b.line) AS line
        FROM ours o JOIN billed b ON b.request_id = o.request_id GROUP BY o.request_id)
      SELECT f.*, count(*) OVER ()::int AS count, sum(f.amount - f.ours) OVER ()::bigint AS total
        FROM found f WHERE abs(f.amount - f.ours) > $5 ORDER BY abs(f.amount - f.ours) DESC, f.line LIMIT $4`,
  ),
  matched: statement(
    'books_matched',
    `${known} SELECT count(*)::int AS count, coalesce(sum(b.amount), 0)::bigint AS total FROM billed b
      WHERE EXISTS (SELECT 1 FROM ours o WHERE o.request_id = b.request_id)`,
  ),
  daysOfOurs: statement(
    'books_days_of_ours',
    `WITH ours AS (${ours})
      SELECT (o.started_at AT TIME ZONE 'UTC')::date::text AS day, o.upstream_model AS model, sum(o.cost)::bigint AS ours,
        count(*)::int AS calls
      FROM ours o GROUP BY 1, 2 ORDER BY 1, 2`,
  ),
}
