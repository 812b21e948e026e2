// Every statement on strikes.
import { statement } from '../db/db.ts'

export const sql = {
  add: statement(
    'strike_add',
    `INSERT INTO moderation_strike AS s (account_id, strikes, last_stage, last_categories, last_at)
      VALUES ($1, 1, $2, $3, app_now())
      ON CONFLICT (account_id) DO UPDATE SET strikes = s.strikes + 1, last_stage = excluded.last_stage,
        last_categories = excluded.last_categories, last_at = excluded.last_at
      RETURNING strikes`,
  ),
  struck: statement('strike_struck', 'SELECT account_id FROM moderation_strike WHERE strikes >= $1'),
  list: statement(
    'strike_list',
    `SELECT account_id AS "accountId", strikes, last_stage AS "lastStage", last_categories AS "lastCategories",
        last_at AS "lastAt"
      FROM moderation_strike ORDER BY strikes DESC, account_id LIMIT $1`,
  ),
  clear: statement('strike_clear', 'DELETE FROM moderation_strike WHERE account_id = $1 RETURNING strikes'),
}
