// Builds dist/ (production: failpoints compiled out) or, with --test, dist-test/ (failpoints kept).
// Each entry point becomes one file with its packages in it, which halves the time of a start; by bundle.json native
// ones, and one that is seldom needed, load as installed.
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const forTests = process.argv.includes('--test')
const outdir = join(here, forTests ? 'dist-test' : 'dist')
const bundling = JSON.parse(readFileSync(join(here, 'bundle.json'), 'utf8'))

const entryPoints = {
  main: 'src/main.ts',
  demo: 'scripts/demo.ts',
  upstreams: 'test/upstreams/main.ts',
  'sketch-worker': 'src/providers/sketch/worker.ts',
}
const present = Object.fromEntries(
  Object.entries(entryPoints).filter(([, file]) => existsSync(join(here, file))),
)

rmSync(outdir, { recursive: true, force: true })
await build({
  ...bundling,
  absWorkingDir: here,
  entryPoints: present,
  outdir,
  splitting: true,
  sourcemap: true,
  // They stand beside it: what is left out need not be read at each start.
  sourcesContent: false,
  define: { __FAILPOINTS__: forTests ? 'true' : 'false' },
  logLevel: 'warning',
})
// The control page of the emulators and the files of the console are served as they are written.
cpSync(join(here, 'test/upstreams/control/page'), join(outdir, 'upstreams-page'), { recursive: true })
cpSync(join(here, 'src/dialects/console/page'), join(outdir, 'console-page'), { recursive: true })
