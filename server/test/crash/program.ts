// Builds the service for a crash suite: one small file that starts in a fraction of a second, with failpoints, the
// test engine and, for mutants, changed sources. Its folder looks like the installed package.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import bundling from '../../bundle.json' with { type: 'json' }
import { findMutant } from '../mutants/mutants.ts'

/** One change of a source file, given by its path below the server's folder. `from` must stand there once. */
export type Patch = { file: string; from: string; to: string }

export type BuiltProgram = { file: string; remove(): void }

const server = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const engine = join(server, 'test', 'crash', 'engine.ts')

/** The registry with two providers more: production sources know nothing of it. */
const withEngine: Patch = {
  file: 'src/providers/registry.ts',
  from: 'return [createSketchProvider()]',
  to: 'return [createSketchProvider(), ...createEngineProviders()]',
}

/** Builds the service, in a mutant's run the mutated one. Throws when a patch no longer fits the sources. */
export async function buildProgram(
  patches: readonly Patch[] = findMutant()?.source ?? [],
): Promise<BuiltProgram> {
  const name = createHash('sha256').update(JSON.stringify(patches)).update(String(process.pid)).digest('hex')
  const folder = join(tmpdir(), `darkroom-test-${process.pid}-program-${name.slice(0, 12)}`)
  const file = join(folder, 'dist', 'main.js')
  if (existsSync(file)) return { file, remove: () => undefined }
  const applied = new Set<Patch>()
  const making = `${folder}-making`
  mkdirSync(making, { recursive: true })
  for (const each of ['migrations', 'package.json']) symlinkSync(join(server, each), join(making, each))
  symlinkSync(join(dirname(server), 'node_modules'), join(making, 'node_modules'))
  await build({
    ...bundling,
    format: 'esm',
    platform: 'node',
    absWorkingDir: server,
    entryPoints: { main: 'src/main.ts' },
    outdir: join(making, 'dist'),
    minifyWhitespace: true,
    define: { __FAILPOINTS__: 'true' },
    plugins: [patchSources([withEngine, ...patches], applied)],
    logLevel: 'silent',
  })
  symlinkSync(join(server, 'src/dialects/console/page'), join(making, 'dist', 'console-page'))
  const missed = [withEngine, ...patches].filter(patch => !applied.has(patch))
  if (missed.length > 0) throw new Error(`never applied: ${missed.map(each => each.file).join(', ')}`)
  renameSync(making, folder)
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function patchSources(patches: readonly Patch[], applied: Set<Patch>): Plugin {
  return {
    name: 'patch-sources',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const own = patches.filter(patch => patch.file === relative(server, path))
        if (own.length === 0) return null
        let contents = readFileSync(path, 'utf8')
        for (const patch of own) {
          contents = applyPatch(contents, patch)
          applied.add(patch)
        }
        const head = own.includes(withEngine)
          ? `import { createEngineProviders } from ${JSON.stringify(engine)}\n`
          : ''
        return { contents: head + contents, loader: 'ts', resolveDir: dirname(path) }
      })
    },
  }
}

/** Throws unless `from` stands in the text exactly once: a patch that no longer fits proves nothing. */
export function applyPatch(text: string, { file, from, to }: Patch): string {
  const times = text.split(from).length - 1
  if (times !== 1) throw new Error(`the patch of ${file} fits ${times} times: ${from}`)
  return text.replace(from, () => to)
}
