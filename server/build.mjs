// Builds dist/ (production: failpoints compiled out) or, with --test, dist-test/ (failpoints kept).
// Each entry point becomes one file; packages stay external, so native ones load as installed.
import { cpSync, existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const forTests = process.argv.includes('--test')
const outdir = join(here, forTests ? 'dist-test' : 'dist')

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
  absWorkingDir: here,
  entryPoints: present,
  outdir,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  minifySyntax: true,
  define: { __FAILPOINTS__: forTests ? 'true' : 'false' },
  logLevel: 'warning',
})
// The control page of the emulators and the files of the console are served as they are written.
cpSync(join(here, 'test/upstreams/control/page'), join(outdir, 'upstreams-page'), { recursive: true })
cpSync(join(here, 'src/dialects/console/page'), join(outdir, 'console-page'), { recursive: true })
