// `keys scan`: API keys of any installation in files, folders or what is piped in. For a check before code is published.
import { createReadStream } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { type FoundKey, scanForKeys } from '../accounts/scan.ts'
import { displayPrefixOf } from '../accounts/secret.ts'
import { jsonOption } from './arguments.ts'
import type { CommandIo } from './needs.ts'
import { answer } from './present.ts'

/** Others' code, and history that is no longer there to be published. */
const skipped = new Set(['node_modules', '.git'])

/** The files at a path; links below it are not followed, so that none is read twice and none outside. */
async function* listFiles(path: string): AsyncGenerator<string> {
  if (!(await stat(path)).isDirectory()) return yield path
  for (const name of (await readdir(path)).toSorted()) {
    const below = join(path, name)
    const stats = await lstat(below)
    if (stats.isDirectory() && !skipped.has(name)) yield* listFiles(below)
    else if (stats.isFile()) yield below
  }
}

/** A report is read by many: never the whole key. */
const shown = ({ key, line, column }: FoundKey, file: string) => ({
  file,
  line,
  column,
  begins: displayPrefixOf(key),
})

async function runScan(
  io: CommandIo,
  paths: string[],
  { fail, ...options }: { json?: true; fail: () => void },
): Promise<void> {
  const found: ReturnType<typeof shown>[] = []
  let files = 0
  const scan = async (pieces: AsyncIterable<Buffer>, name: string) => {
    files += 1
    for await (const key of scanForKeys(pieces)) found.push(shown(key, name))
  }
  for (const path of paths) {
    if (path === '-') await scan(Readable.from([Buffer.from(await io.readInput(), 'utf8')]), '-')
    else for await (const file of listFiles(path)) await scan(createReadStream(file), file)
  }
  const total = `${found.length} API key${found.length === 1 ? '' : 's'} in ${files} file${files === 1 ? '' : 's'}.`
  const lines = found.map(({ file, line, column, begins }) => `${file}:${line}:${column}  ${begins}…`)
  answer(io, options.json === true, { document: { files, found }, lines: [...lines, total] })
  if (found.length > 0) fail()
}

export function addScanCommand(keys: Command, io: CommandIo, fail: () => void): void {
  keys
    .command('scan')
    .description(
      'look for API keys in files, folders, or with - in what is piped in; fails where there is one',
    )
    .argument('<path...>', 'files and folders, or -')
    .addOption(jsonOption())
    .action((paths: string[], options: { json?: true }) => runScan(io, paths, { ...options, fail }))
}
