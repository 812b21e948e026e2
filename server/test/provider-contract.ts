// What every provider adapter must keep, whatever its upstream speaks: the right outcome for each failure, no claim
// of "not run" that the bill contradicts, one request per attempt, no key in any message, bounded memory, no
// socket left behind. An adapter's test runs this suite and adds the scenarios of its own vendor.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOutbound } from '../src/outbound.ts'
import type {
  CallContext,
  FailureKind,
  Provider,
  ProviderOutcome,
  ProviderRequest,
  UpstreamTask,
} from '../src/providers/provider.ts'
import { createDiskStorage } from '../src/storage/disk.ts'
import type { Storage } from '../src/storage/storage.ts'
import { recordScenario } from './contract-matrix.ts'
import { openNoticeBoard } from './contract-notices.ts'
import {
  type ContractMode,
  type ContractScenario,
  listReadScenarios,
  stuckScenarios,
  tooSlow,
  transportScenarios,
} from './contract-scenarios.ts'
import { openTestContext } from './provider-context.ts'
import { type Driven, driveProvider } from './provider-drive.ts'
import { findQuietPort } from './quiet-ports.ts'
import type { FileHost } from './upstreams/files.ts'
import { type Counters, type LoggedRequest, startUpstream, type Upstream } from './upstreams/upstream.ts'

export type { ContractScenario } from './contract-scenarios.ts'

export type ContractEmulator = {
  upstream: Upstream
  baseUrl: string
  apiKey: string
  /** Where its pictures lie, when that is an origin of its own. */
  files?: FileHost
  /** Further `host:port` that it answers with and that may be asked. */
  allow?: string[]
}

export type ContractOptions = {
  createProvider(address: { baseUrl: string; apiKey: string }): Provider
  startEmulator(): Promise<ContractEmulator>
  /** A request that the upstream accepts. */
  request: ProviderRequest
  /** The vendor's own; the transport's are part of the suite. */
  scenarios: ContractScenario[]
  /** `sync`: the create brings the outcome. `poll`: it hands out a task, which is read until it ends. Default sync. */
  mode?: 'sync' | 'poll'
  /** `bytes` come in an answer of the API; `urls` are downloaded from the emulator's file host. Default bytes. */
  outputs?: 'bytes' | 'urls'
  /**
   * The adapter names the work before the create, so that a create whose answer was lost is found again: where the
   * upstream has the work, such a scenario ends in success.
   */
  recovers?: boolean
  /** Which requests are creates; default: every POST. */
  isCreate?(request: LoggedRequest): boolean
}

/** Kinds that promise the core that nothing was billed, so that it may send again. */
const notRunKinds: FailureKind[] = ['unavailable', 'rate_limited', 'quota_exhausted']
/** What one bad answer may add to the process, emulator included: it writes the flood in the same process. */
const maxGrowthBytes = 150 * 1024 * 1024

/** Runs an adapter through every failure. */
export function describeProviderContract(name: string, options: ContractOptions): void {
  describe(`the provider contract, kept by ${name}`, () => {
    const rig = createRig(name, options)
    beforeAll(rig.start)
    afterAll(rig.stop)

    const shared = options.recovers ? transportScenarios.map(recover) : transportScenarios
    it.each([...shared, ...options.scenarios])(
      'tells what became of the create: $behaviour -> $outcome',
      async scenario => {
        await rig.play(scenario)
      },
    )

    // An upstream that hands out a task at once has its outcome behind the deadline, and no socket is waiting for it.
    const stuck = options.mode === 'poll' ? stuckScenarios : [...stuckScenarios, tooSlow]
    it.each(stuck)('ends at the deadline and leaves no socket: $behaviour', async scenario => {
      const startedMs = performance.now()
      await rig.play(scenario, { socketsLeft: 0 })
      expect(performance.now() - startedMs).toBeLessThan(2_500)
    })

    if (options.mode === 'poll') registerPolls(rig)
    if (options.outputs === 'urls') registerDownloads(rig)
    registerConnections(rig)
    registerFloods(rig, options)
    registerOwnTrouble(rig, options)
  })
}

/** Upstreams that are asked again and again for the outcome. */
function registerPolls(rig: Rig): void {
  it('is still pending at the deadline when the work takes longer', async () => {
    await rig.play({ ...tooSlow, outcome: 'pending' })
  })

  it.each(listReadScenarios('poll'))('survives a failed read of the task: $behaviour', async scenario => {
    await rig.play(scenario, { socketsLeft: 1 })
  })

  it('keeps memory bounded when a poll is answered with a flood', async () => {
    const watch = watchMemory()
    await rig.play({ behaviour: 'huge_body=400000000, on=poll', outcome: 'succeeded' })
    expect(watch.stop()).toBeLessThan(maxGrowthBytes)
  })

  it('follows no redirect of a poll with the key', () => rig.playRedirect('on=poll', 'succeeded'))
}

/** Outputs that lie at a URL. */
function registerDownloads(rig: Rig): void {
  it.each(listReadScenarios('download'))('survives a failed download: $behaviour', async scenario => {
    await rig.play(scenario, { socketsLeft: 1 })
  })

  it('keeps memory bounded under a download without end, and has the picture afterwards', async () => {
    const watch = watchMemory()
    await rig.play({ behaviour: 'endless_body, on=download', outcome: 'succeeded', readMs: 1_500 })
    expect(watch.stop()).toBeLessThan(maxGrowthBytes)
  })

  it('follows no redirect of a download', () => rig.playRedirect('on=download', 'succeeded'))
}

type Rig = ReturnType<typeof createRig>

/** What happens before the upstream is reached, and where the key may go. */
function registerConnections(rig: Rig): void {
  it('proves "not run" when the connection is refused, and when it cannot be made at all', async () => {
    const port = await findQuietPort()
    const refused = await rig.submitTo({ baseUrl: `http://127.0.0.1:${port}/v1` })
    expect(refused).toMatchObject({ kind: 'failed', failure: 'unavailable' })
    const noTls = await rig.submitTo({ baseUrl: rig.emulator().baseUrl.replace('http:', 'https:') })
    expect(noTls).toMatchObject({ kind: 'failed', failure: 'unavailable' })
    rig.note('the connection is refused', 'unavailable')
    rig.note('TLS cannot be agreed on', 'unavailable')
    expect(rig.emulator().upstream.errors).toEqual([])
  })

  it('sends nothing when the deadline has passed before the create', async () => {
    const { outcome, counters } = await rig.run({ behaviour: '', signal: AbortSignal.abort() })
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'unavailable' })
    expect(counters.requests).toBe(0)
    rig.note('the deadline has passed before the create', 'unavailable')
  })

  it('never follows a redirect with the key', () => rig.playRedirect('on=create', 'malformed_response'))
}

/** What the scenario ends in when the work is found again; without any work it stays as it is. */
function recover(scenario: ContractScenario): ContractScenario {
  return scenario.billable === 0 ? scenario : { ...scenario, outcome: 'succeeded', billable: 1 }
}

/** Answers larger than any machine. */
function registerFloods(rig: Rig, { recovers = false }: ContractOptions): void {
  it.each([
    ['huge_body=400000000', 'malformed_response'],
    ['huge_error=400000000', 'unknown_outcome'],
  ] as const)('keeps memory bounded under %s', async (behaviour, failure) => {
    const watch = watchMemory()
    await rig.play({ behaviour, outcome: recovers ? 'succeeded' : failure })
    expect(watch.stop()).toBeLessThan(maxGrowthBytes)
  })

  it('never finishes reading a picture without end', async () => {
    const watch = watchMemory()
    const { outcome } = await rig.run({ behaviour: 'endless_body', deadlineMs: 1_500 })
    const failure = outcome.kind === 'failed' ? outcome.failure : outcome.kind
    const expected = recovers ? ['succeeded'] : ['unknown_outcome', 'malformed_response']
    expect(expected).toContain(failure)
    expect(watch.stop()).toBeLessThan(maxGrowthBytes)
  })
}

/** Faults on our own side, and the free call. */
function registerOwnTrouble(rig: Rig, { mode, outputs }: ContractOptions): void {
  const stalled = outputs === 'urls' ? 'stall_mid_body, on=download' : 'stall_mid_body, on=poll'

  it('lets trouble of our own storage pass as what it is, no fault of the upstream', async () => {
    const full = new Error('disk full')
    const run = rig.run({ behaviour: '', receiveImage: () => Promise.reject(full) })
    await expect(run).rejects.toBe(full)
  })

  it('leaves no socket when our own storage fails while the answer stands still', async () => {
    const full = new Error('disk full')
    const receiveImage = async (bytes: AsyncIterable<Uint8Array>) => {
      void bytes[Symbol.asyncIterator]()
        .next()
        .catch(() => undefined)
      throw full
    }
    const isRead = mode === 'poll' || outputs === 'urls'
    const behaviour = isRead ? stalled : 'stall_mid_body'
    const run = rig.run({ behaviour, receiveImage, readMs: 400, socketsLeft: isRead ? 1 : 0 })
    await expect(run).rejects.toBe(full)
  })

  it('checks key and address for free', async () => {
    const { upstream, baseUrl, apiKey } = rig.emulator()
    const billedBefore = upstream.total.billable
    expect(await rig.check({ baseUrl, apiKey })).toEqual({ ok: true })
    const wrong = await rig.check({ baseUrl, apiKey: 'wrong-key-9876543210' })
    expect(wrong).toMatchObject({ ok: false })
    expect(JSON.stringify(wrong)).not.toContain('wrong-key-9876543210')
    expect(await rig.check({ baseUrl: `http://127.0.0.1:${await findQuietPort()}`, apiKey })).toMatchObject({
      ok: false,
    })
    expect(upstream.total.billable).toBe(billedBefore)
  })
}

type RunOptions = {
  behaviour: string
  mode?: ContractMode
  request?: Partial<ProviderRequest>
  deadlineMs?: number
  readMs?: number
  signal?: AbortSignal
  receiveImage?: CallContext['receiveImage']
  /** Waits, with the client still open, until the emulator has no more connections left than this. */
  socketsLeft?: number
}

type Played = Driven & { counters: Counters; creates: number; notices: number }

/** The adapter, its emulator, real sockets and a real storage folder. */
function createRig(name: string, options: ContractOptions) {
  let emulator: ContractEmulator | null = null
  let folder = ''
  let storage: Storage | null = null
  let runs = 0

  function getEmulator(): ContractEmulator {
    if (emulator === null) throw new Error('The emulator has not been started')
    return emulator
  }

  async function run(wanted: RunOptions): Promise<Played> {
    runs += 1
    return runAttempt(options, { emulator: getEmulator(), storage, attempt: `contract-${runs}` }, wanted)
  }

  async function play(scenario: ContractScenario, more: Partial<RunOptions> = {}): Promise<void> {
    const played = await run({ ...scenario, ...more })
    expectPlayed(scenario, played)
    expectClean(played, { ...options.request, ...scenario.request }, getEmulator().apiKey)
    const mode = scenario.mode ?? findMode(options, scenario.behaviour)
    recordScenario({ provider: name, mode, behaviour: nameBehaviour(scenario), outcome: scenario.outcome })
  }

  return {
    emulator: getEmulator,
    run,
    play,
    /** For the matrix: what no behaviour of the emulator brings about. */
    note: (behaviour: string, outcome: FailureKind) =>
      recordScenario({ provider: name, mode: options.mode ?? 'sync', behaviour, outcome }),
    async start() {
      emulator = await options.startEmulator()
      folder = await mkdtemp(join(tmpdir(), 'provider-contract-'))
      storage = createDiskStorage({ root: folder })
    },
    async stop() {
      const errors = [...(emulator?.upstream.errors ?? []), ...(emulator?.files?.upstream.errors ?? [])]
      await emulator?.upstream.close()
      await emulator?.files?.close()
      await rm(folder, { recursive: true, force: true })
      expect(errors).toEqual([])
    },
    async playRedirect(on: string, outcome: ContractScenario['outcome']) {
      const target = await startUpstream({
        name: 'elsewhere',
        handle: async exchange => void exchange.response.end(),
      })
      await play({ behaviour: `redirect=${target.url}/stolen, ${on}`, outcome })
      expect(target.total.requests).toBe(0)
      await target.close()
    },
    submitTo: (address: { baseUrl: string }) =>
      callOver(options, { ...address, apiKey: getEmulator().apiKey }, async (provider, http) => {
        const context = openTestContext({ http, storage, attempt: 'elsewhere' })
        const outcome = await provider.submit(options.request, context)
        expectClean({ outcome, task: null }, options.request, getEmulator().apiKey)
        return outcome
      }),
    check: (address: { baseUrl: string; apiKey: string }) =>
      callOver(options, address, async (provider, http) =>
        provider.check?.(openTestContext({ http, storage, attempt: 'check' })),
      ),
  }
}

type Running = { emulator: ContractEmulator; storage: Storage | null; attempt: string }

async function runAttempt(
  options: ContractOptions,
  { emulator, storage, attempt }: Running,
  wanted: RunOptions,
): Promise<Played> {
  const { upstream, files, baseUrl, apiKey, allow = [] } = emulator
  const isCreate = options.isCreate ?? (request => request.method === 'POST')
  const reachable = files === undefined ? allow : [...allow, new URL(files.url).host]
  upstream.script({ attempt, behaviour: wanted.behaviour })
  return callOver(options, { baseUrl, apiKey, allow: reachable }, async (provider, http) => {
    const context = openTestContext({ http, storage, attempt, ...wanted })
    const board = wanted.mode === 'webhook' ? await openNoticeBoard(provider, context) : null
    const driving = driveProvider({
      provider,
      request: { ...options.request, ...wanted.request },
      context: board === null ? context : { ...context, webhookUrl: board.url },
      readMs: wanted.readMs ?? 5_000,
      ...(board === null ? {} : { untilNotice: board.untilNotice }),
    })
    const driven = await driving.finally(async () => {
      await board?.close()
      if (wanted.socketsLeft === undefined) return
      // A download from the API's own origin keeps its connection too.
      const left = wanted.socketsLeft + (options.outputs === 'urls' && files === undefined ? 1 : 0)
      await upstream.waitUntil(() => upstream.openSockets() <= left)
      // Connections to a host that nobody configured are never kept.
      await files?.upstream.waitUntil(() => files.upstream.openSockets() === 0)
    })
    const creates = upstream.requests.filter(each => each.attempt === attempt && isCreate(each)).length
    return { ...driven, counters: upstream.counters(attempt), creates, notices: board?.notices() ?? 0 }
  })
}

/** For the matrix: without addresses that change with every run, and with what the request itself does wrong. */
function nameBehaviour({ behaviour, request }: ContractScenario): string {
  const named = behaviour.replaceAll(/=https?:[^,\s]+/g, '')
  return named === '' && request !== undefined ? `request: ${Object.keys(request).join(', ')}` : named
}

/** The place of the fault says what the scenario is about. */
function findMode(options: ContractOptions, behaviour: string): ContractMode {
  if (/\bon=download\b/.test(behaviour)) return 'download'
  return options.mode ?? 'sync'
}

/** One call over a client of its own, to an address that need not be the emulator's. */
async function callOver<Result>(
  options: ContractOptions,
  { allow = [], ...address }: { baseUrl: string; apiKey: string; allow?: string[] },
  call: (provider: Provider, http: CallContext['http']) => Promise<Result>,
): Promise<Result> {
  const outbound = createOutbound({ allow, configuredOrigins: [new URL(address.baseUrl).origin] })
  try {
    return await call(options.createProvider(address), outbound)
  } finally {
    await outbound.close()
  }
}

/** The kind is the right one, and what it promises about the bill is true. */
function expectPlayed(scenario: ContractScenario, { outcome, counters, creates, notices }: Played): void {
  const kind = outcome.kind === 'failed' ? outcome.failure : outcome.kind
  expect(kind, JSON.stringify(outcome)).toBe(scenario.outcome)
  if (scenario.match !== undefined) expect(outcome).toMatchObject(scenario.match)
  // It switches the model off for everybody: never by chance, and by no other kind.
  const isGone = outcome.kind === 'failed' && outcome.gone === true
  expect(isGone, JSON.stringify(outcome)).toBe(scenario.match?.gone === true)
  if (outcome.kind === 'succeeded') {
    expect(outcome.images.length).toBeGreaterThan(0)
    expect(outcome.images.length).toBe(scenario.pictures ?? outcome.images.length)
  }
  expect(creates).toBe(scenario.requests ?? 1)
  if (scenario.notices !== undefined) expect(notices).toBe(scenario.notices)
  const billable = scenario.billable ?? (kind === 'succeeded' ? 1 : null)
  if (billable !== null) expect(counters.billable).toBe(billable)
  if (notRunKinds.some(notRun => notRun === kind)) expect(counters.billable).toBe(0)
}

/** A key may appear neither whole nor in recognisable part, and a task outlives the deletion of its prompt. */
function expectClean(
  { outcome, task }: { outcome: ProviderOutcome; task: UpstreamTask | null },
  request: ProviderRequest,
  apiKey: string,
): void {
  const text = JSON.stringify([outcome, task])
  expect(text).not.toContain(apiKey)
  expect(text).not.toContain(apiKey.slice(0, 12))
  const kept = JSON.stringify(outcome.kind === 'failed' ? [task] : [task, outcome.task ?? null])
  expect(kept).not.toContain(JSON.stringify(request.prompt).slice(1, -1))
}

/** Samples the resident memory; `stop` tells by how much it grew at most, in bytes. */
function watchMemory(): { stop(): number } {
  const startBytes = process.memoryUsage.rss()
  let peakBytes = startBytes
  const sample = () => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
  }
  const timer = setInterval(sample, 5)
  return {
    stop() {
      clearInterval(timer)
      sample()
      return peakBytes - startBytes
    },
  }
}
