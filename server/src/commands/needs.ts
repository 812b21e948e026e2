// What the commands are lent by main.ts, opened only when a command asks: a command that needs no database must
// work without one.
import type { Config } from '../config.ts'
import type { adjustCredits, findAllViolations, grantCredits, refundGeneration } from '../credits/ledger.ts'
import type { Db } from '../db/db.ts'
import type { KeyStoreNeeds } from '../keyring/key-store.ts'
import type { ModelLife } from '../models/life.ts'
import type { OutboundClient } from '../outbound.ts'
import type { Provider } from '../providers/provider.ts'
import type { Storage } from '../storage/storage.ts'

/** `generations` it will delete at once, or more; null until they are counted. */
type AnnouncedTerm = {
  days: number
  nextDays: number
  at: Date
  generations: number | null
  isMore: boolean
}

export type DatabaseNeeds = {
  /** Migrated. With the embedded database a running one is joined, else one is started until close. */
  db: Db
  now: () => Date
  ledger: {
    grantCredits: typeof grantCredits
    adjustCredits: typeof adjustCredits
    findAllViolations: typeof findAllViolations
    refundGeneration: typeof refundGeneration
  }
  /** Keys of upstreams. Throws where this machine has not the secret that they are sealed with. */
  openKeyStore(): Promise<KeyStoreNeeds>
  /** A shorter `RETENTION_DAYS` that nodes have announced and that is not in force yet. */
  findAnnouncedTerm(db: Db): Promise<AnnouncedTerm | null>
  /** Workers and their `RETENTION_DAYS`; none where all have the same. */
  listDifferingTerms(db: Db): Promise<{ process: string; days: number }[]>
  /** Settings of the server under which an acknowledged commit could be lost; empty = none. */
  findSettingFaults(db: Db): Promise<string[]>
  /** Why the runtime role could rewrite the ledger; null = it could not. */
  findRoleFault(db: Db): Promise<string | null>
  close(): Promise<void>
}

export type ModelRow = {
  id: string
  name: string
  /** Surfaces that list it. */
  dialects: readonly string[]
  /** Whether it can be used now. */
  offered: boolean
  /** What to know, such as a successor that serves it. */
  notes: readonly string[]
}

export type RouteRow = {
  provider: string
  upstreamModel: string
  breaker: 'closed' | 'open'
  lastSuccessAt: Date | null
  lastFailure: { kind: string; message: string; at: Date } | null
  /** Switched off because its upstream said that it has no such model. */
  gone: { since: Date; said: string; generationId: string } | null
  /** What its upstream's own list says of it. */
  told: {
    shutdownOn: string | null
    version: string | null
    versionAt: Date | null
    versionBefore: string | null
    overruledEnd: string | null
  } | null
  inFlight: number
  waiting: number
  pacing: {
    maxInFlight: number | null
    imagesPerMinute: number | null
    imagesLastMinute: number
    imagesPerWindow: { images: number; seconds: number } | null
    imagesLastWindow: number | null
  } | null
}

export type OutsideNeeds = {
  /** Each configured route over all processes, as the database of `needs` tells it. */
  listRoutes(needs: { db: Db }): Promise<readonly RouteRow[]>
  models: {
    list(): readonly ModelRow[]
    /** Mistakes that stop the service, and things that will need care. */
    check(): { problems: readonly string[]; warnings: readonly string[] }
  }
  /** Those with a key. */
  providers: readonly Provider[]
  /** Made with that key; null where no adapter of that name takes one. */
  providerWith(name: string, apiKey: string): Provider | null
  /** Why the sandbox is on or off. */
  sandbox(): { on: boolean; reason: string; warning: string | null }
  http: OutboundClient
  storage: Storage
  /** Signs in to the mail server and sends nothing; null where none is configured. `trouble` is a class of trouble. */
  checkMail(): Promise<{ trouble: string | null } | null>
  close(): Promise<void>
}

/** What the database knows of upstreams. Its keys go before those of the environment. */
export type Stored = { keys: ReadonlyMap<string, string>; life: ModelLife }

export type CommandIo = {
  writeOut(text: string): void
  writeError(text: string): void
  /** Standard input to its end. */
  readInput(): Promise<string>
  /** Throws ConfigError. */
  loadConfig(): Config
  openDatabase(config: Config): Promise<DatabaseNeeds>
  openOutside(config: Config, stored?: Stored): Promise<OutsideNeeds>
  /** From the database where there is one; nothing, and a line about it, where it cannot be used. */
  findStored(config: Config): Promise<Stored>
  /** Each resolves when the role has ended by itself or by a signal. */
  roles: Readonly<Record<'serve' | 'work' | 'all', () => Promise<void>>>
  /** Names of the migrations it applied. */
  migrate(config: Config): Promise<readonly string[]>
}

/** Runs with the database open and closes it whatever happens. */
export async function withDatabase<Result>(
  io: CommandIo,
  run: (needs: DatabaseNeeds & { config: Config }) => Promise<Result>,
): Promise<Result> {
  const config = io.loadConfig()
  const needs = await io.openDatabase(config)
  try {
    return await run({ ...needs, config })
  } finally {
    await needs.close()
  }
}

/** Runs with storage, models and providers open and closes them whatever happens. */
export async function withOutside<Result>(
  io: CommandIo,
  run: (needs: OutsideNeeds & { stored: Stored }) => Promise<Result> | Result,
): Promise<Result> {
  const config = io.loadConfig()
  const stored = await io.findStored(config)
  const needs = await io.openOutside(config, stored)
  try {
    return await run({ ...needs, stored })
  } finally {
    await needs.close()
  }
}
