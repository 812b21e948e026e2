// Guards how accounts come into being: whole or not at all. Real PostgreSQL.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestDatabase } from '../../test/database.ts'
import { createTestDatabase } from '../../test/database.ts'
import { grantCredits } from '../credits/ledger.ts'
import type { AccountInput } from './accounts.ts'
import { createAccount, findAccount, getAccount, listAccounts, sweepAccounts } from './accounts.ts'
import { authenticateKey } from './authenticate.ts'

let database: TestDatabase
const now = () => new Date()

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const hashPassword = async (password: string) => `hash of ${password.length}`

function makeAccount(input: Partial<AccountInput> & { email: string }) {
  const needs = { db: database.db, now, grantCredits, hashPassword }
  return createAccount(needs, { password: null, credits: null, signupCredits: 10, ...input })
}

async function countRows(): Promise<number> {
  const [row] = await database.ownerDb.query<{ rows: number }>({
    name: 'test_count',
    text: `SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM auth."user")
      + (SELECT count(*) FROM auth.organization) + (SELECT count(*) FROM auth.member)
      + (SELECT count(*) FROM api_key) + (SELECT count(*) FROM transfer) AS rows`,
  })
  return row?.rows ?? -1
}

test('a new account has its owner, a working key and the sign-up credits', async () => {
  const made = await makeAccount({ email: ' Ada@Example.com ', keyStyle: 'gptimage2', plan: 'pro' })
  const account = await getAccount(database.db, made.accountId)
  expect(account).toMatchObject({ available: 10, held: 0, debt: 0, plan: 'pro', emails: ['ada@example.com'] })
  const key = await authenticateKey(database.db, made.apiKey, null)
  expect(key).toMatchObject({ accountId: made.accountId, style: 'gptimage2', plan: 'pro' })
})

test('the operator of this machine needs no mail domain', async () => {
  expect(await makeAccount({ email: 'admin@localhost' })).toHaveProperty('apiKey')
})

test('named credits replace the sign-up grant, also when they are zero', async () => {
  const some = await makeAccount({ email: 'some@example.com', credits: 250 })
  const none = await makeAccount({ email: 'none@example.com', credits: 0 })
  expect((await findAccount(database.db, some.accountId))?.available).toBe(250)
  expect((await findAccount(database.db, none.accountId))?.available).toBe(0)
})

test('an address is taken once, whatever its case, and a refusal leaves nothing behind', async () => {
  await makeAccount({ email: 'grace@example.com' })
  const before = await countRows()
  await expect(makeAccount({ email: 'GRACE@example.com' })).rejects.toMatchObject({ code: 'invalid_request' })
  expect(await countRows()).toBe(before)
})

test('twenty of one address at once make one account', async () => {
  const before = await countRows()
  const email = 'race@example.com'
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => makeAccount({ email })))
  expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1)
  expect(await countRows()).toBe(before + 6)
})

test('a grant that fails takes the account back with it', async () => {
  const before = await countRows()
  const needs = {
    db: database.db,
    now,
    hashPassword,
    grantCredits: () => Promise.reject(new Error('no ledger')),
  }
  const input = { email: 'unlucky@example.com', password: null, credits: 5, signupCredits: 10 }
  await expect(createAccount(needs, input)).rejects.toThrow('no ledger')
  expect(await countRows()).toBe(before)
  expect(await makeAccount({ email: 'unlucky@example.com' })).toHaveProperty('accountId')
})

test('input that is wrong is refused by the name of its field', async () => {
  const wrong: [Partial<AccountInput>, string][] = [
    [{ email: 'no address' }, 'email'],
    [{ email: `${'a'.repeat(250)}@example.com` }, 'email'],
    [{ password: 'short' }, 'password'],
    [{ password: 'x'.repeat(1_025) }, 'password'],
    [{ credits: -1 }, 'credits'],
    [{ credits: 1.5 }, 'credits'],
    [{ plan: 'No Plan' }, 'plan'],
  ]
  for (const [input, path] of wrong) {
    const refusal = { code: 'invalid_request', options: { details: [{ path }] } }
    await expect(makeAccount({ email: 'wrong@example.com', ...input })).rejects.toMatchObject(refusal)
  }
})

test('accounts are listed in the order they were made, page after page without gaps', async () => {
  const seen: string[] = []
  let afterId: string | null = null
  for (;;) {
    const page = await listAccounts(database.db, { afterId, limit: 2 })
    seen.push(...page.map(account => account.id))
    if (page.length < 2) break
    afterId = page.at(-1)?.id ?? null
  }
  expect(seen).toEqual([...new Set(seen)].sort())
  expect(seen.length).toBe((await listAccounts(database.db, { afterId: null, limit: 1_000 })).length)
  expect(await findAccount(database.db, 'no id')).toBe(null)
})

test('the sweep removes spent windows and ended sessions and nothing that still counts', async () => {
  const made = await makeAccount({ email: 'sweep@example.com' })
  const rule = { dialect: 'native', per: 'key', requests: 5, windowS: 86_400 } as const
  await authenticateKey(database.db, made.apiKey, rule)
  await database.ownerDb.query({
    name: 'test_old_rows',
    text: `WITH old AS (INSERT INTO rate_window VALUES ('test:old', app_now() - interval '3 days', 1))
      INSERT INTO auth.session (id, "expiresAt", token, "userId") VALUES
        (gen_random_uuid(), app_now() - interval '1 second', 'ended', '${made.userId}'),
        (gen_random_uuid(), app_now() + interval '1 hour', 'alive', '${made.userId}')`,
  })
  await sweepAccounts(database.db)
  const left = await database.ownerDb.query<{ name: string }>({
    name: 'test_left',
    text: `SELECT token AS name FROM auth.session UNION ALL SELECT scope FROM rate_window WHERE scope LIKE 'test:%'`,
  })
  expect(left.map(({ name }) => name)).toEqual(['alive'])
  expect((await authenticateKey(database.db, made.apiKey, rule))?.rate?.remaining).toBe(3)
})
