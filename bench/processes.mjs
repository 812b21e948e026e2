// CPU time and memory of processes and their children, from /proc (Linux). Also starts and ends the parts: whatever
// way a bench ends, nothing it started goes on and no folder it made stays.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const running = new Map()
const folders = new Set()
/** Time for what was told to end: the service ends its own database too. */
const endingMs = 2_000

/** Sees to it that the child does not outlive the bench. */
export function watch(child, signal = 'SIGTERM') {
  running.set(child, signal)
  child.once('exit', () => running.delete(child))
  return child
}

/** The folder is removed when the bench ends. */
export function removeAtEnd(folder) {
  folders.add(folder)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
process.on('exit', () => {
  for (const [child, signal] of running) child.kill(signal)
  if (running.size > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, endingMs)
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})

/** Kernel ticks a second: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return {
      parent: Number(fields[1]),
      ticks: [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0),
    }
  } catch {
    return null
  }
}

/** The processes and everything below them. */
export function familyOf(roots) {
  const parents = new Map()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(name) : null
    if (stat) parents.set(Number(name), stat.parent)
  }
  const family = new Set(roots)
  for (let grew = true; grew; ) {
    grew = false
    for (const [pid, parent] of parents) {
      if (family.has(parent) && !family.has(pid)) {
        family.add(pid)
        grew = true
      }
    }
  }
  return [...family]
}

/** Seconds of CPU so far, ended children included. */
export function cpuSeconds(roots) {
  return familyOf(roots).reduce((sum, pid) => sum + (statOf(pid)?.ticks ?? 0), 0) / ticksPerSecond
}

/** Seconds of user and of kernel CPU of one process. */
export function cpuSplit(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { user: Number(fields[11]) / ticksPerSecond, kernel: Number(fields[12]) / ticksPerSecond }
}

/** Resident bytes of one process. */
export function residentBytes(pid) {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}

/** Any program; it does not outlive the bench. */
export function spawnWatched(program, args, options) {
  return watch(spawn(program, args, options))
}

function startNode(args, env) {
  const options = { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'inherit'] }
  return spawnWatched(process.execPath, args, options)
}

/** Starts a program and resolves with the first line that `pick` makes something of. */
export function start(args, env, pick) {
  const child = startNode(args, env)
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`${args[0]} ended with ${code}`)))
    createInterface({ input: child.stdout }).on('line', line => {
      const value = pick(line)
      if (value !== null && value !== undefined) resolve({ value, pid: child.pid, stop: () => stop(child) })
    })
  })
}

function stop(child) {
  return new Promise(resolve => {
    child.removeAllListeners('exit')
    child.once('exit', resolve)
    child.kill('SIGTERM')
  })
}

/** Runs a program to its end and parses its last line as JSON. */
export function run(args, env = {}) {
  const child = startNode(args, env)
  let text = ''
  child.stdout.on('data', chunk => {
    text += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('exit', code => {
      if (code !== 0) reject(new Error(`${args[0]} ended with ${code}`))
      else resolve(JSON.parse(text.trim().split('\n').at(-1)))
    })
  })
}
