-- The one statement that admits a request, and the tables of sign-in. Schema `auth` has the columns Better Auth
-- reads and writes (quoted, as it names them); an organisation is an account and shares its id.

-- Counts one use of a fixed window that starts with its first use, and says what is left of it. Refused uses
-- count too, but never past limit + 1, so that the counter cannot overflow. The row lock of the upsert makes it
-- exact across nodes. The time left is measured from the clock read before that lock: it is never too short.
CREATE FUNCTION take_from_window(p_scope text, p_limit int, p_window_s int,
  OUT remaining int, OUT reset_at timestamptz, OUT retry_after_s int, OUT allowed boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  v_now timestamptz := app_now();
  v_window interval := make_interval(secs => p_window_s);
  v_used int;
BEGIN
  INSERT INTO rate_window AS w (scope, started_at, used) VALUES (p_scope, v_now, 1)
  ON CONFLICT (scope) DO UPDATE SET
    started_at = CASE WHEN w.started_at + v_window <= v_now THEN v_now ELSE w.started_at END,
    used = CASE WHEN w.started_at + v_window <= v_now THEN 1 ELSE least(w.used, p_limit) + 1 END
  RETURNING w.used, w.started_at + v_window INTO v_used, reset_at;
  allowed := v_used <= p_limit;
  remaining := greatest(p_limit - v_used, 0);
  retry_after_s := greatest(ceil(extract(epoch FROM reset_at - v_now))::int, 1);
END $$;

-- Finds the key and, when a dialect is named, takes from its rate window: one round trip, no cache, so that a
-- revoked key is dead everywhere at once. No row = the key is unknown, revoked or expired, or its account is
-- closed; the caller cannot tell which, nor should theirs. Zero requests = no limit and no write.
-- A key with a limit of its own is counted by itself, also where the dialect counts the whole account.
CREATE FUNCTION admit_request(p_secret_hash bytea, p_dialect text, p_per_account boolean,
  p_requests int, p_window_s int)
RETURNS TABLE (account_id uuid, plan text, key_id uuid, style text, scopes text[], in_flight_cap int,
  rate_limit int, rate_remaining int, rate_reset_at timestamptz, rate_retry_after_s int, rate_allowed boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  k record;
  w record;
  v_limit int;
BEGIN
  SELECT api_key.*, account.plan AS account_plan INTO k
    FROM api_key JOIN account ON account.id = api_key.account_id
   WHERE api_key.secret_hash = p_secret_hash
     AND api_key.revoked_at IS NULL
     AND account.closed_at IS NULL
     AND (api_key.expires_at IS NULL OR api_key.expires_at > app_now());
  IF NOT FOUND THEN RETURN; END IF;
  account_id := k.account_id; plan := k.account_plan; key_id := k.id; style := k.style;
  scopes := k.scopes; in_flight_cap := k.in_flight_cap;
  v_limit := coalesce(k.rate_requests, p_requests);
  IF p_dialect IS NOT NULL AND v_limit > 0 THEN
    w := take_from_window(
      CASE WHEN p_per_account AND k.rate_requests IS NULL
        THEN 'account:' || k.account_id ELSE 'key:' || k.id END || ':' || p_dialect,
      v_limit, coalesce(k.rate_window_s, p_window_s));
    rate_limit := v_limit; rate_remaining := w.remaining; rate_reset_at := w.reset_at;
    rate_retry_after_s := w.retry_after_s; rate_allowed := w.allowed;
  END IF;
  RETURN NEXT;
END $$;

CREATE SCHEMA auth;

CREATE TABLE auth."user" (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  "emailVerified" boolean NOT NULL DEFAULT false,
  image text,
  "createdAt" timestamptz NOT NULL DEFAULT public.app_now(),
  "updatedAt" timestamptz NOT NULL DEFAULT public.app_now()
);

-- Ends twelve hours after sign-in (`expiresAt`), or half an hour after its last use (`updatedAt`).
CREATE TABLE auth.session (
  id uuid PRIMARY KEY,
  "expiresAt" timestamptz NOT NULL,
  token text NOT NULL UNIQUE,
  "createdAt" timestamptz NOT NULL DEFAULT public.app_now(),
  "updatedAt" timestamptz NOT NULL DEFAULT public.app_now(),
  "ipAddress" text,
  "userAgent" text,
  "userId" uuid NOT NULL REFERENCES auth."user" ON DELETE CASCADE,
  "activeOrganizationId" uuid
);
CREATE INDEX session_of_user ON auth.session ("userId");
CREATE INDEX session_by_expiry ON auth.session ("expiresAt");

-- A way to sign in: here a password, later others. Not our account.
CREATE TABLE auth.account (
  id uuid PRIMARY KEY,
  "accountId" text NOT NULL,
  "providerId" text NOT NULL,
  "userId" uuid NOT NULL REFERENCES auth."user" ON DELETE CASCADE,
  "accessToken" text,
  "refreshToken" text,
  "idToken" text,
  "accessTokenExpiresAt" timestamptz,
  "refreshTokenExpiresAt" timestamptz,
  scope text,
  password text,
  "createdAt" timestamptz NOT NULL DEFAULT public.app_now(),
  "updatedAt" timestamptz NOT NULL DEFAULT public.app_now(),
  UNIQUE ("providerId", "accountId")
);
CREATE INDEX account_of_user ON auth.account ("userId");

CREATE TABLE auth.verification (
  id uuid PRIMARY KEY,
  identifier text NOT NULL,
  value text NOT NULL,
  "expiresAt" timestamptz NOT NULL,
  "createdAt" timestamptz NOT NULL DEFAULT public.app_now(),
  "updatedAt" timestamptz NOT NULL DEFAULT public.app_now()
);
CREATE INDEX verification_by_identifier ON auth.verification (identifier);

CREATE TABLE auth.organization (
  id uuid PRIMARY KEY REFERENCES public.account,
  name text NOT NULL,
  slug text NOT NULL UNIQUE,
  logo text,
  "createdAt" timestamptz NOT NULL DEFAULT public.app_now(),
  metadata text
);
ALTER TABLE auth.session ADD FOREIGN KEY ("activeOrganizationId")
  REFERENCES auth.organization ON DELETE SET NULL;

CREATE TABLE auth.member (
  id uuid PRIMARY KEY,
  "organizationId" uuid NOT NULL REFERENCES auth.organization ON DELETE CASCADE,
  "userId" uuid NOT NULL REFERENCES auth."user" ON DELETE CASCADE,
  role text NOT NULL,
  "createdAt" timestamptz NOT NULL DEFAULT public.app_now(),
  UNIQUE ("userId", "organizationId")
);
CREATE INDEX member_of_organization ON auth.member ("organizationId");

CREATE TABLE auth.invitation (
  id uuid PRIMARY KEY,
  "organizationId" uuid NOT NULL REFERENCES auth.organization ON DELETE CASCADE,
  email text NOT NULL,
  role text,
  status text NOT NULL,
  "expiresAt" timestamptz NOT NULL,
  "createdAt" timestamptz NOT NULL DEFAULT public.app_now(),
  "inviterId" uuid NOT NULL REFERENCES auth."user" ON DELETE CASCADE
);
CREATE INDEX invitation_to_organization ON auth.invitation ("organizationId");
CREATE INDEX invitation_by_email ON auth.invitation (email);

-- `key` joins an address and a path; `lastRequest` is in milliseconds.
CREATE UNLOGGED TABLE auth."rateLimit" (
  id uuid PRIMARY KEY,
  key text NOT NULL UNIQUE,
  count int NOT NULL,
  "lastRequest" bigint NOT NULL
);
