// Every statement on the wallet and the ledger. Balances change only inside the functions of migrations 0003-0004.
import { statement } from '../db/db.ts'

export const sql = {
  wallets: statement(
    'credits_wallet',
    'SELECT id, available, held, debt, usage_rows FROM account WHERE id = ANY ($1::uuid[])',
  ),
  grant: statement('credits_grant', 'SELECT * FROM grant_credits($1, $2, $3, $4, $5, $6)'),
  adjust: statement('credits_adjust', 'SELECT * FROM adjust_credits($1, $2, $3, $4, $5, $6)'),
  captured: statement('credits_captured', 'SELECT account_id, captured FROM generation WHERE id = $1'),
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
        FROM halving h CROSS JOIN LATERAL (
          SELECT seq, created_at FROM entry WHERE owner = $1 AND seq = (h.low + h.high) / 2 LIMIT 1) e
        WHERE h.low < h.high
      )
      SELECT low AS seq FROM halving WHERE low = high`,
  ),
  // Through the holds among the lines $2 to $3 to what became of each. The limits leave no plan but one look-up in an
  // index for each step, where joins would be made by reading whole tables. $6 to $8: of a model, a key, a dialect alone.
  dailyCosts: statement(
    'credits_daily_costs',
    `SELECT (hold.created_at AT TIME ZONE 'UTC')::date::text AS day,
        -sum(hold.amount + coalesce(back.amount, 0) + coalesce(refund.amount, 0))::bigint AS credits,
        count(*) FILTER (WHERE hold.amount + coalesce(back.amount, 0) + coalesce(refund.amount, 0) < 0)::int AS charged
      FROM generate_series($2::bigint, $3::bigint) AS row(seq)
      CROSS JOIN LATERAL (SELECT e.transfer_id, e.amount, e.created_at FROM entry e
        WHERE e.owner = $1 AND e.seq = row.seq AND e.created_at >= $4 AND e.created_at < $5 LIMIT 1) hold
      CROSS JOIN LATERAL (SELECT t.generation_id FROM transfer t
        WHERE t.id = hold.transfer_id AND t.kind = 'hold' LIMIT 1) ordered
      CROSS JOIN LATERAL (SELECT t.id FROM transfer t
        WHERE t.generation_id = ordered.generation_id AND t.kind IN ('capture', 'release') LIMIT 1) ended
      LEFT JOIN LATERAL (SELECT e.amount FROM entry e
        WHERE e.transfer_id = ended.id AND e.owner = $1 AND e.bucket = 'available' LIMIT 1) back ON true
      LEFT JOIN LATERAL (SELECT e.amount FROM transfer t JOIN entry e ON e.transfer_id = t.id
        WHERE t.generation_id = ordered.generation_id AND t.kind = 'refund' AND e.owner = $1
          AND e.bucket = 'available' LIMIT 1) refund ON true
      WHERE CASE WHEN num_nonnulls($6::text, $7::uuid, $8::text) = 0 THEN true ELSE
        (SELECT (g.model = $6 OR $6 IS NULL) AND (g.api_key_id = $7 OR $7 IS NULL) AND (g.dialect = $8 OR $8 IS NULL)
          FROM generation g WHERE g.id = ordered.generation_id LIMIT 1) END
      GROUP BY 1`,
  ),
  timeAgo: statement('credits_time_ago', "SELECT app_now() - $1::float8 * interval '1 ms' AS since"),
  violations: statement(
    'credits_violations',
    'SELECT rule, subject FROM invariant_violations($1) UNION ALL SELECT rule, subject FROM pacing_violations()',
  ),
}
