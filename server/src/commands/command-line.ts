// The command line of the server. Exit codes: 0 done, 1 failed, 2 used wrongly. With --json standard output holds
// exactly one JSON document on success and nothing on failure; words about failure go to standard error. A command that
// can fail in two ways has a code of its own for the second.
import { Command, CommanderError } from 'commander'
import { AppError } from '../errors.ts'
import { settingGroups } from '../settings.ts'
import { addAccountCommands } from './account-commands.ts'
import { jsonOption } from './arguments.ts'
import { addBookCommands } from './book-commands.ts'
import { addCreditCommands } from './credit-commands.ts'
import { examineInstallation, foldUnused } from './doctor.ts'
import { foldUnconfigured } from './doctor-providers.ts'
import { addKeyCommands } from './key-commands.ts'
import { addModelCommands } from './model-commands.ts'
import { addModerationCommands } from './moderation-commands.ts'
import type { CommandIo } from './needs.ts'
import { answer, describeError } from './present.ts'
import { addProviderCommands } from './provider-commands.ts'
import { renderSettings } from './settings-page.ts'

const FAILED = 1
const USED_WRONGLY = 2

const roleDescriptions = {
  all: 'serve the API and run generations in one process (the default)',
  serve: 'serve the API only',
  work: 'run generations only',
} as const

function addRoleCommands(program: Command, io: CommandIo): void {
  for (const role of ['all', 'serve', 'work'] as const) {
    program
      .command(role)
      .description(roleDescriptions[role])
      .action(() => io.roles[role]())
  }
  program
    .command('migrate')
    .description('bring the database to the newest form')
    .addOption(jsonOption())
    .action(async (options: { json?: true }) => {
      const applied = await io.migrate(io.loadConfig())
      const lines = applied.length === 0 ? ['Nothing to do.'] : applied.map(name => `applied ${name}`)
      answer(io, options.json === true, { document: { applied }, lines })
    })
}

function addCareCommands(program: Command, io: CommandIo, fail: () => void): void {
  program
    .command('doctor')
    .description('check settings, database, storage, providers and clock, and say what to do')
    .addOption(jsonOption())
    .action(async (options: { json?: true }) => {
      const checks = await examineInstallation(io)
      const ok = checks.every(check => check.status !== 'fail')
      const lines = foldUnconfigured(foldUnused(checks)).flatMap(({ name, status, message, advice }) => [
        `${status.padEnd(4)}  ${name}: ${message}`,
        ...(advice === null ? [] : [`      → ${advice}`]),
      ])
      answer(io, options.json === true, { document: { ok, checks }, lines })
      if (!ok) fail()
    })
  program
    .command('settings')
    .description('list every environment variable')
    .option('--markdown', 'as the page docs/configuration.md')
    .addOption(jsonOption())
    .action((options: { markdown?: true; json?: true }) => {
      const settings = settingGroups.flatMap(group => group.settings)
      const lines = settings.flatMap(one => [`${one.name}=${one.default}`, `    ${one.meaning}`])
      if (options.markdown === true) io.writeOut(renderSettings())
      else answer(io, options.json === true, { document: { settings }, lines })
    })
}

function buildProgram(io: CommandIo, fail: (code?: number) => void): Command {
  const program = new Command('darkroomd')
    .description('Darkroom: an image-generation API service')
    .exitOverride()
    .configureOutput({ writeOut: text => io.writeOut(text), writeErr: text => io.writeError(text) })
    .showHelpAfterError('(add --help for what is allowed)')
  addRoleCommands(program, io)
  addAccountCommands(program, io)
  addKeyCommands(program, io, fail)
  addCreditCommands(program, io)
  addModelCommands(program, io, fail)
  addModerationCommands(program, io)
  addProviderCommands(program, io, fail)
  addBookCommands(program, io)
  addCareCommands(program, io, fail)
  return program
}

/** A refusal that names a value is a mistake of the line; any other is about what the line was to work on. */
function isWrongUse(error: unknown): boolean {
  return error instanceof AppError && error.code === 'invalid_request' && error.options.details !== undefined
}

/** Runs one command line, without the program's own name, and returns its exit code. */
export async function runCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  let exitCode = 0
  const program = buildProgram(io, (code = FAILED) => {
    exitCode = code
  })
  try {
    // Not a default command: that would take a mistyped word for an argument of its own.
    await program.parseAsync(argv.length === 0 ? ['all'] : [...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USED_WRONGLY
    io.writeError(`${describeError(error)}\n`)
    return isWrongUse(error) ? USED_WRONGLY : FAILED
  }
}
