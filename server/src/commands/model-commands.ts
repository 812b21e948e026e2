// `models list`, `models check` and `models restore`. The first two need no database, and ask it where there is one.
import type { Command } from 'commander'
import { describeOverruledEnd, type GoneModel, type ToldModel } from '../models/life.ts'
import { restoreModel } from '../models/life-store.ts'
import { jsonOption } from './arguments.ts'
import type { CommandIo } from './needs.ts'
import { withDatabase, withOutside } from './needs.ts'
import { answer, layOutTable, showTime } from './present.ts'

async function runList(io: CommandIo, options: { json?: true }): Promise<void> {
  const { models, gone, overruled } = await withOutside(io, ({ models, stored }) => ({
    models: models.list(),
    gone: stored.life.gone,
    overruled: stored.life.told.flatMap(listOverruled),
  }))
  const rows = models.map(model => [
    model.id,
    model.name,
    model.dialects.join(','),
    model.offered ? 'yes' : 'no',
    model.notes.join(' '),
  ])
  const lines = layOutTable(['model', 'name', 'listed by', 'offered', 'notes'], rows)
  answer(io, options.json === true, {
    document: { models, gone, overruled },
    lines: [...lines, ...gone.map(showGone), ...overruled.map(showOverruled)],
  })
}

type Overruled = { provider: string; upstreamModel: string; endsOn: string | null; note: string }

function listOverruled(told: ToldModel): Overruled[] {
  const { provider, upstreamModel, shutdownOn: endsOn } = told
  const note = describeOverruledEnd(told)
  return note === null ? [] : [{ provider, upstreamModel, endsOn, note }]
}

function showOverruled({ provider, upstreamModel, note }: Overruled): string {
  return `${note}: ${provider}/${upstreamModel}`
}

function showGone({ provider, upstreamModel, since, said, generationId }: GoneModel): string {
  return `switched off: ${provider}/${upstreamModel} since ${showTime(since)}, met by the order ${generationId}: ${said}`
}

async function runRestore(
  io: CommandIo,
  { provider, upstreamModel, json }: { provider: string; upstreamModel: string; json: boolean },
): Promise<void> {
  const { gone, overruledEnd } = await withDatabase(io, ({ db }) =>
    restoreModel(db, { provider, upstreamModel }),
  )
  const name = `${provider}/${upstreamModel}`
  const lines = [
    ...(gone
      ? [
          `${name} is used again, by every node. It is switched off anew if its upstream still has no such model.`,
        ]
      : []),
    ...(overruledEnd === null
      ? []
      : [
          `That ${name} ends on ${overruledEnd} is ignored by every node for as long as its upstream tells that day; another one counts again. What the catalogue says of its end holds.`,
        ]),
  ]
  answer(io, json, { document: { restored: gone, overruledEnd }, lines })
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
    .description('list models, who lists them, whether they can be used now, and what was found to be gone')
    .addOption(jsonOption())
    .action((options: { json?: true }) => runList(io, options))
  models
    .command('check')
    .description('check the catalogue and the override file')
    .addOption(jsonOption())
    .action(async (options: { json?: true }) => {
      if (!(await runCheck(io, options))) fail()
    })
  models
    .command('restore')
    .description(
      'use an upstream model again that its upstream said it has no more, or ignore the end that it tells',
    )
    .argument('<provider>', 'as `models list` names it')
    .argument('<upstream-model>', "the upstream's own id")
    .addOption(jsonOption())
    .action((provider: string, upstreamModel: string, options: { json?: true }) =>
      runRestore(io, { provider, upstreamModel, json: options.json === true }),
    )
}
