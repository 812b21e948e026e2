// S-12: behind every check of the way out stands the network itself. The suites that ask it for all that is private run
// in a network namespace without any route but to itself, whose kernel counts what wanted to leave. Where namespaces are
// not permitted every socket is judged by the address it was told to go to, as it is besides.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const server = dirname(dirname(fileURLToPath(import.meta.url)))
const vitest = join(dirname(server), 'node_modules', 'vitest', 'vitest.mjs')
const here = (name: string) => join(server, 'test', 'egress', name)

/** As root, or as anybody with a user namespace around it; null where neither is permitted. */
function findIsolation(): string[] | null {
  const ways = [
    ['unshare', '-n'],
    ['unshare', '-rn'],
  ]
  return (
    ways.find(([command = '', ...args]) => {
      return spawnSync(command, [...args, 'ip', 'link', 'set', 'lo', 'up']).status === 0
    }) ?? null
  )
}

/** Packets that found no way out of the namespace, and segments of TCP within it. */
const counters = `awk '/^Ip:/ { ip = $13 } /^Tcp:/ { tcp = $12 } END { printf "%s %s ", ip, tcp }' /proc/net/snmp
awk '/^Ip6OutNoRoutes/ { print $2 }' /proc/net/snmp6`

/** Asked for past every check. */
const canaries = ['192.0.2.1', '2001:db8::1']

type Counted = { noRoute: number; noRoute6: number; segments: number }

function readCounters(output: string): Counted[] {
  return [...output.matchAll(/^(\d+) (\d+) (\d+)$/gm)].map(([, noRoute, segments, noRoute6]) => ({
    ...{ noRoute: Number(noRoute), noRoute6: Number(noRoute6), segments: Number(segments) },
  }))
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-egress-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs a script of the shell, in a namespace of its own if there can be one. */
function run(isolation: string[] | null, script: string) {
  const [command = '', ...args] = [...(isolation ?? []), 'sh', '-c', script]
  const env = {
    ...process.env,
    DIALS_FILE: join(folder, 'dials'),
    // The inner run is one of its own.
    VITEST: undefined,
    NODE_OPTIONS: `--import ${pathToFileURL(here('dials.mjs')).href}`,
  }
  const ran = spawnSync(command, args, { cwd: server, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

function readDials(): string[] {
  const file = join(folder, 'dials')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  rmSync(file, { force: true })
  return lines
}

const isOwn = (address: string) => isIP(address) !== 0 && /^(?:127\.|::1$|::ffff:7f)/i.test(address)

test('of all that the suites of the way out ask for no packet leaves this machine, and every socket stays on it', () => {
  const isolation = findIsolation()
  const results = join(folder, 'results.json')
  const suite = `"${process.execPath}" "${vitest}" run --config "${here('vitest.config.ts')}" --reporter json --outputFile "${results}" >&2`
  const steps = ['ip link set lo up', counters, `${suite}; code=$?`, counters, 'exit $code']
  const ran = run(isolation, isolation ? steps.join('\n') : suite)
  expect(ran.code, ran.err.slice(-3_000)).toBe(0)
  const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(results, 'utf8'))
  expect(numPassedTests).toBe(numTotalTests)
  expect(numTotalTests).toBeGreaterThan(50)

  const dials = readDials()
  expect(dials.length).toBeGreaterThan(100)
  expect(dials.filter(address => !isOwn(address))).toEqual([])
  if (!isolation) return
  const [before, after] = readCounters(ran.out) as [Counted, Counted]
  expect(after).toMatchObject({ noRoute: before.noRoute, noRoute6: before.noRoute6 })
  expect(after.segments - before.segments).toBeGreaterThan(1_000)
})

test('an address elsewhere that is asked for past the checks is seen by both ways of counting', () => {
  const isolation = findIsolation()
  const knock = `"${process.execPath}" "${here('knock.mjs')}" ${canaries.join(' ')}`
  const steps = ['ip link set lo up', counters, knock, counters]
  const ran = run(isolation, isolation ? steps.join('\n') : knock)
  expect(ran.code, ran.err).toBe(0)
  expect(readDials().toSorted()).toEqual(canaries)
  if (!isolation) return
  const [before, after] = readCounters(ran.out) as [Counted, Counted]
  expect(after).toMatchObject({ noRoute: before.noRoute + 1, noRoute6: before.noRoute6 + 1 })
})
