// `models list` and `models check`. Neither needs the database, which is asked for keys where there is one.
import type { Command } from 'commander'
import { jsonOption } from './arguments.ts'
import type { CommandIo } from './needs.ts'
import { withOutside } from './needs.ts'
import { answer, layOutTable } from './present.ts'

async function runList(io: CommandIo, options: { json?: true }): Promise<void> {
  const models = await withOutside(io, needs => needs.models.list())
  const rows = models.map(model => [
    model.id,
    model.name,
    model.dialects.join(','),
    model.offered ? 'yes' : 'no',
    model.notes.join(' '),
  ])
  const lines = layOutTable(['model', 'name', 'listed by', 'offered', 'notes'], rows)
  answer(io, options.json === true, { document: { models }, lines })
}

async function runCheck(io: CommandIo, options: { json?: true }): Promise<boolean> {
  const { problems, warnings } = await withOutside(io, needs => needs.models.check())
  const ok = problems.length === 0
  const lines = [...problems.map(text => `fail  ${text}`), ...warnings.map(text => `warn  ${text}`)]
  const verdict = ok
    ? 'ok    the catalogue is usable'
    : 'fail  the service would not start with this catalogue'
  answer(io, options.json === true, { document: { ok, problems, warnings }, lines: [...lines, verdict] })
  return ok
}

/** Adds the group `models`. `fail` marks the run as failed without an error text. */
export function addModelCommands(program: Command, io: CommandIo, fail: () => void): void {
  const models = program.command('models').description('the model catalogue')
  models
    .command('list')
    .description('list models, who lists them and whether they can be used now')
    .addOption(jsonOption())
    .action((options: { json?: true }) => runList(io, options))
  models
    .command('check')
    .description('check the catalogue and the override file')
    .addOption(jsonOption())
    .action(async (options: { json?: true }) => {
      if (!(await runCheck(io, options))) fail()
    })
}
