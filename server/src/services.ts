// Builds the plain object of capabilities that the rest receives piece by piece, and closes it in the right order.
// The only place that reads the clock.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { loadAuthSecret } from './accounts/auth-secret.ts'
import { type LastUsed, startLastUsed } from './accounts/last-used.ts'
import { createOperators, type Operators } from './accounts/operators.ts'
import { listAddressees } from './accounts/owner.ts'
import { createPlans, type Plans } from './accounts/plans.ts'
import { fingerprintOf } from './accounts/secret-seen.ts'
import { createSessions, type Sessions } from './accounts/sessions.ts'
import { createLossWatch } from './books/losses.ts'
import { type Config, listTwins, publicOrigin, secretsOf } from './config.ts'
import { quotePrice } from './credits/pricing.ts'
import { type AuthPool, createAuthPool } from './db/auth-pool.ts'
import { assertNoTransaction } from './db/connect.ts'
import type { Db } from './db/db.ts'
import { makeFolders, nameDataFolder } from './folders.ts'
import { type AnsweredMarks, createAnsweredMarks } from './generations/answered.ts'
import { listCappedAccounts } from './generations/blocked.ts'
import { createFactFinder } from './generations/event-facts.ts'
import { createFreshImages, type FreshImages } from './generations/fresh.ts'
import { createHooks, type Hooks } from './generations/hooks.ts'
import { createInputLinks, type InputLinks } from './generations/input-links.ts'
import { type MarkedStorage, openOwnStorage } from './generations/installation.ts'
import { openRouting, type Routed } from './generations/open-routing.ts'
import { type OwnKeys, openOwnKeys } from './generations/own-keys.ts'
import { createPartialBus, type PartialBus } from './generations/partials.ts'
import { createQueueSample, type QueueSample } from './generations/queue.ts'
import { createRedact, type Redact } from './generations/redaction.ts'
import { createRetryBudget } from './generations/retry-budget.ts'
import { createRunner, type Runner } from './generations/runner.ts'
import { createSettledBus, type SettledBus } from './generations/settled.ts'
import { createPulse, defaultStillAfterMs, type Pulse } from './jobs/pulse.ts'
import { describeKeyPlaces } from './key-places.ts'
import { type Keyring, openKeyring } from './keyring/keyring.ts'
import type { Log } from './log.ts'
import { type OpenMailNeeds, openMailer } from './mail/open.ts'
import type { Mailer } from './mail/send.ts'
import type { Catalog, ModelList, Standing } from './models/catalog.ts'
import { createCatalog } from './models/create-catalog.ts'
import { createLifeMemory, createLives, type LifeMemory, type Lives } from './models/life-store.ts'
import { loadCatalogEntries } from './models/load.ts'
import { rememberStanding } from './models/standing.ts'
import { addTwins } from './models/twins.ts'
import type { Moderation } from './moderation/moderation.ts'
import { openModeration } from './moderation/open.ts'
import { openDatabase } from './open-database.ts'
import { createOutbound, type OutboundClient, type OutboundJudge } from './outbound.ts'
import { createProviderSource, type KeyedProviders } from './providers/source.ts'
import { decideSandbox, decideStanding, type SandboxState } from './sandbox.ts'
import { createSeal } from './seal.ts'
import { createDeriver, type Deriver } from './storage/derive.ts'
import { createLinks, createSigner, type Links } from './storage/links.ts'
import { openStorage } from './storage/open.ts'
import { makeSmallCopy } from './storage/small-copy.ts'
import type { Storage } from './storage/storage.ts'
import { createMetrics, type Metrics } from './telemetry.ts'
import type { InputTaker } from './uploads/input.ts'
import { createInputTaker } from './uploads/reference.ts'
import { takeUpload, type UploadNeeds, uploadPurpose } from './uploads/uploads.ts'
import { createDeliverer, type Deliverer } from './webhooks/deliver.ts'
import type { EndpointNeeds } from './webhooks/endpoints.ts'
import { createDeliveryEvents } from './webhooks/observe.ts'

export const systemClock = (): Date => new Date()
const elapsedMs = (): number => performance.now()

/** A worker that is silent for so long has died; its rows go to the reconciler. Tests shorten it. */
export const defaultLeaseMs = 30_000

export type Outside = {
  catalog: Catalog & ModelList
  providers: KeyedProviders
  sandbox(): SandboxState
  standing(): Standing
  life: LifeMemory
  http: OutboundClient & OutboundJudge
  storage: Storage
  redact: Redact
  close(): Promise<void>
}

/** Everything that is not the database: models, providers, storage, the way out. */
export function openOutside(config: Config, log: Log): Outside {
  const http = createOutbound({
    allow: config.outboundAllow,
    // A key may come to any of them while the service runs.
    configuredOrigins: [
      ...Object.values(config.providers),
      ...config.engines,
      ...config.packages,
      config.moderation.provider,
    ].flatMap(provider => provider?.baseUrl ?? []),
    ...(config.publicUrl ? { ownHosts: [new URL(config.publicUrl).hostname] } : {}),
    log,
    assertNoTransaction,
  })
  const providers = createProviderSource(config)
  const facts = () => ({ ...config.sandbox, providers: providers.names().filter(isEarnest) })
  const sandbox = () => decideSandbox(facts())
  const life = createLifeMemory()
  const turns = { names: providers.names, life: life.current }
  const standing = rememberStanding(turns, () => decideStanding(facts()))
  const catalog = createCatalog({
    entries: addTwins(
      loadCatalogEntries(config.catalogFile ? { overrideFile: config.catalogFile } : {}),
      listTwins(config.engines),
    ),
    standing,
    creditPriceUsd: config.creditPriceUsdMicro / 1_000_000,
    quotePrice,
    now: systemClock,
  })
  checkGptimage2Model(catalog, config.gptimage2Model)
  const storage = openStorage(config.storageUrl, { assertNoTransaction, now: systemClock })
  const redact = createRedact(secretsOf(config), providers.keys)
  return { catalog, providers, sandbox, standing, life, http, storage, redact, close: () => http.close() }
}

/** The illustrator is no sign of a real installation. */
const isEarnest = (provider: string) => provider !== 'sketch'

/** A catalogue may leave out the model that nobody asked for by name; a name that it does not have is a mistake. */
function checkGptimage2Model(catalog: ModelList, id: string): void {
  if (id === defaultGptimage2Model || catalog.find('gptimage2', id)) return
  throw new Error(`GPTIMAGE2_MODEL names ${id}, which the catalogue does not list for gptimage2`)
}

const defaultGptimage2Model = 'gpt-image-2'

export type Services = Omit<Outside, 'storage'> &
  Routed & {
    storage: MarkedStorage
    links: Links
    deriver: Deriver
    secretPrint: string
    /** The origin callers use; final once openSessions has been told the port. */
    publicUrl: () => string
    config: Config
    log: Log
    metrics: Metrics
    db: Db
    now: () => Date
    processName: string
    leaseMs: number
    isSandbox(): boolean
    settled: SettledBus
    partials: PartialBus
    attemptHeaders(attemptId: string): Record<string, string>
    hooks: Hooks
    inputLinks: InputLinks
    fresh: FreshImages
    queue: QueueSample
    pulse: Pulse
    runner: Runner
    inputs: InputTaker
    uploads: UploadNeeds
    moderation: Moderation
    keyring: Keyring
    lives: Lives
    ownKeys: OwnKeys
    lookAtLosses(): Promise<void>
    webhooks: EndpointNeeds
    deliverer: Deliverer
    /** Null where no mail server is configured. */
    mailer: Mailer | null
    answered: AnsweredMarks
    lastUsed: LastUsed
    plans: Plans
    operators: Operators
    /** For roles that serve; opened by openSessions once the port is known. */
    openSessions(port: number): Promise<Sessions>
  }

export type Tuning = {
  leaseMs: number
  runsGenerations: boolean
  /** False in tests that break an upstream on purpose, call after call. */
  breaks: boolean
  /** Shorter in tests. */
  stillAfterMs?: number | null
}

function concurrencyOf(config: Config, tuning: Tuning): number {
  return tuning.runsGenerations ? config.workerConcurrency : 0
}

function loadSecret({ authSecret, dataDir }: Config): Promise<string> {
  return loadAuthSecret({ configured: authSecret, dataDir })
}

/** What cannot be opened must not leave open what was opened before it. */
async function orClose<Result>(
  opened: readonly { close(): Promise<void> }[],
  open: () => Promise<Result> | Result,
): Promise<Result> {
  try {
    return await open()
  } catch (error) {
    for (const each of opened) await each.close()
    throw error
  }
}

type Site = Pick<Services, 'links' | 'publicUrl' | 'hooks' | 'inputLinks' | 'secretPrint'> & {
  noteListening(port: number): void
}

/** What links in answers begin with, and what makes them true. */
function openSite(config: Config, secret: string): Site {
  let { port } = config
  const publicUrl = () => publicOrigin(config, port)
  const secrets = [secret, ...config.earlierAuthSecrets]
  const origin = () => config.filesUrl ?? publicUrl()
  return {
    publicUrl,
    secretPrint: fingerprintOf(secret),
    hooks: createHooks({ secrets, isOn: config.upstreamWebhooks, origin: publicUrl }),
    links: createLinks({ secrets, origin }),
    inputLinks: createInputLinks({ secrets, origin, now: systemClock }),
    noteListening(listening) {
      port = listening
    },
  }
}

/** Unique also among processes of one host that were given the same number one after the other. */
function nameProcess(): string {
  return `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
}

/** Production sends nothing; builds for tests label each call so that an emulator can count by attempt. */
function labelAttempt(attemptId: string): Record<string, string> {
  return __FAILPOINTS__ ? { 'x-darkroom-attempt': attemptId } : {}
}

type Intake = Pick<Services, 'inputs' | 'uploads' | 'moderation'>

type IntakeNeeds = Outside & Pick<Services, 'config' | 'db' | 'log' | 'metrics' | 'publicUrl'>

/** What comes in with orders, and who judges it. Throws when the word list cannot be read. */
function openIntake(needs: IntakeNeeds, secret: string): Intake {
  const { config, db } = needs
  const uploads = {
    ...needs,
    signer: createSigner([secret, ...config.earlierAuthSecrets], uploadPurpose),
    quota: config.uploadQuota,
    now: systemClock,
  }
  const inputs = createInputTaker({
    ...needs,
    takeUpload: (accountId, request) => takeUpload(uploads, accountId, request),
  })
  const moderation = openModeration(
    {
      ...needs,
      now: systemClock,
      shrink: makeSmallCopy,
      listCapped: blockedPerDay => listCappedAccounts(db, blockedPerDay),
    },
    config.moderation,
  )
  return { inputs, uploads, moderation }
}

type WebhookNeeds = Pick<Services, 'config' | 'db' | 'http' | 'links' | 'log' | 'metrics' | 'publicUrl'> &
  Pick<Services, 'processName' | 'leaseMs'>

/** What customers' receivers are kept and told with. `places` is 0 where this process sends nothing. */
function openWebhooks(
  needs: WebhookNeeds,
  { secret, places }: { secret: string; places: number },
): Pick<Services, 'webhooks' | 'deliverer'> {
  const { config, http, log, metrics } = needs
  const seal = createSeal([secret, ...config.earlierAuthSecrets], 'webhook secrets')
  const refusalOf = (url: string) => http.refusalOf(url)
  return {
    webhooks: { db: needs.db, seal, now: systemClock, refusalOf, challenges: config.webhookChallenge },
    deliverer: createDeliverer(
      {
        ...needs,
        seal,
        events: createDeliveryEvents(log, metrics),
        findFacts: createFactFinder({ ...needs, now: systemClock }),
        now: systemClock,
        random: Math.random,
      },
      { places },
    ),
  }
}

function openMail(needs: Omit<OpenMailNeeds, 'listAddressees' | 'now'>): Mailer | null {
  const addresseesOf: OpenMailNeeds['listAddressees'] = (...of) => listAddressees(needs.db, ...of)
  return openMailer({ ...needs, now: systemClock, listAddressees: addresseesOf })
}

type KnownNeeds = Pick<Outside, 'providers' | 'life'> &
  Pick<Services, 'config' | 'db' | 'log' | 'metrics'> & { secrets: readonly string[] }

/** What the database knows of upstreams: in force before anybody is served. */
async function openKnown(needs: KnownNeeds): Promise<Pick<Services, 'keyring' | 'lives'>> {
  const { db, log, secrets, providers: source } = needs
  const keyring = await openKeyring({ db, log, source, secrets, ...describeKeyPlaces(needs.config) })
  const lives = createLives(needs)
  await lives.refresh()
  return { keyring, lives }
}

/** Providers that an account may bring a key for: at each moment, for an engine gets its own key while it runs, too. */
function listOwnable(config: Config, { takesOwnKeys }: Outside['providers']): () => string[] {
  const { providers } = describeKeyPlaces(config)
  return () => providers.filter(takesOwnKeys)
}

/** Storage in it would fail without its setting's name; with other storage nothing may need the folder. */
async function makeDataFolder({ dataDir, storageUrl }: Config): Promise<void> {
  if (storageUrl.startsWith(`file:${dataDir}/`)) await nameDataFolder(dataDir, () => makeFolders(dataDir))
}

export async function openServices(config: Config, log: Log, tuning: Tuning): Promise<Services> {
  const metrics = createMetrics()
  // The database first: it makes the data folder so that the user it runs as can pass, also when we are root.
  const database = await openDatabase(config, log)
  const opened = await orClose([database], () => openOutside(config, log))
  const secret = await orClose([opened, database], () => loadSecret(config))
  const { db } = database
  const secrets = [secret, ...config.earlierAuthSecrets]
  const known = await orClose([opened, database], () =>
    openKnown({ ...opened, config, db, log, metrics, secrets }),
  )
  const site = openSite(config, secret)
  const own = { db, log, metrics, storage: opened.storage }
  await orClose([opened, database], () => makeDataFolder(config))
  const storage = await orClose([opened, database], () => openOwnStorage(own))
  const byok = { ...config.byok, names: listOwnable(config, opened.providers) }
  const ownKeys = openOwnKeys(byok, known.keyring, opened.providers)
  const parts = { ...opened, ...site, storage, db, config, log, metrics, ...known, ownKeys }
  const intake = await orClose([opened, database], () => openIntake(parts, secret))
  const queue = createQueueSample({ db, metrics, elapsedMs }, config.queueBound)
  const settled = createSettledBus()
  const named = { processName: nameProcess(), leaseMs: tuning.leaseMs }
  // What whoever takes an order and whoever runs it share.
  const shared = {
    ...parts,
    ...intake,
    settled,
    partials: createPartialBus(log),
    fresh: createFreshImages(settled.isWaitedFor),
    ...named,
    ...openRouting({ ...parts, ...named }, tuning.breaks),
    attemptHeaders: labelAttempt,
  }
  const runner = createRunner(
    { ...shared, retryBudget: createRetryBudget() },
    { concurrency: concurrencyOf(config, tuning), onClaimed: queue.noteLeft },
  )
  const places = tuning.runsGenerations ? config.webhookConcurrency : 0
  const lastUsed = startLastUsed({ db, log, elapsedMs })
  const answered = createAnsweredMarks(db)
  let authPool: AuthPool | null = null
  return {
    ...shared,
    ...openWebhooks(shared, { secret, places }),
    lookAtLosses: createLossWatch({ db, log, metrics, source: opened.providers }, config.lossLimits),
    deriver: createDeriver({ storage, log }),
    now: systemClock,
    isSandbox: () => opened.standing().sandbox,
    plans: createPlans(config.plans),
    operators: createOperators({ ...parts, secret, allowInsecureCookies: config.allowInsecureCookies }),
    ...{ queue, runner, answered, lastUsed, mailer: openMail(shared) },
    pulse: createPulse(elapsedMs, tuning.stillAfterMs ?? defaultStillAfterMs),
    async openSessions(port) {
      site.noteListening(port)
      authPool = createAuthPool({ url: database.urls.url, log })
      return createSessions({
        ...{ db, pool: authPool, now: systemClock, log, secret, publicUrl: site.publicUrl() },
        allowInsecureCookies: config.allowInsecureCookies,
      })
    },
    async close() {
      await lastUsed.stop()
      // A mark that is lost does no harm; what is closed after it would.
      await answered.flush().catch(error => log.warn({ err: error }, 'answers were not marked'))
      await authPool?.end()
      await opened.close()
      await database.close()
    },
  }
}
