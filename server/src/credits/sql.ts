// Every statement on the wallet and the ledger. Balances change only inside the functions of migrations 0003-0004.
import { statement } from '../db/db.ts'

export const sql = {
  wallet: statement('credits_wallet', 'SELECT available, held, debt, usage_rows FROM account WHERE id = $1'),
  grant: statement('credits_grant', 'SELECT * FROM grant_credits($1, $2, $3, $4, $5, $6)'),
  adjust: statement('credits_adjust', 'SELECT * FROM adjust_credits($1, $2, $3, $4, $5, $6)'),
  refund: statement('credits_refund', 'SELECT refund_generation($1, $2, $3) AS available'),
  // The newest row has the number usage_rows and none is missing, so the numbers of a page are known before it is read.
  // Naming each of them, instead of a range, leaves no plan but one index look-up a row, however long the ledger is.
  usage: statement(
    'credits_usage',
    `SELECT t.id, t.kind, t.generation_id, t.reference, t.description, e.amount, e.created_at
      FROM account a
      CROSS JOIN LATERAL generate_series(a.usage_rows - $3::bigint, a.usage_rows - $3::bigint - $2::bigint + 1, -1) AS row(seq)
      JOIN entry e ON e.owner = a.id AND e.seq = row.seq
      JOIN transfer t ON t.id = e.transfer_id
      WHERE a.id = $1 ORDER BY e.seq DESC`,
  ),
  // The lines of a wallet are numbered without a gap, so a time is found among them by halving: one look-up a step.
  firstLineSince: statement(
    'credits_first_line_since',
    `WITH RECURSIVE halving (low, high) AS (
        SELECT 1::bigint, a.usage_rows::bigint + 1 FROM account a WHERE a.id = $1
      UNION ALL
        SELECT CASE WHEN e.created_at < $2 THEN e.seq + 1 ELSE h.low END,
          CASE WHEN e.created_at < $2 THEN h.high ELSE e.seq END
        FROM halving h JOIN entry e ON e.owner = $1 AND e.seq = (h.low + h.high) / 2
        WHERE h.low < h.high
      )
      SELECT low AS seq FROM halving WHERE low = high`,
  ),
  // Through the holds among the lines $2 to $3 to what became of each; every step is a look-up in an index.
  dailyCosts: statement(
    'credits_daily_costs',
    `SELECT (hold.created_at AT TIME ZONE 'UTC')::date::text AS day,
        -sum(hold.amount + coalesce(back.amount, 0) + coalesce(given.amount, 0))::bigint AS credits
      FROM generate_series($2::bigint, $3::bigint) AS row(seq)
      JOIN entry hold ON hold.owner = $1 AND hold.seq = row.seq
      JOIN transfer ordered ON ordered.id = hold.transfer_id AND ordered.kind = 'hold'
      JOIN transfer ended ON ended.generation_id = ordered.generation_id AND ended.kind IN ('capture', 'release')
      LEFT JOIN entry back ON back.transfer_id = ended.id AND back.owner = hold.owner AND back.bucket = 'available'
      LEFT JOIN transfer refund ON refund.generation_id = ordered.generation_id AND refund.kind = 'refund'
      LEFT JOIN entry given ON given.transfer_id = refund.id AND given.owner = hold.owner
        AND given.bucket = 'available'
      WHERE hold.created_at >= $4 AND hold.created_at < $5
      GROUP BY 1`,
  ),
  timeAgo: statement('credits_time_ago', "SELECT app_now() - $1::float8 * interval '1 ms' AS since"),
  violations: statement('credits_violations', 'SELECT rule, subject FROM invariant_violations($1)'),
}
