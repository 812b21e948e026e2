// Every statement on letters but those that write them: they are written by functions of the database, in the
// transaction of what they tell (migrations/0041).
import { statement } from '../db/db.ts'

export type MailKind = 'webhook_exhausted' | 'webhook_disabled'

export type ClaimedMail = {
  id: string
  epoch: number
  account_id: string
  kind: MailKind
  subject_id: string
  facts: MailFacts
  untold: number
  since: Date | null
  told_users: string[]
  refused_users: string[]
  /** The one that begins now included. */
  attempts: number
  created_at: Date
}

/** As jsonb_build_object writes it: times are texts. */
export type MailFacts = {
  host: string | null
  reason?: 'failures' | 'gone' | 'unproven'
  failures?: number
  failingSince?: string | null
}

export const sql = {
  /** The one that is due longest. A process that dies with it leaves it to the others when the lease ends. */
  claim: statement(
    'mail_claim',
    `UPDATE mail SET epoch = epoch + 1, attempts = attempts + 1, claimed_by = $1,
        due_at = app_now() + $2::int * interval '1 ms'
      WHERE id = ANY (ARRAY(SELECT m.id FROM mail m
          WHERE m.state = 'waiting' AND m.due_at <= (SELECT app_now())
            AND m.created_at > (SELECT app_now()) - $3::int * interval '1 s'
          ORDER BY m.due_at LIMIT 1 FOR UPDATE SKIP LOCKED))
      RETURNING id, epoch, account_id, kind, subject_id, facts, untold, since, told_users, refused_users, attempts,
        created_at`,
  ),
  /** The lease begins anew, for the next user. No row: another process has claimed it since. */
  renew: statement(
    'mail_renew',
    `UPDATE mail SET due_at = app_now() + $3::int * interval '1 ms'
      WHERE id = $1 AND epoch = $2 AND state = 'waiting' RETURNING id`,
  ),
  /** One user has it, or never will. No row: another process has claimed it since. */
  noteUser: statement(
    'mail_note_user',
    `UPDATE mail SET told_users = CASE WHEN $4 THEN told_users || $3::uuid ELSE told_users END,
        refused_users = CASE WHEN $4 THEN refused_users ELSE refused_users || $3::uuid END
      WHERE id = $1 AND epoch = $2 AND state = 'waiting' RETURNING id`,
  ),
  /** As if it had not been claimed: this process stops, and the server has said nothing. */
  giveBack: statement(
    'mail_give_back',
    `UPDATE mail SET attempts = attempts - 1, claimed_by = NULL, due_at = app_now()
      WHERE id = $1 AND epoch = $2 AND state = 'waiting' RETURNING id`,
  ),
  /** What was told is not told again by the next letter. */
  end: statement(
    'mail_end',
    `UPDATE mail SET state = $3, last_error = $4, claimed_by = NULL, ended_at = app_now(),
        untold = untold - $5::int, since = CASE WHEN untold > $5::int THEN since END
      WHERE id = $1 AND epoch = $2 AND state = 'waiting' RETURNING id`,
  ),
  defer: statement(
    'mail_defer',
    `UPDATE mail SET last_error = $3, claimed_by = NULL, due_at = app_now() + $4::int * interval '1 ms'
      WHERE id = $1 AND epoch = $2 AND state = 'waiting' RETURNING id`,
  ),
  /** But for those that are being sent. */
  expire: statement(
    'mail_expire',
    `UPDATE mail SET state = 'expired', ended_at = app_now(), claimed_by = NULL
      WHERE id = ANY (ARRAY(SELECT m.id FROM mail m
          WHERE m.state = 'waiting' AND m.created_at <= (SELECT app_now()) - $1::int * interval '1 s'
            AND (m.claimed_by IS NULL OR m.due_at <= (SELECT app_now()))
          ORDER BY m.created_at LIMIT $2 FOR UPDATE SKIP LOCKED))
      RETURNING id, kind`,
  ),
  prune: statement(
    'mail_prune',
    `WITH old AS (
        DELETE FROM mail WHERE id = ANY (ARRAY(SELECT m.id FROM mail m
            WHERE m.ended_at < (SELECT app_now()) - $1::int * interval '1 day'
            ORDER BY m.ended_at LIMIT $2 FOR UPDATE SKIP LOCKED))
          RETURNING id
      ) SELECT count(*)::int AS count FROM old`,
  ),
  /** How late the one is that is due longest: one that waits for a full mailbox is not late. */
  sample: statement(
    'mail_sample',
    `SELECT coalesce(extract(epoch FROM app_now() - min(due_at)), 0)::float8 AS age_s
      FROM mail WHERE state = 'waiting'`,
  ),
}
