// Looks at everything an installation depends on and says what to do. Each check stands alone: one that fails
// never hides the others. Opening the database migrates it, as every command does; nothing else is changed.
import type { Config } from '../config.ts'
import { ConfigError } from '../config.ts'
import { statement } from '../db/db.ts'
import { isLoopbackHost } from '../loopback.ts'
import type { CallContext, Provider } from '../providers/provider.ts'
import type { CommandIo, DatabaseNeeds, OutsideNeeds } from './needs.ts'
import { describeError } from './present.ts'

export type CheckResult = {
  name: string
  status: 'ok' | 'warn' | 'fail'
  message: string
  /** What to do; null when nothing. */
  advice: string | null
}

/** Upstreams answer a free call in well under this; longer is as good as down. */
const PROVIDER_CHECK_TIMEOUT_MS = 15_000
/** A hung network disk or database must not hang the doctor; a first start of the embedded one takes seconds. */
const CHECK_TIMEOUT_MS = 60_000
/** As for the daily look (credits/ledger.ts): with millions of orders it takes minutes. */
const LEDGER_TIMEOUT_MS = 3_600_000
/** Signatures tolerate five minutes; half a minute already confuses whoever reads the logs. */
const CLOCK_WARN_MS = 2_000
const CLOCK_FAIL_MS = 30_000

const readClock = statement('doctor.read-clock', 'SELECT app_now() AS now, version() AS version')

type Parts = Pick<CheckResult, 'status' | 'message'> & { advice?: string }

function report(name: string, { status, message, advice }: Parts): CheckResult {
  return { name, status, message, advice: advice ?? null }
}

/** Rejects when time is up; what was waited for goes on: main.ts must end the process. */
async function withinTime<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

type Check = () => Promise<CheckResult[]> | CheckResult[]

function attempt(name: string, advice: string, check: Check): Promise<CheckResult[]> {
  return attemptWithin(CHECK_TIMEOUT_MS, { name, advice }, check)
}

async function attemptWithin(
  timeoutMs: number,
  { name, advice }: { name: string; advice: string },
  check: Check,
): Promise<CheckResult[]> {
  try {
    return await withinTime(Promise.resolve(check()), timeoutMs)
  } catch (error) {
    return [report(name, { status: 'fail', message: describeError(error), advice })]
  }
}

function checkOrigin(config: Config): CheckResult {
  if (config.publicUrl === null) {
    const message = 'PUBLIC_URL is unset: links name this machine.'
    return report('origin', { status: 'ok', message, advice: 'Set PUBLIC_URL before others call.' })
  }
  const { protocol, hostname } = new URL(config.publicUrl)
  if (protocol === 'http:' && !isLoopbackHost(hostname)) {
    const message = `${config.publicUrl} is plain http: keys and images travel in the clear.`
    return report('origin', {
      status: 'warn',
      message,
      advice: 'Put TLS in front and set PUBLIC_URL to the https origin.',
    })
  }
  if (config.filesUrl === null && !isLoopbackHost(hostname)) {
    const message = 'Images share the origin of the API.'
    return report('origin', {
      status: 'warn',
      message,
      advice: 'Point a second host name here and set FILES_URL to it.',
    })
  }
  return report('origin', { status: 'ok', message: config.publicUrl })
}

function checkSecrets(config: Config): CheckResult {
  if (config.database !== null && config.authSecret === null) {
    const message = 'AUTH_SECRET is unset: each machine makes its own, and sessions hold on one machine only.'
    return report('sessions', {
      status: 'warn',
      message,
      advice: 'With more than one machine set the same AUTH_SECRET on all.',
    })
  }
  return report('sessions', { status: 'ok', message: 'Session cookies are signed.' })
}

function checkSandbox(needs: OutsideNeeds): CheckResult {
  const { on, reason, warning } = needs.sandbox()
  const message = `${on ? 'On: the built-in illustrator serves every model.' : 'Off.'} ${reason}`
  if (warning === null && !on) return report('sandbox', { status: 'ok', message })
  return report('sandbox', {
    status: 'warn',
    message,
    advice: warning ?? "Set a provider's key to serve real models.",
  })
}

async function checkDatabase(needs: DatabaseNeeds): Promise<CheckResult[]> {
  const before = needs.now().getTime()
  const [row] = await needs.db.query<{ now: Date; version: string }>(readClock)
  if (row === undefined) throw new Error('the database gave no answer')
  const after = needs.now().getTime()
  const faults = await needs.findSettingFaults(needs.db)
  const advice = 'Put the settings back: an acknowledged payment could be lost.'
  const database =
    faults.length === 0
      ? report('database', { status: 'ok', message: row.version.split(' on ')[0] ?? row.version })
      : report('database', { status: 'fail', message: faults.join(' '), advice })
  const offMs = Math.round(Math.abs(row.now.getTime() - (before + after) / 2) - (after - before) / 2)
  return [database, checkClock(Math.max(offMs, 0))]
}

function checkClock(offMs: number): CheckResult {
  const status = offMs >= CLOCK_FAIL_MS ? 'fail' : offMs >= CLOCK_WARN_MS ? 'warn' : 'ok'
  const message = `This machine and the database differ by ${offMs} ms.`
  const advice = 'Run a time service (NTP) on both.'
  return report('clock', { status, message, ...(status === 'ok' ? {} : { advice }) })
}

async function checkLedger(needs: DatabaseNeeds): Promise<CheckResult[]> {
  const violations = await needs.ledger.findAllViolations(needs.db, { limitMs: LEDGER_TIMEOUT_MS })
  if (violations.length === 0) return [report('ledger', { status: 'ok', message: 'Every rule holds.' })]
  const first = violations.slice(0, 5).map(({ rule, subject }) => `${rule} (${subject})`)
  const message = `${violations.length} broken rules: ${first.join(', ')}`
  const advice = 'Take no payments and look into it: this never heals by itself.'
  return [report('ledger', { status: 'fail', message, advice })]
}

async function checkStorage(needs: OutsideNeeds): Promise<CheckResult[]> {
  const checked = await needs.storage.check()
  if (checked.ok)
    return [report('storage', { status: 'ok', message: 'A probe was written, read and removed.' })]
  const advice = 'Check STORAGE_URL, the rights on the folder or bucket and the space left.'
  return [report('storage', { status: 'fail', message: checked.message, advice })]
}

function callContext(needs: OutsideNeeds): CallContext {
  return {
    http: needs.http,
    signal: AbortSignal.timeout(PROVIDER_CHECK_TIMEOUT_MS),
    timeoutMs: PROVIDER_CHECK_TIMEOUT_MS,
    receiveImage: () => Promise.reject(new Error('a check makes no picture')),
    attemptId: 'doctor',
    createKey: 'doctor',
    headers: {},
  }
}

async function checkProvider(needs: OutsideNeeds, provider: Provider): Promise<CheckResult[]> {
  const name = `provider ${provider.name}`
  if (provider.check === undefined) {
    return [report(name, { status: 'ok', message: 'Has a key; it offers no free check.' })]
  }
  const checked = await provider.check(callContext(needs))
  if (checked.ok) return [report(name, { status: 'ok', message: 'Key and address work.' })]
  return [
    report(name, {
      status: 'fail',
      message: checked.message,
      advice: 'Check the key, the base URL and the way out.',
    }),
  ]
}

function checkModels(needs: OutsideNeeds): CheckResult[] {
  const { problems, warnings } = needs.models.check()
  const advice = 'Run `models check` for the whole list.'
  const [problem] = problems
  if (problem !== undefined) return [report('models', { status: 'fail', message: problem, advice })]
  const offered = needs.models.list().filter(model => model.offered).length
  const message = `${offered} models are offered.`
  if (offered === 0) return [report('models', { status: 'fail', message, advice: "Set a provider's key." })]
  if (warnings.length === 0) return [report('models', { status: 'ok', message })]
  return [report('models', { status: 'warn', message: `${message} ${warnings.length} warnings.`, advice })]
}

async function examineDatabase(io: CommandIo, config: Config): Promise<CheckResult[]> {
  const advice =
    config.database === null
      ? 'Read the message; the embedded database keeps its files in DARKROOM_DATA.'
      : 'Check DATABASE_URL, DATABASE_OWNER_URL and that PostgreSQL runs and may be reached from here.'
  let needs: DatabaseNeeds
  try {
    needs = await withinTime(io.openDatabase(config), CHECK_TIMEOUT_MS)
  } catch (error) {
    return [report('database', { status: 'fail', message: describeError(error), advice })]
  }
  try {
    const ledger = { name: 'ledger', advice: 'Run doctor again while the database has less to do.' }
    return [
      ...(await attempt('database', advice, () => checkDatabase(needs))),
      // The database's own limit speaks first.
      ...(await attemptWithin(LEDGER_TIMEOUT_MS + CHECK_TIMEOUT_MS, ledger, () => checkLedger(needs))),
    ]
  } finally {
    await needs.close()
  }
}

async function examineOutside(io: CommandIo, config: Config): Promise<CheckResult[]> {
  return attempt('models', 'Run `models check`.', async () => {
    const needs = await io.openOutside(config)
    try {
      const checks = [
        [checkSandbox(needs)],
        attempt('storage', 'Check STORAGE_URL.', () => checkStorage(needs)),
        attempt('models', 'Run `models check`.', () => checkModels(needs)),
        ...needs.providers.map(provider =>
          attempt(`provider ${provider.name}`, 'Check the base URL.', () => checkProvider(needs, provider)),
        ),
      ]
      return (await Promise.all(checks)).flat()
    } finally {
      await needs.close()
    }
  })
}

/** Runs every check that can be run. */
export async function examineInstallation(io: CommandIo): Promise<CheckResult[]> {
  let config: Config
  try {
    config = io.loadConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const advice = 'docs/configuration.md lists every variable. Nothing else can be checked before.'
    return error.problems.map(message => report('settings', { status: 'fail', message, advice }))
  }
  const settings = report('settings', { status: 'ok', message: `Data folder: ${config.dataDir}` })
  const [database, outside] = await Promise.all([examineDatabase(io, config), examineOutside(io, config)])
  return [settings, checkOrigin(config), checkSecrets(config), ...database, ...outside]
}
