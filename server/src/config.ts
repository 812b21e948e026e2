// The configuration: every environment variable read once, parsed, contradictions refused. Nothing else in the
// service may read the environment.
import { join, resolve } from 'node:path'
import type { LogLevel } from './log.ts'
import { logLevels } from './log.ts'
import { isLoopbackHost } from './loopback.ts'
import type { PlanSetting } from './plans-setting.ts'
import { type EngineConfig, readEngines } from './read-engines.ts'
import { type MailConfig, readMail } from './read-mail.ts'
import { type PackageConfig, readPackages } from './read-packages.ts'
import { type HostedConfig, type ProviderSettings, readProviders } from './read-providers.ts'
import type { SandboxSigns } from './sandbox.ts'
import type { Environment, SettingReader } from './setting-values.ts'
import { createSettingReader } from './setting-values.ts'

export { type EngineConfig, type EngineKind, listTwins } from './read-engines.ts'
export type { MailConfig } from './read-mail.ts'
export type { PackageConfig } from './read-packages.ts'
export type { HostedConfig, ProviderSettings } from './read-providers.ts'

export type DatabaseConfig = {
  /** Runtime role; may be pooled. */
  url: string
  /** Role that owns the tables. */
  ownerUrl: string
  /** Straight to PostgreSQL. */
  directUrl: string
}

export type ModerationConfig = {
  kind: 'off' | 'words' | 'openai'
  /** A file of words; null = the list that ships, or none beside a provider. */
  wordsFile: string | null
  /** Null unless the kind is openai. */
  provider: { apiKey: string; baseUrl: string; model: string } | null
  onFailure: 'refuse' | 'pass'
  checksOutput: boolean
  /** 0 = no limit. */
  blockedPerDay: number
  /** 0 = off. */
  strikes: number
}

export type Config = {
  host: string
  port: number
  /** Null = unset; see publicOrigin. */
  publicUrl: string | null
  filesUrl: string | null
  interimResponses: boolean
  /** Whether upstreams are given an address to call back. */
  upstreamWebhooks: boolean
  trustedProxies: number
  /** Absolute. */
  dataDir: string
  /** Null = embedded. */
  database: DatabaseConfig | null
  dbPrepare: boolean
  dbPoolSize: number
  storageUrl: string
  /** Of the bucket's access key. The SDK reads them itself; we know them to keep them out of logs. */
  storageSecrets: string[]
  providers: ProviderSettings
  /** Self-hosted; each is a provider. */
  engines: EngineConfig[]
  /** Packages of the AI SDK; each is a provider. */
  packages: PackageConfig[]
  outboundAllow: string[]
  moderation: ModerationConfig
  signupCredits: number
  /** Micro-dollars for one credit: 10,000 = $0.01. */
  creditPriceUsdMicro: number
  /** Keys that accounts bring. */
  byok: { isOn: boolean; fee: { percent: number } | { credits: number } }
  lossLimits: { alarmUsdMicro: number; capUsdMicro: number }
  /** Never empty. */
  plans: PlanSetting[]
  /** The model behind every order of the gptimage2 API. */
  gptimage2Model: string
  openaiDialect: { defaultModel: string; rate: { requests: number; windowS: number } | null }
  /** What decides it, but for the providers' keys, which come and go. */
  sandbox: SandboxSigns
  catalogFile: string | null
  paymentSecretKey: string | null
  workerConcurrency: number
  queueBound: number
  getimgFilesLiveS: number
  /** 0 = no limit, of both. */
  getimgRequestsPerMinute: number
  getimgInFlight: number
  /** Of uploads that no order has used, for one account. */
  uploadQuota: { count: number; bytes: number }
  deadlineSyncMs: number
  deadlineAsyncMs: number
  shutdownGraceMs: number
  /** 0 = off. */
  scrubPerHour: number
  webhookConcurrency: number
  /** 0 = everything is kept. */
  retentionDays: number
  webhookLogDays: number
  /** Whether a webhook's URL must echo a challenge before it is sent anything else. */
  webhookChallenge: boolean
  /** Null = nobody is told by mail. */
  mail: MailConfig | null
  logLevel: LogLevel
  logPrompts: boolean
  metricsToken: string | null
  authSecret: string | null
  /** Replaced ones: links they signed still open. */
  earlierAuthSecrets: string[]
  allowInsecureCookies: boolean
}

/** Everything that is wrong with the environment, each line naming its variable. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`The configuration is wrong:\n${problems.map(problem => `  - ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const OPENAI_API = 'https://api.openai.com/v1'
/** Far above any sensible gift, far below what an integer holds exactly. */
const CREDITS_MAX = 1_000_000_000
/** 32 letters of 62 carry 190 bits; shorter secrets can be guessed offline from a cookie. */
const AUTH_SECRET_MIN_LENGTH = 32

function readDatabase(read: SettingReader): DatabaseConfig | null {
  const schemes = ['postgres', 'postgresql']
  const url = read.url('DATABASE_URL', schemes)
  const directUrl = read.url('DATABASE_DIRECT_URL', schemes)
  const ownerUrl = read.url('DATABASE_OWNER_URL', schemes)
  if (url === null) {
    for (const name of ['DATABASE_DIRECT_URL', 'DATABASE_OWNER_URL']) {
      if (read.isSet(name)) read.problems.push(`${name} is set without DATABASE_URL: set both or neither`)
    }
    return null
  }
  if (!read.flag('DB_PREPARE') && directUrl === null) {
    read.problems.push(
      'DB_PREPARE is off, for a pooled database, without DATABASE_DIRECT_URL: set the direct one too',
    )
  }
  return { url, directUrl: directUrl ?? url, ownerUrl: ownerUrl ?? directUrl ?? url }
}

/** Without a key of its own, moderation asks where the pictures come from. */
function readModeration(read: SettingReader, openai: HostedConfig): ModerationConfig {
  const kind = read.choice('MODERATION', ['off', 'words', 'openai'])
  const ownUrl = read.url('MODERATION_BASE_URL', ['http', 'https'])
  const ownKey = read.text('MODERATION_API_KEY')
  const apiKey = ownKey ?? openai.apiKey
  const baseUrl = ownUrl ?? (ownKey ? OPENAI_API : openai.baseUrl)
  const wordsFile = read.text('MODERATION_WORDS')
  const model = read.text('MODERATION_MODEL') ?? ''
  if (kind === 'openai' && apiKey === null) {
    read.problems.push('MODERATION is openai without MODERATION_API_KEY or OPENAI_API_KEY: set one of them')
  }
  if (kind === 'off' && wordsFile !== null) {
    read.problems.push('MODERATION_WORDS is set while MODERATION is off: set MODERATION to words or openai')
  }
  return {
    kind,
    wordsFile: wordsFile === null ? null : resolve(wordsFile),
    provider: kind === 'openai' && apiKey !== null ? { apiKey, baseUrl, model } : null,
    onFailure: read.choice('MODERATION_ON_FAILURE', ['refuse', 'pass']),
    checksOutput: read.flag('MODERATION_OUTPUT'),
    blockedPerDay: read.integer('MODERATION_BLOCKED_PER_DAY', { min: 0, max: 1_000_000 }),
    strikes: read.integer('MODERATION_STRIKES', { min: 0, max: 1_000_000 }),
  }
}

function readStorageUrl(read: SettingReader, dataDir: string): string {
  const url = read.text('STORAGE_URL') ?? `file:${join(dataDir, 'images')}`
  if (!/^(file:.+|s3:\/\/.+)$/.test(url))
    read.problems.push('STORAGE_URL must be file:<folder> or s3://<bucket>/<prefix>?…')
  return url
}

function readStorageSecrets(read: SettingReader): string[] {
  const secret = read.text('AWS_SECRET_ACCESS_KEY')
  if ((secret === null) !== (read.text('AWS_ACCESS_KEY_ID') === null)) {
    read.problems.push('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: set both or none')
  }
  return [secret, read.text('AWS_SESSION_TOKEN')].filter(each => each !== null)
}

function readAuthSecret(read: SettingReader): string | null {
  const secret = read.text('AUTH_SECRET')
  if (secret !== null && secret.length < AUTH_SECRET_MIN_LENGTH) {
    read.problems.push(`AUTH_SECRET must be a random text of ${AUTH_SECRET_MIN_LENGTH} letters or more`)
  }
  return secret
}

function readEarlierSecrets(read: SettingReader): string[] {
  const secrets = (read.text('AUTH_SECRET_EARLIER') ?? '').split(',').map(secret => secret.trim())
  const given = secrets.filter(Boolean)
  if (given.some(secret => secret.length < AUTH_SECRET_MIN_LENGTH)) {
    read.problems.push(
      `AUTH_SECRET_EARLIER must be secrets of ${AUTH_SECRET_MIN_LENGTH} letters or more, separated by commas`,
    )
  }
  return given
}

function readDeadlines(read: SettingReader) {
  const sync = read.integer('GENERATION_DEADLINE_SYNC_S', { min: 5, max: 3_600 })
  const async_ = read.integer('GENERATION_DEADLINE_ASYNC_S', { min: 5, max: 86_400 })
  if (async_ < sync) {
    read.problems.push('GENERATION_DEADLINE_ASYNC_S must not be below GENERATION_DEADLINE_SYNC_S')
  }
  return { deadlineSyncMs: sync * 1000, deadlineAsyncMs: async_ * 1000 }
}

function readWork(read: SettingReader) {
  return {
    workerConcurrency: read.integer('WORKER_CONCURRENCY', { min: 1, max: 1_000 }),
    queueBound: read.integer('QUEUE_BOUND', { min: 1, max: 1_000_000 }),
    ...readDeadlines(read),
    getimgFilesLiveS: read.integer('GETIMG_FILES_LIFETIME_S', { min: 3_600, max: 315_360_000 }),
    getimgRequestsPerMinute: read.integer('GETIMG_REQUESTS_PER_MINUTE', { min: 0, max: 1_000_000 }),
    getimgInFlight: read.integer('GETIMG_IN_FLIGHT', { min: 0, max: 1_000_000 }),
    uploadQuota: {
      count: read.integer('UPLOADS_UNUSED', { min: 0, max: 1_000_000 }),
      bytes: read.integer('UPLOADS_UNUSED_MB', { min: 0, max: 1_000_000 }) * 1_000_000,
    },
    shutdownGraceMs: read.integer('SHUTDOWN_GRACE_S', { min: 0, max: 3_600 }) * 1000,
    scrubPerHour: read.integer('SCRUB_OBJECTS_PER_HOUR', { min: 0, max: 360_000 }),
    webhookConcurrency: read.integer('WEBHOOK_CONCURRENCY', { min: 1, max: 1_000 }),
    retentionDays: readRetentionDays(read),
    webhookChallenge: read.flag('WEBHOOK_CHALLENGE'),
    webhookLogDays: read.integer('WEBHOOK_LOG_DAYS', { min: 1, max: 3_650 }),
    logLevel: read.choice('LOG_LEVEL', logLevels),
    logPrompts: read.flag('LOG_PROMPTS'),
    metricsToken: read.text('METRICS_TOKEN'),
  }
}

/** A term of hours would take pictures from callers who repeat an order under its key. */
function readRetentionDays(read: SettingReader): number {
  const days = read.integer('RETENTION_DAYS', { min: 0, max: 36_500 })
  if (days === 1 || days === 2) read.problems.push('RETENTION_DAYS must be 0, or 3 or more')
  return days
}

function readLossLimits(read: SettingReader): Config['lossLimits'] {
  const alarmUsd = read.integer('LOSS_ALARM_USD', { min: 1, max: 1_000_000 })
  const capUsd = read.integer('LOSS_CAP_USD', { min: 0, max: 1_000_000 })
  return { alarmUsdMicro: alarmUsd * 1_000_000, capUsdMicro: capUsd * 1_000_000 }
}

function readListening(read: SettingReader) {
  const publicUrl = read.origin('PUBLIC_URL')
  const filesUrl = read.origin('FILES_URL')
  if (filesUrl !== null && publicUrl === null) {
    read.problems.push('FILES_URL is set without PUBLIC_URL: set both, or leave files on the public origin')
  }
  return {
    host: read.text('HOST') ?? '127.0.0.1',
    port: read.integer('PORT', { min: 0, max: 65_535 }),
    publicUrl,
    filesUrl,
    interimResponses: read.flag('INTERIM_RESPONSES'),
    upstreamWebhooks: decideWebhooks(read.choice('UPSTREAM_WEBHOOKS', ['auto', 'on', 'off']), publicUrl),
    trustedProxies: read.integer('TRUSTED_PROXIES', { min: 0, max: 10 }),
  }
}

/** Parses an environment. Throws ConfigError with every problem at once. Reads no file and no clock. */
export function readConfig(env: Environment): Config {
  const read = createSettingReader(env)
  const listening = readListening(read)
  const dataDir = resolve(read.text('DARKROOM_DATA') ?? 'data')
  const providers = readProviders(read)
  const paymentSecretKey = read.text('STRIPE_SECRET_KEY')
  const config: Config = {
    ...listening,
    dataDir,
    database: readDatabase(read),
    dbPrepare: read.flag('DB_PREPARE'),
    dbPoolSize: read.integer('DB_POOL_SIZE', { min: 2, max: 500 }),
    storageUrl: readStorageUrl(read, dataDir),
    storageSecrets: readStorageSecrets(read),
    providers,
    engines: readEngines(read),
    packages: readPackages(read),
    outboundAllow: read.targets('OUTBOUND_ALLOW'),
    moderation: readModeration(read, providers.openai),
    signupCredits: read.integer('SIGNUP_CREDITS', { min: 0, max: CREDITS_MAX }),
    creditPriceUsdMicro: read.usdMicro('CREDIT_PRICE_USD'),
    byok: { isOn: read.flag('BYOK'), fee: read.fee('BYOK_FEE') },
    lossLimits: readLossLimits(read),
    plans: read.plans('PLANS'),
    gptimage2Model: read.text('GPTIMAGE2_MODEL') ?? '',
    openaiDialect: {
      defaultModel: read.text('OPENAI_DIALECT_MODEL') ?? '',
      rate: read.rate('OPENAI_DIALECT_RATE'),
    },
    sandbox: {
      setting: read.choice('DARKROOM_SANDBOX', ['auto', 'on', 'off']),
      builtIn: read.choice('BUILTIN_MODEL', ['auto', 'on', 'off']),
      hasPaymentKey: paymentSecretKey !== null,
      isLocal: listening.publicUrl === null || isLoopbackHost(new URL(listening.publicUrl).hostname),
    },
    catalogFile: read.text('DARKROOM_CATALOG'),
    paymentSecretKey,
    ...readWork(read),
    mail: readMail(read),
    authSecret: readAuthSecret(read),
    earlierAuthSecrets: readEarlierSecrets(read),
    allowInsecureCookies: read.flag('ALLOW_INSECURE_COOKIES'),
  }
  if (read.problems.length > 0) throw new ConfigError([...new Set(read.problems)])
  return config
}

/** The configuration of this process. */
export function loadConfig(): Config {
  return readConfig(process.env)
}

/** Every secret of the configuration, for what cuts them out of foreign texts. */
export function secretsOf(config: Config): string[] {
  const { providers, database, authSecret, metricsToken, paymentSecretKey, storageSecrets } = config
  const urls = [database?.url, database?.ownerUrl, database?.directUrl]
  const passwords = urls.map(url => (url ? decodeURIComponent(new URL(url).password) : null))
  const keys = [
    ...[...Object.values(providers), ...config.engines, ...config.packages].map(provider => provider.apiKey),
    config.moderation.provider?.apiKey,
    config.mail?.password,
    authSecret,
    metricsToken,
    paymentSecretKey,
  ]
  return [...new Set([...keys, ...passwords, ...storageSecrets].flatMap(secret => secret || []))]
}

/** No hosted upstream calls an address without TLS. */
function decideWebhooks(setting: 'auto' | 'on' | 'off', publicUrl: string | null): boolean {
  return setting === 'auto' ? (publicUrl?.startsWith('https:') ?? false) : setting === 'on'
}

/** The origin in links, once the port is known. */
export function publicOrigin(config: Pick<Config, 'publicUrl'>, port: number): string {
  return config.publicUrl ?? `http://127.0.0.1:${port}`
}

/** What only builds for tests obey: failpoints, times short enough to wait for, and no breaker before broken upstreams. */
export type TestSettings = {
  failpoints: string
  leaseMs: number | null
  sweepEveryMs: number | null
  checkEveryMs: number | null
  listsEveryMs: number | null
  stillAfterMs: number | null
  breaks: boolean
}

/** Read by builds for tests alone. */
export function loadTestSettings(): TestSettings {
  const milliseconds = (text: string | undefined) => (text === undefined ? null : Number(text))
  return {
    failpoints: process.env.FAILPOINT ?? '',
    leaseMs: milliseconds(process.env.TEST_LEASE_MS),
    sweepEveryMs: milliseconds(process.env.TEST_SWEEP_MS),
    checkEveryMs: milliseconds(process.env.TEST_CHECK_MS),
    listsEveryMs: milliseconds(process.env.TEST_LISTS_MS),
    stillAfterMs: milliseconds(process.env.TEST_STILL_MS),
    breaks: process.env.TEST_BREAKER !== 'off',
  }
}
