// The disk driver in processes that are killed, run out of space or lack permission. The children run the real
// driver, bundled for plain Node.
import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDiskStorage } from './disk.ts'

/** What a child does, by the first argument; the second is the storage folder. */
const childProgram = `
import { readdirSync } from 'node:fs'
import { createDiskStorage } from './disk.ts'
import { BLOCK_BYTES, giveBlockBack, takeBlock } from '../page-memory.ts'
const [, , act, root] = process.argv
const say = line => process.stdout.write(line + '\\n')
const options = { mediaType: 'image/png', maxBytes: 1e8, commitName: true }
async function* cut(bytes) { for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536) }
const unread = { ...options, readSoon: false }
async function* cutIntoPages(bytes) {
  const block = takeBlock()
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES)
    yield block.subarray(0, bytes.copy(block, 0, at, at + BLOCK_BYTES))
  giveBlockBack(block)
}
const trial = put => put.then(() => 'stored', error => error.name + ': ' + error.message)
const acts = {
  async stall(storage) {
    async function* source() {
      for (let turn = 0; turn < 10; turn++) yield Buffer.alloc(100_000, turn)
      say('midway')
      setInterval(() => {}, 1000)
      await new Promise(() => {})
    }
    await storage.put('g/abc/stalled', source(), options)
  },
  async spin(storage) {
    for (let n = 0; ; n++) {
      await storage.put('g/abc/' + n, cut(Buffer.alloc(300_000 + n, 'object ' + n)), options)
      say(String(n))
    }
  },
  async fill(storage) {
    const results = [
      await trial(storage.put('g/abc/before', Buffer.alloc(100_000, 'b'), options)),
      await trial(storage.put('g/abc/stream', cut(Buffer.alloc(3_000_000, 's')), options)),
      await trial(storage.put('g/abc/buffer', Buffer.alloc(3_000_000, 's'), options)),
      await trial(storage.put('g/abc/pages', cutIntoPages(Buffer.alloc(3_000_000, 's')), unread)),
    ]
    const left = readdirSync(root + '/g/abc')
    results.push(await trial(storage.put('g/abc/after', Buffer.alloc(100_000, 'a'), options)))
    const read = await storage.read('g/abc/before')
    const bytes = Buffer.concat(await read.stream.toArray())
    say(JSON.stringify({ results, left, intact: bytes.equals(Buffer.alloc(100_000, 'b')) }))
  },
  async pages(storage) {
    const sizes = [1, 5_000, 1_500_001]
    for (const size of sizes) await storage.put('g/abc/' + size, cutIntoPages(Buffer.alloc(size, 'p')), unread)
    const equal = []
    for (const size of sizes) {
      const { stream } = await storage.read('g/abc/' + size)
      equal.push(Buffer.concat(await stream.toArray()).equals(Buffer.alloc(size, 'p')))
    }
    say(JSON.stringify({ equal, files: readdirSync(root + '/g/abc').length }))
  },
  async denied(storage) {
    if (process.getuid() === 0) process.setuid(65534)
    const put = await trial(storage.put('g/abc/x', Buffer.from('x'), options))
    say(JSON.stringify({ put, check: await storage.check() }))
  },
}
await acts[act](createDiskStorage({ root }))
`

type FillReport = { results: string[]; left: string[]; intact: boolean }

let folder: string
let program: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'disk-faults-'))
  program = join(folder, 'child.mjs')
  await build({
    stdin: { contents: childProgram, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
  })
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

function start(act: string, root: string): { child: ChildProcess; lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [program, act, root], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return { child, lines }
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

test('a process killed in the middle of a put leaves no visible object', async () => {
  const root = join(folder, 'stall')
  const { child, lines } = start('stall', root)
  expect((await lines.next()).value).toBe('midway')
  await kill(child)
  const storage = createDiskStorage({ root })
  expect(await storage.head('g/abc/stalled')).toBeNull()
  // The unfinished file is there, so the kill did hit a running write.
  expect(await readdir(join(root, 'g/abc'))).toEqual([expect.stringMatching(/^\.put-/)])
})

test('kills at any moment leave every visible object whole and every acknowledged one visible', async () => {
  for (let round = 0; round < 8; round++) {
    const root = join(folder, `spin-${round}`)
    const { child, lines } = start('spin', root)
    let acknowledged = -1
    while (acknowledged < round * 2) acknowledged = Number((await lines.next()).value)
    await kill(child)
    for (let next = await lines.next(); !next.done; next = await lines.next())
      acknowledged = Number(next.value)
    const visible = (await readdir(join(root, 'g/abc'))).filter(name => !name.startsWith('.'))
    expect(visible.length).toBeGreaterThan(acknowledged)
    for (const name of visible) {
      const bytes = await readFile(join(root, 'g/abc', name))
      expect(bytes.equals(Buffer.alloc(300_000 + Number(name), `object ${name}`))).toBe(true)
    }
    await rm(root, { recursive: true })
  }
})

/** Runs `fill` on a file system of one megabyte; null where this user may mount none, not even in a namespace. */
function fillSmallDisk(root: string): FillReport | null {
  const script = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" fill "$1"'
  const run = spawnSync('unshare', ['-rm', 'sh', '-c', script, 'sh', root, process.execPath, program])
  return run.status === 0 ? JSON.parse(run.stdout.toString()) : null
}

/** Runs `fill` where no file may grow past 1,024 blocks, which every user can arrange. */
function fillLimitedFiles(root: string): FillReport {
  const script = 'ulimit -f 1024 && exec "$1" "$2" fill "$3"'
  const run = spawnSync('sh', ['-c', script, 'sh', process.execPath, program, root])
  if (run.status !== 0) throw new Error(run.stderr.toString())
  return JSON.parse(run.stdout.toString())
}

function expectRefusedCleanly(report: FillReport, message: RegExp): void {
  const refused = expect.stringMatching(message)
  expect(report.results).toEqual(['stored', refused, refused, refused, 'stored'])
  expect(report.left).toEqual(['before'])
  expect(report.intact).toBe(true)
}

test('a full disk refuses in words, leaves nothing behind and harms no other object', async () => {
  const root = join(folder, 'full')
  await mkdir(root)
  const report = fillSmallDisk(root)
  if (report !== null) expectRefusedCleanly(report, /^StorageError: .*the disk is full; free space.*ENOSPC/)
  else expectRefusedCleanly(fillLimitedFiles(root), /^StorageError: .*file-size limit.*EFBIG/)
})

test('a limit of the file size refuses in words, leaves nothing behind and harms no other object', async () => {
  const root = join(folder, 'limited')
  expectRefusedCleanly(fillLimitedFiles(root), /^StorageError: .*file-size limit.*EFBIG/)
})

test('where writing past the page cache is refused, objects go through it and end whole', async () => {
  const root = join(folder, 'refusing')
  await mkdir(root)
  // A ramfs is nothing but page cache. Where this user may mount none, the folder takes the writes as it likes.
  const mount = ['-rm', 'mount', '-t', 'ramfs', 'ramfs', root]
  const script = 'mount -t ramfs ramfs "$1" && exec "$2" "$3" pages "$1"'
  const run =
    spawnSync('unshare', mount).status === 0
      ? spawnSync('unshare', ['-rm', 'sh', '-c', script, 'sh', root, process.execPath, program])
      : spawnSync(process.execPath, [program, 'pages', root])
  expect(run.stderr.toString()).toBe('')
  expect(JSON.parse(run.stdout.toString())).toEqual({ equal: [true, true, true], files: 3 })
})

test('a folder that may not be written is told in words', async () => {
  const root = join(folder, 'denied')
  await mkdir(root)
  await chmod(root, 0o555)
  const { lines } = start('denied', root)
  const report: unknown = JSON.parse((await lines.next()).value)
  expect(report).toEqual({
    put: expect.stringMatching(/^StorageError: .*permission denied; give the user who runs the server/),
    check: { ok: false, message: expect.stringMatching(/permission denied/) },
  })
})
