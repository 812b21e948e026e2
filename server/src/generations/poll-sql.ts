// Every statement on polls, upstream tasks and parts of an order that end one by one. The functions live in
// migrations/0019, 0022, 0023, 0028 and 0031.
import { statement } from '../db/db.ts'
import type { UpstreamTask } from '../providers/provider.ts'
import { columns } from './sql.ts'

export const pollSql = {
  noteParts: statement('poll_note_parts', 'SELECT note_parts($1, $2, $3, $4) AS done'),
  awaitParts: statement('poll_await_parts', 'SELECT await_parts($1, $2, $3, $4, $5, $6) AS done'),
  claim: statement('poll_claim', 'SELECT * FROM claim_polls($1, $2, $3, $4)'),
  /** Locked in one order, as in keepTasks: a read that outlasts its lease is made by two nodes. */
  repeat: statement(
    'poll_repeat',
    `WITH held AS MATERIALIZED (
        SELECT generation_id FROM poll WHERE generation_id = ANY ($1) ORDER BY 1 FOR NO KEY UPDATE
      )
      SELECT repeat_polls($1, $2, $3, $4, $5, $6) AS woken FROM (SELECT count(*) FROM held) AS locked`,
  ),
  /**
   * Handles that an adapter has changed, as it does to count its reads. Locked in one order, whichever they come in: two
   * nodes that have read the same tasks would else wait for each other.
   */
  keepTasks: statement(
    'poll_keep_tasks',
    `WITH t AS (
        SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::jsonb[]) AS t (id, n, part, task)
      ), held AS MATERIALIZED (
        SELECT a.generation_id AS id, a.n, a.part FROM attempt a
          JOIN t ON a.generation_id = t.id AND a.n = t.n AND a.part = t.part
          WHERE a.state = 'accepted' ORDER BY 1, 2, 3 FOR NO KEY UPDATE OF a
      )
      UPDATE attempt a SET upstream_task = t.task FROM held JOIN t USING (id, n, part)
        WHERE a.generation_id = held.id AND a.n = held.n AND a.part = held.part AND a.state = 'accepted'`,
  ),
  hear: statement('poll_hear', 'SELECT hear_webhook($1, $2, $3, $4, $5, $6)'),
  loseTasks: statement('poll_lose_tasks', 'SELECT lose_tasks($1, $2, $3, $4, $5, $6, $7) AS epoch'),
  resume: statement('poll_resume', 'SELECT resume_polls($1, $2, $3, $4, $5) AS done'),
  /** The right to act on a generation that is awaited: a new epoch fences everybody else. */
  claimAwaiting: statement(
    'poll_claim_awaiting',
    `UPDATE generation SET epoch = epoch + 1, lease_owner = $3, lease_until = app_now() + $4 * interval '1 ms'
      WHERE id = $1 AND epoch = $2 AND state = 'awaiting' AND (lease_until IS NULL OR lease_until < app_now())
      RETURNING ${columns}`,
  ),
  progress: statement(
    'poll_progress',
    // By way of numeric: 0.3 is told as 0.3, not as the nearest that four bytes can hold.
    `SELECT generation_id AS id, progress::numeric::float8 AS progress, queue_position FROM poll
      WHERE generation_id = ANY ($1::uuid[])`,
  ),
}

/** A row that a look met; only the claimed ones are read. */
export type MetPoll = ClaimedPoll | { id: string; lane: string; left_ms: null }
export type ClaimedPoll = {
  id: string
  /** Reads of one lane share places: those at one provider, apart for the operator's key and for customers' own. */
  lane: string
  account_id: string
  epoch: number
  /** The attempt whose tasks are read. */
  n: number
  /** To the deadline, and since the wait began. */
  left_ms: number
  age_ms: number
  wakes: number
  told: boolean
  /** Null when every part has ended, and whoever ought to have acted on it has died. */
  tasks: { part: number; provider: string; model: string; task: UpstreamTask | null }[] | null
  /** A part that has ended brought an address that was not fetched yet. */
  has_address: boolean
}
