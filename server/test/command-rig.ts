// Runs the operator's commands in this process, on a test's own database and folder, and keeps what they said.
import { expect } from 'vitest'
import { runCommand } from '../src/commands/command-line.ts'
import type { CommandIo, OutsideNeeds, RouteRow } from '../src/commands/needs.ts'
import { readConfig } from '../src/config.ts'
import { adjustCredits, findAllViolations, grantCredits, refundGeneration } from '../src/credits/ledger.ts'
import { findRoleFault, findSettingFaults } from '../src/db/check-settings.ts'
import type { Db } from '../src/db/db.ts'
import { findAnnouncedTerm, listDifferingTerms } from '../src/generations/retention.ts'
import { readLife } from '../src/models/life-store.ts'
import type { Provider } from '../src/providers/provider.ts'
import { hostedNames } from '../src/providers/registry.ts'
import { decideSandbox } from '../src/sandbox.ts'
import { createSeal } from '../src/seal.ts'
import type { Environment } from '../src/setting-values.ts'
import { openStorage } from '../src/storage/open.ts'

const now = () => new Date()

type Outcome = { code: number; out: string; err: string; closed: number }
type Surroundings = {
  env?: Environment
  input?: string
  models?: OutsideNeeds['models']
  providers?: Provider[]
  routes?: RouteRow[]
  mailTrouble?: string
  openDatabase?: CommandIo['openDatabase']
  roles?: Partial<CommandIo['roles']>
}

export const noModels: OutsideNeeds['models'] = {
  list: () => [{ id: 'darkroom:sketch', name: 'Sketch', dialects: ['native'], offered: true, notes: [] }],
  check: () => ({ problems: [], warnings: [] }),
}

type Check = { name: string; status: string; message: string; advice: string | null }

export type CommandGround = { db: Db; folder: string }

/** The functions of one test file; the database and the folder are asked for at each command. */
export function commandsOn(ground: () => CommandGround) {
  const runLine = (line: string[], surroundings: Surroundings = {}) => runOn(ground(), line, surroundings)
  async function runJson(line: string[], surroundings: Surroundings = {}): Promise<Record<string, unknown>> {
    const outcome = await runLine([...line, '--json'], surroundings)
    expect([outcome.err, outcome.code]).toEqual(['', 0])
    expect(outcome.out.endsWith('\n') && outcome.out.trim().split('\n').length).toBe(1)
    return JSON.parse(outcome.out) as Record<string, unknown>
  }

  async function diagnose(surroundings: Surroundings = {}) {
    const { code, out } = await runLine(['doctor', '--json'], surroundings)
    const document = JSON.parse(out) as { ok: boolean; checks: Check[] }
    return { code, ...document, named: (name: string) => document.checks.find(check => check.name === name) }
  }

  let made = 0
  async function makeAccount(...options: string[]) {
    const document = await runJson(['accounts', 'create', '--email', `user${made++}@example.com`, ...options])
    return document as { accountId: string; userId: string; apiKey: string }
  }
  return { runLine, runJson, diagnose, makeAccount }
}

async function runOn(
  { db, folder }: CommandGround,
  line: string[],
  surroundings: Surroundings,
): Promise<Outcome> {
  const outcome: Outcome = { code: -1, out: '', err: '', closed: 0 }
  const close = async () => {
    outcome.closed++
  }
  const unused = () => Promise.reject(new Error('this command starts no role'))
  const io: CommandIo = {
    writeOut(text) {
      outcome.out += text
    },
    writeError(text) {
      outcome.err += text
    },
    readInput: async () => surroundings.input ?? '',
    loadConfig: () => readConfig({ DARKROOM_DATA: folder, ...surroundings.env }),
    openDatabase:
      surroundings.openDatabase ??
      (async () => ({
        db,
        now,
        ledger: { grantCredits, adjustCredits, findAllViolations, refundGeneration },
        findSettingFaults,
        findRoleFault,
        findAnnouncedTerm,
        listDifferingTerms,
        openKeyStore: async () => ({
          db,
          seal: createSeal(['the secret of the test'], 'provider keys'),
          providers: hostedNames,
        }),
        close,
      })),
    findStored: async () => ({ keys: new Map(), life: await readLife(db) }),
    openOutside: async config => ({
      providerWith: name => surroundings.providers?.find(each => each.name === name) ?? null,
      models: surroundings.models ?? noModels,
      providers: surroundings.providers ?? [],
      sandbox: () => decideSandbox({ ...config.sandbox, providers: [] }),
      http: { request: () => Promise.reject(new Error('nothing goes out here')) },
      storage: openStorage(config.storageUrl),
      listRoutes: async () => surroundings.routes ?? [],
      checkMail: async () => (config.mail ? { trouble: surroundings.mailTrouble ?? null } : null),
      close,
    }),
    roles: { serve: unused, work: unused, all: unused, ...surroundings.roles },
    migrate: async () => ['0001-accounts.sql'],
  }
  outcome.code = await runCommand(line, io)
  return outcome
}
