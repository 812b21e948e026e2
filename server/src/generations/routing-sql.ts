// Statements on routes: their places, the orders that wait for them, and how they have fared.
import { statement } from '../db/db.ts'
import { generationColumns } from './sql.ts'

export const routeSql = {
  /**
   * Orders that wait for a worker; and those that wait for a route, which nobody's order queues behind. Who may not be
   * tried again yet does not wait for a worker. `working`: some worker holds work now.
   */
  queueSample: statement(
    'route_queue_sample',
    `SELECT count(*)::int AS depth, greatest(extract(epoch FROM app_now() - min(greatest(created_at, not_before))), 0)::float8 AS age_s,
        (SELECT count(*)::int FROM (SELECT 1 FROM generation WHERE state = 'queued' AND waits_for IS NOT NULL
          LIMIT 100000) w) AS waiting,
        EXISTS (SELECT 1 FROM generation WHERE state IN ('dispatching', 'storing', 'reconciling')
          AND lease_until > app_now()) AS working
      FROM (SELECT created_at, not_before FROM generation WHERE state = 'queued' AND waits_for IS NULL LIMIT 100000) q`,
  ),
  beginPacedAttempt: statement(
    'route_begin_attempt',
    'SELECT begin_paced_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS n',
  ),
  claimPaced: statement(
    'route_claim',
    `SELECT ${generationColumns} FROM claim_paced($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
  ),
  stopWaiting: statement('route_stop_waiting', 'SELECT stop_waiting($1, $2, $3, $4) AS count'),
  /**
   * How many orders stand before each of $2, at most, when accounts take turns: those of its own account before it, and
   * as many of every other; 1,000 of its own and 5,000 of others are counted, and 2,000 that ended of late. Where none
   * has, how long calls of its route took when they last succeeded, else those of all routes; and how many orders are
   * under way there, of 2,000.
   */
  queuePlaces: statement(
    'route_queue_places',
    `WITH asked AS (SELECT g.id, g.waits_for, CASE WHEN g.waits_for IS NULL
          THEN (SELECT count(*) FROM (SELECT 1 FROM generation o WHERE o.state = 'queued' AND o.waits_for IS NULL
            AND o.account_id = $1 AND o.created_at < g.created_at LIMIT 1000) own)
          ELSE (SELECT count(*) FROM (SELECT 1 FROM generation o WHERE o.state = 'queued' AND o.waits_for = g.waits_for
            AND o.account_id = $1 AND o.created_at < g.created_at LIMIT 1000) own) END AS own
        FROM generation g WHERE g.id = ANY ($2::uuid[]) AND g.account_id = $1 AND g.state = 'queued'),
      lanes AS (SELECT DISTINCT waits_for FROM asked),
      others AS (
        SELECT l.waits_for, q.account_id, count(*) AS n FROM lanes l CROSS JOIN LATERAL (
          SELECT account_id FROM generation WHERE state = 'queued' AND waits_for IS NULL AND account_id <> $1
          LIMIT 5000) q WHERE l.waits_for IS NULL GROUP BY 1, 2
        UNION ALL
        SELECT l.waits_for, q.account_id, count(*) FROM lanes l CROSS JOIN LATERAL (
          SELECT account_id FROM generation WHERE state = 'queued' AND waits_for = l.waits_for AND account_id <> $1
          LIMIT 5000) q GROUP BY 1, 2),
      ended AS MATERIALIZED (SELECT completed_at, pace_route FROM generation
        WHERE completed_at > (SELECT app_now()) - interval '5 minutes' ORDER BY completed_at DESC LIMIT 2000),
      placed AS (SELECT a.id, a.waits_for, (a.own + coalesce((SELECT sum(least(o.n, a.own + 1)) FROM others o
            WHERE o.waits_for IS NOT DISTINCT FROM a.waits_for), 0))::int AS ahead,
          (SELECT count(*)::int FROM ended e WHERE a.waits_for IS NULL OR e.pace_route = a.waits_for) AS ended
        FROM asked a)
      SELECT id, ahead, ended,
        greatest(1, extract(epoch FROM app_now() - (SELECT min(completed_at) FROM ended)))::float8 AS window_s,
        CASE WHEN ended = 0 THEN coalesce(
          (SELECT mean_ms FROM route_health WHERE provider || '/' || upstream_model = waits_for),
          (SELECT sum(mean_ms * succeeded::float8) / nullif(sum(succeeded), 0) FROM route_health
            WHERE mean_ms IS NOT NULL)) END::float8 AS mean_ms,
        CASE WHEN ended = 0 THEN (SELECT count(*) FROM (SELECT pace_route FROM generation
            WHERE state IN ('dispatching', 'awaiting', 'storing', 'reconciling') LIMIT 2000) u
          WHERE waits_for IS NULL OR u.pace_route = waits_for) END::int AS under_way
      FROM placed`,
  ),
  /** The latest of what processes have to tell. What began before it was told is dated back by its age. */
  noteHealth: statement(
    'route_note_health',
    `INSERT INTO route_health AS h (provider, upstream_model, last_success_at, last_failure_at, last_failure_kind,
        last_failure_message, open_at, succeeded, failed, mean_ms)
      SELECT provider, upstream_model, app_now() - success_age_ms * interval '1 ms',
        app_now() - failure_age_ms * interval '1 ms', failure_kind, message, CASE WHEN is_open THEN app_now() END,
        succeeded, failed, mean_ms
      FROM jsonb_to_recordset($1::jsonb) AS told (provider text, upstream_model text, success_age_ms float8,
        failure_age_ms float8, failure_kind text, message text, is_open boolean, succeeded bigint, failed bigint,
        mean_ms int)
      ORDER BY provider, upstream_model
      ON CONFLICT (provider, upstream_model) DO UPDATE SET
        last_success_at = greatest(h.last_success_at, excluded.last_success_at),
        last_failure_at = greatest(h.last_failure_at, excluded.last_failure_at),
        last_failure_kind = CASE WHEN excluded.last_failure_at >= coalesce(h.last_failure_at, '-infinity')
          THEN excluded.last_failure_kind ELSE h.last_failure_kind END,
        last_failure_message = CASE WHEN excluded.last_failure_at >= coalesce(h.last_failure_at, '-infinity')
          THEN excluded.last_failure_message ELSE h.last_failure_message END,
        -- Said again within seconds while it is so; what nobody says any more is over.
        open_at = coalesce(excluded.open_at, h.open_at),
        succeeded = h.succeeded + excluded.succeeded, failed = h.failed + excluded.failed,
        mean_ms = coalesce((3 * h.mean_ms + excluded.mean_ms) / 4, excluded.mean_ms, h.mean_ms)`,
  ),
  /** Every route that anything is known of; no more than 20,000 orders under way are counted. */
  routeStates: statement(
    'route_states',
    `WITH flying AS (SELECT t.provider || '/' || t.upstream_model AS route, count(*)::int AS in_flight
        FROM (SELECT id, attempts FROM generation WHERE state IN ('dispatching', 'awaiting', 'storing', 'reconciling')
          LIMIT 20000) g JOIN attempt t ON t.generation_id = g.id AND t.n = g.attempts GROUP BY 1),
      waiting AS (SELECT waits_for AS route, count(*)::int AS waiting, min(created_at) AS oldest_at
        FROM (SELECT waits_for, created_at FROM generation
          WHERE state = 'queued' AND waits_for IS NOT NULL LIMIT 20000) w GROUP BY 1),
      health AS (SELECT *, provider || '/' || upstream_model AS route FROM route_health),
      names AS (SELECT route FROM flying UNION SELECT route FROM waiting UNION SELECT route FROM health
        UNION SELECT route FROM route_pace)
      SELECT route, h.last_success_at, h.last_failure_at, h.last_failure_kind, h.last_failure_message,
        h.open_at > app_now() - interval '10 seconds' AS is_open, h.succeeded, h.failed, h.mean_ms, f.in_flight,
        w.waiting, (extract(epoch FROM app_now() - w.oldest_at) * 1000)::float8 AS oldest_ms,
        shift_minute(p.minute, floor(extract(epoch FROM app_now()))::bigint - p.minute_at) AS images
      FROM names LEFT JOIN flying f USING (route) LEFT JOIN waiting w USING (route) LEFT JOIN health h USING (route)
        LEFT JOIN route_pace p USING (route)`,
  ),
  /**
   * The calls of the last hour, of the 5,000 orders that ended latest at most. What a customer asked wrongly and what
   * was made with an account's own key say nothing of a route. A call that the upstream called done has failed where
   * its order ended without any picture for want of it.
   */
  routeHours: statement(
    'route_hours',
    `WITH ended AS (SELECT id, coalesce(state = 'failed' AND reason IN ('malformed_result', 'unknown_outcome'), false)
            AS is_lost FROM generation WHERE completed_at > (SELECT app_now()) - interval '1 hour'
          AND own_providers IS NULL
        ORDER BY completed_at DESC LIMIT 5000),
      calls AS (SELECT a.provider || '/' || a.upstream_model AS route, a.state = 'done' AND NOT is_lost AS is_done,
          extract(epoch FROM a.ended_at - a.started_at) * 1000 AS ms, coalesce(a.cost_usd_micro, CASE WHEN a.state
            IN ('unknown', 'accepted') THEN a.expected_cost_usd_micro END, 0) AS cost
        FROM ended JOIN attempt a ON a.generation_id = ended.id
        WHERE coalesce(a.failure, '') NOT IN ('content_rejected', 'invalid_request'))
      SELECT route, count(*)::int AS calls, (count(*) FILTER (WHERE is_done))::int AS succeeded,
        (percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE is_done))::float8 AS p50_ms,
        (percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FILTER (WHERE is_done))::float8 AS p95_ms,
        sum(cost)::bigint AS cost
      FROM calls GROUP BY route`,
  ),
}
