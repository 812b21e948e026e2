// K-2, K-9: with upstreams that repeat our keys in their errors, and callers of every kind, no secret stands anywhere
// that somebody may read: not in the database, not in a log line, not in an answer, not in the metrics.
import { expect, test } from 'vitest'
import { createAccount } from '../src/accounts/accounts.ts'
import { createKey, revokeKey } from '../src/accounts/keys.ts'
import { createPasswords } from '../src/accounts/passwords.ts'
import { keyStyles } from '../src/accounts/secret.ts'
import { grantCredits } from '../src/credits/ledger.ts'
import { connectDatabase } from '../src/db/connect.ts'
import { silentLog } from './database.ts'
import { createRig, type Rig } from './harness.ts'
import { ask } from './money.ts'
import { defaultGoogleKey } from './upstreams/google.ts'
import { defaultOpenAiKey } from './upstreams/openai.ts'

const now = () => new Date()
const password = 'correct horse battery staple 7319'
const authSecret = 'a secret that signs cookies, of this test alone 5521'
const metricsToken = 'a token of the machine that watches 8842'

/** Everything that the database holds, as text, and every secret that the search must find if it stands there. */
async function dump(rig: Rig): Promise<string> {
  const superuser = await connectDatabase({
    url: rig.database.adminUrl,
    maxConnections: 1,
    statementTimeoutMs: 60_000,
    prepare: false,
    log: silentLog,
  })
  try {
    const tables = await ask<{ name: string }>(
      superuser,
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('public', 'auth')`,
    )
    expect(tables.length).toBeGreaterThan(10)
    const texts: string[] = []
    for (const { name } of tables) {
      const rows = await ask<{ line: string }>(superuser, `SELECT t::text AS line FROM ${name} t`)
      texts.push(...rows.map(row => `${name}: ${row.line}`))
    }
    return texts.join('\n')
  } finally {
    await superuser.close()
  }
}

async function openKeys(rig: Rig): Promise<string[]> {
  const needs = { db: rig.database.db, now, grantCredits, hashPassword: createPasswords().hash }
  const person = { email: 'person@example.com', password, credits: 1_000, signupCredits: 0 }
  const { accountId, apiKey } = await createAccount(needs, person)
  const made = await Promise.all(
    keyStyles.map(style => rig.database.db.transaction(tx => createKey({ tx, now }, { accountId, style }))),
  )
  const [first] = made
  if (first) await rig.database.db.transaction(tx => revokeKey(tx, first.keyId, accountId))
  return [...made.map(key => key.apiKey), apiKey]
}

test('no secret that was handed out or configured stands in the database, the logs or any answer', async () => {
  const rig = await createRig({ latencyMs: 0 })
  try {
    const env = { LOG_LEVEL: 'trace', AUTH_SECRET: authSecret, METRICS_TOKEN: metricsToken }
    const node = await rig.startNode(env)
    const keys = await openKeys(rig)
    const answers: string[] = []
    const send = async (path: string, init: RequestInit = {}) => {
      const answer = await fetch(node.url + path, init)
      answers.push(JSON.stringify([...answer.headers]), await answer.text())
      return answer.status
    }
    const order = (key: string, body: object) =>
      send('/api/v1/generations', {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', prefer: 'wait=30' },
        body: JSON.stringify(body),
      })
    const faults = ['leaky_error', 'wrong_key', 'wrong_key=masked', 'suspended', 'forbidden', '']
    const key = keys.at(-1) ?? ''
    for (const model of ['openai:gpt-image-2', 'google:gemini-3-pro-image-preview']) {
      for (const fault of faults) {
        expect(await order(key, { model, prompt: `a boat [[emulate: ${fault}]]` })).toBe(200)
      }
    }
    for (const each of keys) {
      await order(each, { model: 'openai:gpt-image-2', prompt: 'a boat', key: each })
      await order(`${each}x`, { model: 'none', prompt: 'a boat' })
      for (const path of ['/api/v1/account', `/api/v1/images?key=${each}`, `/nowhere/${each}`, '/metrics']) {
        await send(path, { headers: { authorization: `Bearer ${each}`, 'x-api-key': each } })
      }
    }
    await send('/metrics', { headers: { authorization: `Bearer ${metricsToken}` } })
    for (const secret of [password, `${password}!`]) {
      await send('/api/auth/sign-in/email', {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: node.url },
        body: JSON.stringify({ email: 'person@example.com', password: secret }),
      })
    }
    expect(rig.openai.requests.some(each => each.headers.authorization?.includes(defaultOpenAiKey))).toBe(
      true,
    )
    expect(await node.stop()).toBe(0)

    const places = { database: await dump(rig), log: node.output.join('\n'), answers: answers.join('\n') }
    // The search reads what is there: an address stands in all three.
    expect(places.database).toContain('person@example.com')
    expect(places.log).toContain('request.ended')
    expect(places.answers).toContain('person@example.com')
    const secrets = [...keys, defaultOpenAiKey, defaultGoogleKey, password, authSecret, metricsToken]
    const found = secrets.flatMap(secret => {
      const forms = [secret, ...(['hex', 'base64'] as const).map(form => Buffer.from(secret).toString(form))]
      return Object.entries(places)
        .filter(([, text]) => forms.some(form => text.includes(form)))
        .map(([place]) => `${secret} in ${place}`)
    })
    expect(found).toEqual([])
  } finally {
    await rig.close()
  }
})
