// What every provider adapter must keep, whatever its upstream speaks: the right outcome for each failure, no claim
// of "not run" that the bill contradicts, one request per attempt, no key in any message, bounded memory, no
// socket left behind. An adapter's test runs this suite and adds the scenarios of its own vendor.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
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
} from '../src/providers/provider.ts'
import { createDiskStorage } from '../src/storage/disk.ts'
import type { Storage } from '../src/storage/storage.ts'
import { openTestContext } from './provider-context.ts'
import { type Counters, startUpstream, type Upstream } from './upstreams/upstream.ts'

export type ContractEmulator = { upstream: Upstream; baseUrl: string; apiKey: string }

export type ContractScenario = {
  /** Directives as in a prompt, without the brackets; '' = plain success. */
  behaviour: string
  outcome: 'succeeded' | FailureKind
  /** Works the emulator must have billed; default: 1 for a success, not checked otherwise. */
  billable?: number
  /** Requests the emulator must have seen; default 1. */
  requests?: number
  request?: Partial<ProviderRequest>
  /** What else the outcome must match. */
  match?: Record<string, unknown>
  deadlineMs?: number
}

export type ContractOptions = {
  createProvider(address: { baseUrl: string; apiKey: string }): Provider
  startEmulator(): Promise<ContractEmulator>
  /** A request that the upstream accepts. */
  request: ProviderRequest
  /** The vendor's own; the transport's are part of the suite. */
  scenarios: ContractScenario[]
}

/** Kinds that promise the core that nothing was billed, so that it may send again. */
const notRunKinds: FailureKind[] = ['unavailable', 'rate_limited', 'quota_exhausted']
/** What one bad answer may add to the process, emulator included: it writes the flood in the same process. */
const maxGrowthBytes = 150 * 1024 * 1024

/** Faults of the transport, the same for every upstream. */
const transportScenarios: ContractScenario[] = [
  { behaviour: '', outcome: 'succeeded' },
  { behaviour: 'slow=300', outcome: 'succeeded' },
  { behaviour: 'reset_during_request', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'reset_before_headers, when=before', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'reset_before_headers', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'reset_mid_body', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'long_content_length', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'html_500', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'html_502', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'html_502, when=before', outcome: 'unknown_outcome', billable: 0 },
  { behaviour: 'html_503', outcome: 'unknown_outcome' },
  { behaviour: 'html_504', outcome: 'unknown_outcome', billable: 1 },
  { behaviour: 'empty_200', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'not_json', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'deep_json', outcome: 'malformed_response', billable: 1 },
  { behaviour: 'gzip_bomb', outcome: 'malformed_response', billable: 1 },
]

/** Faults that only the deadline ends. */
const stuckScenarios: ContractScenario[] = [
  { behaviour: 'hang', outcome: 'unknown_outcome', billable: 1, deadlineMs: 400 },
  { behaviour: 'slow=3000', outcome: 'unknown_outcome', billable: 1, deadlineMs: 400 },
  { behaviour: 'stall_mid_body', outcome: 'unknown_outcome', billable: 1, deadlineMs: 400 },
  { behaviour: 'drip=20', outcome: 'unknown_outcome', billable: 1, deadlineMs: 400 },
]

/** Runs an adapter through every failure. */
export function describeProviderContract(name: string, options: ContractOptions): void {
  describe(`the provider contract, kept by ${name}`, () => {
    const rig = createRig(options)
    beforeAll(rig.start)
    afterAll(rig.stop)

    it.each([...transportScenarios, ...options.scenarios])(
      'tells what became of the create: $behaviour -> $outcome',
      async scenario => {
        await rig.play(scenario)
      },
    )

    it.each(stuckScenarios)('ends at the deadline and leaves no socket: $behaviour', async scenario => {
      const startedMs = performance.now()
      await rig.play(scenario, { leavesNoSocket: true })
      expect(performance.now() - startedMs).toBeLessThan(2_500)
    })

    registerConnections(rig)
    registerFloods(rig)
    registerOwnTrouble(rig)
  })
}

type Rig = ReturnType<typeof createRig>

/** What happens before the upstream is reached, and where the key may go. */
function registerConnections(rig: Rig): void {
  it('proves "not run" when the connection is refused, and when it cannot be made at all', async () => {
    const port = await findClosedPort()
    const refused = await rig.submitTo({ baseUrl: `http://127.0.0.1:${port}/v1` })
    expect(refused).toMatchObject({ kind: 'failed', failure: 'unavailable' })
    const noTls = await rig.submitTo({ baseUrl: rig.emulator().baseUrl.replace('http:', 'https:') })
    expect(noTls).toMatchObject({ kind: 'failed', failure: 'unavailable' })
    expect(rig.emulator().upstream.errors).toEqual([])
  })

  it('sends nothing when the deadline has passed before the create', async () => {
    const { outcome, counters } = await rig.run({ behaviour: '', signal: AbortSignal.abort() })
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'unavailable' })
    expect(counters.requests).toBe(0)
  })

  it('never follows a redirect with the key', async () => {
    const target = await startUpstream({
      name: 'elsewhere',
      handle: async exchange => void exchange.response.end(),
    })
    const { outcome } = await rig.run({ behaviour: `redirect=${target.url}/stolen` })
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'malformed_response' })
    expect(target.total.requests).toBe(0)
    await target.close()
  })
}

/** Answers larger than any machine. */
function registerFloods(rig: Rig): void {
  it.each([
    ['huge_body=400000000', 'malformed_response'],
    ['huge_error=400000000', 'unknown_outcome'],
  ])('keeps memory bounded under %s', async (behaviour, failure) => {
    const watch = watchMemory()
    const { outcome } = await rig.run({ behaviour })
    expect(outcome).toMatchObject({ kind: 'failed', failure })
    expect(watch.stop()).toBeLessThan(maxGrowthBytes)
  })

  it('never finishes reading a picture without end', async () => {
    const watch = watchMemory()
    const { outcome } = await rig.run({ behaviour: 'endless_body', deadlineMs: 1_500 })
    const failure = outcome.kind === 'failed' ? outcome.failure : outcome.kind
    expect(['unknown_outcome', 'malformed_response']).toContain(failure)
    expect(watch.stop()).toBeLessThan(maxGrowthBytes)
  })
}

/** Faults on our own side, and the free call. */
function registerOwnTrouble(rig: Rig): void {
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
    const run = rig.run({ behaviour: 'stall_mid_body', receiveImage, leavesNoSocket: true })
    await expect(run).rejects.toBe(full)
  })

  it('checks key and address for free', async () => {
    const { upstream, baseUrl, apiKey } = rig.emulator()
    const billedBefore = upstream.total.billable
    expect(await rig.check({ baseUrl, apiKey })).toEqual({ ok: true })
    const wrong = await rig.check({ baseUrl, apiKey: 'wrong-key-9876543210' })
    expect(wrong).toMatchObject({ ok: false })
    expect(JSON.stringify(wrong)).not.toContain('wrong-key-9876543210')
    expect(await rig.check({ baseUrl: `http://127.0.0.1:${await findClosedPort()}`, apiKey })).toMatchObject({
      ok: false,
    })
    expect(upstream.total.billable).toBe(billedBefore)
  })
}

type RunOptions = {
  behaviour: string
  request?: Partial<ProviderRequest>
  deadlineMs?: number
  signal?: AbortSignal
  receiveImage?: CallContext['receiveImage']
  /** Waits, with the client still open, until the emulator has no connection left. */
  leavesNoSocket?: boolean
}

/** The adapter, its emulator, real sockets and a real storage folder. */
function createRig(options: ContractOptions) {
  let emulator: ContractEmulator | null = null
  let folder = ''
  let storage: Storage | null = null
  let runs = 0

  function getEmulator(): ContractEmulator {
    if (emulator === null) throw new Error('The emulator has not been started')
    return emulator
  }

  async function run(wanted: RunOptions) {
    const { upstream, baseUrl, apiKey } = getEmulator()
    runs += 1
    const attempt = `contract-${runs}`
    upstream.script({ attempt, behaviour: wanted.behaviour })
    return callOver(options, { baseUrl, apiKey }, async (provider, http) => {
      const context = openTestContext({ http, storage, attempt, ...wanted })
      const submitted = provider.submit({ ...options.request, ...wanted.request }, context)
      const outcome = await submitted.finally(async () => {
        if (wanted.leavesNoSocket) await upstream.waitUntil(() => upstream.openSockets() === 0, 2_000)
      })
      return { outcome, counters: upstream.counters(attempt) }
    })
  }

  return {
    emulator: getEmulator,
    run,
    async start() {
      emulator = await options.startEmulator()
      folder = await mkdtemp(join(tmpdir(), 'provider-contract-'))
      storage = createDiskStorage({ root: folder })
    },
    async stop() {
      const errors = emulator?.upstream.errors ?? []
      await emulator?.upstream.close()
      await rm(folder, { recursive: true, force: true })
      expect(errors).toEqual([])
    },
    async play(scenario: ContractScenario, more: Partial<RunOptions> = {}) {
      const played = await run({ ...scenario, ...more })
      expectPlayed(scenario, played)
      expectNoKey(played.outcome, getEmulator().apiKey)
    },
    submitTo: (address: { baseUrl: string }) =>
      callOver(options, { ...address, apiKey: getEmulator().apiKey }, async (provider, http) => {
        const outcome = await provider.submit(
          options.request,
          openTestContext({ http, storage, attempt: 'elsewhere' }),
        )
        expectNoKey(outcome, getEmulator().apiKey)
        return outcome
      }),
    check: (address: { baseUrl: string; apiKey: string }) =>
      callOver(options, address, async (provider, http) =>
        provider.check?.(openTestContext({ http, storage, attempt: 'check' })),
      ),
  }
}

/** One call over a client of its own, to an address that need not be the emulator's. */
async function callOver<Result>(
  options: ContractOptions,
  address: { baseUrl: string; apiKey: string },
  call: (provider: Provider, http: CallContext['http']) => Promise<Result>,
): Promise<Result> {
  const outbound = createOutbound({ allow: [], configuredOrigins: [new URL(address.baseUrl).origin] })
  try {
    return await call(options.createProvider(address), outbound)
  } finally {
    await outbound.close()
  }
}

/** The kind is the right one, and what it promises about the bill is true. */
function expectPlayed(
  scenario: ContractScenario,
  { outcome, counters }: { outcome: ProviderOutcome; counters: Counters },
): void {
  const kind = outcome.kind === 'failed' ? outcome.failure : outcome.kind
  expect(kind, JSON.stringify(outcome)).toBe(scenario.outcome)
  if (scenario.match !== undefined) expect(outcome).toMatchObject(scenario.match)
  expect(counters.requests).toBe(scenario.requests ?? 1)
  const billable = scenario.billable ?? (kind === 'succeeded' ? 1 : null)
  if (billable !== null) expect(counters.billable).toBe(billable)
  if (notRunKinds.some(notRun => notRun === kind)) expect(counters.billable).toBe(0)
}

/** A key may appear neither whole nor in recognisable part. */
function expectNoKey(outcome: ProviderOutcome, apiKey: string): void {
  const text = JSON.stringify(outcome)
  expect(text).not.toContain(apiKey)
  expect(text).not.toContain(apiKey.slice(0, 12))
}

/** A port of loopback on which nobody listens. */
async function findClosedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>(resolve => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('The server had no port')
  return address.port
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
