// The operator's pages over real HTTP: who may see them, what they tell, and what no page, header or cookie gives away.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { revokeKey } from '../../src/accounts/keys.ts'
import { newSecret } from '../../src/accounts/secret.ts'
import { createRig, eventually, generateImage, type Node, type Rig } from '../harness.ts'
import { ask } from '../money.ts'
import { findQuietPort } from '../quiet-ports.ts'
import { defaultGoogleKey } from '../upstreams/google.ts'
import { defaultOpenAiKey } from '../upstreams/openai.ts'
import { moveClock } from '../webhooks.ts'
import {
  consolePaths,
  cookieOf,
  freshAddress,
  makeKey,
  rowsOf,
  signIn,
  textOf,
  trySignIn,
  view,
} from './console-client.ts'
import { sendRaw } from './raw-request.ts'

let rig: Rig
let node: Node
let account: { accountId: string; apiKey: string }
let admin: { keyId: string; apiKey: string }
const prompt = 'a very particular heron on a jetty'

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ TRUSTED_PROXIES: '1', LOSS_CAP_USD: '1' })
  account = await rig.account({ credits: 1_000 })
  admin = await makeKey(rig, account.accountId, ['admin'])
  await generateImage(node, account.apiKey, { prompt })
  // As many as make it leave the upstream alone.
  const model = { modelId: 'google:gemini-2.5-flash-image' }
  for (let at = 0; at < 4; at += 1)
    await generateImage(node, account.apiKey, { ...model, prompt: `${prompt} [[emulate: overloaded]]` })
})
afterAll(() => rig.close())

const strange = (path: string, headers: readonly string[] = [], method = 'GET') =>
  sendRaw(node.url, { method, path, headers: ['x-forwarded-for', freshAddress(), ...headers] })

test('whoever is not signed in sees the sign-in form at every address, and nothing that differs', async () => {
  const form = await strange(consolePaths.signIn)
  expect(form.status).toBe(200)
  expect(textOf(form.text)).toContain('With an API key that has the scope admin .')
  const forged = `${admin.keyId}.9999999999.${createHash('sha256').update('x').digest('base64url')}`
  const credentials = [
    [],
    ['authorization', `Bearer ${admin.apiKey}`],
    ['cookie', `darkroom_operator=${admin.apiKey}`],
    ['cookie', `darkroom_operator=${forged}`],
    ['cookie', 'darkroom_operator=..'],
    ['cookie', 'darkroom_session=x'],
  ]
  const paths = [
    '',
    '/',
    '/upstreams',
    '/upstreams?sort=nonsense',
    '/accounts',
    '/assets/console.js',
    '/x/../y',
  ]
  for (const path of paths) {
    for (const headers of credentials) {
      const answer = await strange(`/operator${path}`, headers)
      expect([answer.status, answer.text], path).toEqual([401, form.text])
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    const posted = await strange(`/operator${path}`, [], 'POST')
    expect([posted.status, posted.text], `POST ${path}`).toEqual([401, form.text])
  }
})

test('a key with the scope admin opens the pages; every other one is refused in the same words', async () => {
  const revoked = await makeKey(rig, account.accountId, ['admin'])
  await rig.database.db.transaction(tx => revokeKey(tx, revoked.keyId, account.accountId))
  const refused = [account.apiKey, revoked.apiKey, newSecret('default'), 'dr_nonsense', '', '<b>"']
  const pages = new Set<string>()
  for (const key of refused) {
    const answer = await trySignIn(node, key)
    expect([answer.status, answer.headers['set-cookie']], key).toEqual([403, undefined])
    pages.add(answer.text)
  }
  expect(pages.size).toBe(1)
  const answer = await trySignIn(node, admin.apiKey)
  const cookie = String(answer.headers['set-cookie'])
  expect(cookie).toMatch(/^darkroom_operator=[\w.-]+; Max-Age=7200; Path=\/; HttpOnly; SameSite=Strict$/)
  expect(JSON.stringify(answer)).not.toContain(admin.apiKey.slice(0, 12))
  expect((await view(node, cookieOf(answer))).status).toBe(200)
  expect((await strange('/operator', ['cookie', cookieOf(answer)])).headers.location).toBe(
    '/operator/upstreams',
  )
  expect((await strange('/operator/accounts', ['cookie', cookieOf(answer)])).status).toBe(404)
})

test('the cookie is bound to the host over https, and nobody signs in over plain http elsewhere', async () => {
  const origin = 'https://images.example.com'
  const startAt = async (publicUrl: string) => {
    const port = await findQuietPort()
    const env = { PORT: String(port), PUBLIC_URL: publicUrl, TRUSTED_PROXIES: '1' }
    return { ...(await rig.startNode(env)), url: `http://127.0.0.1:${port}` }
  }
  const secure = await startAt(origin)
  const answer = await trySignIn(secure, admin.apiKey, { headers: ['origin', origin] })
  expect(String(answer.headers['set-cookie'])).toMatch(
    /^__Host-darkroom_operator=.*; SameSite=Strict; Secure$/,
  )
  await secure.stop()
  const plain = await startAt('http://images.example.com')
  const refused = await trySignIn(plain, admin.apiKey)
  expect([refused.status, textOf(refused.text)]).toEqual([403, expect.stringContaining('needs https')])
  await plain.stop()
})

test('a sign-in ends when its time is over, when its key is revoked, and at sign-out', async () => {
  const key = await makeKey(rig, account.accountId, ['admin'])
  const cookie = await signIn(node, key.apiKey)
  const [name = '', id = '', ends = '', signature = ''] = cookie.split(/[=.]/)
  const longer = `${name}=${id}.${Number(ends) + 60}.${signature}`
  const other = `${name}=${admin.keyId}.${ends}.${signature}`
  for (const changed of [longer, other]) expect((await view(node, changed)).status).toBe(401)
  const out = await strange(consolePaths.signOut, ['cookie', cookie], 'POST')
  expect([out.status, out.headers.location]).toEqual([303, consolePaths.signIn])
  expect(String(out.headers['set-cookie'])).toMatch(/^darkroom_operator=; Max-Age=0;/)
  await moveClock(rig, 7_100)
  expect((await view(node, cookie)).status).toBe(200)
  await moveClock(rig, 110)
  expect((await view(node, cookie)).status).toBe(401)
  await moveClock(rig, -7_210)
  expect((await view(node, cookie)).status).toBe(200)
  await rig.database.db.transaction(tx => revokeKey(tx, key.keyId, account.accountId))
  expect((await view(node, cookie)).status).toBe(401)
})

test('forms are taken from our own pages alone', async () => {
  const cookie = await signIn(node, admin.apiKey)
  const foreign = [
    ['origin', 'https://evil.example'],
    ['origin', 'null'],
    ['sec-fetch-site', 'cross-site'],
    ['sec-fetch-site', 'same-site'],
  ]
  for (const headers of foreign) {
    const entered = await trySignIn(node, admin.apiKey, { headers })
    expect([entered.status, entered.headers['set-cookie']], headers.join()).toEqual([403, undefined])
    const left = await strange(consolePaths.signOut, ['cookie', cookie, ...headers], 'POST')
    expect([left.status, left.headers['set-cookie']], headers.join()).toEqual([403, undefined])
  }
  const own = ['origin', node.url, 'sec-fetch-site', 'same-origin']
  expect((await trySignIn(node, admin.apiKey, { headers: own })).status).toBe(303)
  const raw = { method: 'POST', path: consolePaths.signIn }
  const json = ['content-type', 'application/json', 'x-forwarded-for', freshAddress()]
  expect((await sendRaw(node.url, { ...raw, headers: json, body: '{}' })).status).toBe(415)
  expect((await trySignIn(node, 'x'.repeat(5_000))).status).toBe(413)
})

test('guessing is slowed down by address, and locks nobody out who has a key', async () => {
  const from = freshAddress()
  for (let at = 0; at < 10; at += 1) expect((await trySignIn(node, 'dr_wrong', { from })).status).toBe(403)
  const refused = await trySignIn(node, 'dr_wrong', { from })
  expect([refused.status, refused.headers['set-cookie']]).toEqual([429, undefined])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect((await trySignIn(node, admin.apiKey, { from })).status).toBe(303)
})

test('pages load nothing but our own files, which carry their hash, and nobody keeps or frames them', async () => {
  const cookie = await signIn(node, admin.apiKey)
  const answers = [
    await view(node, cookie),
    await view(node, cookie, '?sort=none'),
    await strange('/operator'),
    await trySignIn(node, 'dr_wrong'),
    await strange('/operator/none', ['cookie', cookie]),
  ]
  for (const { headers, text } of answers) {
    const policy = String(headers['content-security-policy'])
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "form-action 'self'",
    ])
      expect(policy.split('; ')).toContain(part)
    expect(policy).not.toMatch(/unsafe|\*|data:/)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-type': 'text/html; charset=UTF-8',
      'referrer-policy': 'same-origin',
    })
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:|https?:\/\//)
  }
  const files = [
    ...(answers[0]?.text ?? '').matchAll(
      /(?:src|href)="(\/operator\/assets\/[^"]+)"(?: integrity="([^"]+)")?/g,
    ),
  ]
  expect(files.length).toBe(3)
  for (const [, path = '', integrity] of files) {
    const file = await strange(path)
    expect(file.status).toBe(200)
    expect(file.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    if (integrity) expect(`sha256-${createHash('sha256').update(file.text).digest('base64')}`).toBe(integrity)
  }
})

test('each route tells its state, what it did in the last hour, and its last error without secrets', async () => {
  const cookie = await signIn(node, admin.apiKey)
  const find = async (query: string) => rowsOf((await view(node, cookie, query)).text)
  await eventually('the routes are written down', async () => {
    const text = textOf((await view(node, cookie)).text)
    return /Resting|Probing/.test(text) && /Healthy/.test(text)
  })
  const [healthy] = await find('?q=healthy')
  expect(healthy?.slice(0, 3)).toEqual([
    expect.stringContaining('openai:gpt-image-2'),
    'openai gpt-image-2',
    'Healthy',
  ])
  await eventually(
    'the hour is counted',
    async () => (await find('?q=healthy'))[0]?.[6] === '100 % of 1 call',
  )
  const page = await view(node, cookie, '?show=troubled')
  const [resting] = rowsOf(page.text)
  expect(rowsOf(page.text).length).toBe(1)
  expect(resting?.[1]).toMatch(/^google /)
  expect(resting?.[2]).toMatch(/^(?:Resting next probe in|Probing the next call decides)/)
  expect(resting?.[6]).toMatch(/^0 % of \d+ calls$/)
  expect(resting?.[9]).toMatch(/^Unavailable , just now|^Unavailable , \d+ min ago/)
  expect(textOf(page.text)).toMatch(/1 of \d+ configured routes needs attention\./)
  const all = await view(node, cookie, '?show=all')
  const secrets = [
    defaultOpenAiKey,
    defaultGoogleKey,
    admin.apiKey,
    account.apiKey,
    prompt,
    'particular heron',
  ]
  for (const text of [page.text, all.text]) for (const secret of secrets) expect(text).not.toContain(secret)
  const missing = (await find('?show=unconfigured&q=fal'))[0]
  expect([missing?.[1], missing?.[2]]).toEqual([
    expect.stringMatching(/^fal /),
    'Not configured set FAL_API_KEY',
  ])
})

test('filters and sorts by links and a form, and names what it does not know', async () => {
  const cookie = await signIn(node, admin.apiKey)
  const page = await view(node, cookie)
  expect(page.text).toMatch(/<th [^>]*aria-sort="ascending"[^>]*><a id="by-state"/)
  expect(page.text).toContain('href="/operator/upstreams?sort=queue&amp;order=descending"')
  expect(page.text).toContain('<form role="search" method="get" action="/operator/upstreams">')
  const routesOf = async (query: string) =>
    rowsOf((await view(node, cookie, query)).text).map(row => row[1] ?? '')
  const up = await routesOf('?show=all&sort=route')
  expect(up.length).toBeGreaterThan(30)
  expect(up).toEqual(up.toSorted((a, b) => (a.replace(' ', '/') < b.replace(' ', '/') ? -1 : 1)))
  expect(await routesOf('?show=all&sort=route&order=descending')).toEqual(up.toReversed())
  // What is not known comes last in either order.
  for (const order of ['ascending', 'descending'])
    expect((await routesOf(`?show=all&sort=time&order=${order}`))[0]).toBe('openai gpt-image-2')
  expect(await routesOf('?q=OPENAI%20image-2')).toContain('openai gpt-image-2')
  const none = await view(node, cookie, '?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E')
  expect(none.text).not.toContain('<script>alert')
  expect(textOf(none.text)).toContain('No route has “<script>alert(1)</script>” among those')
  for (const query of [
    '?sort=colour',
    '?order=up',
    '?show=most',
    '?page=2',
    '?q=a&q=b',
    `?q=${'x'.repeat(201)}`,
  ]) {
    const refused = await view(node, cookie, query)
    expect(refused.status, query).toBe(400)
    const [, name = ''] = /^\?(\w+)=/.exec(query) ?? []
    expect(textOf(refused.text), query).toContain(`${name} :`)
  }
})

test('a provider at its cap on losses stands above all, with what resuming does', async () => {
  const text = `INSERT INTO loss_day (day, provider, losses, loss_usd_micro)
    VALUES ((app_now() AT TIME ZONE 'UTC')::date, 'openai', 3, 1200000)`
  await ask(rig.database.ownerDb, text)
  const cookie = await signIn(node, admin.apiKey)
  const page = await view(node, cookie)
  expect(textOf(page.text)).toContain(
    'openai has lost $1.20 today; its cap is $1.00. Nothing new is sent there',
  )
  expect(page.text).toContain('href="#resume"')
  expect(page.text).toContain('id="resume"')
  expect(rowsOf(page.text)[0]?.slice(1, 3)).toEqual([
    expect.stringMatching(/^openai /),
    'Stopped at its cap on losses',
  ])
  await ask(rig.database.ownerDb, "DELETE FROM loss_day WHERE provider = 'openai'")
})

test('where no provider has a key the page says what to do first', async () => {
  const bare = await rig.startNode({ OPENAI_API_KEY: '', GEMINI_API_KEY: '', TRUSTED_PROXIES: '1' })
  const cookie = await signIn(bare, admin.apiKey)
  const text = textOf((await view(bare, cookie)).text)
  expect(text).toContain('First, give a provider its key')
  expect(text).toContain('providers set-key openai')
  expect(text).toContain('Sandbox: the built-in illustrator')
  expect(textOf((await view(node, await signIn(node, admin.apiKey))).text)).not.toContain(
    'First, give a provider',
  )
  await bare.stop()
})
