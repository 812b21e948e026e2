// G-23: storage that is full, gone or silent at any step. What cannot be read is never sold, what was bought in vain
// is in the books, and no hold outlives its deadline.
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { getTestServer } from '../database.ts'
import { type CrashRig, createCrashRig, eventually, isEnded, type Node, order } from './crash-rig.ts'
import { type BuiltProgram, buildProgram } from './program.ts'

const model = 'openai:gpt-image-2'
let program: BuiltProgram
let rig: CrashRig
let account: { accountId: string; apiKey: string }

beforeAll(async () => {
  program = await buildProgram()
  rig = await createCrashRig({ program: program.file, pictureSizeBytes: 300_000 })
  account = await rig.account({ credits: 1_000_000, key: { inFlight: 1_000 } })
})
afterAll(async () => {
  await rig?.close()
  program?.remove()
})

function place(node: Node, key: string, native = false) {
  return order(node, { apiKey: account.apiKey, key, model, prompt: key, native })
}

async function endOf(key: string) {
  const read = async () => (await rig.fates(account.accountId, key))[0]
  await eventually(`${key} ends`, async () => isEnded(await read()))
  return await read()
}

/** The folder of images becomes unreadable without being absent; returns how to heal it. */
function breakStorage(): () => void {
  const images = join(rig.dataDir, 'images')
  mkdirSync(images, { recursive: true })
  renameSync(images, `${images}-away`)
  symlinkSync(images, images)
  return () => {
    unlinkSync(images)
    renameSync(`${images}-away`, images)
  }
}

/** A program that runs the service where storage is small: a file system of 1 MB, or files of 100 kB at most. */
function writeSmallDiskProgram(folder: string): string {
  const file = join(dirname(program.file), 'small-disk.mjs')
  const run = `exec setpriv --pdeathsig KILL "${process.execPath}" "${program.file}" all`
  const mounted = `mount -t tmpfs -o size=1m tmpfs "${folder}" && ${run}`
  writeFileSync(
    file,
    `import { spawn, spawnSync } from 'node:child_process'
const may = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs "$0"', ${JSON.stringify(folder)}]).status === 0
const [command, ...values] = may ? ['unshare', '-rm', 'sh', '-c', ${JSON.stringify(mounted)}]
  : ['sh', '-c', ${JSON.stringify(`ulimit -f 200 && ${run}`)}]
const child = spawn(command, values, { stdio: 'inherit' })
child.on('exit', code => process.exit(code ?? 1))
`,
  )
  return file
}

test('a disk that fills up refuses orders in words, sells no unreadable picture and goes on', async () => {
  const folder = join(rig.dataDir, 'small')
  mkdirSync(folder)
  const small = await createCrashRig({
    program: writeSmallDiskProgram(folder),
    database: { ...rig.database, drop: async () => undefined },
    pictureSizeBytes: 300_000,
  })
  try {
    // Inside its namespace the service may not pass through the folder of the database's socket.
    const { embedded } = await getTestServer()
    const overTcp = (url: string) => {
      const changed = new URL(url)
      changed.hostname = '127.0.0.1'
      changed.port = String(embedded.port)
      return changed.toString()
    }
    const node = await small.start({
      STORAGE_URL: `file:${folder}`,
      DATABASE_URL: overTcp(rig.database.appUrl),
      DATABASE_OWNER_URL: overTcp(rig.database.ownerUrl),
    })
    const keys = Array.from({ length: 6 }, (_, at) => `small-${at}`)
    // After a write that failed no order is taken until a probe was written, a second later.
    const refusals: (number | undefined)[] = []
    for (const key of keys) {
      await eventually(`${key} is taken`, async () => {
        const answer = await place(node, key)
        if (answer?.status === 503) refusals.push(answer.status)
        return answer?.status !== 503
      })
    }
    expect(refusals.length).toBeGreaterThan(0)
    const fates = await Promise.all(keys.map(endOf))
    const failed = fates.filter(fate => fate?.state === 'failed')
    expect(failed.length).toBeGreaterThan(0)
    for (const fate of failed) {
      expect(fate).toMatchObject({ reason: 'storage_failed', captured: 0 })
      expect(fate?.lossUsdMicro).toBeGreaterThan(0)
    }
    // Counted by no other outcome: nobody knows what such a call came to.
    const metrics = await (await fetch(`${node.url}/metrics`)).text()
    expect(metrics).toMatch(/darkroom_attempts_total\{provider="openai".*outcome="storage_failed"\} [1-9]/)
    for (const [at, fate] of fates.entries()) {
      if (fate?.state !== 'succeeded') continue
      const answer = await place(node, keys[at] ?? '')
      const picture = answer?.body.image as { b64_json: string } | undefined
      expect(picture?.b64_json.length).toBeGreaterThan(390_000)
    }
    expect(await rig.violations()).toEqual([])
  } finally {
    await small.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a manifest that cannot be written sells nothing, and the purchase is in the books', async () => {
  const node = await rig.start({ FAILPOINT: 'manifest.before:1:hang:2000' })
  const answer = place(node, 'no-manifest')
  await eventually('the manifest is next', () => node.output.includes('failpoint manifest.before fired'))
  const heal = breakStorage()
  const fate = await endOf('no-manifest')
  expect((await answer)?.status).toBe(500)
  heal()
  expect(fate).toMatchObject({ state: 'failed', reason: 'storage_failed', captured: 0, billed: 1 })
  expect(fate?.lossUsdMicro).toBeGreaterThan(0)
  expect(await rig.violations()).toEqual([])
  await node.kill()
})

test('storage that does not answer the reconciler is asked again, and a picture that is there is sold', async () => {
  const dying = await rig.start({ FAILPOINT: 'manifest.after:1:kill' })
  await place(dying, 'patience')
  const heal = breakStorage()
  const node = await rig.start()
  const failed = () => node.output.some(line => line.includes('generation.work_failed'))
  await eventually('the reconciler has tried in vain', failed)
  heal()
  expect(await endOf('patience')).toMatchObject({ state: 'succeeded', captured: 5, billed: 1 })
  await node.kill()
})

test('storage that stays silent holds no credits past the deadline', async () => {
  const short = { GENERATION_DEADLINE_SYNC_S: '5', GENERATION_DEADLINE_ASYNC_S: '5' }
  const dying = await rig.start({ ...short, FAILPOINT: 'manifest.after:1:kill' })
  await place(dying, 'silence')
  const heal = breakStorage()
  const node = await rig.start(short)
  const fate = await endOf('silence')
  heal()
  expect(fate).toMatchObject({ state: 'failed', reason: 'storage_failed', captured: 0, billed: 1 })
  expect(fate?.lossUsdMicro).toBeGreaterThan(0)
  expect(await rig.violations()).toEqual([])
  expect(existsSync(join(rig.dataDir, 'images'))).toBe(true)
  await node.kill()
})

test('a part that nobody heard of keeps its cost where the rest of the order cannot be stored', async () => {
  const node = await rig.start({
    GENERATION_DEADLINE_ASYNC_S: '8',
    GENERATION_DEADLINE_SYNC_S: '8',
    FAILPOINT: 'reconcile.before:1:hang:9000,manifest.before:1:hang:2000',
  })
  for (const behaviour of ['slow=30', 'slow=30, vanish=1000'])
    rig.engine.script({ behaviour, prompt: 'in-part ', times: 1 })
  const call = { apiKey: account.apiKey, key: 'in-part', model: 'engine:singles', native: true, n: 2 }
  await order(node, { ...call, prompt: 'in-part of foxes' })
  await eventually('the manifest is next', () => node.output.includes('failpoint manifest.before fired'))
  const heal = breakStorage()
  const fate = await endOf('in-part')
  heal()
  expect(fate).toMatchObject({ state: 'failed', reason: 'storage_failed', captured: 0 })
  const text = `SELECT state, cost_usd_micro FROM attempt WHERE generation_id = $1 ORDER BY state`
  const parts = await rig.database.db.query({ name: 'test_in_part', text }, [fate?.id])
  expect(parts).toEqual([
    { state: 'done', cost_usd_micro: 10_000 },
    { state: 'unknown', cost_usd_micro: 10_000 },
  ])
  expect(fate?.lossUsdMicro).toBe(20_000)
  await node.kill()
})
