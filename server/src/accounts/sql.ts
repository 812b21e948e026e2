// All SQL on accounts, users and API keys, and the only place for it. Wallet columns are only read here.
import { statement } from '../db/db.ts'

// As the next, of requests that are counted nowhere: no window is touched, so that a locked one does not matter.
export const findAskedKeys = statement(
  'accounts.find-asked-keys',
  `SELECT a.at::int, k.account_id, account.plan, k.id AS key_id, k.style, k.scopes, k.in_flight_cap, k.cap_day,
          k.cap_month, k.models, NULL::int AS rate_limit
     FROM unnest($1::bytea[]) WITH ORDINALITY AS a (secret_hash, at)
     JOIN api_key k ON k.secret_hash = a.secret_hash AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > app_now())
     JOIN account ON account.id = k.account_id AND account.closed_at IS NULL`,
)

// Many requests at once ($1 to $6, one element for each): the key behind each secret, and its place in the window it
// is counted in. No row = unknown, revoked or expired, or its account is closed. Windows are taken in the order of their
// names, so that two statements cannot wait for each other. $7: rates by plan, for keys without one of their own; '' is
// that of plans which are not configured. A rate of zero is no limit and writes nothing. The numbers are exact: each
// request of a window is told the count it raised it to. A window begins at the full second of its first request, so
// that the end which headers state in whole seconds is its end, and Retry-After leads to that and no other time.
export const admitRequests = statement(
  'accounts.admit-requests',
  `WITH asked AS (
     SELECT a.*, app_now() AS now
       FROM unnest($1::bytea[], $2::text[], $3::boolean[], $4::int[], $5::int[], $6::boolean[]) WITH ORDINALITY
         AS a (secret_hash, dialect, per_account, requests, window_s, is_counted, at)
   ), known AS (
     SELECT a.at, a.now, a.is_counted, k.id AS key_id, k.account_id, account.plan, k.style, k.scopes, k.in_flight_cap,
            k.cap_day, k.cap_month, k.models,
            CASE WHEN a.dialect IS NOT NULL THEN
              nullif(coalesce(k.rate_requests, (planned.rate ->> 'requests')::int, a.requests), 0) END AS rate_limit,
            make_interval(secs => coalesce(k.rate_window_s, (planned.rate ->> 'windowS')::int, a.window_s)) AS span,
            CASE WHEN a.per_account AND k.rate_requests IS NULL THEN 'account:' || k.account_id
              ELSE 'key:' || k.id END || ':' || a.dialect AS scope
       FROM asked a
       JOIN api_key k ON k.secret_hash = a.secret_hash AND k.revoked_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > a.now)
       JOIN account ON account.id = k.account_id AND account.closed_at IS NULL
       LEFT JOIN LATERAL (SELECT coalesce($7::jsonb -> account.plan, $7::jsonb -> '') AS rate
                           WHERE k.rate_requests IS NULL) planned ON true
   ), wanted AS (
     SELECT scope, count(*)::int AS wanted, max(rate_limit) AS rate_limit, max(span) AS span, max(now) AS now,
            date_trunc('second', max(now)) AS begins
       FROM known WHERE rate_limit IS NOT NULL AND is_counted GROUP BY scope
   ), taken AS (
     INSERT INTO rate_window AS w (scope, started_at, used)
     SELECT scope, begins, wanted FROM wanted ORDER BY scope
     ON CONFLICT (scope) DO UPDATE SET (started_at, used) = (
       SELECT CASE WHEN w.started_at + wanted.span <= wanted.now THEN wanted.begins ELSE w.started_at END,
              CASE WHEN w.started_at + wanted.span <= wanted.now THEN wanted.wanted
                ELSE least(w.used, wanted.rate_limit) + wanted.wanted END
         FROM wanted WHERE wanted.scope = w.scope)
     RETURNING w.scope, w.started_at, w.used
   ), counted AS (
     SELECT k.at, taken.started_at,
            taken.used - wanted.wanted + row_number() OVER (PARTITION BY k.scope ORDER BY k.at) AS used
       FROM known k JOIN wanted USING (scope) JOIN taken USING (scope)
      WHERE k.rate_limit IS NOT NULL AND k.is_counted
   ), rated AS (
     SELECT k.*, coalesce(c.used, seen.used, 0)::int AS used,
            coalesce(c.started_at, seen.started_at, date_trunc('second', k.now)) + k.span AS reset_at
       FROM known k
       LEFT JOIN counted c ON c.at = k.at
       LEFT JOIN rate_window seen ON NOT k.is_counted AND seen.scope = k.scope AND seen.started_at + k.span > k.now
   )
   SELECT at::int, account_id, plan, key_id, style, scopes, in_flight_cap, cap_day, cap_month, models, rate_limit,
          greatest(rate_limit - used, 0) AS rate_remaining, reset_at AS rate_reset_at,
          greatest(ceil(extract(epoch FROM reset_at - now))::int, 1) AS rate_retry_after_s,
          (NOT is_counted OR used <= rate_limit) AS rate_allowed
     FROM rated`,
)

export const takeFromWindow = statement(
  'accounts.take-from-window',
  'SELECT * FROM take_from_window($1::text, $2::int, $3::int)',
)

export const insertAccount = statement(
  'accounts.insert-account',
  'INSERT INTO account (id, name, plan) VALUES ($1::uuid, $2::text, $3::text)',
)

// No row = the address is taken.
export const insertUser = statement(
  'accounts.insert-user',
  `INSERT INTO auth."user" (id, name, email) VALUES ($1::uuid, $2::text, $3::text)
   ON CONFLICT (email) DO NOTHING RETURNING id`,
)

export const insertOrganization = statement(
  'accounts.insert-organization',
  `INSERT INTO auth.organization (id, name, slug) VALUES ($1::uuid, $2::text, $1::uuid::text)`,
)

export const insertMember = statement(
  'accounts.insert-member',
  `INSERT INTO auth.member (id, "organizationId", "userId", role) VALUES ($1::uuid, $2::uuid, $3::uuid, 'owner')`,
)

export const insertPassword = statement(
  'accounts.insert-password',
  `INSERT INTO auth.account (id, "accountId", "providerId", "userId", password)
   VALUES ($1::uuid, $2::uuid::text, 'credential', $2::uuid, $3::text)`,
)

// The old hash is salted, hence unique: it names the row and makes the change a compare-and-set.
export const replacePassword = statement(
  'accounts.replace-password',
  `UPDATE auth.account SET password = $2::text, "updatedAt" = app_now() WHERE password = $1::text`,
)

const accountColumns = `a.id, a.name, a.plan, a.available, a.held, a.debt, a.created_at, a.closed_at,
  coalesce((SELECT array_agg(u.email ORDER BY m."createdAt", u.email)
              FROM auth.member m JOIN auth."user" u ON u.id = m."userId"
             WHERE m."organizationId" = a.id), '{}') AS emails`

export const selectAccount = statement(
  'accounts.select-account',
  `SELECT ${accountColumns} FROM account a WHERE a.id = $1::uuid`,
)

// Ids sort by time: the page after an id holds the accounts made later.
export const selectAccounts = statement(
  'accounts.select-accounts',
  `SELECT ${accountColumns} FROM account a
    WHERE $1::uuid IS NULL OR a.id > $1::uuid ORDER BY a.id LIMIT $2::int`,
)

export const insertKey = statement(
  'accounts.insert-key',
  `INSERT INTO api_key (id, account_id, secret_hash, style, display_prefix, name, scopes, rate_requests,
     rate_window_s, in_flight_cap, expires_at, cap_day, cap_month, models)
   SELECT $1::uuid, a.id, $3::bytea, $4::text, $5::text, $6::text, $7::text[], $8::int, $9::int, $10::int,
     $11::timestamptz, $12::bigint, $13::bigint, $14::text[]
     FROM account a WHERE a.id = $2::uuid AND a.closed_at IS NULL
   RETURNING id`,
)

export const isAhead = statement('accounts.is-ahead', 'SELECT $1::timestamptz > app_now() AS ahead')

export const selectKeys = statement(
  'accounts.select-keys',
  `SELECT id, account_id, style, display_prefix, name, scopes, rate_requests, rate_window_s, in_flight_cap,
     cap_day, cap_month, models, created_at, expires_at, coalesce(expires_at <= app_now(), false) AS expired, last_used_at, revoked_at, revoked_reason
     FROM api_key WHERE account_id = $1::uuid ORDER BY id`,
)

// Revoking again changes nothing and is no error; the first time stands.
export const revokeKey = statement(
  'accounts.revoke-key',
  `UPDATE api_key SET revoked_at = coalesce(revoked_at, app_now()),
      revoked_reason = CASE WHEN revoked_at IS NULL THEN 'operator' ELSE revoked_reason END
    WHERE id = $1::uuid AND ($2::uuid IS NULL OR account_id = $2::uuid) RETURNING id`,
)

// Whoever can show a key has it. No row = there is no such live key.
export const revokeReported = statement(
  'accounts.revoke-reported',
  `UPDATE api_key SET revoked_at = app_now(), revoked_reason = 'leaked'
    WHERE secret_hash = $1::bytea AND revoked_at IS NULL RETURNING id, account_id`,
)

export const setKeyModels = statement(
  'accounts.set-key-models',
  'UPDATE api_key SET models = $2::text[] WHERE id = $1::uuid RETURNING id',
)

// Ages instead of times, so that only the database's clock is stored. Rows are locked in order of their id, because
// two nodes may write the same keys at once; a value another node wrote within the interval stands.
export const touchKeys = statement(
  'accounts.touch-keys',
  `WITH used AS (
     SELECT u.id, app_now() - make_interval(secs => u.age_s) AS at
       FROM unnest($1::uuid[], $2::float8[]) AS u (id, age_s)
   ), due AS (
     SELECT k.id, used.at FROM api_key k JOIN used ON used.id = k.id
      WHERE k.last_used_at IS NULL OR k.last_used_at <= used.at - make_interval(secs => $3::float8)
      ORDER BY k.id FOR NO KEY UPDATE OF k
   )
   UPDATE api_key k SET last_used_at = due.at FROM due WHERE k.id = due.id RETURNING k.id`,
)

// One round trip: the session still lives, it is noted as used (at most once a minute), and the account its user
// acts for: the one chosen in the session while a member of it, else the oldest. No row = no session.
export const continueSession = statement(
  'accounts.continue-session',
  `WITH alive AS (
     SELECT s.id, s."userId" AS user_id, s."activeOrganizationId" AS chosen, s."updatedAt" AS used_at
       FROM auth.session s
      WHERE s.id = $1::uuid AND s."expiresAt" > app_now()
        AND s."updatedAt" > app_now() - make_interval(secs => $2::int)
        AND s."createdAt" > app_now() - make_interval(secs => $3::int)
   ), touched AS (
     UPDATE auth.session s SET "updatedAt" = app_now() FROM alive
      WHERE s.id = alive.id AND alive.used_at < app_now() - interval '1 minute'
   )
   SELECT alive.user_id, m."organizationId" AS account_id
     FROM alive
     JOIN auth.member m ON m."userId" = alive.user_id
     JOIN account a ON a.id = m."organizationId" AND a.closed_at IS NULL
    ORDER BY (m."organizationId" = alive.chosen) DESC NULLS LAST, m."createdAt", m."organizationId" LIMIT 1`,
)

export const removeWindow = statement(
  'accounts.remove-window',
  'DELETE FROM rate_window WHERE scope = $1::text',
)

export const removeOldWindows = statement(
  'accounts.remove-old-windows',
  'DELETE FROM rate_window WHERE started_at < app_now() - make_interval(secs => $1::int)',
)

export const removeOldSpending = statement(
  'accounts.remove-old-spending',
  "DELETE FROM spending WHERE began_on < (app_now() AT TIME ZONE 'UTC')::date - $1::int",
)

/** A second closing leaves the time of the first. */
export const setClosed = statement(
  'accounts.set-closed',
  `UPDATE account SET closed_at = CASE WHEN $2::boolean THEN coalesce(closed_at, app_now()) END
    WHERE id = $1::uuid RETURNING id`,
)

export const setPlan = statement(
  'accounts.set-plan',
  'UPDATE account SET plan = $2::text WHERE id = $1::uuid RETURNING id',
)

export const removeOldSessions = statement(
  'accounts.remove-old-sessions',
  'DELETE FROM auth.session WHERE "expiresAt" < app_now()',
)

export const removeOldVerifications = statement(
  'accounts.remove-old-verifications',
  'DELETE FROM auth.verification WHERE "expiresAt" < app_now()',
)

// The account's owner: its first member, the person behind `userId` and `email` in contracts of one user.
export const selectOwner = statement(
  'accounts.select-owner',
  `SELECT u.id AS user_id, u.email FROM auth.member m JOIN auth."user" u ON u.id = m."userId"
     JOIN account a ON a.id = m."organizationId"
    WHERE m."organizationId" = $1::uuid AND a.closed_at IS NULL ORDER BY m."createdAt", u.id LIMIT 1`,
)

// Whom a letter to the account goes to: its members, the oldest first. None where the account is closed.
export const selectAddressees = statement(
  'accounts.select-addressees',
  `SELECT u.id AS "userId", u.email FROM auth.member m JOIN auth."user" u ON u.id = m."userId"
     JOIN account a ON a.id = m."organizationId"
    WHERE m."organizationId" = $1::uuid AND a.closed_at IS NULL ORDER BY m."createdAt", u.id LIMIT $2::int`,
)

// Whether this installation ever had a key for its operator.
export const selectAnyAdminKey = statement(
  'accounts.select-any-admin-key',
  `SELECT id FROM api_key WHERE 'admin' = ANY (scopes) LIMIT 1`,
)

/** Those of nodes that are long gone leave with it. */
export const noteSecretSeen = statement(
  'accounts.note-secret-seen',
  `WITH old AS (DELETE FROM secret_seen WHERE seen_at < app_now() - interval '1 day' AND fingerprint <> $1::text)
    INSERT INTO secret_seen (fingerprint, process, seen_at) VALUES ($1::text, $2::text, app_now())
      ON CONFLICT (fingerprint) DO UPDATE SET process = excluded.process, seen_at = excluded.seen_at`,
)

export const selectSecretsSeen = statement(
  'accounts.select-secrets-seen',
  `SELECT fingerprint, process FROM secret_seen
    WHERE seen_at > app_now() - make_interval(secs => $1::int) ORDER BY fingerprint`,
)

// The admin key behind a secret, and when a sign-in with it ends: $2 seconds from now, or with the key.
export const openOperatorSession = statement(
  'accounts.open-operator-session',
  `SELECT k.id, k.name,
          floor(extract(epoch FROM least(app_now() + make_interval(secs => $2::int), k.expires_at)))::bigint AS ends_s
     FROM api_key k
     JOIN account ON account.id = k.account_id AND account.closed_at IS NULL
    WHERE k.secret_hash = $1::bytea AND k.revoked_at IS NULL AND 'admin' = ANY (k.scopes)
      AND (k.expires_at IS NULL OR k.expires_at > app_now())`,
)

// No row = the sign-in has ended, or its key was revoked or lost the scope.
export const findOperatorSession = statement(
  'accounts.find-operator-session',
  `SELECT k.id, k.name
     FROM api_key k
     JOIN account ON account.id = k.account_id AND account.closed_at IS NULL
    WHERE k.id = $1::uuid AND k.revoked_at IS NULL AND 'admin' = ANY (k.scopes)
      AND (k.expires_at IS NULL OR k.expires_at > app_now()) AND app_now() < to_timestamp($2::bigint)`,
)
