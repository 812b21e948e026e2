// What upstreams themselves say of the life of their models: read by one node, once a day, kept over what the data says,
// and told to the operator. An end that has come retires the model; another version switches nothing.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandsOn } from './command-rig.ts'
import { signIn, view } from './conformance/console-client.ts'
import { createRig, eventually, type Node, type Rig } from './harness.ts'
import { ask } from './money.ts'
import { startOpenAiUpstream } from './upstreams/openai.ts'
import { emulatedModels } from './upstreams/replicate/models.ts'
import { defaultReplicateKey, type ReplicateUpstream, startReplicateUpstream } from './upstreams/replicate.ts'
import type { Upstream } from './upstreams/upstream.ts'

const classic = 'openai:gpt-image-1.5'
const far = '2099-01-31'
const past = '2026-01-31'
const flux = 'black-forest-labs/flux-schnell'
const pinned = 'a'.repeat(64)
const newVersion = 'b'.repeat(64)

let rig: Rig
let openai: Upstream
let replicate: ReplicateUpstream
const shutdownDates: Record<string, string | null> = { 'gpt-image-1.5': far, 'gpt-image-2': far }
const latestVersions: Record<string, string> = {}
let nodes: Node[]
let customer: string
let admin: string
const { runJson, runLine, diagnose } = commandsOn(() => ({ db: rig.database.db, folder: rig.dataDir }))

beforeAll(async () => {
  rig = await createRig({ latencyMs: 5 })
  openai = await startOpenAiUpstream({ shutdownDates })
  replicate = await startReplicateUpstream({ latestVersions })
  customer = (await rig.account({ credits: 1_000 })).apiKey
  admin = (await rig.account({ credits: 0, key: { scopes: ['admin'] } })).apiKey
  const catalog = join(rig.dataDir, 'catalog.json')
  // A version of its own, which is not the latest.
  const upstreams = { 'replicate/stability-ai/sdxl': { model: `stability-ai/sdxl:${pinned}` } }
  writeFileSync(catalog, JSON.stringify({ upstreams }))
  const env = {
    DARKROOM_CATALOG: catalog,
    TRUSTED_PROXIES: '1',
    OPENAI_BASE_URL: `${openai.url}/v1`,
    REPLICATE_API_TOKEN: defaultReplicateKey,
    REPLICATE_BASE_URL: `${replicate.url}/v1`,
    OUTBOUND_ALLOW: new URL(replicate.files.url).host,
    TEST_LISTS_MS: '200',
  }
  nodes = await Promise.all([rig.startNode(env), rig.startNode(env)])
})
afterAll(async () => {
  await rig.close()
  await openai.close()
  await replicate.close()
})

const run = (text: string) => ask(rig.database.ownerDb, text)
/** A read under way would put off again what is made due meanwhile. */
const untilKept = () =>
  eventually('what was read is kept', async () => {
    const open = "SELECT provider FROM model_list_read WHERE due_at < now() + interval '2 hours'"
    return (await run(open)).length === 0
  })
/** Makes every list due again. */
async function letADayPass() {
  await untilKept()
  await run('UPDATE model_list_read SET due_at = now()')
}
const readsOf = ({ requests }: Upstream, path: string) => requests.filter(each => each.path === path).length
const told = (event: string, model: string) =>
  nodes.flatMap(({ output }) =>
    output.filter(line => line.includes(`"${event}"`) && line.includes(`"${model}"`)),
  )

type Route = {
  upstreamModel: string
  retiresAt: string | null
  overruledEnd: string | null
  retired: boolean
}

async function routeOf(node: Node, upstreamModel: string): Promise<Route> {
  const headers = { authorization: `Bearer ${admin}` }
  const answer = await fetch(`${node.url}/api/v1/routes`, { headers })
  const { routes } = (await answer.json()) as { routes: Route[] }
  const route = routes.find(each => each.upstreamModel === upstreamModel)
  if (!route) throw new Error(`no route ${upstreamModel}`)
  return route
}

async function order(node: Node, model: string) {
  const answer = await fetch(`${node.url}/api/v1/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${customer}`,
      'content-type': 'application/json',
      prefer: 'wait=30',
    },
    body: JSON.stringify({ model, prompt: 'a fox' }),
  })
  return { status: answer.status, body: (await answer.json()) as { status?: string; error?: string } }
}

test('an end that the upstream tells is read by one node, once, and holds on every node', async () => {
  for (const node of nodes)
    await eventually('the end is known', async () => {
      return (await routeOf(node, 'gpt-image-1.5')).retiresAt === far
    })
  const fluxReads = () => readsOf(replicate, `/v1/models/${flux}`)
  await eventually('versions are read', () => fluxReads() === 1)
  // Whoever looks at one list looks at all: that each of these was found due says that the other one was not.
  for (let looks = 2; looks <= 6; looks += 1) {
    await untilKept()
    await run("UPDATE model_list_read SET due_at = now() WHERE provider = 'replicate'")
    await eventually('that list alone is read again', () => fluxReads() >= looks)
    expect([fluxReads(), readsOf(openai, '/v1/models')]).toEqual([looks, 1])
  }
  await letADayPass()
  await eventually('it is read on the next day', () => readsOf(openai, '/v1/models') === 2)
  expect(told('model.end_told', 'gpt-image-1.5')).toHaveLength(1)
  const headers = { authorization: `Bearer ${customer}` }
  const [node] = nodes
  const shown = await fetch(`${node?.url}/v1/models/gpt-image-2.5-flare`, { headers })
  expect(await shown.json()).not.toHaveProperty('shutdown_date')
  const listed = await fetch(`${node?.url}/api/v1/catalog?model=${classic}`, { headers })
  expect(JSON.stringify(await listed.json())).toContain(`gpt-image-1.5 retires upstream on ${far}`)
})

test('from that day on it is retired, without a restart', async () => {
  shutdownDates['gpt-image-2'] = past
  await letADayPass()
  for (const node of nodes)
    await eventually('it has retired', async () => (await routeOf(node, 'gpt-image-2')).retired)
  const refused = await order(nodes[1] as Node, 'openai:gpt-image-2')
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([
    400,
    expect.stringContaining(`The model openai:gpt-image-2 was retired upstream on ${past}`),
  ])
  shutdownDates['gpt-image-2'] = null
  await letADayPass()
  await eventually('it is taken back', async () => {
    return (await order(nodes[1] as Node, 'openai:gpt-image-2')).body.status === 'succeeded'
  })
})

test('the operator overrules the end that is told, on every node at once, for as long as that very day is told', async () => {
  const name = 'gpt-image-2'
  const retired = async () => Promise.all(nodes.map(async node => (await routeOf(node, name)).retired))
  const isRead = async (day: string | null) => {
    shutdownDates[name] = day
    const reads = readsOf(openai, '/v1/models')
    await letADayPass()
    await eventually('the list is read', () => readsOf(openai, '/v1/models') > reads)
    await untilKept()
  }
  const endsTold = () => told('model.end_told', name).length
  await isRead(past)
  await eventually('it has retired', async () => (await retired()).every(Boolean))
  const restored = await runJson(['models', 'restore', 'openai', name])
  expect(restored).toEqual({ restored: null, overruledEnd: past })
  await eventually('it is used again', async () => !(await retired()).some(Boolean))
  for (const node of nodes) expect((await order(node, `openai:${name}`)).body.status).toBe('succeeded')
  const note = `told to end on ${past}, overruled`
  expect((await runJson(['models', 'list'])).overruled).toEqual([
    { provider: 'openai', upstreamModel: name, endsOn: past, note },
  ])
  expect((await runLine(['models', 'list'])).out).toContain(`${note}: openai/${name}`)
  const [node] = nodes as [Node]
  expect((await routeOf(node, name)).overruledEnd).toBe(past)
  expect((await view(node, await signIn(node, admin))).text).toContain(note)
  const again = await runLine(['models', 'restore', 'openai', name])
  expect([again.code, again.err]).toEqual([1, expect.stringContaining('overruled already')])

  // The same day counts for nothing, also after a list that told none; nobody is told of it again.
  const before = endsTold()
  await isRead(past)
  await isRead(null)
  await isRead(past)
  expect([await retired(), endsTold()]).toEqual([[false, false], before])

  const other = '2026-02-28'
  await isRead(other)
  await eventually('another day counts', async () => (await retired()).every(Boolean))
  expect((await routeOf(node, name)).overruledEnd).toBeNull()
  await eventually('a line says so', () => endsTold() > before)
  const lines = told('model.end_told', name).filter(each => each.includes(`"overruledEnd":"${past}"`))
  expect(lines).toEqual([expect.stringContaining(`"shutdownOn":"${other}"`)])
  expect((await runJson(['models', 'list'])).overruled).toEqual([])
  // What was overruled before is as good as any other day by now.
  await isRead(past)
  expect(await retired()).toEqual([true, true])
  await isRead(null)
  await eventually('it is taken back', async () => !(await retired()).some(Boolean))
})

test('what one provider says cannot be kept: the others are read all the same, and the operator hears of it', async () => {
  await run(`CREATE FUNCTION refuse_told() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the test keeps nothing of openai'; END $$`)
  await run(`CREATE TRIGGER refuse_told BEFORE INSERT ON told_model FOR EACH ROW WHEN (NEW.provider = 'openai')
    EXECUTE FUNCTION refuse_told()`)
  const path = `/v1/models/${flux}`
  const [ours, others] = [readsOf(openai, '/v1/models'), readsOf(replicate, path)]
  await letADayPass()
  await eventually(
    'both are read',
    () => readsOf(openai, '/v1/models') > ours && readsOf(replicate, path) > others,
  )
  const troubleOf = async () =>
    (await run("SELECT trouble FROM model_list_read WHERE provider = 'openai'"))[0]
  await eventually('it is noted', async () => (await troubleOf())?.trouble !== null)
  expect(JSON.stringify(await troubleOf())).toContain('model_list.unkept')
  await eventually('it is in the log', () =>
    nodes.some(({ output }) => output.join().includes('the test keeps nothing of openai')),
  )
  await run('DROP TRIGGER refuse_told ON told_model')
  await run("UPDATE model_list_read SET due_at = now() WHERE provider = 'openai'")
  await untilKept()
  expect(await troubleOf()).toEqual({ trouble: null })
})

test('another version is told once, and the route goes on', async () => {
  expect(told('model.version_changed', flux)).toEqual([])
  const before = emulatedModels.find(({ name }) => name === flux)?.version
  latestVersions[flux] = newVersion
  await letADayPass()
  await eventually('it is told', () => told('model.version_changed', flux).length > 0)
  expect(told('model.version_changed', flux)[0]).toContain(newVersion)
  const reads = readsOf(replicate, `/v1/models/${flux}`)
  await letADayPass()
  await eventually('it is read again', () => readsOf(replicate, `/v1/models/${flux}`) > reads)
  expect(told('model.version_changed', flux)).toHaveLength(1)
  // A route with a version of its own is told of when it is read first.
  expect(told('model.version_changed', `stability-ai/sdxl:${pinned}`)).toHaveLength(1)
  const rows = await run('SELECT version, version_before FROM told_model ORDER BY 1, 2')
  expect(rows).toContainEqual({ version: newVersion, version_before: before })
  expect((await order(nodes[0] as Node, flux)).body.status).toBe('succeeded')
})

test('a list that cannot be read changes nothing, and the operator hears of it', async () => {
  const before = await run("SELECT * FROM told_model WHERE provider = 'openai' ORDER BY upstream_model")
  await openai.close()
  await letADayPass()
  await eventually('it is told', () =>
    nodes.some(({ output }) => output.join().includes('model_list.unread')),
  )
  expect(await run("SELECT * FROM told_model WHERE provider = 'openai' ORDER BY upstream_model")).toEqual(
    before,
  )
  expect((await routeOf(nodes[0] as Node, 'gpt-image-1.5')).retiresAt).toBe(far)
  const keyed = await diagnose({ env: { OPENAI_API_KEY: 'sk-a-key-of-openai-0123456789' } })
  expect(keyed.named('model list openai')).toMatchObject({ status: 'warn' })
  // Without a key nobody reads it any more, and nobody has anything to mend.
  expect((await diagnose()).named('model list openai')).toBeUndefined()
  expect((await runJson(['models', 'list'])).gone).toEqual([])
})

test('a node that stops waits for no list', async () => {
  await Promise.all(nodes.map(node => node.stop()))
  let asked = 0
  // Takes the request and never answers.
  const silent = createServer(() => {
    asked += 1
  })
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const node = await rig.startNode({ OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, TEST_LISTS_MS: '200' })
  await run("UPDATE model_list_read SET due_at = now(), trouble = NULL WHERE provider = 'openai'")
  await eventually('the list is asked for', () => asked > 0)
  expect(await node.stop()).toBe(0)
  const [row] = await run("SELECT trouble FROM model_list_read WHERE provider = 'openai'")
  expect(row).toEqual({ trouble: null })
  silent.closeAllConnections()
  silent.close()
})
