// Looks at everything an installation depends on and says what to do. Each check stands alone: one that fails
// never hides the others. Opening the database migrates it, as every command does; nothing else is changed.
import { fingerprintOf, listSecretsSeen } from '../accounts/secret-seen.ts'
import { listLossesToday } from '../books/losses.ts'
import type { Config } from '../config.ts'
import { ConfigError } from '../config.ts'
import { roleAdvice } from '../db/check-settings.ts'
import { statement } from '../db/db.ts'
import { listKeyPlaces } from '../key-places.ts'
import { countOwnSeals, listOrphans } from '../keyring/key-store.ts'
import { isLoopbackHost } from '../loopback.ts'
import { type ModelLife, noLife } from '../models/life.ts'
import { readLife } from '../models/life-store.ts'
import { listUnreadLists } from '../models/read-lists.ts'
import { describeModeration } from '../moderation/open.ts'
import { describeViolations } from './doctor-ledger.ts'
import { checkMail } from './doctor-mail.ts'
import { describeOwnSeals } from './doctor-own-keys.ts'
import { checkEngine, checkProviders, type KnownKeys } from './doctor-providers.ts'
import { type CheckResult, report } from './doctor-result.ts'
import { describeRetention } from './doctor-retention.ts'
import { describeRoute, unusedRoute } from './doctor-routes.ts'
import type { CommandIo, DatabaseNeeds, OutsideNeeds } from './needs.ts'
import { describeError } from './present.ts'
import { describeKeys, readKnownKeys } from './provider-commands.ts'

/** A hung network disk or database must not hang the doctor; a first start of the embedded one takes seconds. */
const CHECK_TIMEOUT_MS = 60_000
/** As for the daily look (credits/ledger.ts): with millions of orders it takes minutes. */
const LEDGER_TIMEOUT_MS = 3_600_000
/** Signatures tolerate five minutes; half a minute already confuses whoever reads the logs. */
const CLOCK_WARN_MS = 2_000
const CLOCK_FAIL_MS = 30_000

const readClock = statement('doctor.read-clock', 'SELECT app_now() AS now, version() AS version')

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

/** A start that fails for its word list is foreseen here. */
async function checkModeration({ moderation }: Config): Promise<CheckResult[]> {
  if (moderation.kind === 'off') return []
  return attempt(
    'moderation',
    'Put the list there, or leave MODERATION_WORDS out for the one that ships.',
    () => [report('moderation', { status: 'ok', message: describeModeration(moderation) })],
  )
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
  const roleFault = await needs.findRoleFault(needs.db)
  const role =
    roleFault === null
      ? []
      : [report('database role', { status: 'warn', message: roleFault, advice: roleAdvice })]
  const offMs = Math.round(Math.abs(row.now.getTime() - (before + after) / 2) - (after - before) / 2)
  return [database, ...role, checkClock(Math.max(offMs, 0))]
}

function checkClock(offMs: number): CheckResult {
  const status = offMs >= CLOCK_FAIL_MS ? 'fail' : offMs >= CLOCK_WARN_MS ? 'warn' : 'ok'
  const message = `This machine and the database differ by ${offMs} ms.`
  const advice = 'Run a time service (NTP) on both.'
  return report('clock', { status, message, ...(status === 'ok' ? {} : { advice }) })
}

/** What runs with one secret does not open what another one has signed or sealed. */
async function checkSameSecret(needs: DatabaseNeeds, config: Config): Promise<CheckResult[]> {
  const seen = await listSecretsSeen(needs.db)
  const advice =
    'Set the same AUTH_SECRET on all nodes, and here, and restart them; name one that links were made with in AUTH_SECRET_EARLIER.'
  if (seen.length > 1) {
    const holders = seen.map(each => `${each.process} (${each.fingerprint.slice(0, 4)})`).join(', ')
    const message = `Nodes hold ${seen.length} different secrets: ${holders}. Sessions, links and sealed keys of one do not hold at another.`
    return [report('secrets', { status: 'fail', message, advice })]
  }
  const own = config.authSecret === null ? null : fingerprintOf(config.authSecret)
  if (own === null || seen.every(({ fingerprint }) => fingerprint === own)) {
    const message = seen.length === 0 ? 'No node runs.' : 'All nodes hold the same secret.'
    return [report('secrets', { status: 'ok', message })]
  }
  const message = 'The AUTH_SECRET of this machine is not the one of the nodes.'
  return [report('secrets', { status: 'fail', message, advice })]
}

/** Only where a provider has lost enough for an alarm today. */
async function checkLosses(needs: DatabaseNeeds, { lossLimits }: Config): Promise<CheckResult[]> {
  const alarms = (await listLossesToday(needs.db, lossLimits)).filter(({ isAlarm }) => isAlarm)
  return alarms.map(({ provider, lossUsdMicro, isAtCap }) => {
    const usd = (lossUsdMicro / 1_000_000).toFixed(2)
    const setting = isAtCap ? 'LOSS_CAP_USD allows' : 'LOSS_ALARM_USD names'
    const then = isAtCap ? 'nothing new is sent there until midnight UTC' : 'it goes on'
    const message = `${usd} USD were lost there today, as much as ${setting}; ${then}.`
    const advice = `Look at its last failures, then run \`providers resume ${provider}\`.`
    return report(`losses ${provider}`, { status: isAtCap ? 'fail' : 'warn', message, advice })
  })
}

async function checkRetention(needs: DatabaseNeeds): Promise<CheckResult[]> {
  return (await describeRetention(needs)).map(({ name, ...parts }) => report(name, parts))
}

/** Only where there are tasks that no key shows. */
async function checkOrphans(needs: DatabaseNeeds, config: Config): Promise<CheckResult[]> {
  const configured = listKeyPlaces(config).flatMap(({ apiKey }) => apiKey ?? [])
  const orphans = await listOrphans(needs, configured)
  return orphans.map(({ provider, fingerprint, tasks }) => {
    const message = `${tasks} tasks were made with the key ${fingerprint}, which is not known any more.`
    const advice = `If the key in use is of another account there, run \`providers set-key ${provider}\` with that one.`
    return report(`tasks ${provider}`, { status: 'warn', message, advice })
  })
}

async function checkLedger(needs: DatabaseNeeds): Promise<CheckResult[]> {
  const violations = await needs.ledger.findAllViolations(needs.db, { limitMs: LEDGER_TIMEOUT_MS })
  if (violations.length === 0) return [report('ledger', { status: 'ok', message: 'Every rule holds.' })]
  return [report('ledger', { status: 'fail', ...describeViolations(violations) })]
}

async function checkStorage(needs: OutsideNeeds): Promise<CheckResult[]> {
  const checked = await needs.storage.check()
  if (checked.ok)
    return [report('storage', { status: 'ok', message: 'A probe was written, read and removed.' })]
  const advice = 'Check STORAGE_URL, the rights on the folder or bucket and the space left.'
  return [report('storage', { status: 'fail', message: checked.message, advice })]
}

function checkModels(needs: OutsideNeeds): CheckResult[] {
  const { problems, warnings } = needs.models.check()
  const advice = 'Run `models check` for the whole list.'
  const [problem] = problems
  if (problem !== undefined) return [report('models', { status: 'fail', message: problem, advice })]
  const offered = needs.models.list().filter(model => model.offered).length
  const message = offered === 1 ? '1 model is offered.' : `${offered} models are offered.`
  if (offered === 0) return [report('models', { status: 'fail', message, advice: "Set a provider's key." })]
  if (warnings.length === 0) return [report('models', { status: 'ok', message })]
  return [
    report('models', {
      status: 'warn',
      message: `${message} ${warnings.length} warning${warnings.length === 1 ? '' : 's'}.`,
      advice,
    }),
  ]
}

type Known = KnownKeys & { life: ModelLife }
type Examined = { checks: CheckResult[]; known: Known }

/** Where the database tells nothing, the keys of the environment are all there are. */
function onlyConfigured(config: Config, checks: CheckResult[]): Examined {
  const rows = describeKeys(config, [])
  return { checks, known: { config, keys: new Map(), unreadableReplaced: [], rows, life: noLife } }
}

/** Only those that could not be read of late; without a key nobody reads them. */
async function checkLists({ db }: DatabaseNeeds, { rows }: KnownKeys): Promise<CheckResult[]> {
  const keyed = new Set(rows.flatMap(({ provider, keyFrom }) => (keyFrom === null ? [] : provider)))
  const unread = (await listUnreadLists(db)).filter(({ provider }) => keyed.has(provider))
  return unread.map(({ provider, readAt, trouble }) => {
    const last = readAt ? `since ${readAt.toISOString()}` : 'yet'
    const message = `What it says of the end of its models could not be read ${last}: ${trouble}`
    const advice = 'It is asked again within an hour. Check its key and address if it stays so.'
    return report(`model list ${provider}`, { status: 'warn', message, advice })
  })
}

async function checkRoutes(io: CommandIo, known: Known, needs: DatabaseNeeds): Promise<CheckResult[]> {
  const outside = await io.openOutside(known.config, { keys: new Map(), life: known.life })
  try {
    const now = needs.now()
    const routes = await outside.listRoutes(needs)
    return routes.map(route => describeRoute(route, now)).map(({ name, ...parts }) => report(name, parts))
  } finally {
    await outside.close()
  }
}

async function examineDatabase(io: CommandIo, config: Config): Promise<Examined> {
  const advice =
    config.database === null
      ? 'Read the message; the embedded database keeps its files in DARKROOM_DATA.'
      : 'Check DATABASE_URL, DATABASE_OWNER_URL and that PostgreSQL runs and may be reached from here.'
  let needs: DatabaseNeeds
  try {
    needs = await withinTime(io.openDatabase(config), CHECK_TIMEOUT_MS)
  } catch (error) {
    return onlyConfigured(config, [
      report('database', { status: 'fail', message: describeError(error), advice }),
    ])
  }
  try {
    const ledger = { name: 'ledger', advice: 'Run doctor again while the database has less to do.' }
    let { known, checks } = onlyConfigured(config, [])
    checks = [
      ...(await attempt('database', advice, () => checkDatabase(needs))),
      ...(await attempt('routes', 'Run `models check`.', async () => {
        known.life = await readLife(needs.db)
        return checkRoutes(io, known, needs)
      })),
      ...(await attempt('tasks', advice, () => checkOrphans(needs, config))),
      ...(await attempt('secrets', advice, () => checkSameSecret(needs, config))),
      ...(await attempt('losses', advice, () => checkLosses(needs, config))),
      ...(await attempt('retention', advice, () => checkRetention(needs))),
      // The database's own limit speaks first.
      ...(await attemptWithin(LEDGER_TIMEOUT_MS + CHECK_TIMEOUT_MS, ledger, () => checkLedger(needs))),
      ...(await attempt('keys', 'Set AUTH_SECRET as it is on the nodes.', async () => {
        const store = await needs.openKeyStore()
        known = { ...(await readKnownKeys(config, store)), life: known.life }
        return describeOwnSeals(await countOwnSeals(store)).map(({ name, ...parts }) => report(name, parts))
      })),
      ...(await attempt('model lists', advice, () => checkLists(needs, known))),
    ]
    return { checks, known }
  } finally {
    await needs.close()
  }
}

async function examineOutside(io: CommandIo, known: Known): Promise<CheckResult[]> {
  const opening = { name: 'models', advice: 'Run `models check`.' }
  // What hangs is told by the check that it hangs in, which is given up first.
  return attemptWithin(2 * CHECK_TIMEOUT_MS, opening, async () => {
    const needs = await io.openOutside(known.config, known)
    // What has no key and can be used all the same: the built-in illustrator, and engines that ask for none.
    const keyed = new Set(known.rows.flatMap(({ provider, keyFrom }) => (keyFrom === null ? [] : provider)))
    try {
      const checks = [
        [checkSandbox(needs)],
        attempt('storage', 'Check STORAGE_URL.', () => checkStorage(needs)),
        attempt('mail', 'Check SMTP_URL.', () => checkMail(known.config, needs)),
        attempt('models', 'Run `models check`.', () => checkModels(needs)),
        attempt('providers', 'Check the base URLs.', () => checkProviders(needs, known)),
        ...needs.providers
          .filter(({ name }) => !keyed.has(name))
          .map(engine =>
            attempt(`provider ${engine.name}`, 'Check its address.', () => checkEngine(needs, engine)),
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
  const { checks, known } = await examineDatabase(io, config)
  const outside = await examineOutside(io, known)
  const moderation = await checkModeration(config)
  return [settings, checkOrigin(config), checkSecrets(config), ...moderation, ...checks, ...outside]
}

/** For people: routes that nothing is known of, one line each, would hide all else. */
export function foldUnused(checks: readonly CheckResult[]): CheckResult[] {
  const isUnused = ({ name, message }: CheckResult) => name.startsWith('route ') && message === unusedRoute
  const count = checks.filter(isUnused).length
  if (count < 2) return [...checks]
  const first = checks.findIndex(isUnused)
  const folded: CheckResult = {
    ...{ name: 'routes', status: 'ok', advice: null },
    message: `${count} routes are ${unusedRoute}. With --json they are listed.`,
  }
  return checks.flatMap((check, at) => (at === first ? [folded] : isUnused(check) ? [] : [check]))
}
