// What an operator and a customer go through from the first start to the last: real processes, real signals, real
// commands. Each journey starts from a database or a data folder of its own.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isProof } from './counts.ts'
import { createRig, eventually, generateImage, type Node, type Rig, read } from './harness.ts'

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist-test', 'main.js')

let rig: Rig
beforeEach(async () => {
  rig = await createRig({ latencyMs: 0 })
})
afterEach(() => rig.close())

type Ran = { code: number | null; out: string; error: string }

/** Runs a command of the server beside whatever else runs. */
function runCommand(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Ran> {
  const { database, dataDir } = rig
  const child = spawn(process.execPath, [program, ...args], {
    env: {
      PATH: process.env.PATH ?? '',
      DATABASE_URL: database.appUrl,
      DATABASE_OWNER_URL: database.ownerUrl,
      DARKROOM_DATA: dataDir,
      ...env,
    },
  })
  const ran: Ran = { code: null, out: '', error: '' }
  child.stdout.on('data', chunk => {
    ran.out += chunk
  })
  child.stderr.on('data', chunk => {
    ran.error += chunk
  })
  child.stdin.end(input)
  return new Promise(resolve => child.once('close', code => resolve({ ...ran, code })))
}

/** The one JSON document a command printed. */
async function runJson<Shape>(args: readonly string[], env: Record<string, string> = {}): Promise<Shape> {
  const { code, out, error } = await runCommand([...args, '--json'], env)
  expect(code, `${args.join(' ')}\n${error}`).toBe(0)
  expect(out.trim().split('\n')).toHaveLength(1)
  return JSON.parse(out) as Shape
}

const adminKeyPattern = /Admin API key.*?: (\S+)/

/** The key of a first start, printed right after the address. */
async function readAdminKey(node: Node): Promise<string> {
  let found: string | undefined
  await eventually('the admin key is printed', () => {
    found = adminKeyPattern.exec(node.output.join('\n'))?.[1]
    return found !== undefined
  })
  return found ?? ''
}

/** What a later start printed up to its end. */
async function readWholeOutput(node: Node): Promise<string> {
  expect(await node.stop()).toBe(0)
  return node.output.join('\n')
}

const sha256 = (text: string) => createHash('sha256').update(text, 'base64').digest('hex')

/** Its own database in its own folder, as on a machine where nothing is set. */
const embedded = (dataDir: string) => ({
  DATABASE_URL: '',
  DATABASE_OWNER_URL: '',
  DARKROOM_DATA: dataDir,
})

describe('the first start', () => {
  test('prints where it is and the admin key once; the second start finds everything', async () => {
    const first = await rig.startNode()
    const adminKey = await readAdminKey(first)
    expect(first.output.join('\n')).toContain(`ready at ${first.url}`)
    expect((await read(first, adminKey, '/api/v1/account')).body).toMatchObject({ creditBalance: 10 })
    const made = await generateImage(first, adminKey, { prompt: 'the first' })
    expect(made.body.credits).toEqual({ charged: 5, remaining: 5 })
    expect(await first.stop()).toBe(0)
    const second = await rig.startNode()
    const kept = await read(second, adminKey, `/api/v1/images/${made.body.image?.id}`)
    expect(kept.body).toEqual({ image: made.body.image })
    expect((await read(second, adminKey, '/api/v1/account')).body).toMatchObject({ creditBalance: 5 })
    expect(await readWholeOutput(second)).not.toMatch(adminKeyPattern)
  })

  test('needs nothing installed: an empty folder becomes a service that survives its restart', {
    timeout: 300_000,
  }, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'darkroom-journey-'))
    // As root the database runs as another user, who must pass through here.
    chmodSync(dataDir, 0o755)
    try {
      const env = {
        ...embedded(dataDir),
        OPENAI_API_KEY: '',
        OPENAI_BASE_URL: '',
        GEMINI_API_KEY: '',
        GEMINI_BASE_URL: '',
      }
      const first = await rig.startNode(env)
      const adminKey = await readAdminKey(first)
      const made = await generateImage(first, adminKey, { prompt: 'a fox in the snow' })
      expect([made.status, made.headers.get('x-darkroom-sandbox')]).toEqual([200, '1'])
      const account = await runJson<{ apiKey: string }>(
        ['accounts', 'create', '--email', 'guest@example.com', '--credits', '7'],
        embedded(dataDir),
      )
      expect((await read(first, account.apiKey, '/api/v1/account')).body).toMatchObject({ creditBalance: 7 })
      expect(await first.stop()).toBe(0)
      const second = await rig.startNode(env)
      const kept = await read(second, adminKey, `/api/v1/images/${made.body.image?.id}`)
      expect(kept.body).toEqual({ image: made.body.image })
      await second.kill()
      const third = await rig.startNode(env)
      expect((await read(third, account.apiKey, '/api/v1/account')).status).toBe(200)
      expect(await third.stop()).toBe(0)
    } finally {
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    }
  })
})

describe('commands beside a running service', () => {
  test('print exactly one JSON document each, and act at once', { timeout: 300_000 }, async () => {
    const node = await rig.startNode()
    const made = await runJson<{ accountId: string; userId: string; apiKey: string }>([
      'accounts',
      'create',
      '--email',
      'buyer@example.com',
      '--credits',
      '100',
      '--key-style',
      'getimages',
    ])
    expect(Object.keys(made).sort()).toEqual(['accountId', 'apiKey', 'userId'])
    expect(made.apiKey).toMatch(/^gi_live_/)
    expect((await read(node, made.apiKey, '/api/v1/account')).body).toEqual({
      userId: made.userId,
      email: 'buyer@example.com',
      creditBalance: 100,
    })
    const account = ['--account', made.accountId]
    await runJson(['credits', 'grant', ...account, '--amount', '20', '--reference', 'order-1'])
    await runJson(['credits', 'grant', ...account, '--amount', '20', '--reference', 'order-1'])
    await runJson(['credits', 'adjust', ...account, '--amount', '-5'])
    expect((await read(node, made.apiKey, '/api/v1/account')).body).toMatchObject({ creditBalance: 115 })
    const key = await runJson<{ keyId: string; apiKey: string }>([
      'keys',
      'create',
      ...account,
      '--style',
      'getimg',
    ])
    expect(Object.keys(key).sort()).toEqual(['apiKey', 'keyId'])
    expect((await read(node, key.apiKey, '/api/v1/account')).status).toBe(200)
    await runJson(['keys', 'revoke', key.keyId])
    expect((await read(node, key.apiKey, '/api/v1/account')).status).toBe(401)
    const { keys } = await runJson<{ keys: { id: string }[] }>(['keys', 'list', ...account])
    expect(keys).toHaveLength(2)
    expect(JSON.stringify(keys)).not.toContain(made.apiKey)
    const { models } = await runJson<{ models: unknown[] }>(['models', 'list'])
    expect(models.length).toBeGreaterThan(10)
    for (const args of [['accounts', 'list'], ['models', 'check'], ['settings'], ['migrate']])
      await runJson(args)
    const { checks } = await runJson<{ checks: { name: string; status: string }[] }>(['doctor'])
    expect(checks.map(check => check.name)).toEqual(expect.arrayContaining(['settings', 'storage', 'models']))
    expect(checks.filter(check => check.name === 'routes').map(check => check.status)).not.toContain('fail')
    const { error } = await runCommand(['doctor'], { OUTBOUND_ALLOW: '127.0.0.1:9' })
    expect(error.match(/outbound checks are off/g)).toHaveLength(1)
  })

  test('say on standard error what is wrong, with a code, and nothing on standard output', async () => {
    const wrong: [string[], number, RegExp][] = [
      [['accounts', 'create', '--json'], 2, /email/],
      [['accounts', 'create', '--email', 'no address', '--json'], 2, /email|address/i],
      [
        ['credits', 'grant', '--account', '01890000-0000-7000-8000-000000000000', '--amount', '1', '--json'],
        1,
        /account/,
      ],
      [['keys', 'revoke', 'nonsense', '--json'], 1, /key/i],
      [['dance'], 2, /dance/],
    ]
    for (const [args, code, says] of wrong) {
      const ran = await runCommand(args)
      expect([ran.code, ran.out], args.join(' ')).toEqual([code, ''])
      expect(ran.error).toMatch(says)
      expect(ran.error).not.toMatch(/\n\s+at /)
    }
    const misconfigured = await runCommand(['all'], { PORT: 'many', LOG_LEVEL: 'loud' })
    expect(misconfigured.code).toBe(1)
    expect(misconfigured.error).toMatch(/PORT[\s\S]*LOG_LEVEL|LOG_LEVEL[\s\S]*PORT/)
  })
})

describe('a graceful stop', () => {
  test('finishes what runs, takes nothing new, says so at once and exits with 0', {
    timeout: 300_000,
  }, async () => {
    const node = await rig.startNode({ SHUTDOWN_GRACE_S: '600' })
    const { apiKey, accountId } = await rig.account({ credits: 1_000 })
    const resume = rig.openai.pause()
    const running = Array.from({ length: 20 }, (_, index) =>
      generateImage(node, apiKey, { prompt: `stopping ${index}` }),
    )
    await rig.openai.waitUntil(() => rig.openai.total.inFlight === 20)
    const from = performance.now()
    const exit = node.stop()
    let ready = await fetch(`${node.url}/readyz`)
    await eventually('readiness is false', async () => {
      ready = await fetch(`${node.url}/readyz`)
      return ready.status === 503
    })
    if (isProof) expect(performance.now() - from).toBeLessThan(1_000)
    expect(await ready.json()).toMatchObject({ status: 'not ready', checks: { jobs: { ok: false } } })
    const late = await generateImage(node, apiKey, {
      prompt: 'too late',
      headers: { 'idempotency-key': 'late' },
    })
    expect(late.status).toBe(503)
    expect(late.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    expect(late.headers.get('connection')).toBe('close')
    expect(late.headers.get('x-should-retry')).not.toBe('false')
    expect((await read(node, apiKey, '/api/v1/account')).status).toBe(200)
    resume()
    const answers = await Promise.all(running)
    expect(answers.map(answer => answer.status)).toEqual(Array(20).fill(200))
    expect(await exit).toBe(0)
    // Well before the grace time: idle connections of callers do not hold the process.
    expect(performance.now() - from).toBeLessThan(isProof ? 15_000 : 200_000)
    expect(await rig.balance(accountId)).toBe(1_000 - 20 * 5)
    const next = await rig.startNode()
    const again = await generateImage(next, apiKey, {
      prompt: 'too late',
      headers: { 'idempotency-key': 'late' },
    })
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null])
  })

  test('leaves queued work to the next process', async () => {
    const { apiKey } = await rig.account({ credits: 100 })
    const node = await rig.startNode({ WORKER_CONCURRENCY: '1' })
    const prefer = { prefer: 'respond-async' }
    const orders = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        generateImage(node, apiKey, { prompt: `queued ${index} [[emulate: slow=600]]`, headers: prefer }),
      ),
    )
    expect(orders.map(order => order.status)).toEqual([202, 202, 202, 202])
    await rig.openai.waitUntil(() => rig.openai.total.inFlight === 1)
    expect(await node.stop()).toBe(0)
    const next = await rig.startNode()
    for (const { body } of orders) {
      await eventually('the image is there', async () => {
        return (await read(next, apiKey, `/api/v1/images/${body.generationId}`)).status === 200
      })
    }
    expect(rig.openai.total.requests).toBe(4)
  })
})

describe('a customer who hangs up', () => {
  /** Sends an order and cuts the connection at the moment given. */
  function cut(
    node: Node,
    apiKey: string,
    order: { prompt: string; key: string; at: 'body' | 'work' | 'answer' },
  ) {
    const body = JSON.stringify({ prompt: order.prompt, modelId: 'openai:gpt-image-2' })
    return new Promise<void>((resolve, reject) => {
      const outgoing = request(`${node.url}/api/v1/images/generate`, {
        method: 'POST',
        agent: false,
        headers: {
          authorization: `Bearer ${apiKey}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'idempotency-key': order.key,
        },
      })
      const leave = () => {
        outgoing.destroy()
        resolve()
      }
      outgoing.on('error', () => resolve())
      if (order.at === 'body') {
        outgoing.write(body.slice(0, body.length / 2), leave)
        return
      }
      if (order.at === 'answer') {
        outgoing.on('response', incoming => {
          incoming.on('error', () => resolve())
          incoming.once('data', leave)
        })
      }
      outgoing.end(body)
      if (order.at === 'work') {
        const came = () => rig.openai.requests.some(each => each.prompt?.startsWith(order.prompt))
        rig.openai.waitUntil(came).then(leave, reject)
      }
    })
  }

  test('changes nothing: the image is made, kept, charged once and there to be fetched by its key', async () => {
    const node = await rig.startNode()
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    const moments = ['work', 'answer', 'work', 'answer', 'work', 'answer'] as const
    await Promise.all(
      moments.map((at, index) =>
        cut(node, apiKey, { prompt: `hang up ${index} [[emulate: slow=300]]`, key: `gone-${index}`, at }),
      ),
    )
    for (const index of moments.keys()) {
      const body = { prompt: `hang up ${index} [[emulate: slow=300]]` }
      const again = await generateImage(node, apiKey, {
        ...body,
        headers: { 'idempotency-key': `gone-${index}` },
      })
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
      const kept = await read(node, apiKey, `/api/v1/images/${again.body.image?.id}`)
      expect(kept.body).toEqual({ image: again.body.image })
    }
    expect(rig.openai.total.billable).toBe(moments.length)
    expect(await rig.balance(accountId)).toBe(100 - moments.length * 5)
  })

  test('before the order was whole has ordered nothing', async () => {
    const node = await rig.startNode()
    const { apiKey, accountId } = await rig.account({ credits: 100 })
    await cut(node, apiKey, { prompt: 'half', key: 'half', at: 'body' })
    const whole = await generateImage(node, apiKey, {
      prompt: 'half',
      headers: { 'idempotency-key': 'half' },
    })
    expect([whole.status, whole.headers.get('idempotent-replayed')]).toEqual([200, null])
    expect(await rig.balance(accountId)).toBe(95)
  })
})

test('images outlive the process that made them, even when it is killed', async () => {
  const first = await rig.startNode()
  const { apiKey } = await rig.account({ credits: 100 })
  const made = await Promise.all(
    Array.from({ length: 5 }, (_, index) => generateImage(first, apiKey, { prompt: `kept ${index}` })),
  )
  await first.kill()
  const second = await rig.startNode()
  for (const { body } of made) {
    const kept = await read(second, apiKey, `/api/v1/images/${body.image?.id}`)
    const image = kept.body.image as { b64_json: string }
    expect(sha256(image.b64_json)).toBe(sha256(body.image?.b64_json ?? ''))
  }
})

test('a person signs in, is known, signs out and is forgotten', async () => {
  const node = await rig.startNode()
  const email = 'person@example.com'
  const created = await runCommand(
    ['accounts', 'create', '--email', email, '--password-stdin', '--json'],
    {},
    'correct horse battery\n',
  )
  const { userId } = JSON.parse(created.out) as { userId: string }
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${node.url}/api/auth${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: node.url, ...headers },
      body: JSON.stringify(body),
    })
  const wrong = await post('/sign-in/email', { email, password: 'wrong horse battery' })
  expect([wrong.status, wrong.headers.getSetCookie()]).toEqual([401, []])
  const foreign = await post(
    '/sign-in/email',
    { email, password: 'correct horse battery' },
    { origin: 'https://evil.example' },
  )
  expect(foreign.status).toBe(403)
  const signedIn = await post('/sign-in/email', { email, password: 'correct horse battery' })
  expect(signedIn.status).toBe(200)
  const cookies = signedIn.headers.getSetCookie()
  for (const cookie of cookies) expect(cookie).toMatch(/HttpOnly.*SameSite=Lax/i)
  const cookie = cookies.map(each => each.split(';')[0]).join('; ')
  const whoAmI = () =>
    fetch(`${node.url}/api/auth/get-session`, { headers: { cookie } }).then(each => each.json())
  expect(await whoAmI()).toMatchObject({ user: { id: userId, email } })
  // A session is no API key.
  expect((await fetch(`${node.url}/api/v1/account`, { headers: { cookie } })).status).toBe(401)
  expect((await post('/sign-out', {}, { cookie, origin: 'https://evil.example' })).status).toBe(403)
  expect(await whoAmI()).toMatchObject({ user: { id: userId } })
  expect((await post('/sign-out', {}, { cookie })).status).toBe(200)
  expect(await whoAmI()).toBeNull()
  expect(
    (await post('/sign-up/email', { email: 'new@example.com', password: 'correct horse battery', name: 'x' }))
      .status,
  ).toBe(404)
})

test('machines that watch see readiness, what is wrong with it, and metrics that count', async () => {
  const node = await rig.startNode()
  const { apiKey } = await rig.account({ credits: 100 })
  for (const path of ['/healthz', '/health']) {
    expect(await (await fetch(node.url + path)).json()).toEqual({ status: 'ok' })
  }
  const front = await fetch(node.url)
  expect([front.status, front.headers.get('content-type')]).toEqual([200, 'text/plain; charset=UTF-8'])
  expect(await front.text()).toMatch(/\/openapi\.json[\s\S]*\/operator\/upstreams[\s\S]*\/healthz/)
  const ready = async () => {
    const answer = await fetch(`${node.url}/readyz`)
    return { status: answer.status, body: (await answer.json()) as unknown }
  }
  const ok = { ok: true }
  expect(await ready()).toEqual({
    status: 200,
    body: { status: 'ready', checks: { database: ok, storage: ok, jobs: ok, queue: ok } },
  })
  const images = join(rig.dataDir, 'images')
  renameSync(images, `${images}-away`)
  writeFileSync(images, 'no folder')
  expect(await ready()).toMatchObject({
    status: 503,
    body: { checks: { storage: { ok: false }, database: ok } },
  })
  // Anybody may ask; which folder or host it is stands in the log.
  expect(JSON.stringify(await ready())).not.toContain(rig.dataDir)
  expect(node.output.some(line => line.includes('readiness.failed') && line.includes(images))).toBe(true)
  const posted = await fetch(`${node.url}/metrics`, { method: 'POST' })
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
  rmSync(images)
  renameSync(`${images}-away`, images)
  expect((await ready()).status).toBe(200)

  await generateImage(node, apiKey, { prompt: 'counted' })
  await generateImage(node, apiKey, { prompt: 'refused [[emulate: moderation_input]]' })
  const metrics = async (headers: Record<string, string> = {}) => {
    const answer = await fetch(`${node.url}/metrics`, { headers })
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
    return answer.text()
  }
  await eventually('both answers are counted', async () =>
    /getimages[^\n]*status="400"[^\n]* 1/.test(await metrics()),
  )
  const text = await metrics()
  expect(text).toMatch(
    /darkroom_http_requests_total\{[^}]*route="\/api\/v1\/images\/generate"[^}]*status="200"[^}]*\} 1/,
  )
  expect(text).toMatch(
    /darkroom_generations_total\{[^}]*model="openai:gpt-image-2"[^}]*state="succeeded"[^}]*\} 1/,
  )
  expect(text).toMatch(/darkroom_generations_total\{[^}]*state="blocked"[^}]*\} 1/)
  expect(text).toMatch(/darkroom_images_total\{[^}]*\} 1/)
  expect(text).not.toContain(apiKey.slice(0, 12))
  // A proxy on this machine calls from here for somebody who is not.
  const forwarded = { 'x-forwarded-for': '203.0.113.7' }
  expect((await fetch(`${node.url}/metrics`, { headers: forwarded })).status).toBe(401)
  const guarded = await rig.startNode({ METRICS_TOKEN: 'let-me-in' })
  expect((await fetch(`${guarded.url}/metrics`)).status).toBe(401)
  const headers = { authorization: 'Bearer let-me-in' }
  expect((await fetch(`${guarded.url}/metrics`, { headers })).status).toBe(200)
})
