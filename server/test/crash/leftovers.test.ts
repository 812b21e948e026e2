// Pictures that killed processes leave behind: found by name, judged by the database, removed a day after their order
// has ended, and nothing else with them.
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweepLeftovers } from '../../src/generations/leftovers.ts'
import { newId } from '../../src/ids.ts'
import { createLog } from '../../src/log.ts'
import { shardCount } from '../../src/storage/keys.ts'
import { openStorage } from '../../src/storage/open.ts'
import { createMetrics } from '../../src/telemetry.ts'
import { ask } from '../money.ts'
import {
  type CrashRig,
  createCrashRig,
  eventually,
  type Fate,
  isEnded,
  type Node,
  order,
} from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

let program: BuiltProgram
let rig: CrashRig
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, latencyMs: 5 })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

const openai = 'openai:gpt-image-2'

/** With leases that a busy machine renews in time: whose work is lost here is decided by a kill alone. */
function start(env: Record<string, string> = {}): Promise<Node> {
  return rig.start({ TEST_LEASE_MS: '4000', ...env })
}

async function place(
  node: Node,
  key: string,
  { model, directives = '' }: { model: string; directives?: string },
): Promise<void> {
  const prompt = `${key} [[emulate: ${directives}]]`
  await order(node, { apiKey: account.apiKey, key, model, prompt, native: true })
}

async function findFate(key: string): Promise<Fate | undefined> {
  return (await rig.fates(account.accountId, key))[0]
}

async function endOf(key: string): Promise<Fate> {
  await eventually(`${key} ends`, async () => isEnded(await findFate(key)))
  const fate = await findFate(key)
  if (!fate) throw new Error(`${key} is gone`)
  return fate
}

function pathOf(id: string, ending: string): string {
  return join(rig.dataDir, 'images', 'g', id.slice(-2), `${id}${ending}`)
}

function plant(id: string, ending: string): string {
  const path = pathOf(id, ending)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, 'what a process left')
  return path
}

function storedOf(id: string): string[] {
  const folder = dirname(pathOf(id, ''))
  return existsSync(folder)
    ? readdirSync(folder)
        .filter(name => name.startsWith(id))
        .map(name => name.slice(id.length))
        .sort()
    : []
}

/** A sweep as a node runs it, on the rig's database and storage. */
function openSweep(processName = 'a test') {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    logPrompts: false,
    destination: { write: line => void lines.push(line) },
  })
  const metrics = createMetrics()
  const storage = openStorage(`file:${join(rig.dataDir, 'images')}`)
  const needs = { db: rig.database.db, processName, storage, log, metrics }
  return { needs, lines, step: () => sweepLeftovers(needs) }
}

function makeDue(position?: string): Promise<unknown> {
  const text = `UPDATE round SET due_at = app_now(), position = coalesce($1, position) WHERE name = 'leftovers'`
  return ask(rig.database.db, text, [position ?? null])
}

function moveClock(by: string): Promise<unknown> {
  return ask(rig.database.ownerDb, 'UPDATE clock_offset SET value = value + $1::interval', [by])
}

async function sweepAll({ step }: Pick<ReturnType<typeof openSweep>, 'step'>): Promise<void> {
  for (let shard = 0; shard < shardCount; shard += 1) {
    await makeDue()
    await step()
  }
}

/** Kills a node once the picture of the order is stored under its name, and lets another one settle the order. */
async function killWithPicture(key: string, model: string): Promise<Fate> {
  const dying = await start({ FAILPOINT: 'receive.after:1:kill' })
  await place(dying, key, { model })
  await dying.exited
  const heir = await start()
  const fate = await endOf(key)
  await heir.kill()
  return fate
}

test('leftovers of a killed process are removed a day after the end of their order, and results never', async () => {
  const node = await start()
  await place(node, 'sold', { model: openai })
  const sold = await endOf('sold')
  expect(sold).toMatchObject({ state: 'succeeded' })
  expect(storedOf(sold.id)).toEqual(['-1-0', '.json'])
  await place(node, 'ended', { model: openai })
  const ended = await endOf('ended')
  const removedText = 'UPDATE generation SET files_removed_at = app_now() WHERE id = $1'
  await ask(rig.database.db, removedText, [ended.id])
  await place(node, 'refused', { model: openai, directives: 'moderation_input' })
  const refused = await endOf('refused')
  await place(node, 'open', { model: 'engine:tasks', directives: 'slow=600000' })
  await eventually('it is at work', async () => (await findFate('open'))?.state === 'awaiting')
  const open = await findFate('open')
  if (!open) throw new Error('no open order')
  await node.kill()
  const lost = await killWithPicture('lost', openai)
  const repeated = await killWithPicture('repeated', 'engine:repeatable')
  expect(lost).toMatchObject({ state: 'failed', reason: 'unknown_outcome' })
  expect(repeated).toMatchObject({ state: 'succeeded' })
  expect(storedOf(lost.id)).toEqual(['-1-0'])
  expect(storedOf(repeated.id)).toEqual(['-1-0', '-2-0', '.json'])

  const unknown = newId(() => new Date())
  const kept = [
    ...[plant(sold.id, '-1-0.webp'), plant(sold.id, '-1-0.thumb.webp')],
    ...[plant(open.id, '-1-0'), plant(open.id, '.json')],
    ...[plant(unknown, '-1-0'), plant(unknown, '.json')],
    ...[join(dirname(pathOf(sold.id, '')), 'notes.txt'), plant(sold.id, '-1-0.backup')],
    ...[plant('2024-holiday-ff', '-1-0'), plant(sold.id, '-x')],
  ]
  for (const path of kept) if (!existsSync(path)) writeFileSync(path, 'somebody else put it here')
  const left = [
    ...[plant(sold.id, '-1-7'), plant(sold.id, '-1-7.webp'), plant(sold.id, '-9-0')],
    ...[plant(refused.id, '-1-0'), plant(refused.id, '.json')],
    ...[pathOf(ended.id, '-1-0'), pathOf(ended.id, '.json'), plant(ended.id, '-1-0.webp')],
    ...[pathOf(lost.id, '-1-0'), pathOf(repeated.id, '-1-0')],
  ]
  const results = [pathOf(sold.id, '-1-0'), pathOf(sold.id, '.json'), pathOf(repeated.id, '-2-0')]
  const present = (paths: string[]) => paths.filter(existsSync)

  const sweep = openSweep()
  await makeDue('')
  await sweepAll(sweep)
  expect(present([...kept, ...left, ...results]), 'young').toEqual([...kept, ...left, ...results])

  await moveClock('26 hours')
  await sweepAll(sweep)
  expect(present(left)).toEqual([])
  expect(present([...kept, ...results])).toEqual([...kept, ...results])
  expect(await readMetric(sweep.needs.metrics)).toBe(left.length)
  const events = sweep.lines.map(
    line => JSON.parse(line) as { event: string; count: number; example?: string },
  )
  const removed = events.filter(({ event }) => event === 'leftovers.removed')
  expect(removed.reduce((sum, { count }) => sum + count, 0)).toBe(left.length)
  const foreign = events.filter(({ event }) => event === 'objects.unknown')
  expect(new Set(foreign.map(({ example }) => example?.includes(unknown)))).toEqual(new Set([true]))

  const reader = await start()
  for (const { id } of [sold, repeated]) {
    const headers = { authorization: `Bearer ${account.apiKey}` }
    const answer = await fetch(`${reader.url}/api/v1/generations/${id}/images/0`, { headers })
    expect(answer.status).toBe(200)
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100)
  }
  await reader.kill()
}, 240_000)

async function readMetric({ leftovers }: ReturnType<typeof createMetrics>): Promise<number> {
  return (await leftovers.get()).values[0]?.value ?? 0
}

test('a database that does not answer costs no object', async () => {
  const node = await start()
  await place(node, 'silent', { model: openai })
  const { id } = await endOf('silent')
  await node.kill()
  await moveClock('26 hours')
  const left = plant(id, '-1-5')
  const { needs } = openSweep()
  const shard = Number.parseInt(id.slice(-2), 16)
  let asked = 0
  // Gives the round out, then goes away.
  const query: typeof needs.db.query = (...call) => {
    asked += 1
    return asked === 1 ? needs.db.query(...call) : Promise.reject(new Error('the database is away'))
  }
  await makeDue(String((shard + 255) % 256))
  await expect(sweepLeftovers({ ...needs, db: { ...needs.db, query } })).rejects.toThrow('away')
  expect(existsSync(left)).toBe(true)
  expect(storedOf(id)).toContain('-1-0')
  // Whoever comes when the lease has run out begins where it stopped.
  await makeDue()
  await sweepLeftovers(needs)
  expect(storedOf(id)).toEqual(['-1-0', '.json'])
})

test('all processes together take one step at a time, and a dead one holds nobody up', async () => {
  await makeDue('')
  const sweeps = Array.from({ length: 8 }, (_, at) => openSweep(`process ${at}`))
  await Promise.all(sweeps.map(({ step }) => step()))
  await Promise.all(sweeps.map(({ step }) => step()))
  const read = async () =>
    (
      await ask<{ position: string }>(rig.database.db, `SELECT position FROM round WHERE name = 'leftovers'`)
    )[0]?.position
  expect(await read()).toBe('0')
  await moveClock('10 minutes')
  await Promise.all(sweeps.map(({ step }) => step()))
  expect(await read()).toBe('1')
})

test('a running node sweeps by itself, and takes the remains of torn writes along', async () => {
  const node = await start()
  await place(node, 'swept-by-node', { model: openai })
  const { id } = await endOf('swept-by-node')
  await moveClock('26 hours')
  const left = plant(id, '-1-3')
  const [old, young] = ['old', 'young'].map(name => join(dirname(left), `.put-99999-${name}`))
  const twoDaysAgo = new Date(performance.timeOrigin + performance.now() - 48 * 3_600_000)
  for (const path of [old, young]) writeFileSync(path ?? '', 'half a picture')
  utimesSync(old ?? '', twoDaysAgo, twoDaysAgo)
  // Asked again and again: the node may be at a step of its own, which then says where the next one begins.
  await eventually('the leftover is gone', async () => {
    await makeDue(String((Number.parseInt(id.slice(-2), 16) + 255) % 256))
    return !existsSync(left)
  })
  await eventually('the torn write is gone', () => !existsSync(old ?? ''))
  expect(existsSync(young ?? '')).toBe(true)
  expect(storedOf(id)).toEqual(['-1-0', '.json'])
  await node.kill()
})
