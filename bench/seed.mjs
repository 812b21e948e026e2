// Fills an account with succeeded generations of the Get Images dialect, written straight into the tables of a bench
// database: the rows that as many orders would have left, books included. The invariants are asked afterwards.
import pg from 'pg'

/** One order every so many seconds, the last one a minute ago: a million of them reach back almost a year. */
const everySeconds = 30
const price = 7

/**
 * `adminUrl`: a superuser, because foreign keys and triggers of a million orders would take longer than the bench;
 * what they would have refused is looked for by the invariants instead.
 */
export async function seedGenerations(adminUrl, accounts) {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    await client.query('SET session_replication_role = replica')
    // Nothing of a bench database is worth waiting for the disk.
    await client.query('SET synchronous_commit = off')
    for (const account of accounts) await seedAccount(client, account)
    await client.query(
      'VACUUM (ANALYZE) generation, attempt, transfer, entry, event, account, generation_total',
    )
    const { rows } = await client.query('SELECT rule, subject FROM invariant_violations(NULL)')
    if (rows.length > 0)
      throw new Error(`the seeded books do not balance: ${JSON.stringify(rows.slice(0, 5))}`)
  } finally {
    await client.end()
  }
}

async function seedAccount(client, { accountId, count }) {
  await client.query('DROP TABLE IF EXISTS seed')
  await client.query(
    `CREATE TEMP TABLE seed AS
      SELECT n, at, hold, capture,
          -- A UUID of version 7, as the service makes them: milliseconds, then bits without meaning.
          (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(bits, 1, 3) || '8'
            || substr(bits, 4, 15))::uuid AS id
        FROM (SELECT n, now() - interval '1 minute' - ($1 - n) * interval '1 s' * ${everySeconds} AS at,
            md5(n::text || $2) AS bits, gen_random_uuid() AS hold, gen_random_uuid() AS capture
          FROM generate_series(1, $1::int) n) numbered`,
    [count, accountId],
  )
  for (const text of statements) await client.query(text, text.includes('$1') ? [accountId] : [])
  await client.query('SELECT 1')
}

/** In the order in which the service writes them; `$1` is the account. */
const statements = [
  `INSERT INTO generation (id, account_id, dialect, model, prompt, options, echo, fingerprint, unit_price, count, price,
      captured, state, epoch, attempts, created_by, deadline, images, manifest_sha256, usage, created_at, completed_at,
      answered_at)
    SELECT id, $1, 'getimages', 'openai:gpt-image-2', 'a lighthouse at dusk, number ' || n,
      '{"count": 1, "seed": null, "size": null, "style": null, "aspectRatio": "1:1", "thinkingLevel": null}',
      '{"style": null, "thinkingLevel": null}', decode(md5(n::text) || md5(n::text), 'hex'), ${price}, 1, ${price},
      ${price}, 'succeeded', 1, 1, 'bench', at + interval '270 s',
      jsonb_build_array(jsonb_build_object('index', 0, 'key', 'g/' || right(id::text, 2) || '/' || id || '-1-0',
        'mediaType', 'image/png', 'sizeBytes', 1500000, 'sha256', md5(n::text) || md5(n::text), 'width', 1024,
        'height', 1024)),
      decode(md5(n::text) || md5(n::text), 'hex'), '{"costUsdMicro": 40000, "inputTokens": 12, "outputTokens": 4160}',
      at, at + interval '12 s', at + interval '12 s'
    FROM seed ORDER BY n`,
  `INSERT INTO attempt (generation_id, n, provider, upstream_model, state, expected_cost_usd_micro, cost_usd_micro,
      started_at, ended_at)
    SELECT id, 1, 'openai', 'gpt-image-2', 'done', 40000, 40000, at, at + interval '12 s' FROM seed ORDER BY n`,
  `INSERT INTO event (account_id, generation_id, type, status, created_at)
    SELECT $1, id, 'generation.succeeded', 'succeeded', at + interval '12 s' FROM seed ORDER BY n`,
  `INSERT INTO transfer (id, kind, account_id, generation_id, description, created_at)
    SELECT hold, 'hold', $1::uuid, id, 'Generated image', at FROM seed
    UNION ALL SELECT capture, 'capture', $1, id, 'Generated image', at + interval '12 s' FROM seed`,
  `INSERT INTO entry (transfer_id, owner, bucket, unit, amount, seq, balance_after, created_at)
    SELECT s.hold, a.id, 'available', 'credit', -${price}, a.usage_rows + s.n, a.available - s.n * ${price}, s.at
      FROM seed s, account a WHERE a.id = $1
    UNION ALL SELECT s.hold, $1, 'held', 'credit', ${price}, NULL, NULL, s.at FROM seed s
    UNION ALL SELECT s.capture, $1, 'held', 'credit', -${price}, NULL, NULL, s.at + interval '12 s' FROM seed s
    UNION ALL SELECT s.capture, system_owner(), 'revenue', 'credit', ${price}, NULL, NULL, s.at + interval '12 s'
      FROM seed s`,
  `UPDATE account SET available = available - made * ${price}, usage_rows = usage_rows + made
    FROM (SELECT count(*) AS made FROM seed) m WHERE id = $1`,
  `INSERT INTO generation_total (account_id, dialect, succeeded) SELECT $1, 'getimages', count(*) FROM seed`,
]
