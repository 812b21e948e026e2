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
  timeAgo: statement('credits_time_ago', "SELECT app_now() - $1::float8 * interval '1 ms' AS since"),
  violations: statement('credits_violations', 'SELECT rule, subject FROM invariant_violations($1)'),
}
