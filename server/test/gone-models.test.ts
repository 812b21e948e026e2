// An upstream model that is found to be gone: switched off once for all nodes, over restarts, until the operator restores
// it; the order that met it goes elsewhere, and nobody pays for what was not made.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandsOn } from './command-rig.ts'
import { signIn, view } from './conformance/console-client.ts'
import { createRig, eventually, type Node, type Rig } from './harness.ts'

const classic = 'openai:gpt-image-1.5'
const last = 'openai:gpt-image-2'
/** The models that only openai/gpt-image-2 or google/gemini-3-pro-image serves here, and what is to be used instead. */
const heirs = {
  [last]: classic,
  'gpt-image-2': 'gpt-image-2.5-flare',
  'google/nano-banana-pro': 'google/nano-banana',
}

let rig: Rig
let account: { accountId: string; apiKey: string }
let admin: string
let one: Node
let two: Node
let env: Record<string, string>
const { runLine, runJson } = commandsOn(() => ({ db: rig.database.db, folder: rig.dataDir }))

beforeAll(async () => {
  rig = await createRig({ latencyMs: 5 })
  account = await rig.account({ credits: 1_000, plan: 'pro' })
  admin = (await rig.account({ credits: 0, key: { scopes: ['admin'] } })).apiKey
  const catalog = join(rig.dataDir, 'catalog.json')
  const models = Object.entries(heirs).map(([id, successor]) => ({ id, successor }))
  writeFileSync(catalog, JSON.stringify({ models }))
  env = { DARKROOM_CATALOG: catalog, TRUSTED_PROXIES: '1' }
  one = await rig.startNode(env)
  two = await rig.startNode(env)
})
afterAll(() => rig.close())

type Said = { status: number; text: string; body: { id: string; status: string; costCredits: number } }

async function call(
  node: Node,
  path: string,
  { body, key = account.apiKey }: { body?: object; key?: string } = {},
): Promise<Said> {
  const answer = await fetch(`${node.url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', prefer: 'wait=30' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  return { status: answer.status, text, body: text.startsWith('{') ? JSON.parse(text) : {} }
}

const place = (node: Node, model: string, prompt: string) =>
  call(node, '/api/v1/generations', { body: { model, prompt } })

async function attemptsOf(id: string) {
  const text = 'SELECT upstream_model, state FROM attempt WHERE generation_id = $1 ORDER BY n'
  const rows = await rig.database.db.query<{ upstream_model: string; state: string }>(
    { name: 'test_gone_attempts', text },
    [id],
  )
  return rows.map(row => `${row.upstream_model} ${row.state}`)
}

/** An order that succeeds, and where it was made. */
async function routeOf(node: Node, prompt: string): Promise<string[]> {
  const { body, text } = await place(node, classic, prompt)
  expect(body.status, text).toBe('succeeded')
  return attemptsOf(body.id)
}

const alarms = (...nodes: Node[]) =>
  nodes.flatMap(({ output }) => output.filter(line => line.includes('"model.gone"')))

async function restore(upstreamModel: string, provider = 'openai') {
  return runJson(['models', 'restore', provider, upstreamModel])
}

test('the order that meets it is made by the next route and charged once, and no node asks there again', async () => {
  rig.openai.script({ behaviour: 'retired', prompt: 'first fox', times: 1 })
  const before = await rig.balance(account.accountId)
  const { body, text } = await place(one, classic, 'first fox')
  expect(body.status, text).toBe('succeeded')
  expect(await attemptsOf(body.id)).toEqual(['gpt-image-1.5 not_run', 'gpt-image-2.5-flare done'])
  expect(before - (await rig.balance(account.accountId))).toBe(body.costCredits)
  expect(body.costCredits).toBeGreaterThan(0)
  expect(await routeOf(one, 'second fox')).toEqual(['gpt-image-2.5-flare done'])
  await eventually('the other node has heard of it', async () => {
    return (await routeOf(two, 'third fox')).join() === 'gpt-image-2.5-flare done'
  })
  expect(alarms(one, two)).toHaveLength(1)
  expect(alarms(one)[0]).toContain(body.id)
})

test('also where one route alone is left', async () => {
  rig.openai.script({ behaviour: 'retired', prompt: 'small fox', times: 1 })
  const { body, text } = await place(two, 'gpt-image-1-mini', 'small fox')
  expect(body.status, text).toBe('succeeded')
  expect(await attemptsOf(body.id)).toEqual(['gpt-image-1-mini not_run', 'gpt-image-2.5-flare done'])
  await restore('gpt-image-1-mini')
})

test('it stays switched off over a restart, and the operator sees since when and why', async () => {
  await one.kill()
  one = await rig.startNode(env)
  expect(await routeOf(one, 'fourth fox')).toEqual(['gpt-image-2.5-flare done'])
  expect(alarms(one)).toEqual([])
  const { gone } = await runJson(['models', 'list'])
  const said = expect.stringMatching(/404.*gpt-image-1\.5|gpt-image-1\.5.*404/s)
  expect(gone).toEqual([
    expect.objectContaining({ provider: 'openai', upstreamModel: 'gpt-image-1.5', said }),
  ])
  expect((await runLine(['models', 'list'])).out).toMatch(/^switched off: openai\/gpt-image-1\.5 since 2/m)
  const { text } = await call(one, '/api/v1/routes', { key: admin })
  const { routes } = JSON.parse(text) as { routes: { upstreamModel: string; gone: unknown }[] }
  expect(routes.find(route => route.upstreamModel === 'gpt-image-1.5')).toMatchObject({
    ...{ retired: true, retiresAt: new Date().toISOString().slice(0, 10) },
    gone: { message: said, since: expect.any(String), generationId: expect.any(String) },
  })
  expect(routes.filter(route => route.gone !== null)).toHaveLength(1)
  const listed = (await call(one, `/api/v1/catalog?model=${classic}`)).text
  expect(listed).toMatch(/gpt-image-1\.5 was retired upstream on \S+; served by gpt-image-2\.5-flare/)
  const metrics = (await call(one, '/metrics')).text
  expect(metrics).toMatch(
    /darkroom_route_gone_timestamp_seconds\{provider="openai",upstream_model="gpt-image-1.5"\} \d{10}/,
  )
  const page = await view(one, await signIn(one, admin))
  expect(page.text).toContain('Switched off')
  expect(page.text).toContain('models restore openai gpt-image-1.5')
})

test('the operator restores it once, and every node uses it again', async () => {
  expect((await restore('gpt-image-1.5')).restored).toMatchObject({ upstreamModel: 'gpt-image-1.5' })
  for (const node of [one, two])
    await eventually('it is used again', async () => {
      return (await routeOf(node, 'fifth fox')).join() === 'gpt-image-1.5 done'
    })
  expect((await call(two, '/metrics')).text).not.toContain('darkroom_route_gone_timestamp_seconds{')
  const again = await runLine(['models', 'restore', 'openai', 'gpt-image-1.5'])
  expect([again.code, again.err]).toEqual([1, expect.stringContaining('is not switched off')])
})

test('that the account may not use it switches nothing off', async () => {
  for (const [upstream, behaviour, model] of [
    [rig.openai, 'unverified', classic],
    [rig.google, 'forbidden', 'google:gemini-3-pro-image-preview'],
  ] as const) {
    upstream.script({ behaviour, prompt: `careful ${behaviour}` })
    expect((await place(one, model, `careful ${behaviour}`)).body.status).toBe('failed')
  }
  expect((await runJson(['models', 'list'])).gone).toEqual([])
})

const refusals: [string, string, string, object, number][] = [
  ['native', last, '/api/v1/generations', { model: last }, 400],
  ['getimages', last, '/api/v1/images/generate', { modelId: last }, 400],
  ['openai', 'gpt-image-2', '/v1/images/generations', { model: 'gpt-image-2' }, 404],
  ['getimg', 'gpt-image-2', '/v2/images/generations', { model: 'gpt-image-2' }, 400],
  ['gptimage2', 'gpt-image-2', '/gptimage2/api/v1/generate', {}, 503],
  ['imgeo', 'google/nano-banana-pro', '/imgeo/api/v1/generate', { model: 'google/nano-banana-pro' }, 400],
]

test('without another route the order costs nothing, and from then on each dialect names what to use', async () => {
  const before = await rig.balance(account.accountId)
  for (const [upstream, model] of [
    [rig.openai, last],
    [rig.google, 'google/nano-banana-pro'],
  ] as const) {
    upstream.script({ behaviour: 'retired', prompt: 'the last', times: 1 })
    const { body, text } = await place(one, model, 'the last')
    expect([body.status, body.costCredits], text).toEqual(['failed', 0])
  }
  // A node that has not heard of it yet would make the order, and charge it.
  for (const node of [one, two])
    for (const model of [last, 'google/nano-banana-pro'])
      await eventually(`it is known that ${model} is gone`, async () => {
        const quote = { body: { model, prompt: 'a fox' } }
        return (await call(node, '/api/v1/generations/quote', quote)).status === 400
      })
  for (const [dialect, model, path, body, status] of refusals) {
    for (const node of [one, two]) {
      const answer = await call(node, path, { body: { prompt: 'a fox', ...body } })
      expect([answer.status, answer.text], dialect).toEqual([
        status,
        expect.stringContaining(`The model ${model} was retired upstream on`),
      ])
      expect(answer.text).toContain(`Use ${Reflect.get(heirs, model)}.`)
    }
  }
  expect(await rig.balance(account.accountId)).toBe(before)
  expect((await call(two, '/v1/models/gpt-image-2')).status).toBe(404)
  expect(alarms(one)).toHaveLength(2)
  await restore('gpt-image-2')
  await restore('gemini-3-pro-image', 'google')
  expect(await rig.violations()).toEqual([])
})
