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
import { answer, describeError, disarm } from './present.ts'

/** Others' code, and history that is no longer there to be published. */
const skipped = new Set(['node_modules', '.git'])

/** No key was found where one could look, and somewhere one could not. */
const UNREAD = 3

type NoteUnread = (path: string, error: unknown) => void

/** The files at a path; links below it are not followed, so that none is read twice and none outside. */
async function* listFiles(path: string, noteUnread: NoteUnread): AsyncGenerator<string> {
  try {
    if (!(await stat(path)).isDirectory()) return yield path
    yield* listBelow(path, noteUnread)
  } catch (error) {
    noteUnread(path, error)
  }
}

async function* listBelow(folder: string, noteUnread: NoteUnread): AsyncGenerator<string> {
  for (const name of (await readdir(folder)).toSorted()) {
    const below = join(folder, name)
    try {
      const stats = await lstat(below)
      if (stats.isDirectory() && !skipped.has(name)) yield* listBelow(below, noteUnread)
      else if (stats.isFile()) yield below
    } catch (error) {
      noteUnread(below, error)
    }
  }
}

/** A report is read by many: never the whole key. */
const shown = ({ key, line, column }: FoundKey, file: string) => ({
  file,
  line,
  column,
  begins: displayPrefixOf(key),
})

type Fail = (code?: number) => void

/** What cannot be read ends no scan: a key may be in the next file. */
async function runScan(
  io: CommandIo,
  paths: string[],
  { fail, ...options }: { json?: true; fail: Fail },
): Promise<void> {
  const found: ReturnType<typeof shown>[] = []
  const unread: string[] = []
  let files = 0
  const noteUnread: NoteUnread = (path, error) => {
    unread.push(path)
    io.writeError(`${disarm(`${path} was not read: ${describeError(error)}`)}\n`)
  }
  const scan = async (pieces: AsyncIterable<Buffer>, name: string) => {
    try {
      for await (const key of scanForKeys(pieces)) found.push(shown(key, name))
      files += 1
    } catch (error) {
      noteUnread(name, error)
    }
  }
  for (const path of paths) {
    if (path === '-') await scan(Readable.from([Buffer.from(await io.readInput(), 'utf8')]), '-')
    else for await (const file of listFiles(path, noteUnread)) await scan(createReadStream(file), file)
  }
  const total = `${found.length} API key${found.length === 1 ? '' : 's'} in ${files} file${files === 1 ? '' : 's'}.`
  const lines = found.map(({ file, line, column, begins }) => `${file}:${line}:${column}  ${begins}…`)
  answer(io, options.json === true, { document: { files, found, unread }, lines: [...lines, total] })
  if (found.length > 0) fail()
  else if (unread.length > 0) fail(UNREAD)
}

export function addScanCommand(keys: Command, io: CommandIo, fail: Fail): void {
  keys
    .command('scan')
    .description(
      'look for API keys in files, folders, or with - in what is piped in; fails where there is one (1) or something is not read (3)',
    )
    .argument('<path...>', 'files and folders, or -')
    .addOption(jsonOption())
    .action((paths: string[], options: { json?: true }) => runScan(io, paths, { ...options, fail }))
}
