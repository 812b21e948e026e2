// The slow reading of everything that is stored: what a disk has altered, lost or cannot give is told, once a walk,
// over restarts and by one process at a time; what is sound or was deleted is not.
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createScrub } from '../src/generations/scrub.ts'
import { createLog } from '../src/log.ts'
import { openStorage } from '../src/storage/open.ts'
import { watchStorage } from '../src/storage/watch.ts'
import { createMetrics } from '../src/telemetry.ts'
import { createRig, eventually, generateImage, type Node, type Rig } from './harness.ts'
import { ask, askOne } from './money.ts'

let rig: Rig
let node: Node
let apiKey: string

beforeAll(async () => {
  rig = await createRig({ latencyMs: 0 })
  node = await rig.startNode({ SCRUB_OBJECTS_PER_HOUR: '0' })
  ;({ apiKey } = await rig.account({ credits: 1_000_000 }))
})
afterAll(() => rig?.close())

beforeEach(() =>
  ask(
    rig.database.db,
    `UPDATE round SET due_at = app_now(), position = '', holder = NULL WHERE name = 'scrub'`,
  ),
)

async function makeImage(prompt: string): Promise<{ id: string; path: string }> {
  const { body } = await generateImage(node, apiKey, { prompt })
  const id = body.image?.id ?? ''
  const { key } = await askOne<{ key: string }>(
    rig.database.db,
    `SELECT images -> 0 ->> 'key' AS key FROM generation WHERE id = '${id}'`,
  )
  return { id, path: join(rig.dataDir, 'images', key) }
}

/** A byte in the middle, as a disk alters it: nothing but the hash tells. */
function alter(path: string): void {
  const bytes = readFileSync(path)
  const at = bytes.length >> 1
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(path, bytes)
}

type Told = { event: string; generationId?: string; problem?: string; checked?: number; faults?: number }

/** A scrub as a node runs it, on a clock of the test's own. */
function openScrub(processName = 'a test') {
  const told: Told[] = []
  const log = createLog({
    level: 'info',
    logPrompts: false,
    destination: { write: line => void told.push(JSON.parse(line) as Told) },
  })
  const metrics = createMetrics()
  const noteMissing = () => metrics.missingObjects.inc()
  const storage = watchStorage(openStorage(`file:${join(rig.dataDir, 'images')}`), { log, noteMissing })
  let clockMs = 0
  const scrub = createScrub({ db: rig.database.db, processName, storage, log, metrics }, () => clockMs)
  const count = async (name: 'scrubbed' | 'missingObjects' | 'damagedObjects') =>
    (await metrics[name].get()).values.reduce((sum, { value }) => sum + value, 0)
  /** One look a second. */
  const look = async () => {
    clockMs += 1_000
    await scrub.step()
  }
  /** Looks until the walk ends; answers how many looks that took. */
  const walk = async () => {
    for (let looks = 1; looks < 1_000; looks += 1) {
      await look()
      if (told.some(({ event }) => event === 'scrub.ended')) return looks
    }
    throw new Error('the walk does not end')
  }
  const elapse = (ms: number): void => {
    clockMs += ms
  }
  return { told, count, look, walk, scrub, elapse }
}

function problemsOf({ told }: { told: Told[] }): Map<string | undefined, string | undefined> {
  return new Map(
    told.filter(({ event }) => event.startsWith('object.')).map(each => [each.generationId, each.problem]),
  )
}

test('every alteration is told with its order, and sound pictures are not', async () => {
  const images = []
  for (let at = 0; at < 8; at += 1) images.push(await makeImage(`picture ${at} of the scrub`))
  const [, altered, cut, lost, unreadable, deleted] = images.map(({ path, id }) => ({ path, id }))
  alter(altered?.path ?? '')
  truncateSync(cut?.path ?? '', 100)
  unlinkSync(lost?.path ?? '')
  renameSync(unreadable?.path ?? '', `${unreadable?.path}.away`)
  symlinkSync(unreadable?.path ?? '', unreadable?.path ?? '')
  unlinkSync(deleted?.path ?? '')
  await ask(rig.database.db, `UPDATE generation SET deleted_at = app_now() WHERE id = '${deleted?.id}'`)

  const scrub = openScrub()
  await scrub.walk()
  expect(problemsOf(scrub)).toEqual(
    new Map([
      [altered?.id, 'wrong-hash'],
      [cut?.id, 'wrong-size'],
      [lost?.id, 'missing'],
      [unreadable?.id, 'unreadable'],
    ]),
  )
  expect(scrub.told.filter(({ event }) => event.startsWith('object.'))).toHaveLength(4)
  expect(scrub.told.at(-1)).toMatchObject({ event: 'scrub.ended', checked: 7, faults: 4 })
  expect([
    await scrub.count('scrubbed'),
    await scrub.count('damagedObjects'),
    await scrub.count('missingObjects'),
  ]).toEqual([7, 3, 1])
  for (const { id } of images)
    await ask(rig.database.db, `UPDATE generation SET deleted_at = app_now() WHERE id = '${id}'`)
})

test('a walk goes on where another process has stopped, and a new one begins after a day', async () => {
  for (let at = 0; at < 6; at += 1) await makeImage(`picture ${at} of the second walk`)
  const first = openScrub('first')
  for (let looks = 0; looks < 3; looks += 1) await first.look()
  first.elapse(60_000)
  await first.look()
  expect(await first.count('scrubbed')).toBe(4)

  const second = openScrub('second')
  for (let looks = 0; looks < 5; looks += 1) await second.look()
  expect(await second.count('scrubbed'), 'while the first one may live').toBe(0)
  await ask(rig.database.ownerDb, `UPDATE clock_offset SET value = value + interval '6 minutes'`)
  await second.walk()
  expect(await second.count('scrubbed')).toBe(2)
  expect(second.told.at(-1)).toMatchObject({ event: 'scrub.ended', checked: 6, faults: 0 })

  // The first one was only slow: what it goes on to note is not taken.
  first.elapse(60_000)
  await first.look()
  await first.look()
  expect(first.told).toEqual([])

  const third = openScrub('third')
  for (let looks = 0; looks < 30; looks += 1) await third.look()
  expect(await third.count('scrubbed'), 'on the same day').toBe(0)
  await ask(rig.database.ownerDb, `UPDATE clock_offset SET value = value + interval '24 hours'`)
  await third.walk()
  expect(await third.count('scrubbed')).toBe(6)
})

test('storage that fails for a moment raises no alarm', async () => {
  const { path } = await makeImage('a picture behind a failing disk')
  const scrub = openScrub()
  renameSync(path, `${path}.away`)
  symlinkSync(path, path)
  const before = await scrub.count('scrubbed')
  // Up to the look that fails.
  for (let looks = 0; looks < 7; looks += 1) await scrub.look()
  expect(await scrub.count('scrubbed')).toBe(before + 6)
  unlinkSync(path)
  renameSync(`${path}.away`, path)
  await scrub.walk()
  expect(problemsOf(scrub)).toEqual(new Map())
  expect(scrub.told.at(-1)).toMatchObject({ event: 'scrub.ended', checked: 7, faults: 0 })
})

test('pictures that their owner deletes while they are looked at are not missing', async () => {
  const answer = await fetch(`${node.url}/api/v1/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', prefer: 'wait=60' },
    body: JSON.stringify({ model: 'openai:gpt-image-2', prompt: 'two pictures to be deleted', n: 2 }),
  })
  const { id } = (await answer.json()) as { id: string }
  const { keys } = await askOne<{ keys: string[] }>(
    rig.database.db,
    `SELECT jsonb_path_query_array(images, '$[*].key') AS keys FROM generation WHERE id = '${id}'`,
  )
  expect(keys).toHaveLength(2)
  const scrub = openScrub()
  // The last generation of the walk, and the first of its two pictures.
  for (let looks = 0; looks < 8; looks += 1) await scrub.look()
  expect(await scrub.count('scrubbed')).toBe(8)
  await ask(rig.database.db, `UPDATE generation SET deleted_at = app_now() WHERE id = '${id}'`)
  for (const key of keys) unlinkSync(join(rig.dataDir, 'images', key))
  await scrub.walk()
  expect(problemsOf(scrub)).toEqual(new Map())
  expect(await scrub.count('missingObjects')).toBe(0)
})

test('a large picture is paid for with looks in which nothing is read', async () => {
  const { id, path } = await makeImage('a large picture')
  const large = Buffer.alloc(17 * 1024 * 1024, 'a large picture')
  writeFileSync(path, large)
  const sha256 = createHash('sha256').update(large).digest('hex')
  const record = JSON.stringify({ sizeBytes: large.length, sha256 })
  await ask(
    rig.database.db,
    `UPDATE generation SET images = jsonb_set(images, '{0}', images -> 0 || $2) WHERE id = $1`,
    [id, record],
  )
  const looks = await openScrub().walk()
  const small = 7
  expect(looks).toBeGreaterThanOrEqual(small + 1 + 4)
  expect(looks).toBeLessThanOrEqual(small + 1 + 4 + 2)
})

test('a running node scrubs at the pace it is given, or not at all', async () => {
  const { id, path } = await makeImage('a picture that will be altered')
  alter(path)
  const scrubber = await rig.startNode({ SCRUB_OBJECTS_PER_HOUR: '360000' })
  const alarm = () => scrubber.output.find(line => line.includes('object.damaged'))
  await eventually('the alarm is raised', () => alarm() !== undefined)
  expect(JSON.parse(alarm() ?? '{}')).toMatchObject({
    level: 'error',
    generationId: id,
    problem: 'wrong-hash',
  })
  const metrics = await (await fetch(`${scrubber.url}/metrics`)).text()
  expect(metrics).toContain('darkroom_objects_damaged_total{problem="wrong-hash"} 1')
  expect(metrics).toMatch(/darkroom_objects_scrubbed_total [1-9]/)
  const silent = await (await fetch(`${node.url}/metrics`)).text()
  expect(silent).toContain('darkroom_objects_scrubbed_total 0')
})
