// The statements on generations that care for their files: deletion, sweeps and what watches over stored objects.
import { statement } from '../db/db.ts'
import { columns, hasFiles } from './sql.ts'

/** Counted so shortly before it was announced anew, or since then, it says what that term will delete. */
const isCounted = "counted_days = next_days AND counted_at > seen_at - interval '1 hour'"
/** What failed to be counted is tried again an hour later. */
const isTried = `${isCounted} AND (generations IS NOT NULL OR counted_at > app_now() - interval '1 hour')`

export const fileSql = {
  delete: statement('generation_delete', 'SELECT delete_generation($1, $2) AS outcome'),
  /** Files to remove, of ended work only: three short lists, each read on from its last row, `at` and id. */
  filesEnded: statement(
    'generation_files_ended',
    `SELECT ${columns}, files_expire_at::text AS at FROM generation
      WHERE files_expire_at <= (SELECT app_now()) AND files_removed_at IS NULL
        AND state IN ('succeeded', 'failed', 'blocked', 'canceled') AND (files_expire_at, id) > ($1::timestamptz, $2::uuid)
      ORDER BY files_expire_at, id LIMIT $3`,
  ),
  filesDeleted: statement(
    'generation_files_deleted',
    `SELECT ${columns}, deleted_at::text AS at FROM generation
      WHERE deleted_at IS NOT NULL AND files_removed_at IS NULL AND (deleted_at, id) > ($1::timestamptz, $2::uuid)
      ORDER BY deleted_at, id LIMIT $3`,
  ),
  /** Nothing is made any more from what came with an order that ended without an image. */
  inputsEnded: statement(
    'generation_inputs_ended',
    `SELECT ${columns}, completed_at::text AS at FROM generation
      WHERE inputs IS NOT NULL AND files_removed_at IS NULL AND state IN ('failed', 'blocked', 'canceled')
        AND completed_at < (SELECT app_now()) - interval '1 hour' AND (completed_at, id) > ($1::timestamptz, $2::uuid)
      ORDER BY completed_at, id LIMIT $3`,
  ),
  /** Ended longer ago than $3 days, in the order of their ends behind $1 and $2; deleted ones among them. */
  endedBefore: statement(
    'generation_ended_before',
    `SELECT id, account_id, to_char(completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
        deleted_at IS NULL AS shown FROM generation
      WHERE completed_at >= $1::timestamptz AND (completed_at, id) > ($1::timestamptz, $2::uuid)
        AND completed_at < (SELECT app_now()) - $3::int * interval '1 day'
      ORDER BY completed_at, id LIMIT $4::int`,
  ),
  filesRemoved: statement(
    'generation_files_removed',
    `UPDATE generation SET files_removed_at = coalesce(files_removed_at, app_now()), inputs = NULL,
        images = CASE WHEN deleted_at IS NULL THEN images END
      WHERE id = $1`,
  ),
  noteTerm: statement('retention_note', 'SELECT note_retention($1, $2, $3, $4) AS announced'),
  findTerm: statement(
    'retention_find',
    `SELECT days, next_days AS "nextDays", seen_at AS "seenAt", is_more AS "isMore",
        CASE WHEN ${isCounted} THEN generations END AS generations,
        next_days IS NOT NULL AND NOT coalesce(${isTried}, false) AS "isToCount" FROM retention_term`,
  ),
  /** Workers of the last $1 ms that had another term than one that ran beside them. */
  differing: statement(
    'retention_differing',
    `WITH seen AS (SELECT * FROM retention_seen WHERE seen_at >= app_now() - $1::bigint * interval '1 ms')
      SELECT process, days FROM seen s WHERE EXISTS (SELECT FROM seen o
          WHERE o.days <> s.days AND o.seen_at >= s.since AND s.seen_at >= o.since) ORDER BY since, process`,
  ),
  /** A row if the worker $1 has not told just this. */
  tellDiffering: statement(
    'retention_tell_differing',
    'UPDATE retention_seen SET told = $2 WHERE process = $1 AND told IS DISTINCT FROM $2 RETURNING process',
  ),
  /**
   * Ended since $1 and over the announced term when that comes into force, $2 ms after it was seen. $3 rows are walked at
   * most, those of deleted ones among them.
   */
  countRetiring: statement(
    'retention_count',
    `SELECT count(*) FILTER (WHERE shown)::int AS count, count(*)::int AS walked
      FROM (SELECT deleted_at IS NULL AS shown FROM generation WHERE completed_at >= $1::timestamptz AND completed_at <
          (SELECT seen_at + $2 * interval '1 ms' - next_days * interval '1 day' FROM retention_term)
        ORDER BY completed_at LIMIT $3::int) ended`,
  ),
  keepCount: statement(
    'retention_keep_count',
    `UPDATE retention_term SET generations = $2, is_more = $3, counted_days = next_days, counted_at = app_now()
      WHERE next_days = $1`,
  ),
  takeRound: statement(
    'round_take',
    `UPDATE round SET holder = $2, due_at = app_now() + $3 * interval '1 ms',
        began_at = CASE WHEN position = '' THEN app_now() ELSE began_at END
      WHERE name = $1 AND due_at <= app_now() RETURNING name, position, checked, faults,
        (extract(epoch FROM app_now() - began_at) * 1000)::float8 AS "ageMs"`,
  ),
  noteRound: statement(
    'round_note',
    `UPDATE round SET position = $3, due_at = app_now() + $4 * interval '1 ms',
        checked = CASE WHEN $3 = '' THEN 0 ELSE checked + $5 END,
        faults = CASE WHEN $3 = '' THEN 0 ELSE faults + $6 END
      WHERE name = $1 AND holder = $2 RETURNING name`,
  ),
  /** A row if the event was not told since the walk under way began. */
  tellOnce: statement(
    'round_tell_once',
    `INSERT INTO round_notice AS n (round, event, told_at) VALUES ($1, $2, app_now())
      ON CONFLICT (round, event) DO UPDATE SET told_at = app_now()
        WHERE n.told_at < (SELECT began_at FROM round WHERE name = $1) RETURNING event`,
  ),
  /** Of these ids, the rows there are; `kept` names the objects of those that have ended some time ago. */
  keptObjects: statement(
    'generation_kept_objects',
    `SELECT id, state IN ('succeeded', 'failed', 'blocked', 'canceled')
          AND completed_at < app_now() - $2 * interval '1 ms' AS settled,
        CASE WHEN state = 'succeeded' AND deleted_at IS NULL AND files_removed_at IS NULL THEN images END AS images
      FROM generation WHERE id = ANY ($1::uuid[])`,
  ),
  /** Of these ids, the rows there are; `settled` are those that have ended some time ago. */
  keptInputs: statement(
    'generation_kept_inputs',
    `SELECT id, inputs, NOT is_open(state) AND completed_at < app_now() - $2 * interval '1 ms' AS settled
      FROM generation WHERE id = ANY ($1::uuid[])`,
  ),
  /** Notes objects that no row names; answers those that were first seen longer ago than $2 ms. */
  sightStrays: statement(
    'stray_sight',
    `INSERT INTO stray_object AS s (key, seen_at) SELECT key, app_now() FROM unnest($1::text[]) key ORDER BY key
      ON CONFLICT (key) DO UPDATE SET seen_at = s.seen_at
      RETURNING key, seen_at < app_now() - $2 * interval '1 ms' AS ripe`,
  ),
  /** What a folder holds: its first page ($4) begins the count anew. */
  noteFolder: statement(
    'intake_folder_note',
    `INSERT INTO intake_folder AS f (folder, objects, nameless) VALUES ($1, $2, $3)
      ON CONFLICT (folder) DO UPDATE SET objects = CASE WHEN $4 THEN 0 ELSE f.objects END + $2,
        nameless = CASE WHEN $4 THEN 0 ELSE f.nameless END + $3`,
  ),
  forgetFolder: statement('intake_folder_forget', 'DELETE FROM intake_folder WHERE folder = $1'),
  intake: statement(
    'intake_count',
    `SELECT coalesce(sum(objects), 0)::int8 AS objects, coalesce(sum(nameless), 0)::int8 AS nameless FROM intake_folder`,
  ),
  forgetStrays: statement('stray_forget', 'DELETE FROM stray_object WHERE key = ANY ($1::text[])'),
  /** What was a stray once may have got a row, or gone. */
  forgetOldStrays: statement(
    'stray_forget_old',
    `DELETE FROM stray_object WHERE key IN (SELECT key FROM stray_object
      WHERE seen_at < app_now() - interval '30 days' ORDER BY seen_at LIMIT 1000)`,
  ),
  /** Of orders that ended before they were waited for; all others go with their poll. */
  forgetTasks: statement(
    'upstream_task_forget',
    `DELETE FROM upstream_task WHERE generation_id IN (SELECT t.generation_id FROM upstream_task t
      JOIN generation g ON g.id = t.generation_id
      WHERE NOT is_open(g.state) AND g.completed_at < app_now() - interval '1 day'
        AND NOT EXISTS (SELECT 1 FROM poll p WHERE p.generation_id = t.generation_id) LIMIT 1000)`,
  ),
  installation: statement('installation_find', 'SELECT id FROM installation'),
  /** The next generation behind $1 that has images. */
  nextStored: statement(
    'generation_next_stored',
    `SELECT id, images FROM generation WHERE id > $1 AND ${hasFiles} ORDER BY id LIMIT 1`,
  ),
  isStored: statement('generation_is_stored', `SELECT id FROM generation WHERE id = $1 AND ${hasFiles}`),
}
