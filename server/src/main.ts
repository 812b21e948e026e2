// The program: reads the command line, opens what a role needs, stops on a signal. The only place that prints.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAuthSecret } from './accounts/auth-secret.ts'
import { createFirstAdminKey } from './accounts/first-start.ts'
import { createPasswords } from './accounts/passwords.ts'
import { createApp } from './app.ts'
import { collectYoung } from './collector.ts'
import { runCommand } from './commands/command-line.ts'
import type { CommandIo, OutsideNeeds, Stored } from './commands/needs.ts'
import { describeError } from './commands/present.ts'
import { type Config, loadConfig, loadTestSettings, publicOrigin } from './config.ts'
import { adjustCredits, findAllViolations, grantCredits, refundGeneration } from './credits/ledger.ts'
import { quotePrice } from './credits/pricing.ts'
import { findRoleFault, findSettingFaults, roleAdvice } from './db/check-settings.ts'
import type { Db } from './db/db.ts'
import { armFailpoints } from './failpoints.ts'
import { findAnnouncedTerm, listDifferingTerms } from './generations/retention.ts'
import { listRouteStates } from './generations/route-states.ts'
import { describeKeyPlaces } from './key-places.ts'
import { type KeyStoreNeeds, readKeys } from './keyring/key-store.ts'
import { createLog, type Log } from './log.ts'
import { createSmtp } from './mail/smtp.ts'
import type { ModelList } from './models/catalog.ts'
import { checkCatalog } from './models/check.ts'
import { noLife } from './models/life.ts'
import { readLife } from './models/life-store.ts'
import { loadCatalogEntries } from './models/load.ts'
import { dialects } from './models/options.ts'
import { openDatabase } from './open-database.ts'
import { createSeal } from './seal.ts'
import { type Listening, listen } from './serve.ts'
import {
  defaultLeaseMs,
  type Outside,
  openOutside,
  openServices,
  type Services,
  systemClock,
} from './services.ts'
import { defaultCheckEveryMs, defaultListsEveryMs, startWork } from './work.ts'

type Role = 'serve' | 'work' | 'all'

const sweepEveryMs = 2_000

async function runRole(role: Role): Promise<void> {
  const config = loadConfig()
  const log = createLog({ level: config.logLevel, logPrompts: config.logPrompts })
  const test = __FAILPOINTS__ ? loadTestSettings() : null
  if (test) armFailpoints(test.failpoints)
  const runsGenerations = role !== 'serve'
  const leaseMs = test?.leaseMs ?? defaultLeaseMs
  const stopSignal = nextStopSignal()
  const services = await openServices(config, log, {
    ...{ leaseMs, runsGenerations, breaks: test?.breaks ?? true },
    stillAfterMs: test?.stillAfterMs ?? null,
  })
  const { warning } = services.sandbox()
  if (warning) log.warn({ event: 'sandbox.warning' }, warning)
  // Whatever fails, also a port that is taken: the database that was started for us is not left running.
  try {
    const roleFault = await findRoleFault(services.db)
    if (roleFault) log.warn({ event: 'database.one_role' }, `${roleFault} ${roleAdvice}`)
    const work = await startWork(services, {
      runsGenerations,
      sweepEveryMs: test?.sweepEveryMs ?? sweepEveryMs,
      checkEveryMs: test?.checkEveryMs ?? defaultCheckEveryMs,
      listsEveryMs: test?.listsEveryMs ?? defaultListsEveryMs,
    })
    try {
      await serveUntil(stopSignal, role, services)
    } finally {
      await work.stop()
    }
  } finally {
    await services.close()
  }
}

/** Takes callers, except in the role of a worker, until told to stop; then finishes what was begun. */
async function serveUntil(stopSignal: Promise<void>, role: Role, services: Services): Promise<void> {
  const { shutdownGraceMs } = services.config
  const listening = role === 'work' ? null : await startServing(services)
  if (listening) await welcome(services, listening)
  else console.log('Darkroom is working: generations are run, no port is open.')
  await stopSignal
  console.log('Stopping: no new work is taken; what runs is finished. Ctrl-C again to leave at once.')
  const graceEndsAt = performance.now() + shutdownGraceMs
  listening?.drain()
  await Promise.all([services.runner.stop(shutdownGraceMs), services.mailer?.stop(shutdownGraceMs)])
  await services.deliverer.stop(Math.max(minAnswerGraceMs, graceEndsAt - performance.now()))
  await listening?.stop(Math.max(minAnswerGraceMs, graceEndsAt - performance.now()))
}

/** Answers that are being written get this long even when the grace time is over. */
const minAnswerGraceMs = 2_000

function startServing(services: Services): Promise<Listening> {
  const { config } = services
  return listen({ host: config.host, port: config.port, log: services.log }, async port => {
    return createApp({ ...services, sessions: await services.openSessions(port) })
  })
}

/** Resolves at the first SIGINT or SIGTERM; the second one ends the process. */
function nextStopSignal(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130))
        resolve()
      })
    }
  })
}

async function welcome(services: Services, listening: Listening): Promise<void> {
  const { config, db, now } = services
  const origin = publicOrigin(config, listening.port)
  console.log(`Darkroom is ready at ${origin}`)
  const sandbox = services.sandbox()
  if (sandbox.on) {
    console.log(`Sandbox: the built-in illustrator serves every model. ${sandbox.reason}`)
  }
  const hashPassword = createPasswords().hash
  // Callers are served already: a database that goes away at this moment must not end them.
  const apiKey = await createFirstAdminKey(
    { db, now, grantCredits, hashPassword },
    config.signupCredits,
  ).catch(error => {
    services.log.error(
      { event: 'admin_key.failed', err: error },
      'the first admin key is made at the next start',
    )
    return null
  })
  if (apiKey) {
    console.log(`Admin API key, shown only this once: ${apiKey}`)
    console.log('An account for a person: npm run darkroom -- accounts create --email you@example.com')
    console.log(`How upstreams fare, in a browser, with that key: ${origin}/operator/upstreams`)
  }
}

function openIo(): CommandIo {
  const quiet = (
    config: Config,
    level: Config['logLevel'] = config.logLevel === 'info' ? 'warn' : config.logLevel,
  ) =>
    createLog({
      level,
      logPrompts: false,
      destination: process.stderr,
    })
  let hasOpened = false
  return {
    writeOut: text => process.stdout.write(text),
    writeError: text => process.stderr.write(text),
    readInput: async () => readFileSync(0, 'utf8'),
    loadConfig,
    async openDatabase(config) {
      if (isUnstarted(config)) process.stderr.write(unstartedNote(config))
      const { db, close } = await openDatabase(config, quiet(config))
      return {
        db,
        now: systemClock,
        ledger: { grantCredits, adjustCredits, findAllViolations, refundGeneration },
        findSettingFaults,
        findRoleFault,
        findAnnouncedTerm,
        listDifferingTerms,
        openKeyStore: async () => openKeyStore(config, db),
        close,
      }
    },
    async openOutside(config, stored = nothingStored) {
      // `doctor` opens it twice; what is said at the opening is said once.
      const outside = openOutside(config, hasOpened ? quiet(config, 'error') : quiet(config))
      hasOpened = true
      outside.providers.setKeys(stored.keys)
      outside.life.set(stored.life)
      return toOutsideNeeds(config, outside)
    },
    findStored: config => findStored(config, quiet(config)),
    roles: { serve: () => runRole('serve'), work: () => runRole('work'), all: () => runRole('all') },
    async migrate(config) {
      const { applied, close } = await openDatabase(config, quiet(config))
      await close()
      return applied
    },
  }
}

/** A service makes its secret at its first start, and a command makes none. */
function isUnstarted({ database, authSecret, dataDir }: Config): boolean {
  return !database && !authSecret && !existsSync(join(dataDir, 'auth-secret'))
}

/** What such a command makes, a running service with another folder never sees. */
function unstartedNote({ dataDir }: Config): string {
  return `No service was ever started on ${dataDir}: this is an installation of its own. If yours runs elsewhere, set its DARKROOM_DATA.\n`
}

/** A secret made up here and now would seal what no node can open. */
async function openKeyStore(config: Config, db: Db): Promise<KeyStoreNeeds> {
  if (config.database && !config.authSecret && !existsSync(join(config.dataDir, 'auth-secret')))
    throw new Error('AUTH_SECRET is unset: set it here as on every node, for keys are sealed with it')
  const secret = await loadAuthSecret({ configured: config.authSecret, dataDir: config.dataDir })
  const seal = createSeal([secret, ...config.earlierAuthSecrets], 'provider keys')
  return { db, seal, ...describeKeyPlaces(config) }
}

const nothingStored: Stored = { keys: new Map(), life: noLife }

/** Does not make a database for it. */
async function findStored(config: Config, log: Log): Promise<Stored> {
  if (!config.database && !existsSync(join(config.dataDir, 'auth-secret'))) return nothingStored
  try {
    const { db, close } = await openDatabase(config, log)
    try {
      const life = await readLife(db)
      return { life, keys: (await readKeys(await openKeyStore(config, db))).keys }
    } finally {
      await close()
    }
  } catch (error) {
    process.stderr.write(`Keys in the database are not counted: ${describeError(error)}\n`)
    return nothingStored
  }
}

function toOutsideNeeds(config: Config, outside: Outside): OutsideNeeds {
  const { catalog, providers, sandbox, standing, http, storage, close } = outside
  return {
    providers: providers.names().flatMap(name => providers.get(name) ?? []),
    providerWith: providers.withKey,
    sandbox,
    http,
    storage,
    close,
    listRoutes: ({ db }) => listRouteStates({ db, catalog }),
    checkMail: () => checkMail(config),
    models: {
      list: () => listEverywhere(catalog),
      check: () => {
        const report = checkCatalog(
          loadCatalogEntries(config.catalogFile ? { overrideFile: config.catalogFile } : {}),
          {
            standing,
            creditPriceUsd: config.creditPriceUsdMicro / 1_000_000,
            quotePrice,
            now: systemClock,
          },
        )
        const lines = (findings: { model: string; message: string }[]) =>
          findings.map(({ model, message }) => `${model}: ${message}`)
        return {
          problems: lines(report.problems),
          warnings: lines([...report.warnings, ...report.notOffered]),
        }
      },
    },
  }
}

/** Null where no mail server is configured; else what is wrong with it, or nothing. */
async function checkMail({ mail }: Config): Promise<{ trouble: string | null } | null> {
  if (!mail) return null
  const outcome = await createSmtp(mail).check()
  return { trouble: outcome.result === 'later' ? outcome.error : null }
}

/** The native dialect lists every model; the others tell where else it is listed. */
function listEverywhere(catalog: ModelList) {
  const listed = dialects.map(dialect => ({
    dialect,
    ids: new Set(catalog.list(dialect).map(model => model.id)),
  }))
  return catalog.list('native').map(({ id, name, offered, notes }) => ({
    id,
    name,
    offered,
    notes,
    dialects: listed.filter(({ ids }) => ids.has(id)).map(({ dialect }) => dialect),
  }))
}

collectYoung()
const exitCode = await runCommand(process.argv.slice(2), openIo())
// Output is flushed first; then whatever a command left open, such as an abandoned check, may not keep us here.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
